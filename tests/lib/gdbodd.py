# SPDX-License-Identifier: MIT
"""The suites on ct-* where little is as usual: wrong questions, odd moments, a
kernel that does not go on."""

import os

import gdbtest

# Questions that have no answer, and what is said instead.
WRONG = (
    ("ct-vm 99", r"^there is no process or thread 99; see ct-ps"),
    ("ct-vm -1", r"^there is no process or thread -1"),
    ("ct-vm ''", r"^no process is called nothing"),
    ("ct-files nobody", r"^no process is called nobody; see ct-ps"),
    ("ct-bt 99", r"^there is no process or thread 99"),
    ("ct-ps 1", r"^usage: ct-ps$"),
    ("ct-pt 1", r"^usage: ct-pt PID\|NAME ADDR"),
    ("ct-pt 1 nosuch", r"^ct-pt: No symbol \"nosuch\""),
    ("ct-pt 1 0x900000000000", r"^not canonical"),
    ("ct-pt 1 0x1000", r"a read here faults \(bad\).*\n.* write .*\(bad\)"),
    ("ct-pt 1 kmain", r"kernel only"),
    ("ct-page", r"^usage: ct-page PFN\|ADDR"),
    ("ct-page 0xfffff", r"^there is no frame 0xfffff: no RAM has the physical"),
    ("ct-page 0x900000000000", r"is no address: bits 63 to 47 differ"),
    ("ct-page 0x123456789000", r"^no frame is mapped at 0x123456789000"),
    ("ct-buddy 99", r"^orders are 0 to 10"),
    ("ct-slab nosuch", r"^nosuch is neither the name of a cache nor an addr"),
    ("ct-slab 0", r"^0x0 is neither .* nor in a slab"),
    ("ct-break nosuch", r"^no symbols of|Function \"nosuch\" not defined"),
    ("ct-fault cov", r"^cov is neither a process .* nor a kind of fault: zero,"),
    ("ct-fault 99 cow", r"^99 is neither a process"),
    ("ct-fault at", r"^an address is to follow `at`"),
    ("ct-back", r"^this is no replay; see make record"),
    ("ct-goto x", r"^ct-goto: No symbol|^this is no replay"),
)
COMMANDS = ["ct-" + each for each in
            "back break bt buddy exec fault files goto locks page ps pt replay "
            "runq slab vm".split()]
# Moments at which little is as usual: how to get there, a command, its answer.
MOMENTS = (
    (), "ct-ps", r"^This CPU has no page tables yet",
    ("break kmain", "continue"), "ct-buddy", r"page_init\(\) has not run",
    (), "ct-ps", r"page_init\(\) has not run\n.* WHERE\n\Z",
    ("break slab_init", "continue"), "ct-buddy", r"^ +10 +4096 KiB +\d+",
    ("break sched_init", "continue"), "ct-runq", r"^CPU 0: ",
    # Out of the timer's interrupt into nowhere.
    ("ct-exec ls", "tbreak timer_interrupt", "continue"), "ct-bt",
    r"timer_interrupt(.*\n)+.*<signal handler called>",
    ("tbreak trace_print_newest", "set $rip = 16", "continue"), "ct-bt",
    r"trace_print_newest(.*\n)+.*panic_",
)


def answers(report):
    """An answer in plain words to each command: at any moment, to any argument, and
    of a machine that runs another kernel or has ended."""
    words, asked = [], []
    for way, command, pattern in zip(*[iter(MOMENTS)] * 3):
        words += way
        asked.append((len(words), command, pattern))
        words += [command, *gdbtest.ALL, "python gdb.selected_inferior()"]
    start = len(words) - len(gdbtest.ALL)
    words[start:start] = [command for command, _ in WRONG]
    asked += [(start + at, *wrong) for at, wrong in enumerate(WRONG)]
    for name in COMMANDS:
        asked.append((len(words), f"help {name}", rf"^Usage: {name}\b(.*\n)+ *Example"
                      rf"s?:.*\n(.*\n)* +{name}"))
        words.append(f"help {name}")
    words += ["kill", "ct-ps"]
    asked.append((len(words) - 1, "ct-ps", r"^There is no machine"))
    said = gdbtest.session(report, gdbtest.PIPELINE, words)
    report.check("every command was run", len(said) == len(words))
    for (at, command, pattern), text in zip(asked, map(lambda each: said[each[0]],
                                                       asked)):
        gdbtest.expect(report, f"{command} at {at}", text, pattern)
    said = gdbtest.session(report, gdbtest.PIPELINE, ["break boot_start64", "continue", "ct-ps"],
                   kernel="debug/cutaway.elf")
    report.check("another kernel than its symbols", "runs another kernel" in
                 "".join(said))


