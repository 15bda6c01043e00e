# SPDX-License-Identifier: MIT
"""scripts/run on a pseudo terminal: what somebody at a keyboard sees."""

import os
import pty
import re
import select
import signal
import subprocess
import termios
import time

PROMPT = re.compile(rb"cutaway:\S*# $")


class NotSeen(Exception):
    """The awaited text did not come; args: what came instead."""


class Console:
    """A command on a terminal of its own. seen holds what it has printed and
    nobody has awaited yet, log all of it."""

    def __init__(self, command, folder):
        self.seen = self.log = b""
        self.terminal, theirs = pty.openpty()
        self.settings = termios.tcgetattr(theirs)
        self.process = subprocess.Popen(command, cwd=folder, stdin=theirs,
                                        stdout=theirs, stderr=theirs,
                                        start_new_session=True)
        os.close(theirs)

    def type(self, keys):
        os.write(self.terminal, keys)

    def line(self, text):
        """Types a line at the prompt; returns what came before the next."""
        self.type(text + b"\r")
        self.expect(rb"\n")
        return self.expect(PROMPT)

    def expect(self, pattern, seconds=30):
        """Waits until the end of what was printed matches."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.seen)
            if found:
                before = self.seen[:found.start()]
                self.seen = self.seen[found.end():]
                return re.sub(rb"\r+\n", b"\n", before)
            if not self.read(end - time.monotonic()):
                raise NotSeen(self.seen[-2000:])

    def read(self, seconds):
        """Takes what comes within that time; False: nothing did."""
        if seconds <= 0 or not select.select([self.terminal], [], [],
                                             seconds)[0]:
            return False
        try:
            data = os.read(self.terminal, 65536)
        except OSError:         # EIO: the other side is closed
            return False
        self.seen += data
        self.log += data
        return bool(data)

    def end(self, seconds=30):
        """Waits for the command's end; returns its exit status."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.read(0.1)
            if self.process.poll() is not None:
                return self.process.returncode
        raise NotSeen(b"no end: " + self.seen[-2000:])

    def restored(self):
        """Is the terminal as the command found it?"""
        return termios.tcgetattr(self.terminal) == self.settings

    def kill(self):
        """Ends the command and all that it has started, at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()
        os.close(self.terminal)
