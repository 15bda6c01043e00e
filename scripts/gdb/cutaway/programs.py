# SPDX-License-Identifier: MIT
"""User programs' symbols, and the commands ct-exec and ct-break.

Programs lie at the same addresses, so GDB can know those of one process at a time:
at each stop those of the process on the CPU it looks at. What it runs, and which
libraries, and where they lie, is taken from its areas: so position-independent
programs are found wherever they are, and libraries as soon as ld.so has them.
"""

import contextlib
import os
import struct

import gdb

from cutaway import kernel, names, pages, processes
from cutaway.command import command
from cutaway.kernel import const

PT_LOAD = 1                 # elf(5); the ELF of a program, not the kernel's
ELF_HEADER = 64
SECTIONS = slice(40, 48), slice(58, 64)     # of the header: what strip changes

loaded = {}                 # {file on the host: its bias} that GDB knows now
chosen = {}                 # {path in the guest: file}, by ct-exec


# ---- finding files ----------------------------------------------------------

def path_of(owner):
    """The path of the program that a process runs, or None."""
    return names.file_path(owner["p_exe"]) if int(owner["p_exe"]) else None


def candidates(path):
    """Files of the host that may have the symbols of a file of the guest: ours, as
    linked, or what --add-program has copied."""
    folder, name = os.path.split(path)
    kind = "tests" if folder.endswith("tests") else "bin"
    above = os.path.abspath(kernel.objfile().filename)
    places = [os.environ.get("O", "build")]
    for _ in range(3):
        above = os.path.dirname(above)
        places.insert(-1, above)
    return [os.path.abspath(os.path.join(place, "user/debug", kind, name))
            for place in places] + [path]


def debug_file(path):
    """The first of the candidates that there is, or None."""
    return next(filter(os.path.isfile, candidates(path)), None)


def headers(data):
    """The ELF header without what strip changes, and the program headers."""
    at, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    kept = bytearray(data[:ELF_HEADER])
    for part in SECTIONS:
        kept[part] = bytes(len(kept[part]))
    return bytes(kept), [data[at + number * size:at + (number + 1) * size]
                         for number in range(count)]


def first_page(file):
    with open(file, "rb") as elf:
        return elf.read(const("PAGE_SIZE"))


def is_of(file, item):
    """Is that the ELF file whose pages a struct vm_object (a pointer) has? True
    also where the page that tells is not in memory."""
    page = kernel.radix_lookup(item["vo_pages"], 0)
    if not page:
        return True
    data = kernel.read(pages.direct(pages.pfn_of(page) << const("PAGE_SHIFT")),
                       const("PAGE_SIZE"))
    return headers(first_page(file)) == headers(data)


def file_of(path, item):
    """The file with the symbols of what an object has, or None."""
    if path in chosen:
        return chosen[path]
    for each in candidates(path):
        if os.path.isfile(each) and is_of(each, item):
            return each
    return None


def linked_at(file):
    """Address, by the program headers, of the start of an ELF file."""
    for header in headers(first_page(file))[1]:
        kind, _, offset, address = struct.unpack_from("<IIQQ", header)
        if kind == PT_LOAD:
            return address - offset
    raise kernel.Unknown(f"{file} has no loadable segment")


def wanted(owner):
    """{file: bias} of all files with code that a process has mapped."""
    found = {}
    for area in pages.areas(pages.space_of(owner)):
        if int(area["va_object"]) and \
                int(area["va_flags"]) & const("VA_EXEC"):
            file = file_of(names.area_name(area), area["va_object"])
            if file:
                found[file] = int(area["va_start"]) - \
                    int(area["va_offset"]) - linked_at(file)
    return found


# ---- loading ----------------------------------------------------------------

def follow(owner):
    """Makes the symbols that GDB knows those of what the process has mapped."""
    load(wanted(owner))


def load(now):
    """Makes the symbols that GDB knows those of {file: bias}."""
    for file in [each for each in loaded if loaded[each] != now.get(each)]:
        del loaded[file]
        gdb.execute(f"remove-symbol-file {file}", to_string=True)
    for file, bias in now.items():
        if file not in loaded:
            gdb.execute(f"add-symbol-file {file} -o {bias:#x}", to_string=True)
            loaded[file] = bias


@contextlib.contextmanager
def symbols_of(owner):
    """Meanwhile GDB knows the symbols of that process, and then again those that it
    knew before."""
    before = dict(loaded)
    try:
        with contextlib.suppress(*kernel.UNREADABLE, OSError, gdb.GdbError):
            if int(owner["p_vm"]):
                follow(owner)
        yield
    finally:
        load(before)


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


@command("ct-exec", "[PROGRAM] [FILE]", early=True)
def ct_exec(words):
    """Goes on until a process executes PROGRAM (or any), and loads its symbols.

    It stops in the kernel, at the end of exec, before the program's first
    instruction. PROGRAM is a path in the guest or its last part. Symbols are those
    of build/user/debug, or of the file of that path on this machine, if it is the
    same; FILE names another. Those of libraries come when ld.so has mapped them.
    Examples:
      ct-exec sh                      then ct-break main, continue
      ct-exec /bin/mine ./mine        what scripts/guest --add ./mine:/bin/mine has
    """
    stop = ExecStop(words[0] if words else None)
    try:
        gdb.execute("continue")
        if not stop.hit:
            print("Stopped for another reason before that.")
            return
        owner = processes.current_process()
        path = path_of(owner)
        if len(words) > 1:
            chosen[path] = os.path.abspath(words[1])
        follow(owner)
        print(f"{processes.label(owner)} executes {path}; symbols: "
              f"{' '.join(loaded) or 'none'}")
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

    LOCATION is as for break: a function, FILE:LINE, or *ADDRESS; of the program or
    of its libraries. An ordinary breakpoint would stop all programs that have code
    at that address. Use delete, disable and ignore as with any breakpoint.
    Examples:
      ct-break main
      ct-break user/cowdemo.c:75
    """
    owner = processes.current_process()
    follow(owner)
    path = path_of(owner)
    if not loaded:
        raise gdb.GdbError(f"no symbols of {path} are known; see ct-exec")
    for place in gdb.decode_line(words[0])[1] or ():
        if place.pc < const("USER_TOP"):
            ProgramBreakpoint(place.pc, path)
            return
    raise gdb.GdbError(f"{words[0]} is not in {path}")
