# SPDX-License-Identifier: MIT
"""ct-files: descriptors, open files and vnodes, drawn as three tables."""

import stat
import struct

from cutaway import kernel, names, processes
from cutaway.command import command
from cutaway.kernel import amount, const, safely

KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory",
         stat.S_IFCHR: "character device", stat.S_IFBLK: "block device",
         stat.S_IFLNK: "symbolic link", stat.S_IFIFO: "FIFO",
         stat.S_IFSOCK: "socket"}
MOST = 4096                 # descriptors that are looked at in one table


def descriptors(owner):
    """[(number, address of the struct file, closes on exec)]"""
    table = owner["p_fdt"]
    if not int(table):
        return []
    count = min(int(table["fdt_size"]), MOST)
    pointers = struct.unpack(f"<{count}Q",
                             kernel.read(table["fdt_files"], 8 * count))
    return [(number, pointer,
             bool(int(table["fdt_cloexec"][number // 64]) >> number % 64 & 1))
            for number, pointer in enumerate(pointers) if pointer]


@command("ct-files", "[PID|NAME]")
def ct_files(words):
    """The files of a process: its descriptors, the open files, their vnodes.

    Three tables, as a lecture draws them: descriptors that lead to the same open
    file share its offset, whether dup or fork made them; open files of one file
    share its vnode. Marked with * are descriptors that exec closes. "also" names
    the descriptors of other processes that lead to the same open file.
    Example:
      ct-files sh
    """
    owner = processes.chosen(words)
    mine = descriptors(owner)
    if not mine:
        print(f"{processes.label(owner)} has no descriptors")
        return
    shared = sharers(owner)
    print(f"{'descriptors of':<16}  {'open files (system-wide)':<40} vnodes "
          "(system-wide)")
    print(f"{processes.label(owner)}")
    for pointer in dict.fromkeys(file for _, file, _ in mine):
        numbers = [f"{number}{'*' if closes else ''}"
                   for number, file, closes in mine if file == pointer]
        try:
            show_file(numbers, pointer, shared.get(pointer))
        except kernel.UNREADABLE:
            kernel.warn(f"descriptor {', '.join(numbers)}: the struct file at "
                        f"{pointer:#x} cannot be read")


def sharers(owner):
    """{struct file: descriptors of other processes that lead to it}"""
    found = {}
    for other in processes.processes():
        if int(other.address) == int(owner.address):
            continue
        pid = int(other["p_pid"])
        for number, pointer, _ in safely(lambda other=other:
                                         descriptors(other), ()):
            found.setdefault(pointer, []).append(f"{pid}:{number}")
    return found


def show_file(numbers, pointer, others):
    """The descriptors on the left, one to a line, joined into one arrow."""
    file = kernel.at(pointer, "struct file")
    middle = [describe_file(file), f"at {pointer:#x}"]
    if others:
        middle.append("also " + " ".join(others))
    right = describe_target(file)
    for row in range(max(len(numbers), len(middle), len(right))):
        left = arrow(numbers, row)
        mid = middle[row] if row < len(middle) else ""
        link = "->" if row == 0 else "  "
        end = right[row] if row < len(right) else ""
        print(f"{left:<16}  {mid:<40} {link} {end}".rstrip())


def arrow(numbers, row):
    if row >= len(numbers):
        return ""
    joint = "-" if len(numbers) == 1 else "+"
    head = "->" if row == 0 else ""
    return f"{numbers[row]:>5} ------{joint}{head}"


def describe_file(file):
    mode = int(file["f_mode"])
    access = "".join(letter for letter, bit in
                     (("r", "FMODE_READ"), ("w", "FMODE_WRITE"))
                     if mode & const(bit))
    said = [access or "no access"]
    if mode & const("FMODE_SEEK"):
        said.append(f"offset {int(file['f_pos'])}")
    for name in ("O_APPEND", "O_NONBLOCK"):
        if int(file["f_flags"]) & const(name):
            said.append(name)
    said.append(amount(kernel.atomic(file["f_ref"]), "reference"))
    return ", ".join(said)


def describe_target(file):
    """Lines on the vnode, or on what a file without one is."""
    name = safely(lambda: names.file_path(file))
    vnode = file["f_vnode"]
    if not int(vnode):
        return [name, *safely(lambda: describe_pipe(file), [])]
    mode = int(vnode["v_mode"])
    kind = KINDS.get(stat.S_IFMT(mode), "?")
    return [name,
            f"{kind} {stat.S_IMODE(mode):04o}, inode {int(vnode['v_ino'])}, "
            f"size {int(vnode['v_size'])}",
            f"{amount(kernel.atomic(vnode['v_ref']), 'reference')}, "
            f"{amount(int(vnode['v_nlink']), 'name')}, at {int(vnode):#x}"]


def describe_pipe(file):
    if int(file["f_ops"]) != kernel.address_of("pipe_fops"):
        return []
    pipe = file["f_data"].cast(kernel.type_of("struct pipe").pointer())
    room = int(pipe["p_nslots"]) * const("PAGE_SIZE")
    return [f"{int(pipe['p_head']) - int(pipe['p_tail'])} of {room} bytes in "
            f"it, at {int(pipe):#x}",
            f"{amount(int(pipe['p_readers']), 'reader')}, "
            f"{amount(int(pipe['p_writers']), 'writer')}"]
