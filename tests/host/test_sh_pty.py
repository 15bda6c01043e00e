# SPDX-License-Identifier: MIT
"""Our shell on a terminal: editing, history, completion, ^C, ^Z and jobs.

SH=PATH names the shell; without it the one that the build made is taken. The
terminal is a pty of this machine, so this is about the shell, not the kernel.
"""

import os
import pty
import re
import select
import signal
import struct
import fcntl
import shutil
import sys
import tempfile
import termios
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SHELL = os.environ.get("SH") or os.path.join(
    ROOT, os.environ.get("O", "build"), "user/bin/sh")
LEFT, RIGHT, UP, DOWN = "\033[D", "\033[C", "\033[A", "\033[B"
HOME, END, DELETE = "\033[H", "\033[F", "\033[3~"


def ctrl(letter):
    return chr(ord(letter) & 31)


class Terminal:
    """A shell on a pty. What it prints is kept in .seen until matched."""

    def __init__(self, columns=80):
        self.directory = tempfile.mkdtemp(prefix="sh-pty-")
        self.seen = ""
        self.log = ""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(self.directory)
            os.environ.clear()
            os.environ.update(PATH="/bin:/usr/bin", HOME=self.directory,
                              TERM="vt100", PS1="$ ")
            os.execv(SHELL, ["sh"])
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 24, columns, 0, 0))
        self.expect("$ ")

    def send(self, text):
        os.write(self.fd, text.encode())

    def read(self, timeout):
        if not select.select([self.fd], [], [], timeout)[0]:
            return False
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data.decode("utf-8", "replace")
        self.log += data.decode("utf-8", "replace")
        return bool(data)

    def expect(self, pattern, timeout=10):
        """Waits for a string or a compiled pattern; returns what led to it."""
        if isinstance(pattern, str):
            pattern = re.compile(re.escape(pattern))
        end = time.monotonic() + timeout
        while True:
            found = pattern.search(self.seen)
            if found:
                before = self.seen[:found.end()]
                self.seen = self.seen[found.end():]
                return before
            left = end - time.monotonic()
            if left <= 0:
                raise AssertionError(
                    f"no {pattern.pattern!r} in {self.log!r}")
            self.read(min(left, 0.5))

    def run(self, line):
        """Types a line; returns the lines that it printed."""
        self.send(line + "\r")
        self.expect("\r\n")
        text = self.expect(re.compile(r"(^|\n)\$ $"))
        return text[:-2].replace("\r\n", "\n").splitlines()

    def living(self, name):
        """How many living processes of our session have this name."""
        count = 0
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:
                    text = stream.read()
            except OSError:
                continue
            comm = text[text.index("(") + 1:text.rindex(")")]
            state, _, _, session = text[text.rindex(")") + 2:].split()[:4]
            count += (comm == name and int(session) == self.pid and
                      state != "Z")
        return count

    def close(self):
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.close(self.fd)
        os.waitpid(self.pid, 0)
        shutil.rmtree(self.directory, ignore_errors=True)


@unittest.skipUnless(os.access(SHELL, os.X_OK), f"no {SHELL}")
class Shell(unittest.TestCase):
    def setUp(self):
        self.t = Terminal()
        self.addCleanup(self.t.close)

    def typed(self, keys):
        """What the shell makes of these keys in a line behind echo."""
        return self.t.run("echo " + keys)

    def wait_until(self, what, timeout=5):
        end = time.monotonic() + timeout
        while not what() and time.monotonic() < end:
            time.sleep(0.02)
        self.assertTrue(what(), self.t.log)


