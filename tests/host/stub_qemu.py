#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stands in for QEMU in test_guest_script.py.

It takes the command line that scripts/guest gives to QEMU, reads the program's
argv from the boot archive, and behaves as the guest and the machine would: it
speaks the guest's side of the port protocol and QEMU's side of QMP. The
"program" is one of the functions below, named by argv[0].
"""

import json
import os
import socket
import sys
import time

HEADER = 110


def archive_files(data):
    files, at = {}, 0
    while data[at:at + 6] == b"070701":
        size = int(data[at + 54:at + 62], 16)
        name_size = int(data[at + 94:at + 102], 16)
        name = data[at + HEADER:at + HEADER + name_size].rstrip(b"\0")
        start = at + HEADER + name_size
        files[name.decode()] = data[start:start + size]
        at = start + size
        at += -at % 4
        if name == b"TRAILER!!!":
            at += -at % 4096
    return files


class Machine:
    def __init__(self, args):
        self.args = args
        self.sockets = {}
        for word in args:
            if word.startswith("socket,"):
                values = dict(item.split("=") for item in word.split(",")[1:])
                self.sockets[values["id"]] = socket.socket(
                    fileno=int(values["fd"]))
        with open(self.value("-initrd"), "rb") as stream:
            self.files = archive_files(stream.read())
        self.argv = self.files["run/guest/argv"].decode().split("\0")[:-1]
        self.console(b"Cutaway stub\n")
        self.qmp = self.sockets["qmp"].makefile("rwb")
        self.tell({"QMP": {}})
        self.expect("qmp_capabilities")
        self.tell({"return": {}})

    def value(self, option):
        return self.args[self.args.index(option) + 1]

    def port(self, number):
        return self.sockets[f"port{number}"]

    def console(self, data):
        self.port(0).sendall(data)

    def tell(self, message):
        self.qmp.write(json.dumps(message).encode() + b"\r\n")
        self.qmp.flush()

    def expect(self, command):
        line = self.qmp.readline()
        assert json.loads(line)["execute"] == command, line

    def line(self, text):
        self.port(3).sendall(text.encode() + b"\n")

    def frames(self):
        """Yields stdin's pieces until the end-of-file frame."""
        stream = self.port(1).makefile("rb")
        while True:
            size = int.from_bytes(stream.read(2), "little")
            if not size:
                return
            yield stream.read(size)

    def power_off(self):
        self.tell({"event": "SHUTDOWN",
                   "data": {"guest": True, "reason": "guest-shutdown"}})
        self.expect("quit")
        sys.exit(0)

    def reset(self):
        self.tell({"event": "SHUTDOWN",
                   "data": {"guest": True, "reason": "guest-reset"}})
        self.registers()

    def registers(self):
        self.expect("human-monitor-command")
        self.tell({"return": "\r\nCPU#0\r\nRIP=ffffffff80100010 CR2=0000000000000bad"
                   "\r\nRSP=ffffffff80200000\r\n"})
        self.expect("quit")
        sys.exit(0)


def program_cat(machine):
    machine.line("ready")
    if "run/guest/stdin" in machine.files:
        machine.port(1).sendall(machine.files["run/guest/stdin"])
    else:
        for data in machine.frames():
            machine.port(1).sendall(data)
    machine.line("exit 0")
    machine.power_off()


def program_exit(machine):
    machine.line("ready")
    machine.port(2).sendall(b"to stderr\n")
    machine.line("exit " + machine.argv[1])
    machine.power_off()


def program_signal(machine):
    machine.line("ready")
    machine.line("signal " + machine.argv[1])
    machine.power_off()


def program_show(machine):
    """Prints files of the archive, then the options of QEMU."""
    machine.line("ready")
    for name in machine.argv[1:]:
        machine.port(1).sendall(machine.files.get(name, b"(none)") + b"\n")
    machine.port(1).sendall(" ".join(machine.args).encode() + b"\n")
    machine.line("exit 0")
    machine.power_off()


def program_noisy(machine):
    """Firmware that takes COM2 for a screen."""
    machine.port(1).sendall(b"\33[2JBooting\n")
    time.sleep(0.3)
    machine.line("ready")
    machine.port(1).sendall(b"output\n")
    machine.line("exit 0")
    machine.power_off()


def program_panic(machine):
    machine.console(b"panic: stub\n")
    os._exit(133)


def program_triple(machine):
    with open(machine.value("-D"), "w", encoding="ascii") as log:
        log.write("CPU Reset (CPU 0)\nTriple fault\n")
    machine.reset()


def program_reset(machine):
    machine.reset()


def program_mute(machine):
    machine.line("ready")
    machine.power_off()


def program_hang(machine):
    machine.line("ready")
    machine.port(1).sendall(b"before\n")
    machine.registers()


def program_dead(machine):
    machine.line("ready")
    machine.port(1).sendall(b"before\n")
    time.sleep(60)


def program_refuse(machine):
    print("qemu: no such option", file=sys.stderr)
    sys.exit(1)


def program_flood(machine):
    machine.line("ready")
    try:
        while True:
            machine.port(1).sendall(b"y\n" * 2048)
    except OSError:
        sys.exit(0)


if __name__ == "__main__":
    running = Machine(sys.argv[1:])
    globals()["program_" + running.argv[0]](running)
