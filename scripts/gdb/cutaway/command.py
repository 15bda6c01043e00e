# SPDX-License-Identifier: MIT
"""What a command is: a function with a name, help text, and no tracebacks."""

import gdb

from cutaway import kernel, machine


def command(name, usage="", early=False):
    """Decorator: makes f(words) the GDB command NAME. Its help text is the
    usage and f's docstring. f is called with as many words as the usage allows,
    the last being all the rest, so that it may be an expression with blanks;
    early: also before the kernel runs. What goes wrong is told in a line."""
    def make(function):
        heading, _, body = function.__doc__.partition("\n")
        lines = [line.removeprefix("    ") for line in body.splitlines()]
        doc = "\n".join([heading, f"Usage: {name} {usage}".rstrip(), *lines])

        class Command(gdb.Command):
            __doc__ = doc.rstrip()

            def __init__(self):
                super().__init__(name, gdb.COMMAND_DATA)

            def invoke(self, argument, _from_tty):
                run(name, function, lambda: checked(name, usage, argument),
                    early)
        Command()
        return function
    return make


def checked(name, usage, argument):
    """The words of an argument, as many as the usage has."""
    words, form = gdb.string_to_argv(argument), usage.split()
    fewest = len([each for each in form if each[0] != "[" and each[-1] != "]"])
    if len(words) < fewest or (words and not form):
        raise gdb.GdbError(f"usage: {name} {usage}".rstrip())
    rest = " ".join(words[len(form) - 1:])
    return words[:len(form) - 1] + [rest] if rest else words


def run(name, function, words, early):
    try:
        machine.check(early)
        function(words())
    except gdb.GdbError:
        raise
    except kernel.UNREADABLE as error:
        said = str(error) or "memory cannot be read"
        raise gdb.GdbError(f"{name}: {said}") from None
    except RecursionError:
        raise gdb.GdbError(f"{name}: the kernel's data goes in a circle") \
            from None
    except Exception as error:  # pylint: disable=broad-except
        raise gdb.GdbError(f"{name} gave up: {type(error).__name__}, {error}") \
            from None


def number(word):
    """An argument that is any expression GDB knows."""
    value = gdb.parse_and_eval(word)
    return int(value.cast(gdb.lookup_type("unsigned long")))
