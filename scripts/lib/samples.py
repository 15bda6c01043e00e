# SPDX-License-Identifier: MIT
"""What /proc/profile prints, with names for the numbers, and tables of it.

A line is "name;outermost;...;innermost count": kernel functions by name, places
in user programs as 0x... numbers. The name is the thread's, which is that
of its program, cut off after 15 letters.
"""

import bisect
import collections
import os
import re
import subprocess

COMM_MAX = 15
LINE = re.compile(r"(\S+) (\d+)$")
TOTAL = re.compile(r"# (\d+) samples, (\d+) lost$")


class Malformed(Exception):
    """Text that is not what /proc/profile prints."""


class Symbols:
    """The functions of one program, from its symbol table."""

    def __init__(self, path):
        tool = os.environ.get("CROSS_COMPILE", "x86_64-linux-gnu-") + "nm"
        text = subprocess.run([tool, "-n", "--defined-only", path],
                              stdout=subprocess.PIPE, check=False,
                              stderr=subprocess.DEVNULL).stdout.decode()
        found = re.findall(r"^([0-9a-f]+) [tTwWiV] (\S+)$", text, re.M)
        self.starts = [int(start, 16) for start, _ in found]
        self.names = [name for _, name in found]

    def name(self, address):
        at = bisect.bisect_right(self.starts, address) - 1
        return self.names[at] if at >= 0 else None


class Programs:
    """Symbols of user programs, by the name of a thread."""

    def __init__(self, files):
        """files: programs with symbols, as paths."""
        self.files = {os.path.basename(path)[:COMM_MAX]: path
                      for path in files}
        self.known = {}

    def name(self, comm, address):
        if comm not in self.known:
            path = self.files.get(comm)
            self.known[comm] = Symbols(path) if path else None
        symbols = self.known[comm]
        return symbols and symbols.name(address)


def parse(text, programs):
    """Returns ({(thread, outermost, ..., innermost): count}, total, lost).
    User functions carry their program's name: "sh:main"."""
    stacks = collections.Counter()
    total = lost = None
    for line in text.splitlines():
        found = TOTAL.match(line)
        if found:
            total, lost = int(found[1]), int(found[2])
            continue
        found = LINE.match(line)
        if not found:
            raise Malformed(f"not a stack: {line}")
        comm, *places = found[1].split(";")
        stacks[comm, *(_place(comm, place, programs)
                       for place in places)] += int(found[2])
    if total is None:
        raise Malformed("the last line is not there")
    if sum(stacks.values()) + lost != total:
        raise Malformed(f"{sum(stacks.values())} samples and {lost} lost are "
                        f"not {total}")
    return stacks, total, lost


def _place(comm, place, programs):
    if not place.startswith("0x"):
        return place
    return f"{comm}:{programs.name(comm, int(place, 16)) or '?'}"


def functions(stacks):
    """[(name, samples in it, samples in it or what it called)], hottest
    first. A function that calls itself counts once a sample."""
    own, inclusive = collections.Counter(), collections.Counter()
    for stack, count in stacks.items():
        own[stack[-1]] += count
        for name in set(stack[1:]):
            inclusive[name] += count
    return [(name, own[name], inclusive[name]) for name in sorted(
        inclusive, key=lambda name: (-own[name], -inclusive[name], name))]


def table(stacks, rows):
    """Lines: the hottest functions, and who called each most often."""
    total = max(sum(stacks.values()), 1)
    lines = ["   own   with callees  function"]
    for name, own, inclusive in functions(stacks)[:rows]:
        lines.append(f"{100 * own / total:5.1f} %{100 * inclusive / total:12.1f} %"
                     f"  {name}{_callers(stacks, name, own)}")
    return lines


def _callers(stacks, name, own):
    callers = collections.Counter()
    for stack, count in stacks.items():
        if stack[-1] == name and len(stack) > 2:
            callers[stack[-2]] += count
    named = [f"{caller} {100 * count // own} %" for caller, count in
             callers.most_common(3) if own and count * 10 >= own]
    return "  from " + ", ".join(named) if named else ""