class Editing(Shell):
    def test_plain_typing_sends_no_escapes(self):
        self.assertEqual(self.typed("hello"), ["hello"])
        self.assertNotIn("\033", self.t.log)

    def test_default_prompt(self):
        self.t.send("unset PS1\r")
        self.t.expect("cutaway:" + os.path.realpath(self.t.directory) +
                      ("# " if os.geteuid() == 0 else "$ "))

    def test_backspace(self):
        self.assertEqual(self.typed("ax\x7fb"), ["ab"])

    def test_arrows_and_insert(self):
        self.assertEqual(self.typed("ac" + LEFT + "b" + RIGHT + "d"), ["abcd"])

    def test_delete(self):
        self.assertEqual(self.typed("axb" + LEFT * 2 + DELETE), ["ab"])
        self.assertEqual(self.typed("axb" + LEFT * 2 + ctrl("D")), ["ab"])

    def test_home_and_end(self):
        self.assertEqual(self.t.run("cho a" + HOME + "e" + END + "b"), ["ab"])
        self.assertEqual(self.t.run("cho a" + ctrl("A") + "e" + ctrl("E") +
                                    "b"), ["ab"])

    def test_kill_to_both_ends(self):
        self.assertEqual(self.t.run("junk" + ctrl("U") + "echo a"), ["a"])
        self.assertEqual(self.typed("ab" + LEFT + ctrl("K")), ["a"])
        self.assertEqual(self.typed("a junk" + ctrl("W") + "b"), ["a b"])
        self.assertEqual(self.typed("a b" + ctrl("W") + ctrl("Y") * 2),
                         ["a bb"])

    def test_clear_screen(self):
        self.t.send("echo a" + ctrl("L"))
        self.t.expect("\033[H\033[2J\r$ echo a")
        self.assertEqual(self.t.run("b"), ["ab"])

    def test_utf8(self):
        self.assertEqual(self.typed("aé" + LEFT + "\x7fb"), ["bé"])

    def test_long_line_scrolls(self):
        self.assertEqual(self.typed("x" * 300 + LEFT * 300 + "y" + END + "z"),
                         ["y" + "x" * 300 + "z"])

    def test_interrupt_gives_the_line_up(self):
        self.t.send("echo no" + ctrl("C"))
        self.t.expect("^C\r\n$ ")
        self.assertEqual(self.t.run("echo $?"), ["130"])

    def test_more_lines(self):
        self.t.send("for i in 1 2\r")
        self.t.expect("> ")
        self.t.send("do echo $i\r")
        self.t.expect("> ")
        self.assertEqual(self.t.run("done"), ["1", "2"])
        self.t.send("if true\r")
        self.t.expect("> ")
        self.t.send(ctrl("C"))
        self.t.expect("$ ")
        self.assertEqual(self.t.run("echo ok"), ["ok"])

    def test_end_of_file_ends_the_shell(self):
        self.t.run("(exit 3)")
        self.t.send(ctrl("D"))
        self.t.expect("exit\r\n")
        self.wait_until(lambda: self.t.living("sh") == 0)

    def test_errors_do_not_end_the_shell(self):
        self.assertIn("unexpected", self.t.run("echo )")[0])
        self.assertIn("division", self.t.run("echo $((1/0))")[0])
        self.assertIn("not found", self.t.run("nosuch")[0])
        self.assertEqual(self.t.run("echo $?"), ["127"])

    def test_programs_get_the_terminal_in_order(self):
        text = self.t.run("stty -a")
        self.assertIn(" icanon", " ".join(text))
        self.assertIn(" echo ", " ".join(text))


class History(Shell):
    def test_up_and_down(self):
        self.t.run("echo one")
        self.t.run("echo two")
        self.assertEqual(self.t.run(UP * 2), ["one"])
        self.assertEqual(self.t.run(UP * 2 + DOWN), ["one"])
        self.assertEqual(self.t.run("echo x" + UP + DOWN), ["x"])

    def test_edit_a_line_of_the_past(self):
        self.t.run("echo one")
        self.assertEqual(self.t.run(UP + "s"), ["ones"])
        self.assertEqual(self.t.run(ctrl("P") * 2), ["one"])

    def test_full(self):
        for i in range(205):
            self.t.run(f": {i}")
        self.assertEqual(self.t.run(UP * 300 + HOME + "echo "), [": 5"])


