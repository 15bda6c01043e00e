#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What scripts/profile makes of samples: sums, and a picture that is one."""

import os
import sys
import unittest
import xml.etree.ElementTree

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "scripts", "lib"))
sys.dont_write_bytecode = True
import flame  # noqa: E402
import samples  # noqa: E402

TEXT = """sh;0x401000;0x401100;syscall_entry;sys_read 6
sh;0x401000 3
idle/0;kmain;sched_idle_loop 1
# 12 samples, 2 lost
"""


class NoPrograms:
    def name(self, comm, address):
        return {0x401000: "main", 0x401100: "a<b"}.get(address)


def parsed(text=TEXT):
    return samples.parse(text, NoPrograms())


class Samples(unittest.TestCase):
    def test_stacks(self):
        stacks, total, lost = parsed()
        self.assertEqual((total, lost), (12, 2))
        self.assertEqual(stacks["sh", "sh:main", "sh:a<b", "syscall_entry",
                                "sys_read"], 6)

    def test_malformed(self):
        for text in ("", TEXT.replace(" 6", ""), TEXT.replace("12 s", "13 s"),
                     TEXT.rpartition("#")[0]):
            with self.assertRaises(samples.Malformed):
                parsed(text)

    def test_own_and_inclusive(self):
        found = {name: (own, inclusive) for name, own, inclusive
                 in samples.functions(parsed()[0])}
        self.assertEqual(found["sys_read"], (6, 6))
        self.assertEqual(found["sh:main"], (3, 9))
        self.assertEqual(found["syscall_entry"], (0, 6))

    def test_recursion_counts_once(self):
        stacks = {("x", "f", "f", "f"): 4, ("x", "f"): 1}
        self.assertEqual(samples.functions(stacks), [("f", 5, 5)])

    def test_table(self):
        lines = samples.table(parsed()[0], 1)
        self.assertEqual(len(lines), 2)
        self.assertIn("60.0 %", lines[1])
        self.assertIn("sys_read  from syscall_entry 100 %", lines[1])


class Flame(unittest.TestCase):
    def boxes(self):
        text = flame.svg(parsed()[0], "a & b", lambda name: ":" not in name)
        root = xml.etree.ElementTree.fromstring(text.encode())
        space = "{http://www.w3.org/2000/svg}"
        return {box.get("data-name"): box for box in root.iter(space + "g")}

    def test_widths_are_shares(self):
        boxes = self.boxes()
        self.assertEqual(boxes["all"].get("data-n"), "10")
        self.assertEqual(boxes["sh:main"].get("data-n"), "9")
        self.assertEqual(boxes["sys_read"].get("data-n"), "6")
        self.assertEqual(boxes["sys_read"].get("data-depth"), "5")
        self.assertIn("sh:a<b", boxes)

    def test_children_lie_within(self):
        boxes = self.boxes()
        outer, inner = boxes["sh:main"], boxes["sys_read"]
        left = int(inner.get("data-at"))
        self.assertGreaterEqual(left, int(outer.get("data-at")))
        self.assertLessEqual(left + 6, int(outer.get("data-at")) + 9)


if __name__ == "__main__":
    unittest.main()
