# SPDX-License-Identifier: MIT
"""Going through a recording, forwards and back: ct-replay and ct-back.

A replay executes the recorded instructions, each at its count. So back is
forward: QEMU is started anew and runs from the first instruction to the exact
count, with all breakpoints off. (QEMU's own reverse-step hangs often enough.)
"""

import os
import re
import shutil
import subprocess
import time

import gdb

from cutaway import kernel, machine
from cutaway.command import command, number
from cutaway.fault import FaultEnd

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))))

FIRST_WINDOW = 100000       # instructions in which the way back is looked for
SYSCALL_SIZE = 2            # bytes of the instruction SYSCALL


class Quiet:
    """While it lasts, what GDB prints is lost: where it stops on the way."""

    def __enter__(self):
        gdb.flush()
        self.output = os.dup(1)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)

    def __exit__(self, *_error):
        gdb.flush()
        os.dup2(self.output, 1)
        os.close(self.output)


class Machine:
    """The QEMU that replays for this GDB."""
    process = None

    @classmethod
    def start(cls):
        folder = os.path.dirname(os.path.abspath(kernel.objfile().filename))
        socket = os.path.join(folder, "gdb.sock")
        log = os.path.join(folder, "console.log")
        if os.path.exists(socket):
            os.unlink(socket)
        words = [os.path.join(ROOT, "scripts", "run"), "--replay",
                 "--wait-gdb", "--console", f"file:{log}"]
        setpriv = shutil.which("setpriv")
        if setpriv:             # ends with GDB, however that ends
            words = [setpriv, "--pdeathsig", "TERM", *words]
        # A session of its own: ^C is for GDB, which then stops the guest.
        cls.process = subprocess.Popen(words, start_new_session=True,
                                       stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL,
                                       env={**os.environ, "RECORD": folder})
        while not os.path.exists(socket):       # then somebody listens
            if cls.process.poll() is not None:
                raise gdb.GdbError("the replay could not be started")
            time.sleep(0.02)
        gdb.execute(f"target remote {socket}", to_string=True)
        return log

    @classmethod
    def stop(cls):
        if cls.process:
            # After `kill` there is no connection to end.
            if gdb.selected_inferior().connection is not None:
                gdb.execute("disconnect", to_string=True)
            # scripts/run ends its QEMU, before it ends.
            cls.process.terminate()
            cls.process.wait()
            cls.process = None


def monitor(text):
    return gdb.execute("monitor " + text, to_string=True)


def count():
    """How many instructions have been executed since the start."""
    found = re.search(r"instruction count = (\d+)", monitor("info replay"))
    if not found:
        raise gdb.GdbError("this is no replay; see make record and make replay")
    return int(found[1])


def run_to(target):
    """From the start to an instruction count."""
    if target == 0:
        return
    enabled = [each for each in gdb.breakpoints() if each.enabled]
    for each in enabled:
        each.enabled = False
    try:
        monitor(f"replay_break {target}")
        gdb.execute("continue", to_string=True)
    finally:
        for each in enabled:
            if each.is_valid():
                each.enabled = True
    if count() != target:
        raise gdb.GdbError(f"the replay stopped at instruction {count()}, not "
                           f"at {target}")


@command("ct-replay", early=True)
def ct_replay(_words):
    """Replays the last recording (`make record`), from its first instruction.

    Everything happens as it did then, as often as you like: the same keys, the
    same interrupts at the same instructions, the same addresses. Breakpoints and
    stepping do not disturb it. ct-back goes back. `make replay` calls this.
    Example: in GDB with build/record/cutaway.elf, to begin again
      ct-replay
    """
    Machine.stop()
    with Quiet():
        log = Machine.start()
    print(f"The guest's console goes to {os.path.relpath(log)}.")


def restart(target):
    with Quiet():
        Machine.stop()
        Machine.start()
        run_to(target)


def go(target, address=None):
    """To a count, which has the instruction at that address as its next. One that
    faults is not counted: it may have failed already when QEMU stops there."""
    restart(target)
    if address is not None and program_counter() != address:
        restart(target - 1)
        with Quiet():
            gdb.execute("stepi")
    FaultEnd.expect_again()
    print(f"At instruction {target}.")
    gdb.execute("frame")


def program_counter():
    return int(gdb.newest_frame().pc())


def user_address():
    """Of the user's instruction that this CPU entered the kernel from: it will be
    repeated after a fault, and is the one before after a system call."""
    if int(gdb.parse_and_eval("(unsigned long)$cs")) & 3:
        raise gdb.GdbError("this is user code already")
    frame = kernel.at(int(machine.current()["t_arch"]["at_kstack_top"]) -
                      kernel.type_of("struct trapframe").sizeof,
                      "struct trapframe")
    called = int(frame["tf_vec"]) == kernel.const("TF_VEC_SYSCALL")
    return int(frame["tf_rip"]) - (SYSCALL_SIZE if called else 0)


def last_visit(address, now):
    """The count at which user code at an address was last begun before now."""
    window = FIRST_WINDOW
    while True:
        restart(max(now - window, 0))
        found = None
        monitor(f"replay_break {now}")
        with Quiet():
            stop = gdb.Breakpoint(f"*{address:#x}", internal=True)
            stop.silent = True
            while count() < now:
                gdb.execute("continue", to_string=True)
                if program_counter() == address:
                    found = count()
            stop.delete()
        if found is not None or window > now:
            return found
        window *= 10


@command("ct-back", "[N|user]", early=True)
def ct_back(words):
    """Goes back N instructions in a replay, one if N is not given.

    ct-back user goes to the last instruction of user code: out of a page fault or
    a system call, to what caused it. Breakpoints stay, and can be reached again
    with continue. It takes as long as the recording took to here, for the replay
    starts anew and runs to the instruction before. ct-back 0 goes nowhere and
    tells the count, for ct-goto.
    Examples:
      ct-back 200         200 instructions earlier
      ct-back user        to the instruction that faulted or called the kernel
    """
    now = count()
    if words == ["user"]:
        address = user_address()
        begun = last_visit(address, now)
        if begun is None:
            raise gdb.GdbError("no user code came before")
        go(begun, address)
        return
    steps = number(words[0]) if words else 1
    if steps:
        go(max(now - steps, 0))
    else:
        print(f"At instruction {now}.")


@command("ct-goto", "COUNT", early=True)
def ct_goto(words):
    """Goes to an instruction of a replay by its count, forwards or back.

    ct-back 0 tells the count of the place where the replay is now.
    Example:
      ct-goto 11597373
    """
    target = number(words[0])
    if target != count():
        go(target)


@gdb.events.gdb_exiting.connect
def _exiting(_event):
    with Quiet():
        Machine.stop()
