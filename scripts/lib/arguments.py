# SPDX-License-Identifier: MIT
"""Command lines of our tools: what is wrong with one is a single line."""

import argparse
import sys

import machine


class Parser(argparse.ArgumentParser):
    """--help prints the module's text, and nothing else does."""

    def format_help(self):
        return self.description.strip() + "\n"

    def error(self, message):
        self.exit(2, f"{self.prog}: {message} (--help lists the options)\n")


def positive(text):
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return value


def run(name, main, *errors):
    """Ends the program with what main() returns, or with the error's text."""
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(f"{name}: {machine.os_error_text(error)}")
    except errors as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
