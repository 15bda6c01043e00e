# SPDX-License-Identifier: MIT
"""ct-bt: the backtrace of a thread that does not run.

A sleeping thread's registers are on its stack, where switch_stacks() has pushed
them. An unwinder tells GDB that frame 0, which is the CPU's, was called from
there. So GDB's own machinery shows the frames, with arguments and locals, and
neither memory nor a register is changed. When they are shown GDB forgets them: its
frames, its selection and the symbols it knows are again those of the CPU.
"""

import contextlib

import gdb
import gdb.unwinder

from cutaway import kernel, machine, processes, programs
from cutaway.command import command, number
from cutaway.kernel import safely

ENTRY = "<signal handler called>"       # GDB's words for code in entry.S
REGISTERS = ("r15", "r14", "r13", "r12", "rbx", "rbp", "rip")


class Identity:
    """Of a frame, as GDB wants it; stack address 0 is inside of no other."""

    def __init__(self, pc):
        self.sp = gdb.Value(0).cast(pc.type)
        self.pc = pc


class SleeperUnwinder(gdb.unwinder.Unwinder):
    """Puts a sleeping thread's frames behind frame 0, while there is one."""

    def __init__(self):
        super().__init__("cutaway sleeper")
        self.stack = None       # its saved stack pointer
        self.cpu_stack = None   # the CPU's, to know frame 0 by

    def __call__(self, pending):
        if self.stack is None:
            return None
        if int(pending.read_register("rsp")) != self.cpu_stack:
            return None
        try:
            frame = kernel.at(self.stack, "struct switch_frame")
            info = pending.create_unwind_info(
                Identity(pending.read_register("rip")))
            for name in REGISTERS:
                info.add_saved_register(name, frame["sf_" + name])
            above = self.stack + frame.type.sizeof
            info.add_saved_register("rsp", gdb.Value(above))
            return info
        except kernel.UNREADABLE:
            return None

    @contextlib.contextmanager
    def unwinding(self, stack):
        """Meanwhile GDB's frames 1, 2 ... are those of that stack."""
        newest = gdb.newest_frame()
        newest.select()
        self.cpu_stack = int(newest.read_register("rsp"))
        self.stack = stack
        gdb.invalidate_cached_frames()
        try:
            yield
        finally:
            self.stack = None
            gdb.invalidate_cached_frames()


sleeper = SleeperUnwinder()
gdb.unwinder.register_unwinder(None, sleeper, replace=True)


@command("ct-bt", "[PID] [full]")
def ct_bt(words):
    """The backtrace of a thread, sleeping or running, by its number.

    With full, each function's local variables, too. A process number means its first
    thread; ct-ps lists them. The last line says where user code called the kernel.
    GDB goes on looking at what it looked at before: backtrace is the CPU's, and so is
    ct-bt without a number.
    Examples:
      ct-bt 2             where process 2 sleeps
      ct-bt 2 full        and with what in its variables
    """
    full = " full" if words[-1:] == ["full"] else ""
    if full:
        words.pop()
    if not words:
        gdb.execute("backtrace" + full)
        return
    thread = processes.find_thread(number(words[0]))
    with machine.selection_kept():
        show(thread, full)


def show(thread, full):
    owner = thread["t_proc"].dereference()
    state = kernel.enum_word(thread["t_state"])
    where = processes.running().get(int(thread.address))
    print(f"{processes.thread_label(thread)} of {processes.label(owner)}: "
          f"{state}{'' if where is None else f', on CPU {where}'}")
    if where is not None:
        show_running(where, full)
    elif state == "dead":
        print("  it will never run again, and its stack is not its own")
    else:
        show_sleeping(thread, full)


def show_running(cpu, full):
    """Its frames are those of a CPU; GDB calls CPUs threads."""
    for each in gdb.selected_inferior().threads():
        each.switch()
        if machine.this_cpu() == cpu:
            with programs.symbols_of(processes.current_process()):
                gdb.execute("backtrace" + full)
            return


def show_sleeping(thread, full):
    stack = int(thread["t_arch"]["at_rsp"])
    low, top = int(thread["t_kstack"]), int(thread["t_arch"]["at_kstack_top"])
    if not low <= stack < top:
        kernel.warn(f"its stack pointer {stack:#x} is not in its stack "
                    f"({low:#x}-{top:#x})")
    with sleeper.unwinding(stack):
        # Frame 0 may be a program's main, where GDB would stop.
        text = safely(lambda: gdb.execute("with backtrace past-main on -- "
                                          "backtrace" + full, to_string=True), "")
    if "\n#2 " in text:         # frame 0 is the CPU's, with its variables
        show_frames(text[text.index("\n#1 ") + 1:].splitlines(), thread)
        return
    kernel.warn("GDB cannot unwind it; by frame pointers:")
    for depth, pc in enumerate(processes.saved_frames(thread), 1):
        print(f"#{depth:<2} {pc:#x} in {kernel.function_at(pc)} "
              f"{safely(lambda pc=pc: kernel.place_of(pc), '')}")


def show_frames(frames, thread):
    """GDB's lines, as far as the entry into the kernel: what lies beyond is in the
    memory of a process that this CPU has not loaded."""
    for line in frames:
        if ENTRY in line:
            registers = kernel.at(int(thread["t_arch"]["at_kstack_top"]) -
                                  kernel.type_of("struct trapframe").sizeof,
                                  "struct trapframe")
            pc = int(registers["tf_rip"])
            with programs.symbols_of(thread["t_proc"].dereference()):
                print(f"    called from user mode, {kernel.function_at(pc)} "
                      f"({pc:#x}) {safely(lambda: kernel.place_of(pc), '')}")
            return
        print(line)
