# SPDX-License-Identifier: MIT
"""Processes and threads: finding them, and the commands ct-ps and ct-runq."""

import struct

import gdb

from cutaway import kernel, machine
from cutaway.command import command, number
from cutaway.kernel import safely

MOST_FRAMES = 64
# Where every sleep goes through.
SLEEPERS = ("kernel/core/sched.c", "kernel/core/waitq.c",
            "kernel/x86/context.c")


# ---- looking up -------------------------------------------------------------

def processes():
    """All but the kernel's own, in the order of their making."""
    return kernel.list_of(kernel.var("all_procs"), "struct proc", "p_all")


def find(pid):
    """The process (or that of the thread) with this number."""
    for each in processes():
        if int(each["p_pid"]) == pid:
            return each
    return find_thread(pid)["t_proc"].dereference()


def find_thread(tid):
    """A thread by its number; a process's number means its first thread."""
    for owner in everybody():
        for each in threads(owner):
            if int(each["t_tid"]) == tid:
                return each
    raise gdb.GdbError(f"there is no process or thread {signed(tid)}; see ct-ps")


def signed(value):
    """A number as it was typed: -1 and not 18446744073709551615."""
    return value - (1 << 64) if value >> 63 else value


def everybody():
    yield kernel.var("proc0")
    yield from processes()


def threads(owner):
    return kernel.list_of(owner["p_threads"], "struct thread", "t_link")


def current_process():
    return machine.current()["t_proc"].dereference()


def named(word):
    """The youngest process of that name, or else the one with that number."""
    found = [each for each in processes()
             if safely(lambda each=each: kernel.text(each["p_name"])) == word]
    if found:
        return found[-1]
    if word[:1].isalpha() or not word:
        raise gdb.GdbError(f"no process is called {word or 'nothing'}; see "
                           "ct-ps")
    return find(number(word))


def chosen(words):
    """The process that an argument names, else the one that runs here."""
    return named(words[0]) if words else current_process()


def label(owner):
    """cowdemo (pid 7)"""
    name = safely(lambda: kernel.text(owner["p_name"])) or "?"
    return f"{name} (pid {int(owner['p_pid'])})"


def using(space):
    """The processes whose address space this is (an address)."""
    return [each for each in processes()
            if safely(lambda each=each: int(each["p_vm"]), 0) == space]


def running():
    """{address of the struct thread: CPU} of what runs now."""
    found = {}
    for cpu in machine.cpus():
        thread = safely(lambda cpu=cpu: machine.current(cpu), None)
        if thread is not None:
            found[int(thread.address)] = cpu
    return found


def saved_frames(thread):
    """Code addresses on the stack of a thread that does not run, by frame
    pointers as in a panic's backtrace: innermost first, and nothing believed."""
    low, top = int(thread["t_kstack"]), int(thread["t_arch"]["at_kstack_top"])
    frame = kernel.at(int(thread["t_arch"]["at_rsp"]), "struct switch_frame")
    pc, base = int(frame["sf_rip"]), int(frame["sf_rbp"])
    for _ in range(MOST_FRAMES):
        yield pc
        if not low <= base <= top - 16 or base % 8:
            return
        base, pc = struct.unpack("<QQ", kernel.read(base, 16))


def asleep_in(thread):
    """The function that has put a thread to sleep: the innermost that is not the
    scheduler's."""
    noted = int(thread["t_wchan"])
    if noted:
        return kernel.function_at(noted)
    for pc in saved_frames(thread):
        if kernel.source_of(pc) not in SLEEPERS:
            return kernel.function_at(pc)
    return ""


# ---- ct-ps ------------------------------------------------------------------

@command("ct-ps")
def ct_ps(_words):
    """Processes and their threads: state, CPU, and where they sleep.

    A process of one thread takes one line. CPU is that of the run queue; a star
    marks a thread that is running on it now, and an arrow the one on the CPU that
    GDB looks at. "kernel" threads belong to the kernel's own process 0.
    Example: a breakpoint in schedule(), and at the stop
      ct-ps
    """
    now = running()
    here = safely(lambda: int(machine.current().address), 0)
    print(f"  {'PID':>5} {'PARENT':>6} {'THREAD':>6} {'STATE':<10} {'CPU':<4}"
          f"{'NAME':<16} WHERE")
    for owner in everybody():
        try:
            show_process(owner, now, here)
        except kernel.UNREADABLE:
            kernel.warn(f"struct proc at {int(owner.address):#x} "
                        "cannot be read")


def show_process(owner, now, here):
    pid = int(owner["p_pid"])
    parent = owner["p_parent"]
    above = safely(lambda: int(parent["p_pid"])) if int(parent) else "-"
    shown = False
    for thread in threads(owner):
        shown = True
        show_thread(pid, above, thread, now, here)
    state = kernel.enum_word(owner["p_state"])
    if not shown and state != "embryo":     # proc0, before proc_init()
        print(f"  {pid:>5} {above:>6} {'-':>6} {state:<10} {'':<4}"
              f"{safely(lambda: kernel.text(owner['p_name'])):<16}")


def show_thread(pid, above, thread, now, here):
    address = int(thread.address)
    state = kernel.enum_word(thread["t_state"])
    where = ""
    if address in now:
        where = "runs now"
    elif state == "running":
        state, where = "ready", "waits for its CPU"
    elif state not in ("dead", "new"):
        where = safely(lambda: asleep_in(thread))
    cpu = f"{int(thread['t_cpu'])}{'*' if address in now else ''}"
    print(f"{'->' if address == here else '  '}{pid:>5} {above:>6} "
          f"{int(thread['t_tid']):>6} {state:<10} {cpu:<4}"
          f"{kernel.text(thread['t_name']):<16} {where}")


# ---- ct-runq ----------------------------------------------------------------

@command("ct-runq")
def ct_runq(_words):
    """Each CPU's run queue: who runs, and who waits, in the order of their turn.

    The thread with the least virtual run time is the next. The number in front of
    a waiting thread is what it has had more than the queue's minimum, in
    microseconds at nice 0.
    Example: break schedule, continue, and at the stop
      ct-runq
    """
    for cpu in machine.cpus():
        try:
            show_queue(cpu, machine.percpu("runqueue", cpu))
        except kernel.UNREADABLE as error:
            kernel.warn(f"CPU {cpu}: {error}")


def show_queue(cpu, queue):
    runs, idle = queue["rq_curr"], queue["rq_idle"]
    if int(runs) == int(idle):
        what = "idle"
    elif int(runs):
        what = "runs " + safely(lambda: thread_label(runs))
    else:
        what = "not up yet"
    print(f"CPU {cpu}: {what}; {int(queue['rq_nqueued'])} waiting, "
          f"{int(queue['rq_switches'])} switches so far")
    least = int(queue["rq_min_vruntime"])
    count = 0
    for thread in kernel.tree_of(queue["rq_tree"]["rb_root"], "struct thread",
                                 "t_rq_node"):
        ahead = (int(thread["t_vruntime"]) - least) / 1000
        print(f"  {ahead:>+10.1f} us  {thread_label(thread)}")
        count += 1
    if count != int(queue["rq_nqueued"]):
        kernel.warn(f"rq_nqueued says {int(queue['rq_nqueued'])}, the tree has "
                    f"{count}")


def thread_label(thread):
    """sh (thread 4)"""
    return f"{kernel.text(thread['t_name'])} (thread {int(thread['t_tid'])})"
