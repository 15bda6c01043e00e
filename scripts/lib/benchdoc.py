# SPDX-License-Identifier: MIT
"""docs/bench.json, docs/bench.md and its plots, from compared rows."""

import json
import os
import re
import shutil
import statistics
import subprocess

import benchstat

TITLES = {
    "smp1": "One CPU, real time",
    "smp2": "Two CPUs, real time",
    "max": "One CPU with ERMS, real time",
    "disk": "A disk (AHCI), one CPU, real time",
    "icount": "One CPU, instructions",
}
HEAD = """# Beside Linux

One static program, `user/bench`, on this kernel and on Debian's Linux, in the
same QEMU with the same flags, in turns. A ratio says how many times faster this
kernel is; below 1 it is slower. The interval holds 95 of 100 bootstrap samples.
"Of the best" compares each kernel's best sample, which a busy host spoils least.
Rows about disks run beside Debian's general kernel, as the one for virtual
machines has no AHCI. What is not faster, and why, is in
[limits](limits.md#slower-than-linux-or-not-faster). `make bench` makes this page.

"""


def number(value):
    """Three figures at least, and no exponent."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value < 10 else f"{value:.1f}"


def table(rows):
    """Markdown lines of a comparison."""
    lines = ["| operation | unit | Cutaway | Linux | ratio | 95 % | "
             "of the best | |", "|---|---|---|---|---|---|---|---|"]
    for row in rows:
        if "note" in row:
            theirs = number(row["linux"]) if "linux" in row else ""
            lines.append(f"| {row['name']} | {row.get('unit', '')} | | "
                         f"{theirs} | | | | {row['note']} |")
            continue
        word = benchstat.verdict(row)
        lines.append(
            f"| {row['name']} | {row['unit']} | {number(row['ours'])} | "
            f"{number(row['linux'])} | **{row['ratio']:.2f}** | "
            f"{row['low']:.2f} to {row['high']:.2f} | "
            f"{row['ratio_best']:.2f} | {'' if word == 'faster' else word} |")
    return lines


def summary(rows):
    ratios = [row["ratio"] for row in rows if "ratio" in row]
    if not ratios:
        return "No figures."
    # As the table shows it: 0.996 is 1.00 there.
    below = [row for row in rows if round(row.get("ratio", 1), 2) < 1]
    beyond = [row for row in below if benchstat.verdict(row) == "slower"]
    return (f"{len(ratios)} rows; the median row is "
            f"{statistics.median(ratios):.2f} times as fast; "
            f"{len(below)} below 1, {len(beyond)} of them beyond doubt.")


def write_json(path, document):
    with open(path + ".new", "w", encoding="utf-8") as out:
        json.dump(document, out, indent=1)
        out.write("\n")
    os.replace(path + ".new", path)


def write_markdown(path, document, plots):
    lines = [f"Made on {document['date']} with {document['qemu']}, on "
             f"{document['machine']}, beside {document['linux']}.", ""]
    if document["facts"]:
        lines += ["## The kernels", "",
                  "What is empty cannot be measured with what is booted here.",
                  "", "| | Cutaway | Linux |",
                  "|---|---|---|"]
        for fact in document["facts"]:
            cells = [number(fact[who]) if fact[who] is not None else ""
                     for who in ("ours", "linux")]
            lines.append(f"| {fact['name']} | {cells[0]} | {cells[1]} |")
        lines.append("")
    for plot in plots:
        lines += [f"![{plot}]({plot})", ""]
    for config, rows in document["tables"].items():
        lines += [f"## {TITLES[config]}", "", summary(rows), ""]
        lines += [*table(rows), ""]
    with open(path, "w", encoding="utf-8") as out:
        out.write(HEAD + "\n".join(lines).rstrip("\n") + "\n")


def _gnuplot(script):
    if not shutil.which("gnuplot"):
        return False
    done = subprocess.run(["gnuplot"], input=script.encode(), check=False)
    return done.returncode == 0


def plot_ratios(path, rows):
    """Bars of the ratio on a log scale, the slowest row at the top."""
    rows = sorted((row for row in rows if "ratio" in row),
                  key=lambda row: -row["ratio"])
    data = "\n".join(f'"{row["name"]}"\t{row["ratio"]:.4g}\t{at}'
                     for at, row in enumerate(rows))
    return bool(rows) and _gnuplot(f"""
set terminal svg size 900,{60 + 16 * len(rows)} font "sans,11" noenhanced
set output "{path}"
set datafile separator "\\t"
$rows << END
{data}
END
set logscale x 2
set xlabel "times as fast as Linux"
set grid x
set yrange [-1:{len(rows)}]
unset key
set style fill solid 0.7
set arrow from 1, graph 0 to 1, graph 1 nohead lw 2
plot $rows using (($2+1)/2):3:(1):2:($3-0.35):($3+0.35):ytic(1) \\
    with boxxyerror lc rgb "#3465a4"
""")


def plot_readiness(path, rows):
    """Cost against the number of descriptors, both axes logarithmic."""
    series = {}
    for row in rows:
        found = re.fullmatch(r"(\w+), 1 ready of (\d+)", row["name"])
        if found and "ratio" in row:
            for who in ("ours", "linux"):
                series.setdefault(f"{found[1]}, {who}", []).append(
                    (int(found[2]), row[who]))
    unit = next((row["unit"] for row in rows if "unit" in row), "")
    blocks = "\n\n\n".join(
        f'"{name}"\n' + "\n".join(f"{n} {cost:.6g}" for n, cost in points)
        for name, points in series.items())
    return bool(series) and _gnuplot(f"""
set terminal svg size 700,450 font "sans,11" noenhanced
set output "{path}"
$points << END
{blocks}
END
set logscale xy
set xlabel "descriptors"
set ylabel "{unit} a call"
set key left top autotitle columnheader
plot for [i=0:{len(series) - 1}] $points index i with linespoints
""")
