# SPDX-License-Identifier: MIT
"""tests/check_layers.py must find what it is there to find: each case plants a
violation in a small tree of its own."""

import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CHECK = os.path.join(os.path.dirname(HERE), "check_layers.py")

RULES = """
level 0 boot/*
level 2 mm/{buddy,slab}.*
level 3 core/*
level 4 mm/*
level 5 ipc/* net/*
level 6 drivers/*
level 7 proc/*
upcall up_fault
blind ipc net
shared drivers pci
users drivers proc/main.c
keep \\basm\\b in core/*
"""

CLEAN = {
    "include/kernel/upcalls.h": "void up_fault(void);\n",
    "mm/buddy.h": "void buddy(void);\n",
    "mm/buddy.c": '#include "mm/buddy.h"\nvoid buddy(void) {}\n',
    "mm/fault.c": '#include "mm/buddy.h"\nvoid up_fault(void) { buddy(); }\n',
    "mm/fault.h": "void fault(void);\n",
    "core/trap.c": '#include "kernel/upcalls.h"\n'
                   "void trap(void) { up_fault(); }\n",
    "ipc/pipe.h": "void pipe(void);\n",
    "ipc/pipe.c": '#include "mm/buddy.h"\n'
                  'void pipe(void) { buddy(); } /* asm in a comment */\n',
    "drivers/pci.h": "void pci(void);\n",
    "drivers/pci.c": "void pci(void);\nvoid pci(void) {}\n",
    "drivers/ahci.h": "void ahci(void);\n",
    "drivers/ahci.c": '#include "ahci.h"\n#include "drivers/pci.h"\n'
                      "void ahci(void) { pci(); }\n",
    "proc/main.c": '#include "drivers/ahci.h"\nvoid main2(void);\n'
                   "void main2(void) { ahci(); }\n",
}


class Layers(unittest.TestCase):
    def check(self, **changes):
        """Runs the check on the clean tree with files added or replaced (__ in
        a keyword stands for /, a last _ for .); returns status and output."""
        with tempfile.TemporaryDirectory() as root:
            tree = dict(CLEAN)
            for key, text in changes.items():
                stem, _, suffix = key.rpartition("_")
                tree[stem.replace("__", "/") + "." + suffix] = text
            for path, text in tree.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as out:
                    out.write(text)
            with open(os.path.join(root, "rules"), "w",
                      encoding="utf-8") as out:
                out.write(RULES)
            for path in tree:
                if path.endswith(".c"):
                    self.compile(root, path)
            done = subprocess.run(
                [sys.executable, CHECK, "--root", root, "--rules",
                 os.path.join(root, "rules"), os.path.join(root, "obj")],
                stdout=subprocess.PIPE, check=False)
            return done.returncode, done.stdout.decode()

    def compile(self, root, path):
        obj = os.path.join("obj", path[:-2] + ".o")
        os.makedirs(os.path.join(root, os.path.dirname(obj)), exist_ok=True)
        subprocess.run(["gcc", "-c", "-w", "-iquote", ".", "-iquote",
                        "include", "-o", obj, path], cwd=root, check=True)

    def refused(self, text, **changes):
        status, out = self.check(**changes)
        self.assertEqual(status, 1, out)
        self.assertIn(text, out)
        self.assertIn("layers: 1 violations", out)

    def test_clean_tree(self):
        status, out = self.check()
        self.assertEqual(status, 0, out)

    def test_symbol_upwards(self):
        self.refused("mm/slab.c -> mm/fault.c: uses fault: "
                     "level 2 reaches up to level 4",
                     mm__slab_c="void fault(void);\nvoid s(void) { fault(); }",
                     mm__fault_c="void up_fault(void) {} void fault(void) {}")

    def test_header_upwards(self):
        self.refused("core/low.c:2: includes ipc/pipe.h: "
                     "level 3 reaches up to level 5",
                     core__low_c='\n#include "ipc/pipe.h"\n')

    def test_header_of_a_header(self):
        self.refused("mm/buddy.h:1: includes mm/fault.h",
                     mm__buddy_h='#include "mm/fault.h"\nvoid buddy(void);\n')

    def test_header_beside_the_file(self):
        self.refused("mm/slab.c:1: includes mm/fault.h",
                     mm__slab_c='#include "fault.h"\n')

    def test_siblings_are_blind(self):
        self.refused("net and ipc do not see each other",
                     net__tcp_c="void pipe(void);\nvoid t(void) { pipe(); }")

    def test_driver_uses_driver(self):
        self.refused("within drivers only pci are shared",
                     drivers__e1000_c='#include "drivers/ahci.h"\n')

    def test_driver_used_from_above(self):
        self.refused("only proc/main.c may use drivers",
                     proc__fork_c='#include "drivers/ahci.h"\n')

    def test_shared_driver_used_from_above(self):
        status, out = self.check(proc__fork_c='#include "drivers/pci.h"\n')
        self.assertEqual(status, 0, out)

    def test_unlisted_upcall(self):
        self.refused("core/b.c -> mm/fault.c: uses other",
                     core__b_c="void other(void);\nvoid b(void) { other(); }",
                     mm__fault_c="void up_fault(void) {} void other(void) {}")

    def test_undeclared_upcall(self):
        self.refused("does not declare the upcall up_fault",
                     include__kernel__upcalls_h="/* void up_fault(void); */\n",
                     core__trap_c="void up_fault(void);\n"
                                  "void trap(void) { up_fault(); }\n")

    def test_unlisted_upcall_declared(self):
        self.refused("declares up_more, which is not listed",
                     include__kernel__upcalls_h="void up_fault(void);\n"
                     "int up_more(int x) __attribute__((cold));\n")

    def test_kept_text(self):
        self.refused("ipc/pipe.c:2: 'asm' belongs in core/* only",
                     ipc__pipe_c='\nvoid p(void) { asm volatile("nop"); }\n')

    def test_file_of_nobody(self):
        self.refused("mm/deep/new.c: no level line",
                     mm__deep__new_c="int deep_new;\n")


if __name__ == "__main__":
    unittest.main()
