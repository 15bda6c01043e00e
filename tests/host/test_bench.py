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
                                [run([20, 22, 24])] * 3)
        self.assertAlmostEqual(got["ratio"], 2)
        self.assertEqual(got["ratio_best"], 2)
        self.assertLessEqual(got["low"], got["ratio"])
        self.assertEqual(benchstat.verdict(got), "faster")

    def test_less_bandwidth_is_slower(self):
        got = benchstat.compare("a", [run([10, 11, 12], "MB/s")] * 3,
                                [run([20, 22, 24], "MB/s")] * 3)
        self.assertAlmostEqual(got["ratio"], 0.5)
        self.assertEqual(got["ratio_best"], 0.5)
        self.assertEqual(benchstat.verdict(got), "slower")

    def test_boots_that_disagree_decide_nothing(self):
        got = benchstat.compare("a", [run([10] * 9), run([30] * 9)],
                                [run([20] * 9), run([20] * 9)])
        self.assertEqual(benchstat.verdict(got), "even")

    def test_no_figures_of_ours(self):
        skipped = {"a": {"name": "a", "note": "skipped: none"}}
        got = benchstat.compare("a", [skipped], [run([1])])
        self.assertEqual(got, {"name": "a", "unit": "ns", "linux": 1,
                               "note": "not there yet: none"})
        self.assertIn("not there yet", "\n".join(benchdoc.table([got])))


if __name__ == "__main__":
    unittest.main()
