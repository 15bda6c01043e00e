# SPDX-License-Identifier: MIT
"""tests/lib/ktap.py: every way in which a test's output can be wrong."""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "lib"))
sys.dont_write_bytecode = True
import ktap  # noqa: E402


def states(text):
    return [(leaf.name, leaf.state) for leaf in ktap.parse(text)]


def failures(text):
    return [leaf for leaf in ktap.parse(text) if leaf.state == "failed"]


class Ktap(unittest.TestCase):
    def test_flat(self):
        self.assertEqual(
            states("KTAP version 1\n1..3\nok 1 a\nnot ok 2 b\nok 3 - c d\n"),
            [("a", "passed"), ("b", "failed"), ("c d", "passed")])

    def test_directives(self):
        self.assertEqual(
            states("1..6\nok 1 a # SKIP no disk\nnot ok 2 b # XFAIL known\n"
                   "not ok 3 c # TIMEOUT\nok 4 d # ERROR\nok 5 e# SKIP\n"
                   "ok 6 f # note\n"),
            [("a", "skipped"), ("b", "skipped"), ("c", "failed"),
             ("d", "failed"), ("e", "skipped"), ("f", "passed")])

    def test_nested_leaves_only(self):
        text = """KTAP version 1
1..2
  KTAP version 1
  1..2
  ok 1 one
    KTAP version 1
    1..1
    ok 1 deep
  ok 2 two
ok 1 outer
ok 2 plain
"""
        self.assertEqual(states(text), [
            ("outer/one", "passed"), ("outer/two/deep", "passed"),
            ("plain", "passed")])

    def test_two_subtests_in_a_row(self):
        text = ("1..2\n  KTAP version 1\n  1..1\n  ok 1 a\nok 1 A\n"
                "  KTAP version 1\n  1..1\n  ok 1 b\nok 2 B\n")
        self.assertEqual(states(text), [("A/a", "passed"), ("B/b", "passed")])

    def test_parent_fails_alone(self):
        text = "1..1\n  1..1\n  ok 1 a\nnot ok 1 A\n"
        self.assertEqual(states(text), [("A/a", "passed"), ("A", "failed")])

    def test_parent_of_a_failure_is_not_counted(self):
        text = "1..1\n  1..1\n  not ok 1 a\nnot ok 1 A\n"
        self.assertEqual(states(text), [("A/a", "failed")])

    def test_parent_ok_hides_no_failure(self):
        text = "1..1\n  1..1\n  not ok 1 a\nok 1 A\n"
        self.assertEqual(states(text), [("A/a", "failed")])

    def test_plan_too_long(self):
        (leaf,) = failures("KTAP version 1\n1..3\nok 1 a\nok 2 b\n")
        self.assertIn("planned 3 results, got 2", leaf.detail)

    def test_plan_too_short(self):
        self.assertEqual(len(failures("1..1\nok 1 a\nok 2 b\n")), 1)

    def test_inner_plan_is_checked(self):
        text = "1..1\n  KTAP version 1\n  1..2\n  ok 1 a\nok 1 A\n"
        self.assertEqual(len(failures(text)), 1)

    def test_plan_at_the_end(self):
        self.assertEqual(states("ok 1 a\n1..1\n"), [("a", "passed")])

    def test_cut_off_inside_a_subtest(self):
        text = "KTAP version 1\n1..2\n  KTAP version 1\n  1..5\n  ok 1 a\n"
        self.assertEqual(len(failures(text)), 2)

    def test_empty(self):
        for text in ("", "hello\n", "KTAP version 1\n", "# only this\n"):
            with self.subTest(text=text):
                self.assertEqual(len(failures(text)), 1)

    def test_empty_plan(self):
        self.assertEqual(states("KTAP version 1\n1..0 # SKIP nothing\n"), [])

    def test_numbers_rise_by_one(self):
        (leaf, other) = failures("1..3\nok 1 a\nok 3 c\n") + [None]
        self.assertIn("number 3 where 2 is due", leaf.detail)
        self.assertIsNone(other)

    def test_number_may_be_missing(self):
        self.assertEqual(states("1..1\nok a\n"), [("a", "passed")])

    def test_bail_out(self):
        self.assertEqual(len(failures("1..1\nok 1 a\nBail out! no memory\n")),
                         1)

    def test_other_lines_are_ignored(self):
        text = ("KTAP version 1\nokay, here we go\nnot oks\n1..1\n"
                "   odd indent\n      ok 9 too deep\nok 1 a\nend\n")
        self.assertEqual(states(text), [("a", "passed")])

    def test_diagnostics_explain_the_failure(self):
        text = "1..2\n# of a\nok 1 a\n# x.c:3: 1 != 2\nnot ok 2 b\n"
        (leaf,) = failures(text)
        self.assertEqual(leaf.detail, "x.c:3: 1 != 2")

    def test_carriage_returns(self):
        self.assertEqual(states("1..1\r\nok 1 a\r\n"), [("a", "passed")])


if __name__ == "__main__":
    unittest.main()
