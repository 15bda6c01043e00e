# SPDX-License-Identifier: MIT
"""The suite on recordings: make record, make replay, and ct-back."""

import os
import re
import tempfile

import console
import gdbtest

COUNT = r"^At instruction (\d+)"
JOURNEY = (
    "continue", "ct-exec faults", "ct-break store", "continue",
    "ct-fault faults cow", "ct-back 0", "finish", "ct-back 0",
    "ct-back 200",              # into the copying
    "backtrace", "ct-goto $before",     # the first instruction of page_fault()
    "backtrace 1", "ct-back 100",   # out of the fault, into the program
    "continue", "info registers cs", "ct-fault faults cow", "ct-back 0",
    "finish", "kill")           # GDB ends without a complaint after that


def replay(report):
    """Records a copy-on-write fault, and goes into it, through it, backwards
    out of it, and through it again."""
    with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
        if not record(report, folder, "faults cow", "the parent still reads"):
            return
        words = list(JOURNEY)
        words[6:6] = ["python from cutaway import replay; gdb."
                      "set_convenience_variable('before', replay.count())"]
        result = report.run(["env", f"RECORD={folder}", "scripts/gdb/start",
                             "replay", "-batch", *gdbtest.marked(words)], timeout=120)
        judge(report, [text for word, text in
                       zip(words, gdbtest.answers(report, result))
                       if not word.startswith("python ")])


# With a disk, after reading and writing there.
LINES = "wc /bin/sh", "touch x", "sync"
WITH_DISK = ("continue", "ct-exec faults", "ct-fault faults cow", "finish",
             "ct-back 0", "ct-back 200", "backtrace 4", "ct-back user", "ct-ps")
AGAIN = 5                   # of these are done twice


def replay_disk(report):
    """The same of a machine whose root is a disk; and twice alike."""
    with tempfile.TemporaryDirectory(prefix="cutaway-") as folder:
        recording = os.path.join(folder, "record")
        if not record(report, recording, "faults cow", "the parent still reads",
                      LINES, ("--root", os.path.join(folder, "root.img"))):
            return
        runs = [gdbtest.answers(report, report.run(
            ["env", f"RECORD={recording}", "scripts/gdb/start", "replay",
             "-batch", *gdbtest.marked(words)], timeout=240))
            for words in (WITH_DISK, WITH_DISK[:AGAIN])]
    said = dict(zip(WITH_DISK, runs[0]))
    gdbtest.expect(report, "the fault", said.get("ct-fault faults cow", ""),
                   "Page fault: faults", "case +cow")
    gdbtest.expect(report, "back into the copying", said.get("backtrace 4", ""),
                   "copy_page", "fault_cow")
    gdbtest.expect(report, "back out of it", said.get("ct-ps", ""),
                   r"^-> .*faults +runs now")
    report.check("the second time is like the first", runs[0][:AGAIN] == [
        *runs[1][:-1], runs[1][-1].partition("[Inferior")[0]] and
                 len(runs[0]) == len(WITH_DISK))


def record(report, folder, line, answer, before=(), options=()):
    """Records lines typed at the prompt, and what follows. Was it in order? Lines
    are short: no more than the serial port holds comes at once."""
    terminal = console.Console(["env", f"RECORD={folder}", "scripts/run",
                                "--record", *options], gdbtest.ROOT)
    try:
        terminal.expect(console.PROMPT, 60)
        for each in before:
            terminal.line(each.encode())
        report.check("a recorded line", answer.encode() in
                     terminal.line(line.encode()))
        terminal.type(b"poweroff\r")
        return terminal.end(30) == 0
    except console.NotSeen as error:
        report.failed("recording", error.args[0].decode("utf-8", "replace"))
        return False
    finally:
        terminal.close()
        report.note(terminal.log)


def judge(report, said):
    if len(said) < len(JOURNEY):
        report.failed("the journey", "GDB ended before")
        return
    counts = [int(found[1]) for found in
              (re.search(COUNT, text, re.M) for text in said) if found]
    before, after = counts[:2]
    report.check("a copy takes hundreds of instructions",
                 before + 300 < after < before + 10000)
    gdbtest.expect(report, "back into the copying", said[8],
           rf"^At instruction {after - 200}\.", r"#0 ")
    gdbtest.expect(report, "where the copy is made", said[9], "copy_page",
           "fault_cow", "page_fault", r"store \(p=.* at user/faults.c",
           r"in cow |main ")
    gdbtest.expect(report, "back at the first instruction", said[10],
           rf"^At instruction {before}\.", "page_fault")
    gdbtest.expect(report, "back out of the fault", said[12],
           rf"^At instruction {before - 100}\.")
    gdbtest.expect(report, "forwards to the program's store", said[13],
           r"^Breakpoint 2, store \(p=")
    gdbtest.expect(report, "user mode", said[14], r"^cs +0x[\da-f]*[37bf] ")
    report.check("the second time is like the first",
                 said[15] == said[4] and counts[-1] == before and
                 said[17].partition("Value")[0] ==
                 said[6].partition("Value")[0] != "")