class Completion(Shell):
    def setUp(self):
        super().setUp()
        for name in ("alpha-one", "alpha-two", "beta"):
            open(os.path.join(self.t.directory, name), "w",
                 encoding="utf-8").close()
        os.mkdir(os.path.join(self.t.directory, "gamma"))

    def test_file(self):
        self.assertEqual(self.typed("be\t."), ["beta ."])

    def test_directory(self):
        self.assertEqual(self.typed("ga\t."), ["gamma/."])

    def test_common_part(self):
        self.assertEqual(self.typed("al\to\t."), ["alpha-one ."])

    def test_list(self):
        self.t.send("echo al\t\t")
        self.t.expect("alpha-one  alpha-two")
        self.t.expect("$ echo alpha-")
        self.assertEqual(self.t.run("t\t"), ["alpha-two"])

    def test_command(self):
        self.assertEqual(self.t.run("expo\tV=1; ech\t$V"), ["1"])

    def test_nothing_fits(self):
        self.assertEqual(self.typed("zz\t\t"), ["zz"])


class Jobs(Shell):
    def test_interrupt_kills_the_foreground_only(self):
        self.t.run("sleep 71 &")
        self.t.send("sleep 72 | sleep 73 | sleep 74\r")
        self.wait_until(lambda: self.t.living("sleep") == 4)
        self.t.send(ctrl("C"))
        self.t.expect(re.compile(r"\n\$ $"))
        self.wait_until(lambda: self.t.living("sleep") == 1)
        self.assertEqual(self.t.run("echo $?"), ["130"])
        self.assertIn("Running", self.t.run("jobs")[0])
        self.t.run("kill %1")

    def test_interrupt_ends_a_loop(self):
        self.t.send("while true; do sleep 0.1; done\r")
        self.wait_until(lambda: self.t.living("sleep") == 1)
        self.t.send(ctrl("C"))
        self.t.expect(re.compile(r"\n\$ $"))
        self.assertEqual(self.t.run("echo ok"), ["ok"])

    def test_interrupt_ends_a_loop_of_builtins(self):
        self.t.send("while :; do :; done\r")
        time.sleep(0.3)
        self.t.send(ctrl("C"))
        self.t.expect(re.compile(r"\$ $"))
        self.assertEqual(self.t.run("echo ok"), ["ok"])

    def test_interrupt_ends_a_substitution(self):
        self.t.send("echo $(sleep 75) no\r")
        self.wait_until(lambda: self.t.living("sleep") == 1)
        self.t.send(ctrl("C"))
        self.t.expect(re.compile(r"\$ $"))
        self.assertNotIn("\nno", self.t.log)

    def test_interrupt_ends_wait_and_read(self):
        for line in ("sleep 76 & wait", "read x"):
            self.t.send(line + "\r")
            time.sleep(0.3)
            self.t.send(ctrl("C"))
            self.t.expect(re.compile(r"\n\$ $"))
            self.assertEqual(self.t.run("echo $?"), ["130"])

    def test_quit(self):
        self.t.send("sleep 77\r")
        self.wait_until(lambda: self.t.living("sleep") == 1)
        self.t.send(ctrl("\\"))
        self.t.expect("Quit")
        self.t.expect("$ ")
        self.assertEqual(self.t.run("echo $?"), ["131"])

    def test_stop_and_continue(self):
        self.t.send("sleep 78 | sleep 79\r")
        self.wait_until(lambda: self.t.living("sleep") == 2)
        self.t.send(ctrl("Z"))
        self.t.expect(re.compile(r"\[1\]\+ +Stopped +sleep 78 \| sleep 79"))
        self.t.expect("$ ")
        self.assertEqual(self.t.run("echo $?"), ["148"])
        self.assertRegex(self.t.run("bg")[0], r"\[1\]\+ +Running")
        self.assertRegex(self.t.run("jobs")[0], r"\[1\]\+ +Running")
        self.t.send("fg\r")
        self.t.expect("sleep 78 | sleep 79\r\n")
        time.sleep(0.2)
        self.t.send(ctrl("C"))
        self.t.expect(re.compile(r"\n\$ $"))
        self.wait_until(lambda: self.t.living("sleep") == 0)
        self.assertEqual(self.t.run("jobs"), [])

    def test_stop_twice(self):
        for line in ("sleep 80", "fg"):
            self.t.send(line + "\r")
            time.sleep(0.3)
            self.t.send(ctrl("Z"))
            self.t.expect("Stopped")
            self.t.expect("$ ")
        self.t.run("kill %1")
        self.wait_until(lambda: self.t.living("sleep") == 0)

    def prompts_say(self, said, pattern):
        """One more empty line; is the pattern in all that was said by now?"""
        if not re.search(pattern, "\n".join(said)):
            said += self.t.run("")
        return bool(re.search(pattern, "\n".join(said)))

    def test_several_jobs(self):
        self.t.run("sleep 81 &")
        self.t.run("sleep 82 &")
        lines = self.t.run("jobs")
        self.assertRegex(lines[0], r"^\[1\]- +Running +sleep 81")
        self.assertRegex(lines[1], r"^\[2\]\+ +Running +sleep 82")
        # Until they have executed sleep they go by the shell's name.
        self.wait_until(lambda: self.t.living("sleep") == 2)
        # The prompt behind the command may report it already, or the next one.
        said = self.t.run("kill %1")
        self.wait_until(lambda: self.prompts_say(said, r"\[1\][-+ ] +Terminated"))
        self.t.run("kill %sleep")

    def test_done_is_reported(self):
        said = self.t.run("true &")
        self.wait_until(lambda: self.prompts_say(said, r"\[1\]\+ +Done +true"))

    def test_background_may_not_read(self):
        self.t.run("cat &")
        time.sleep(0.2)
        self.assertRegex("\n".join(self.t.run("jobs")), "Stopped.* cat")
        self.t.send("fg\r")
        self.t.expect("cat\r\n")
        self.t.send("line\r")
        self.t.expect("line\r\nline\r\n")
        self.t.send(ctrl("D"))
        self.t.expect("$ ")

    def test_terminal_comes_back_from_a_killed_program(self):
        self.t.send("sh -c 'stty raw -echo; kill -9 $$'\r")
        self.t.expect("Killed")
        self.t.expect("$ ")
        self.assertIn(" icanon", " ".join(self.t.run("stty -a")))

    def test_stopped_jobs_hold_the_exit(self):
        self.t.send("sleep 83\r")
        time.sleep(0.3)
        self.t.send(ctrl("Z"))
        self.t.expect("Stopped")
        self.t.expect("$ ")
        self.assertIn("stopped jobs", self.t.run("exit")[0])
        self.t.run("kill -9 %1")

    def test_process_group_is_one(self):
        self.t.send("sleep 84 | sleep 85\r")
        self.wait_until(lambda: self.t.living("sleep") == 2)
        groups = set()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat", encoding="utf-8") as stream:
                    text = stream.read()
            except OSError:
                continue
            fields = text[text.rindex(")") + 2:].split()
            if "(sleep)" in text and int(fields[3]) == self.t.pid:
                groups.add(int(fields[2]))
        self.assertEqual(len(groups), 1)
        self.assertEqual(os.tcgetpgrp(self.t.fd), groups.pop())
        self.t.send(ctrl("C"))
        self.t.expect(re.compile(r"\n\$ $"))
        self.assertEqual(os.tcgetpgrp(self.t.fd), self.t.pid)


if __name__ == "__main__":
    sys.dont_write_bytecode = True
    unittest.main()
