# SPDX-License-Identifier: MIT
"""What a command is: a function with a name, help text, and no tracebacks."""

import gdb

from cutaway import kernel


def command(name, usage=""):
    """Decorator: makes f(words) the GDB command NAME. Its help text is the
    usage and f's docstring; what goes wrong is told in a line."""
    def make(function):
        heading, _, body = function.__doc__.partition("\n")
        lines = [line.removeprefix("    ") for line in body.splitlines()]
        doc = "\n".join([heading, f"Usage: {name} {usage}".rstrip(), *lines])

        class Command(gdb.Command):
            __doc__ = doc.rstrip()

            def __init__(self):
                super().__init__(name, gdb.COMMAND_DATA)

            def invoke(self, argument, _from_tty):
                run(name, function, gdb.string_to_argv(argument))
        Command()
        return function
    return make


def run(name, function, words):
    try:
        function(words)
    except gdb.GdbError:
        raise
    except kernel.UNREADABLE as error:
        said = str(error) or "memory cannot be read"
        raise gdb.GdbError(f"{name}: {said}") from None
    except RecursionError:
        raise gdb.GdbError(f"{name}: the kernel's data goes in a circle") \
            from None


def number(word, otherwise=None):
    """An argument that is any expression GDB knows."""
    if word is None:
        return otherwise
    value = gdb.parse_and_eval(word)
    return int(value.cast(gdb.lookup_type("unsigned long")))