# What GDB shows of where it is; ct-bt of others must change none of it.
LOOK = ["backtrace 3", "frame", "thread", "info symbol &shared", "info symbol main"]
OTHERS = ["ct-bt 1", "ct-bt 2", "ct-bt 2 full"]
# Stops in the kernel, in user code, in the kernel with the caller's frame selected,
# in a fault, where ct-fault finds its variable after ct-bt, and there with the
# program's frame selected.
STOPS = (["ct-exec cowdemo"], ["ct-break main", "continue"],
         ["ct-fault cowdemo", "up"],
         ["finish", "ct-bt 2", "ct-fault cowdemo cow at &shared"], ["up 3"])


def backtraces(report):
    """ct-bt of threads that sleep leaves GDB as it was, on one and two CPUs."""
    for cpus in "1", "2":
        words, looks = [], []
        for way in STOPS:
            looks.append(len(words) + len(way))
            words += [*way, *LOOK]
            for other in OTHERS:
                words += [other, *LOOK]
        words += ["ct-bt 4", "thread " + cpus, "ct-bt 4", "thread"]
        said = gdbtest.session(report, ["/bin/sh", "-c", "cowdemo; true"], words,
                               ("--smp", cpus))
        if len(said) < len(words):
            report.failed(f"{cpus} CPUs", f"GDB ended after {len(said)} commands")
            continue
        for start in looks:
            before = said[start:start + len(LOOK)]
            for number, other in enumerate(OTHERS, 1):
                at = start + number * (len(LOOK) + 1)
                name = f"{cpus} CPUs, {words[start - 1]}, {other}"
                now = said[at:at + len(LOOK)]
                if now == before:
                    report.passed(f"{name}: nothing has changed")
                else:
                    report.failed(f"{name}: nothing has changed",
                                  f"before: {before}\nafter: {now}")
                gdbtest.expect(report, name, said[at - 1], r"^#1 ", r"^#2 ")
            gdbtest.expect(report, "the program's symbols", "".join(before[-2:]),
                           r"^shared in", r"^main in section .text of .*/cowdemo")
        fault = said[words.index("ct-fault cowdemo cow at &shared")]
        gdbtest.expect(report, f"{cpus} CPUs: the fault", fault,
                       r"^Page fault: cowdemo", r"case +cow")
        for text in said[-4], said[-2]:
            gdbtest.expect(report, f"{cpus} CPUs: who runs", text, r"page_fault ",
                           r"write_and_show .*user/cowdemo.c", r"in main ")
        gdbtest.expect(report, f"{cpus} CPUs: the CPU", said[-1],
                       rf"Current thread is {cpus} ")


# Two that sleep are made to wait for each other's address space; then somebody has
# taken a spin lock and never gives it back.
DEADLOCK = ["ct-exec sleep", "ct-exec sleep", "ct-exec sleep",
            "python from cutaway import kernel, processes",
            "python gdb.set_convenience_variable('one', "
            "processes.find_thread(3).address)",
            "python gdb.set_convenience_variable('two', "
            "processes.find_thread(4).address)",
            "set $vm = &$one->t_proc->p_vm->vm_lock",
            "set $vm->rw_writer = $two", "set $vm->rw_state.a_value = -1",
            "set $vm = &$two->t_proc->p_vm->vm_lock",
            "set $vm->rw_writer = $one", "set $vm->rw_state.a_value = -1",
            "ct-exec ls", "ct-locks", "set buf_lock.sl_next = buf_lock.sl_next + 1",
            "break spin_lock_contended", "continue", "ct-locks"]


def deadlocks(report):
    """ct-locks on a kernel that does not go on."""
    said = gdbtest.session(report, ["/bin/sh", "-c", "sleep 0.5 & sleep 0.5 & sleep 1; ls;"
                            " sync; cat /dev/sda"], DEADLOCK,
                   ("--disk", os.path.join(gdbtest.BUILD, "cutaway.elf")))
    gdbtest.expect(report, "threads that wait in a circle", said[-5],
           r"rwlock +vm_lock of .* for writing, waited for by sleep \(thread",
           r"^  deadlock:$",
           r"sleep \(thread \d\) waits for vm_lock of address space of sleep "
           r"\(pid \d\), which sleep \(thread \d\) has")
    gdbtest.expect(report, "a CPU that spins", said[-1], r"spinlock +buf_lock: a CPU",
           r"CPU 0 spins for a lock .*buf_lock.* in \w+\(\)$")
