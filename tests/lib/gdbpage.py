# SPDX-License-Identifier: MIT
"""Does docs/page-fault.md tell the truth? Types what it says, and compares.

Blocks marked ```gdb hold GDB's commands after "(gdb) " and what it answers;
```guest holds what is typed at the guest's prompt and what the guest says. A line
"..." stands for any lines, and "..." in a line for any text. Numbers of lines and
instructions may be others than on the page. So may addresses, frames and numbers of
processes, but two that are equal there have to be equal here, and the other way
round.

    python3 tests/lib/gdbpage.py    prints what GDB really says to each command
"""

import os
import re
import sys
import tempfile
import threading

import console
import gdbreplay
import gdbtest

PAGE = os.path.join(gdbtest.ROOT, "docs", "page-fault.md")
PROMPT = "cutaway:/root# "
# What may differ, and of that what is to differ in the same way everywhere.
NAMED = r"0x[\da-f]{3,}|(?<=pid )\d+|(?<=thread )\d+"
LOOSE = re.compile(NAMED + r"|(?<=:)\d+\b|(?<=instruction )\d+|(?<=PT\[)\d+|"
                   r"(?<=PD\[)\d+|^\d+(?=\t)|(?<=^\$)\d+|(?<=^#)\d+")


class Page:
    """The parts before and after `make record`: commands with the lines that
    answer them, and the guest's lines."""

    def __init__(self):
        with open(PAGE, encoding="utf-8") as page:
            parts = page.read().split("    make record\n")
        self.live, self.replayed = [self.commands(part) for part in parts]
        self.typed, self.said = self.guest(parts[0])

    @staticmethod
    def commands(part):
        found = []
        for block in re.findall(r"^```gdb\n(.*?)^```", part, re.M | re.S):
            for line in block.splitlines():
                if line.startswith("(gdb) "):
                    found.append((line[6:], []))
                else:
                    found[-1][1].append(line)
        return found

    @staticmethod
    def guest(part):
        lines = [line for block in
                 re.findall(r"^```guest\n(.*?)^```", part, re.M | re.S)
                 for line in block.splitlines()]
        typed = [line[len(PROMPT):] for line in lines
                 if line.startswith(PROMPT)]
        return typed, [line for line in lines if not line.startswith(PROMPT)]


class Same:
    """Which number of the page is which in reality. Unique both ways."""

    def __init__(self):
        self.real, self.written = {}, {}

    def line(self, written, real):
        """Is a line as the page has it? If so, its numbers are known."""
        pieces = [".*".join(re.escape(text) for text in piece.split("..."))
                  for piece in LOOSE.split(written)]
        found = re.fullmatch(f"({LOOSE.pattern})".join(pieces), real)
        if not found:
            return False
        pairs = [(a[0], b) for a, b in zip(LOOSE.finditer(written),
                                           found.groups())
                 if re.match(NAMED, a.string[a.start():]) or
                 a.string[:a.start()].endswith(("pid ", "thread "))]
        if any(self.real.get(a, b) != b or self.written.get(b, a) != a
               for a, b in pairs):
            return False
        self.real.update(pairs)
        self.written.update((b, a) for a, b in pairs)
        return True

    def lines(self, written, real):
        """The first line of the page that does not come, or None."""
        at, gap = 0, False
        for line in written:
            if line == "...":
                gap = True
                continue
            while at < len(real) and not self.line(line, real[at]):
                if not gap and real[at].strip():
                    return f"{line}\nbut: {real[at]}"
                at += 1
            if at == len(real):
                return f"{line}\nbut nothing more"
            at, gap = at + 1, False
        return None


def compare(report, what, commands, said, same):
    report.check(f"{what}: all was said", len(said) == len(commands))
    for (command, written), text in zip(commands, said):
        problem = same.lines(written, text.splitlines())
        if problem:
            report.failed(f"{what}: {command}", f"the page: {problem}\n{text}")
        else:
            report.passed(f"{what}: {command}")


def live(report, page):
    """Returns GDB's answers and what the guest's console showed."""
    with tempfile.TemporaryDirectory(prefix="cutaway-") as scratch:
        socket = os.path.join(scratch, "gdb")
        here = ["env", f"GDB_SOCKET={socket}", "SMP=1"]
        terminal = console.Console([*here, "scripts/run", "--wait-gdb"],
                                   gdbtest.ROOT)
        try:
            gdbtest.wait_for(socket, terminal.process)
            typist = threading.Thread(target=type_lines,
                                      args=(terminal, page.typed), daemon=True)
            typist.start()
            result = report.run([*here, "scripts/gdb/start", "-batch",
                                 *gdbtest.marked(name for name, _ in
                                                 page.live)], timeout=90)
            typist.join(30)
        finally:
            terminal.close()
            report.note(terminal.log)
        return gdbtest.answers(report, result), terminal.log


def type_lines(terminal, lines):
    """One at each prompt, until the last one's program has ended."""
    try:
        for line in lines:
            terminal.expect(console.PROMPT, 60)
            terminal.type(line.encode() + b"\r")
        terminal.expect(rb"\n")
        terminal.expect(console.PROMPT, 60)
    except (console.NotSeen, OSError):
        pass


def replayed(report, page):
    with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
        if not gdbreplay.record(report, folder, page.typed[0], "another frame"):
            return []
        result = report.run(["env", f"RECORD={folder}", "scripts/gdb/start",
                             "replay", "-batch",
                             *gdbtest.marked(name for name, _ in
                                             page.replayed)], timeout=120)
        return gdbtest.answers(report, result)


def suite(report):
    page = Page()
    said, shown = live(report, page)
    same = Same()
    compare(report, "live", page.live, said, same)
    shown = re.sub(rb"\r+\n", b"\n", shown).decode("utf-8", "replace")
    problem = same.lines([each for line in page.said for each in
                          ("...", line)], shown.splitlines())
    if problem:
        report.failed("the guest's console", f"the page: {problem}\n{shown}")
    else:
        report.passed("the guest's console")
    compare(report, "replay", page.replayed, replayed(report, page), Same())


def main():
    import suites
    report = suites.Report("gdb-page")
    page = Page()
    for commands, said in ((page.live, live(report, page)[0]),
                           (page.replayed, replayed(report, page))):
        for (command, _), text in zip(commands, said):
            print(f"(gdb) {command}\n{text}", end="")


if __name__ == "__main__":
    sys.exit(main())
