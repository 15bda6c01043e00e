#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Turns the commands that `make -nB V=1` prints (stdin) into compile_commands.json."""

import json
import os
import sys


def main():
    folder = os.getcwd()
    commands = {}       # a file's first command: the release kernel's
    for line in sys.stdin:
        words = line.split()
        if "-c" in words and words[-1].endswith((".c", ".S")):
            commands.setdefault(words[-1], {
                "directory": folder, "arguments": words, "file": words[-1]})
    json.dump(list(commands.values()), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
