#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the test suites; `make test` builds what they need and calls this.

    run_all.py [--jobs N] [NAME...]     all suites, or those named
    run_all.py list                     their names
    run_all.py --check [NAME...]        only says whether there are such suites

One line per suite, every failure under it, and at the end `N passed, N failed`;
exit status 1 if anything failed. Each suite's full output is in
build/test-logs/. The suites themselves are in tests/lib/suites.py.
"""

import argparse
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
sys.dont_write_bytecode = True
import suites  # noqa: E402

LINES_PER_FAILURE = 12


class Driver:
    """Runs suites side by side, prints each one's result when it is there."""

    def __init__(self):
        self.printing = threading.Lock()
        self.passed = self.failed = self.skipped = 0

    def run(self, suite):
        start = time.monotonic()
        report = suites.Report(suite.name)
        try:
            suite.function(report, *suite.arguments)
        except Exception as error:  # a suite that breaks is a failure, too
            report.failed("suite", f"{type(error).__name__}: {error}")
        report.close()
        with self.printing:
            self.show(suite, report, time.monotonic() - start)

    def show(self, suite, report, seconds):
        passed, failed, skipped = (report.count(state) for state in
                                   ("passed", "failed", "skipped"))
        if not passed and not failed and not skipped:
            report.failed("suite", "ran no test")
            failed = 1
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        word = "FAIL" if failed else "ok"
        notes = [f"{passed} passed"]
        notes += [f"{failed} failed"] if failed else []
        notes += [f"{skipped} skipped"] if skipped else []
        print(f"{word:4} {suite.name:14} {seconds:6.1f} s  "
              f"{', '.join(notes)}", flush=True)
        for remark in report.remarks:
            print(f"     {remark}", flush=True)
        for leaf in report.leaves:
            if leaf.state == "failed":
                print(f"     not ok {leaf.name}")
                for line in leaf.detail.splitlines()[:LINES_PER_FAILURE]:
                    print(f"         {line}")
        if failed:
            print(f"     log: {report.log_name}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int,
                        default=min(4, os.cpu_count() or 1))
    parser.add_argument("--check", action="store_true")
    parser.add_argument("names", nargs="*")
    args = parser.parse_args()

    known = {suite.name: suite for suite in suites.SUITES}
    if args.names == ["list"]:
        if args.check:
            return 0
        for suite in suites.SUITES:
            mark = "" if suite.default else "  (only when named)"
            print(f"{suite.name:14} {suite.text}{mark}")
        return 0
    unknown = [name for name in args.names if name not in known]
    if unknown:
        parser.error(f"no suite {unknown[0]}; `list` names them")
    if args.check:
        return 0
    chosen = [known[name] for name in args.names] or \
        [suite for suite in suites.SUITES if suite.default]

    driver = Driver()
    with ThreadPoolExecutor(max_workers=max(1, args.jobs)) as pool:
        list(pool.map(driver.run, chosen))
    if driver.skipped:
        print(f"{driver.skipped} skipped")
    print(f"{driver.passed} passed, {driver.failed} failed")
    return 1 if driver.failed else 0


if __name__ == "__main__":
    sys.exit(main())
