# SPDX-License-Identifier: MIT
"""tests/check_docs.py must find references that lead nowhere."""

import os
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
CHECK = os.path.join(os.path.dirname(HERE), "check_docs.py")
ENUM = "enum lock_rank {\n\tRANK_NONE,\n\tRANK_A,\t/* a */\n\tRANK_B,\n};\n"


class Docs(unittest.TestCase):
    def check(self, readme, **files):
        with tempfile.TemporaryDirectory() as root:
            tree = {"README.md": readme, "fs/file.c": "int file_open(void);\n",
                    "docs/limits.md": "# Limits\n\n## Not there\n",
                    "kernel/core/lockrank.h": ENUM}
            if "locks" in files:
                tree["docs/locks.md"] = files["locks"]
            if "source" in files:
                tree["mm/some.c"] = files["source"]
            if "generator" in files:
                tree["scripts/mksyscalls.py"] = files["generator"]
            for path, text in tree.items():
                full = os.path.join(root, path)
                os.makedirs(os.path.dirname(full), exist_ok=True)
                with open(full, "w", encoding="utf-8") as out:
                    out.write(text)
            done = subprocess.run([sys.executable, CHECK, root],
                                  stdout=subprocess.PIPE, check=False)
            return done.returncode, done.stdout.decode()

    def accepted(self, text, **files):
        status, out = self.check(text, **files)
        self.assertEqual(status, 0, out)

    def refused(self, message, text, **files):
        status, out = self.check(text, **files)
        self.assertEqual(status, 1, out)
        self.assertIn(message, out)

    def test_good_references(self):
        self.accepted("`fs/file.c:/^int file_open/` `fs/file.c` `fs/` "
                      "[l](docs/limits.md) [n](docs/limits.md#not-there) "
                      "[w](https://example.org/x) `user/NAME.c` `build/x`\n")

    def test_regex_without_a_match(self):
        self.refused("README.md:2: nothing in fs/file.c matches /file_close/",
                     "\n`fs/file.c:/file_close/`\n")

    def test_slash_in_a_regex(self):
        self.refused("matches /a/b/", "`fs/file.c:/a\\/b/`\n")

    def test_missing_files(self):
        for text in ("`fs/none.c:/x/`", "`fs/none.c`", "[x](docs/none.md)",
                     "[x](docs/limits.md#none)", "[x](#none)"):
            with self.subTest(text=text):
                self.refused("README.md:1:", text)

    def test_code_blocks_are_left_alone(self):
        self.accepted("```\n`fs/none.c`\n```\n")

    def test_lock_ranks(self):
        self.accepted("", locks="| `RANK_A` | x |\n| `RANK_B` | x |\n"
                      "| `RANK_B` | y |\n")
        self.refused("RANK_B is missing", "", locks="| `RANK_A` | x |\n")
        self.refused("not in the order", "",
                     locks="| `RANK_B` | x |\n| `RANK_A` | x |\n")
        self.refused("RANK_C is no rank", "", locks="| `RANK_A` | x |\n"
                     "| `RANK_B` | x |\n| `RANK_C` | x |\n")

    def test_locks_of_the_sources(self):
        table = "| `RANK_A` | `one` |\n| `RANK_B` | `two`, `three` |\n"
        source = ('mutex_init(&m, "one", RANK_A);\n'
                  'static struct spinlock l = SPINLOCK_INIT("two", RANK_B);\n'
                  'rwlock_init(&o[i].lock,\n\t    "three", RANK_B);\n'
                  "spin_lock_init(&m->lock, name, RANK_B);\n")
        self.accepted("", locks=table, source=source)
        self.refused('lock "four" of rank RANK_B is missing', "", locks=table,
                     source=source + 'mutex_init(&m, "four", RANK_B);\n')
        self.refused('no source has a lock "two" of rank RANK_B', "",
                     locks=table, source=source.replace("two", "three"))
        self.refused('lock "one" of rank RANK_B is missing', "", locks=table,
                     source=source.replace("RANK_A", "RANK_B"))

    def test_generated_list(self):
        self.accepted("", generator="")
        self.refused("old", "", generator="print('old')\nraise SystemExit(1)")


if __name__ == "__main__":
    unittest.main()
