# SPDX-License-Identifier: MIT
"""The machine that the kernel runs on: is there one, does it run this kernel, and
which CPU is which."""

import contextlib

import gdb

from cutaway import kernel
from cutaway.kernel import const

PAGING = 1 << 31            # CR0.PG: SDM vol. 3, 2.5


# ---- the whole machine ------------------------------------------------------

class Seen:
    """The connection whose kernel was compared last."""
    connection = None


def check(early):
    """Refuses a command where there is nothing to look at, and says why; early: it
    needs no kernel that runs."""
    inferior = gdb.selected_inferior()
    if early:
        return
    if not inferior.threads():
        raise gdb.GdbError("There is no machine. `make gdb` in a shell starts "
                           "one, and GDB with it.")
    if not int(gdb.parse_and_eval("(unsigned long)$cr0")) & PAGING:
        raise gdb.GdbError("This CPU has no page tables yet, so there is "
                           "nothing to see of the kernel: `continue` goes on "
                           "to kmain.")
    if Seen.connection != inferior.connection_num:
        Seen.connection = inferior.connection_num
        compare()
    if not kernel.safely(lambda: int(kernel.var("zero_page")), 1):
        kernel.warn("the kernel is still starting: page_init() has not run")


def compare():
    """Warns of a kernel in memory that is not the one whose symbols we have: its
    table of functions has other addresses than the file."""
    start, end = (int(kernel.var(name).address)
                  for name in ("ksyms_addr", "ksyms_count"))
    memory = kernel.safely(lambda: kernel.read(start, end - start), None)
    gdb.execute("set trust-readonly-sections on")
    file = kernel.read(start, end - start)
    gdb.execute("set trust-readonly-sections off")
    if memory not in (None, file):
        kernel.warn("the machine runs another kernel than the one whose symbols "
                    "GDB has: do not believe\n      what follows. Leave GDB, "
                    "end that QEMU, and type make gdb again.")


def cache_memory():
    """Lets GDB read RAM in blocks and keep them until the machine goes on: a list
    of a thousand objects is a thousand questions otherwise."""
    gdb.execute("set mem inaccessible-by-default off")
    gdb.execute("set dcache line-size 1024")
    for low, high in (("DIRECT_MAP_BASE", "VMALLOC_BASE"),
                      ("VMEMMAP_BASE", "KERNEL_BASE"), ("KERNEL_BASE", None)):
        end = f"{const(high):#x}" if high else "0"
        gdb.execute(f"mem {const(low):#x} {end} rw cache")


# ---- CPUs -------------------------------------------------------------------

def cpus():
    """Numbers of the CPUs that are up."""
    return range(min(max(1, int(kernel.var("ncpus"))), const("MAX_CPUS")))


def percpu(name, cpu):
    """A CPU's copy of a per-CPU variable."""
    proto = kernel.var(name)
    copy = int(proto.address) + int(kernel.var("percpu_offset")[cpu]) & kernel.WORD
    return gdb.Value(copy).cast(proto.type.pointer()).dereference()


def this_cpu():
    """The number of the CPU that GDB looks at: the one whose GS base, now or
    after SWAPGS, is that CPU's."""
    offsets = kernel.var("percpu_offset")
    for register in ("$gs_base", "$k_gs_base"):
        base = gdb.parse_and_eval(register)
        if base.type.code == gdb.TYPE_CODE_VOID:
            continue
        base = int(base) & kernel.WORD
        for cpu in cpus():
            if base and int(offsets[cpu]) == base:
                return cpu
    thread = gdb.selected_thread()
    return thread.num - 1 if thread else 0


@contextlib.contextmanager
def selection_kept():
    """Afterwards GDB looks at the CPU and the frame that it looks at now."""
    cpu = gdb.selected_thread()
    frame = kernel.safely(gdb.selected_frame, None)
    try:
        yield
    finally:
        gdb.invalidate_cached_frames()
        cpu.switch()
        if frame is not None and frame.is_valid():
            frame.select()


def current(cpu=None):
    """The struct thread that runs on a CPU."""
    pointer = percpu("percpu_current", this_cpu() if cpu is None else cpu)
    if not int(pointer):
        raise gdb.MemoryError("no thread runs yet")
    return pointer.dereference()
