# SPDX-License-Identifier: MIT
"""The suites on GDB's commands ct-*: scripts/gdb on a guest that runs a program.

A session is GDB in batch mode. Before each of its commands a line "@ N" is
printed, so that answers() can say what each command has printed.
"""

import os
import re
import subprocess
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
MARK = "@ command "
TRACE = "Traceback (most recent call last)"


def session(report, program, commands, options=(), kernel="cutaway.elf"):
    """Runs GDB on a guest that runs the program; returns the answers, one text
    for each command. A Python traceback anywhere fails the suite."""
    with tempfile.TemporaryDirectory(prefix="cutaway-") as scratch:
        socket = os.path.join(scratch, "gdb")
        with open(os.path.join(scratch, "out"), "w+b") as out:
            guest = subprocess.Popen(
                [os.path.join(ROOT, "scripts/guest"), "--timeout", "100",
                 "--gdb", socket, *options, "--", *program], cwd=ROOT,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            try:
                wait_for(socket, guest)
                result = debug(report, socket, commands, kernel)
            finally:
                guest.terminate()
                guest.wait()
            out.seek(0)
            report.note(out.read())
    return answers(result)


def wait_for(path, process):
    for _ in range(200):
        if os.path.exists(path) or process.poll() is not None:
            return
        time.sleep(0.05)


def debug(report, socket, commands, kernel):
    words = [os.environ.get("GDB", "gdb"), "-q", "-batch", "-x",
             "scripts/gdb/init.gdb", "-ex", f"target remote {socket}"]
    for number, command in enumerate(commands):
        words += ["-ex", f"echo {MARK}{number}\\n", "-ex", command]
    result = report.run([*words, os.path.join(BUILD, kernel)], timeout=90)
    text = (result.out + result.err).decode("utf-8", "replace")
    report.check("no Python traceback", TRACE not in text, result)
    return result


def answers(result):
    parts = re.split(rf"^{MARK}\d+\n", result.out.decode("utf-8", "replace"),
                     flags=re.M)
    return parts[1:]


def expect(report, name, text, *patterns):
    """A result: each of the patterns is found, in this order."""
    at = 0
    for pattern in patterns:
        found = re.compile(pattern, re.M).search(text, at)
        if not found:
            report.failed(name, f"not found: {pattern}\nin: {text}")
            return
        at = found.end()
    report.passed(name)


# ---- ct-fault ---------------------------------------------------------------

# kind: the function that faults, what is said before, and after.
FAULTS = {
    "zero": ("store", [r"area .* rw-p anonymous", r"entry +empty",
                       r"so +fault_zero\(\) takes a fresh page of zeros"],
             [r"entry +frame \S+: present, writable, user",
              r"has 1 reference$"]),
    "cow": ("store", [r"CPU says +a page is there, but this is not allowed",
                      r"entry +frame \S+: present, read-only.*copy-on-write",
                      r"has 2 references$",
                      r"so +fault_cow\(\) copies frame"],
            [r"entry +frame \S+: present, writable", r"has 1 reference$",
             r"before +\S+ has 1 reference$"]),
    "takeover": ("store", [r"entry +frame \S+: present, read-only.*"
                           r"copy-on-write", r"has 1 reference$",
                           r"so +take_over\(\)"],
                 [r"entry +frame \S+: present, writable",
                  r"has 1 reference\n(?! +before)"]),
    "file": ("load", [r"area .* r--p /bin/faults", r"entry +empty",
                      r"so +Page 0 of /bin/faults is in memory"],
             [r"entry +frame \S+: present, read-only.*copy-on-write"]),
    "stack": ("store", [r"area .* rw-p \[stack\]", r"entry +empty",
                        r"so +grow_stack\(\) moves"],
              [r"entry +frame \S+: present, writable"]),
    "protection": ("store", [r"area .* r--p anonymous",
                             r"so .*SIGSEGV, SEGV_ACCERR"],
                   [r"entry +empty"]),
    "bad": ("store", [r"area +none", r"so .*a NULL pointer.*SIGSEGV, "
                      r"SEGV_MAPERR"], [r"entry +empty"]),
    "bus": ("load", [r"area .* r--p /bin/faults",
                     r"so .*past the end of /bin/faults: SIGBUS"],
            [r"entry +empty"]),
}


def faults(report):
    """One fault of each kind, in the order of FAULTS; a breakpoint in the user's
    function precedes each, and one hits again when its instruction does."""
    commands = ["ct-exec faults", "ct-break store", "ct-break load"]
    for kind in FAULTS:
        commands += ["continue", f"ct-fault faults {kind}", "finish"]
        if kind not in ("protection", "bad", "bus"):
            commands.append("continue")
    said = session(report, ["/bin/faults", *FAULTS], commands)
    pairs = dict(zip(commands, said))
    for kind, (function, before, after) in FAULTS.items():
        text = pairs.get(f"ct-fault faults {kind}", "")
        expect(report, f"{kind}: before", text, r"Page fault: faults \(pid",
               rf"from +{function} at user/faults.c:\d+, in user mode",
               *before)
    ends = [text for command, text in zip(commands, said)
            if command == "finish"]
    for (kind, (_, _, after)), text in zip(FAULTS.items(), ends):
        expect(report, f"{kind}: after", text, r"is over:$", *after)
    report.check("all kinds were seen", len(ends) == len(FAULTS))
