# SPDX-License-Identifier: MIT
"""User programs' symbols, and the commands ct-exec and ct-break.

All programs lie at the same addresses, so GDB can know one of them at a time: at
each stop that of the process on the CPU it looks at. Where the program lies is
taken from the process's areas, so that position-independent ones are found, too.
"""

import os
import struct

import gdb

from cutaway import kernel, names, pages, processes
from cutaway.command import command

PT_LOAD = 1                 # elf(5); the ELF of a program, not the kernel's


class Loaded:
    """What GDB knows at present."""
    file = bias = None


# ---- finding a program ------------------------------------------------------

def path_of(owner):
    """The path of the program that a process runs, or None."""
    return names.file_path(owner["p_exe"]) if int(owner["p_exe"]) else None


def debug_file(path):
    """The linked program with its symbols for a path in the guest, or None."""
    folder, name = os.path.split(path)
    kind = "tests" if folder.endswith("tests") else "bin"
    above = os.path.abspath(kernel.objfile().filename)
    places = [os.environ.get("O", "build")]
    for _ in range(3):
        above = os.path.dirname(above)
        places.insert(-1, above)
    found = [os.path.abspath(os.path.join(place, "user/debug", kind, name))
             for place in places]
    return next((file for file in found if os.path.exists(file)), None)


def bias_of(owner, file):
    """How far a process's program is from where its file says."""
    item = int(owner["p_exe"]["f_vnode"]["v_object"].address)
    for area in pages.areas(pages.space_of(owner)):
        if int(area["va_object"]) == item:
            return int(area["va_start"]) - int(area["va_offset"]) - \
                linked_at(file)
    raise kernel.Unknown("the program's file is not mapped")


def linked_at(file):
    """Address, by the program headers, of the start of an ELF file."""
    with open(file, "rb") as elf:
        head = elf.read(64)
        at, = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        elf.seek(at)
        headers = elf.read(size * count)
    for number in range(count):
        kind, _, offset, address = struct.unpack_from("<IIQQ", headers,
                                                      number * size)
        if kind == PT_LOAD:
            return address - offset
    raise kernel.Unknown(f"{file} has no loadable segment")


# ---- loading ----------------------------------------------------------------

def follow(owner):
    """Makes the symbols that GDB knows those of the process's program."""
    path = path_of(owner)
    file = path and debug_file(path)
    bias = bias_of(owner, file) if file else None
    if (file, bias) == (Loaded.file, Loaded.bias):
        return
    if Loaded.file:
        gdb.execute(f"remove-symbol-file {Loaded.file}", to_string=True)
    Loaded.file = Loaded.bias = None
    if file:
        gdb.execute(f"add-symbol-file {file} -o {bias:#x}", to_string=True)
        Loaded.file, Loaded.bias = file, bias


def follow_current():
    """The same for whatever runs now; threads of the kernel change nothing."""
    try:
        owner = processes.current_process()
        if int(owner["p_vm"]) and int(owner["p_exe"]):
            follow(owner)
    except (*kernel.UNREADABLE, OSError, gdb.GdbError):
        pass


gdb.events.stop.connect(lambda _event: follow_current())


# ---- stopping in programs ---------------------------------------------------

def runs(owner, name):
    """Does a process run what is called that: by its path, by the last part
    of it, or by how it was called (an applet of busybox)?"""
    path = path_of(owner) or ""
    return name in (path, os.path.basename(path),
                    kernel.text(owner["p_name"]))


class ExecStop(gdb.Breakpoint):
    """On the last thing exec does: the program is in place, with its registers."""

    def __init__(self, name):
        super().__init__(f"*{kernel.address_of('arch_exec_frame'):#x}",
                         internal=True)
        self.silent = True
        self.name, self.hit = name, False

    def stop(self):
        self.hit = not self.name or kernel.safely(
            lambda: runs(processes.current_process(), self.name), False)
        return self.hit


@command("ct-exec", "[PROGRAM]", early=True)
def ct_exec(words):
    """Goes on until a process executes PROGRAM (or any), and loads its symbols.

    It stops in the kernel, at the end of exec, before the program's first
    instruction. PROGRAM is a path in the guest or its last part, such as sh. Then
    ct-break sets a breakpoint in it.
    """
    stop = ExecStop(words[0] if words else None)
    try:
        gdb.execute("continue")
        if not stop.hit:
            print("Stopped for another reason before that.")
            return
        owner = processes.current_process()
        follow(owner)
        known = Loaded.file or "none; it has no file in build/user/debug"
        print(f"{processes.label(owner)} executes {path_of(owner)}; symbols: "
              f"{known}")
    finally:
        stop.delete()


class ProgramBreakpoint(gdb.Breakpoint):
    """At an address of one program; other programs' code there does not count."""

    def __init__(self, address, path):
        super().__init__(f"*{address:#x}")
        self.path = path

    def stop(self):
        return kernel.safely(lambda: path_of(processes.current_process()),
                             None) == self.path


@command("ct-break", "LOCATION")
def ct_break(words):
    """Sets a breakpoint in the program of the process that runs now.

    LOCATION is as for break: a function, or FILE:LINE. An ordinary breakpoint
    would stop all programs that have code at that address, and they all do. Use
    delete, disable and ignore as with any breakpoint.
    """
    owner = processes.current_process()
    follow(owner)
    path = path_of(owner)
    if not Loaded.file:
        raise gdb.GdbError(f"no symbols of {path} are known; see ct-exec")
    for place in gdb.decode_line(words[0])[1] or ():
        if not place.symtab or place.symtab.objfile.filename == Loaded.file:
            ProgramBreakpoint(place.pc, path)
            return
    raise gdb.GdbError(f"{words[0]} is not in {path}")
