# SPDX-License-Identifier: MIT
"""The host's side of the guest protocol: one program's streams over four
serial ports. The guest's side is user/init/runner.c.

    port 0  COM1  console: the kernel's log, kept for reports
    port 1  COM2  to the guest: stdin as frames {u16 little-endian length,
                  bytes}, length 0 = end of file; from it: stdout, as it is
    port 2  COM3  from the guest: stderr, as it is
    port 3  COM4  from the guest: lines. "ready" when the ports are raw, so
                  that stdin may come; at the end "exit N" or "signal N"

Nothing is sent before "ready": a port that is still a terminal would take
length bytes for control characters. And what the other ports say before it is
dropped: firmware for UEFI uses COM2 as a screen.
"""

import os
import select

FRAME = 4096
LOG_MAX = 4 << 20
IN = select.POLLIN | select.POLLHUP | select.POLLERR


class Relay:
    """Moves bytes until every port is closed, that is until QEMU has ended.

    stdin: a descriptor, or None: the program has its input already
    status: what the guest said, as an exit status, or None
    log: the console's output, its last LOG_MAX bytes at least
    """

    def __init__(self, running, stdin=0, stdout=1, stderr=2):
        self.running = running
        self.stdin, self.stdout, self.stderr = stdin, stdout, stderr
        self.ready = False
        self.status = None
        self.log = bytearray()
        self._lines = b""
        self._to_guest = bytearray()
        self._stdin_open = stdin is not None
        self._open = set(range(len(running.ports)))
        self._poll = select.poll()
        self._handlers = {}
        self._watch(running.monitor, self._from_monitor)
        for number, port in enumerate(running.ports):
            port.setblocking(False)
            self._watch(port, lambda events, number=number:
                        self._port_event(number, events))

    def _watch(self, stream, handler):
        self._poll.register(stream, IN)
        self._handlers[stream.fileno()] = handler

    def run(self):
        while self._open:
            self._choose_events()
            for descriptor, events in self._poll.poll():
                if descriptor == self.stdin and self._stdin_open:
                    self._from_stdin()
                elif descriptor in self._handlers:
                    self._handlers[descriptor](events)

    def _choose_events(self):
        """stdin is read only while nothing waits, so a program that does not
        read holds its writer up, as a pipe would."""
        if 1 in self._open:
            wants = IN | (select.POLLOUT if self._to_guest else 0)
            self._poll.modify(self.running.ports[1], wants)
        if self.ready and self._stdin_open and not self._to_guest:
            self._poll.register(self.stdin, IN)
        elif self.stdin is not None:
            try:
                self._poll.unregister(self.stdin)
            except KeyError:
                pass

    def _from_stdin(self):
        try:
            data = os.read(self.stdin, FRAME)
        except OSError:
            data = b""
        if not data:
            self._stdin_open = False
        self._to_guest += len(data).to_bytes(2, "little") + data

    def _from_monitor(self, events):
        if not self.running.hear():
            self._forget(self.running.monitor)

    def _forget(self, stream):
        self._poll.unregister(stream)
        del self._handlers[stream.fileno()]

    def _port_event(self, number, events):
        port = self.running.ports[number]
        if events & select.POLLOUT:
            try:
                sent = port.send(self._to_guest)
                del self._to_guest[:sent]
            except BlockingIOError:
                pass
            except OSError:
                self._to_guest.clear()
        if not events & IN:
            return
        if number in (1, 2) and not self.ready and 3 in self._open:
            self._port_event(3, IN)     # it was written before their data
        try:
            data = port.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._from_guest(number, data)
        else:
            self._forget(port)
            self._open.discard(number)

    def _from_guest(self, number, data):
        if number == 0:
            self.log += data
            if len(self.log) > 2 * LOG_MAX:
                del self.log[:-LOG_MAX]
        elif number in (1, 2):
            if self.ready:
                write_all(self.stdout if number == 1 else self.stderr, data)
        else:
            self._lines += data
            while b"\n" in self._lines:
                line, _, self._lines = self._lines.partition(b"\n")
                self._status_line(line.strip())

    def _status_line(self, line):
        word, _, number = line.partition(b" ")
        if line == b"ready":
            self.ready = True
        elif word == b"exit" and number.isdigit():
            self.status = int(number) & 0xff
        elif word == b"signal" and number.isdigit():
            self.status = 128 + int(number)


def write_all(descriptor, data):
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view):]
        except BlockingIOError:
            select.select([], [descriptor], [])
