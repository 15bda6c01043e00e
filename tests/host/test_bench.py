#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The arithmetic of scripts/bench: what it takes for output, and that its
ratios point the right way."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "..", "scripts", "lib"))
sys.dont_write_bytecode = True
import benchdoc  # noqa: E402
import benchstat  # noqa: E402


def row(samples, unit="ns", name="a"):
    return {"name": name, "unit": unit, "better": benchstat.UNITS[unit],
            "n": 1, "samples": samples}


def run(samples, unit="ns"):
    return {"a": row(samples, unit)}


class Parse(unittest.TestCase):
    def test_whole(self):
        text = json.dumps({"clock": "mono", "rows": [
            row([1.5]), {"name": "b", "note": "skipped: no such thing"}]})
        self.assertEqual(list(benchstat.parse(text)), ["a", "b"])

    def test_cut_short(self):
        text = ('{"clock": "mono", "rows": [\n' + json.dumps(row([2])) +
                ',\n{"name": "b", "un')
        self.assertEqual(list(benchstat.parse(text)), ["a"])

    def test_malformed(self):
        wrong = [row([]), row([0]), row(["1"]), {"name": "a"},
                 {**row([1]), "better": "higher"}]
        for each in wrong:
            with self.assertRaises(benchstat.Malformed):
                benchstat.parse(json.dumps({"rows": [each]}))
        for text in ("", "panic: no rows\n", '{"rows": []}'[:-2]):
            with self.assertRaises(benchstat.Malformed):
                benchstat.parse(text)
        twice = json.dumps({"rows": [row([1]), row([1])]})
        with self.assertRaises(benchstat.Malformed):
            benchstat.parse(twice)


class Compare(unittest.TestCase):
    def test_less_time_is_faster(self):
        got = benchstat.compare("a", [run([10, 11, 12])] * 3,
                                [run([20, 22, 26])] * 3)
        self.assertAlmostEqual(got["ratio"], 2)
        self.assertEqual(got["ratio_best"], 2)
        self.assertLessEqual(got["low"], got["ratio"])
        self.assertEqual(benchstat.verdict(got), "faster")

    def test_less_bandwidth_is_slower(self):
        got = benchstat.compare("a", [run([10, 11, 12], "MB/s")] * 3,
                                [run([20, 22, 30], "MB/s")] * 3)
        self.assertAlmostEqual(got["ratio"], 0.5)
        self.assertEqual(got["ratio_best"], 0.4)
        self.assertEqual(benchstat.verdict(got), "slower")

    def test_boots_that_disagree_decide_nothing(self):
        got = benchstat.compare("a", [run([10] * 9), run([30] * 9)],
                                [run([20] * 9), run([20] * 9)])
        self.assertEqual(benchstat.verdict(got), "even")

    def test_what_hits_a_whole_round_is_no_doubt(self):
        slow = [10, 11, 12, 100, 110, 120]      # the host was busy, or not
        ours = [run([value * 1.0] * 9) for value in slow]
        linux = [run([value * 1.5] * 9) for value in slow]
        got = benchstat.compare("a", ours, linux)
        self.assertAlmostEqual(got["ratio"], 1.5)
        self.assertGreater(got["low"], 1.49)
        self.assertLess(got["high"], 1.51)
        got = benchstat.compare("a", ours, linux[::-1])
        self.assertLess(got["low"], 1)
        self.assertGreater(got["high"], 2)

    def test_interval_is_as_wide_as_it_should_be(self):
        """A median of 101 samples of a uniform distribution has a standard
        error of half its width over ten: 5 %, so 95 % are 1.96 times that."""
        uniform = [1 + at / 100 for at in range(101)]
        got = benchstat.compare("a", [run(uniform)], [run([1.5])])
        self.assertAlmostEqual(got["low"], 1.5 / 1.6, delta=0.02)
        self.assertAlmostEqual(got["high"], 1.5 / 1.4, delta=0.02)
        self.assertAlmostEqual(got["spread"], 0.5 / 1.5)
        self.assertEqual(benchstat.verdict(got), "even")

    def test_summary(self):
        rows = [benchstat.compare("a", [run([mine])], [run([10])])
                for mine in (5, 8, 10.01, 20)]
        self.assertEqual(benchdoc.summary(rows), "4 rows; the median row is "
                         "1.12 times as fast; 1 below 1, 1 of them beyond doubt.")

    def test_a_round_without_figures(self):
        failed = {"a": {"name": "a", "note": "FAILED: signal 9"}}
        got = benchstat.compare("a", [failed, run([10])], [run([20])] * 2)
        self.assertEqual(got["ratio"], 2)
        got = benchstat.compare("a", [failed], [run([20])])
        self.assertEqual(got["note"], "FAILED: signal 9")

    def test_no_figures_of_ours(self):
        skipped = {"a": {"name": "a", "note": "skipped: none"}}
        got = benchstat.compare("a", [skipped], [run([1])])
        self.assertEqual(got, {"name": "a", "unit": "ns", "linux": 1,
                               "note": "not there yet: none"})
        self.assertIn("not there yet", "\n".join(benchdoc.table([got])))


if __name__ == "__main__":
    unittest.main()
