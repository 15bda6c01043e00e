# SPDX-License-Identifier: MIT
"""From the output of /bin/bench to a comparison of two kernels.

A run is what one boot printed: {row name: row}. A row that has figures has the
keys FIGURES, any other has a note. A comparison of rows takes all runs of one
configuration: the figure of a kernel is the median of all its samples, and the
interval comes from a bootstrap over rounds and, within them, samples. Boots
differ more than samples of one boot do, so both levels matter. A round, a boot of
each kernel right after the other, is drawn as a whole: what the host did to
both then is no reason to doubt the ratio.
"""

import json
import random
import statistics

FIGURES = ("unit", "better", "n", "samples")
RESAMPLES = 400
UNITS = {"ns": "lower", "ticks": "lower", "MB/s": "higher"}


class Malformed(Exception):
    """Output that is not what bench prints."""


def parse(text):
    """Returns the run; an output that was cut short gives the rows that are
    whole."""
    try:
        rows = json.loads(text)["rows"]
    except (ValueError, KeyError, TypeError):
        rows = _whole_lines(text)
    run = {}
    for row in rows:
        check(row)
        if row["name"] in run:
            raise Malformed(f"row {row['name']} twice")
        run[row["name"]] = row
    return run


def _whole_lines(text):
    rows = []
    for line in text.splitlines():
        line = line.strip().rstrip(",")
        if line.startswith('{"name"'):
            try:
                rows.append(json.loads(line))
            except ValueError:
                pass
    if not rows:
        raise Malformed("no rows")
    return rows


def check(row):
    """Raises Malformed unless the row is a figure or says why it is none."""
    if not isinstance(row.get("name"), str):
        raise Malformed(f"a row without name: {row}")
    if isinstance(row.get("note"), str):
        return
    lost = [key for key in FIGURES if key not in row]
    if lost or UNITS.get(row["unit"]) != row["better"] or not row["samples"]:
        raise Malformed(f"row {row['name']}: {row}")
    if not all(isinstance(value, (int, float)) and value > 0
               for value in row["samples"]):
        raise Malformed(f"row {row['name']}: samples must be above 0")


def failures(run):
    return [f"{name}: {row['note']}" for name, row in run.items()
            if row.get("note", "").startswith("FAILED")]


def _pooled(sets):
    """The median over all samples of all runs."""
    return statistics.median(value for one in sets for value in one)


def _resampled(rounds, pick):
    """The medians of both kernels, of rounds drawn with replacement."""
    chosen = pick.choices(rounds, k=len(rounds))
    return [_pooled([pick.choices(one[who], k=len(one[who])) for one in chosen])
            for who in (0, 1)]


def _spread(sets):
    values = sorted(value for one in sets for value in one)
    quarter = len(values) // 4
    return (values[-1 - quarter] - values[quarter]) / statistics.median(values)


def _times_faster(ours, linux, better):
    return linux / ours if better == "lower" else ours / linux


def compare(name, ours, linux):
    """One row of docs/bench.json, from the runs of both kernels. Without
    figures for ours it has a note instead."""
    mine, theirs = ([run[name]["samples"] for run in runs
                     if "samples" in run.get(name, ())]
                    for runs in (ours, linux))
    known = [run[name] for run in (*ours, *linux) if name in run]
    notes = [row["note"] for row in known if "note" in row]
    row = {"name": name}
    if not mine or not theirs:
        row["note"] = notes[0] if notes else "no figures"
        if theirs and notes and notes[0].startswith("skipped: "):
            row["note"] = "not there yet: " + notes[0].removeprefix("skipped: ")
            row["unit"] = next(run[name]["unit"] for run in linux
                               if "unit" in run.get(name, ()))
            row["linux"] = _pooled(theirs)
        return row
    first = next(row for row in known if "samples" in row)
    best = min if first["better"] == "lower" else max
    pick = random.Random(name)
    rounds = list(zip(mine, theirs))
    ratios = sorted(_times_faster(*_resampled(rounds, pick), first["better"])
                    for _ in range(RESAMPLES))
    a, b = _pooled(mine), _pooled(theirs)
    a_best, b_best = best(map(best, mine)), best(map(best, theirs))
    return {**row, "unit": first["unit"], "better": first["better"],
            "ours": a, "linux": b,
            "ratio": _times_faster(a, b, first["better"]),
            "low": ratios[RESAMPLES // 40],
            "high": ratios[-1 - RESAMPLES // 40],
            "ours_best": a_best, "linux_best": b_best,
            "ratio_best": _times_faster(a_best, b_best, first["better"]),
            "spread": max(_spread(mine), _spread(theirs))}


def compare_all(ours, linux):
    """All rows, in the order in which bench has them."""
    names = {name: None for run in (*ours, *linux) for name in run}
    return [compare(name, ours, linux) for name in names]


def verdict(row):
    """Is the difference beyond doubt? A word for tables."""
    if row["low"] > 1:
        return "faster"
    return "slower" if row["high"] < 1 else "even"
