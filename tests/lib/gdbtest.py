# SPDX-License-Identifier: MIT
"""The suites on GDB's commands ct-*: scripts/gdb on a guest that runs a program.

A session is GDB in batch mode. Before each of its commands a line "@ N" is
printed, so that answers() can say what each command has printed.
"""

import os
import re
import subprocess
import tempfile
import time

import memtest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
MARK = "@ command "
# What no command may ever say: that it has met what it was not made for.
TRACES = re.compile("Traceback \\(most recent call last|Python Exception|"
                    "Error occurred in Python| gave up: ")


def session(report, program, commands, options=(), kernel="cutaway.elf"):
    """Runs GDB on a guest that runs the program; returns the answers, one text
    for each command. A Python traceback anywhere fails the suite."""
    with tempfile.TemporaryDirectory(prefix="cutaway-") as scratch:
        socket = os.path.join(scratch, "gdb")
        with open(os.path.join(scratch, "out"), "w+b") as out:
            guest = subprocess.Popen(
                [os.path.join(ROOT, "scripts/guest"), "--timeout", "100",
                 "--gdb", socket, *options, "--", *program], cwd=ROOT,
                stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            try:
                wait_for(socket, guest)
                said = debug(report, socket, commands, kernel)
            finally:
                guest.terminate()
                guest.wait()
            out.seek(0)
            report.note(out.read())
    return said


def wait_for(path, process):
    for _ in range(200):
        if os.path.exists(path) or process.poll() is not None:
            return
        time.sleep(0.05)


def debug(report, socket, commands, kernel):
    # What goes wrong belongs to the answers, at its place.
    words = ["sh", "-c", 'exec "$@" 2>&1', "gdb", os.environ.get("GDB", "gdb"), "-q", "-batch", "-x",
             "scripts/gdb/init.gdb", "-ex", f"target remote {socket}"]
    words += marked(commands)
    result = report.run([*words, os.path.join(BUILD, kernel)], timeout=90)
    return answers(report, result)


def marked(commands):
    """GDB's arguments for commands that answers() tells apart."""
    words = []
    for number, command in enumerate(commands):
        words += ["-ex", f"echo {MARK}{number}\\n", "-ex", command]
    return words


def answers(report, result):
    """What each command has printed. A traceback from Python is a failure."""
    text = (result.out + result.err).decode("utf-8", "replace")
    report.check("no Python traceback", not TRACES.search(text), result)
    parts = re.split(rf"^{MARK}\d+\n", result.out.decode("utf-8", "replace"),
                     flags=re.M)
    return parts[1:]


def expect(report, name, text, *patterns):
    """A result: each of the patterns is found, in this order."""
    at = 0
    for pattern in patterns:
        found = re.compile(pattern, re.M).search(text, at)
        if not found:
            report.failed(name, f"not found: {pattern}\nin: {text}")
            return
        at = found.end()
    report.passed(name)


# ---- ct-fault ---------------------------------------------------------------

# kind: the function that faults, what is said before, and after.
FAULTS = {
    "zero": ("store", [r"area .* rw-p anonymous", r"entry +empty",
                       r"so +fault_zero\(\) takes a fresh page of zeros"],
             [r"entry +frame \S+: present, writable, user",
              r"has 1 reference$"]),
    "cow": ("store", [r"CPU says +a page is there, but this is not allowed",
                      r"entry +frame \S+: present, read-only.*copy-on-write",
                      r"has 2 references$",
                      r"so +fault_cow\(\) copies frame"],
            [r"entry +frame \S+: present, writable", r"has 1 reference$",
             r"before +\S+ has 1 reference$"]),
    "table": ("store", [r"entry +frame \S+: present, writable",
                        r"table +shared since a fork, by 2",
                        r"so +vm_table_own\(\): 2 .* fault_cow\(\) copies"],
              [r"entry +frame \S+: present, writable", r"has 1 reference$",
               r"before +\S+ has 1 reference$"]),
    "takeover": ("store", [r"entry +frame \S+: present, read-only.*"
                           r"copy-on-write", r"has 1 reference$",
                           r"so +take_over\(\)"],
                 [r"entry +frame \S+: present, writable",
                  r"has 1 reference\n(?! +before)"]),
    "file": ("load", [r"area .* r--p /bin/faults", r"entry +empty",
                      r"so +Page 0 of /bin/faults is in memory"],
             [r"entry +frame \S+: present, read-only.*copy-on-write"]),
    "stack": ("store", [r"area .* rw-p \[stack\]", r"entry +empty",
                        r"so +grow_stack\(\) moves"],
              [r"entry +frame \S+: present, writable"]),
    "swap": ("store", [r"entry +not present: in swap, area 0, slot \d+ \(1 user\)"
                       r", not in memory", r"so +Slot \d+ of swap area 0 is read "
                       r"from the disk.*fault_swap\(\) maps it; the slot is free"],
             [r"entry +frame \S+: present, writable", r"has 1 reference$"]),
    "swapcow": ("store", [r"in swap, area 0, slot \d+ \(2 users\)",
                          r"so .*fault_cow\(\) copies it at once, for 1 other"],
                [r"entry +frame \S+: present, writable", r"has 1 reference$"]),
    "protection": ("store", [r"area .* r--p anonymous",
                             r"so .*SIGSEGV, SEGV_ACCERR"],
                   [r"entry +empty"]),
    "bad": ("store", [r"area +none", r"so .*a NULL pointer.*SIGSEGV, "
                      r"SEGV_MAPERR"], [r"entry +empty"]),
    "bus": ("load", [r"area .* r--p /bin/faults",
                     r"so .*past the end of /bin/faults: SIGBUS"],
            [r"entry +empty"]),
}
# What ct-fault calls it, where that is not the name of the way to make it.
KIND_OF = {"table": "cow", "swapcow": "swap"}


# After the child's copy the parent's page is in the swap cache, and in its slot.
SWAP_CACHE = ["python from cutaway import kernel", "python gdb."
              "set_convenience_variable('pfn', next(pfn for pfn in (int("
              "kernel.var('swap_areas')[0]['sa_page'][at]) for at in range(256))"
              " if pfn))", "ct-page $pfn"]


def faults(report):
    """One fault of each kind, in the order of FAULTS; a breakpoint in the user's
    function precedes each, and one hits again when its instruction does."""
    commands = ["ct-exec faults", "ct-break store", "ct-break load"]
    for kind in FAULTS:
        commands += ["continue", f"ct-fault faults {KIND_OF.get(kind, kind)}",
                     "finish"]
        if kind not in ("protection", "bad", "bus"):
            commands.append("continue")
        if kind == "swapcow":
            commands += SWAP_CACHE
    with tempfile.TemporaryDirectory(prefix="cutaway-test-") as folder:
        swap = os.path.join(folder, "swap.img")
        memtest.make_swap(swap, memtest.MIB)
        said = session(report, ["/bin/sh", "-c", "swapon /dev/sda; exec "
                                "faults " + " ".join(FAULTS)], commands,
                       ("--disk", swap))
    expect(report, "a page of the swap cache",
           dict(zip(commands, said)).get("ct-page $pfn", ""),
           r"flags: .*swap", r"in the swap cache: slot \d+ of area 0, 1 user$")
    begins = [text for command, text in zip(commands, said)
              if command.startswith("ct-fault")]
    for (kind, (function, before, _)), text in zip(FAULTS.items(), begins):
        expect(report, f"{kind}: before", text, r"Page fault: faults \(pid",
               rf"from +{function} at user/faults.c:\d+, in user mode",
               *before)
    ends = [text for command, text in zip(commands, said)
            if command == "finish"]
    for (kind, (_, _, after)), text in zip(FAULTS.items(), ends):
        expect(report, f"{kind}: after", text, r"is over:$", *after)
    report.check("all kinds were seen", len(ends) == len(FAULTS))


# ---- the other commands -----------------------------------------------------

# The last program of the pipeline has come to rest when ls is executed.
PIPELINE = ["/bin/sh", "-c", "sleep 30 | cat & sleep 0.5; ls /dev; true"]
# What the processes are asked, and what is answered.
ASKED = (
    ("ct-ps", r"^ +0 +- .*kworker", r"^ +1 +0 +1 sleeping .* init +\w*poll",
     r"^ +3 +2 .*sleeping .* sh +do_wait", r"sleeping +0 +cat +pipe_",
     r"^-> +\d+ +2 .*running +0\* +ls "),
    ("ct-bt 3", r"^sh \(thread 3\) of sh \(pid 3\): sleeping",
     r"#2 .*schedule \(\) at kernel/core/sched.c", r"do_wait .*wait.c:",
     r"syscall_dispatch", r"called from user mode, \w+ \(0x"),
    ("ct-bt", r"#0  arch_exec_frame"),
    ("ct-vm init", r"^init \(pid 1\): struct vmspace at 0x",
     r"r-xp .* /sbin/init \+ 0x1000$", r"rw-p .*\[heap\]$",
     r"rw-p .*\[stack\]$", r"r--p .*\[vvar\]$", r"r-xp .*\[vdso\]$", r" in all$", r"^resident \d+ pages"),
    ("ct-vm 2", r"^sh \(pid 2\)", r"/bin/sh"),
    ("ct-pt init 0x401000", r"^  PML4\[0\] .*present, writable, user",
     r"^  PDPT\[0\]", r"^  PD\[2\]", r"^  PT\[1\] .*present, read-only, user, "
     r"accessed, copy-on-write$", r"^  frame 0x[\da-f]+, physical address 0x",
     r"a read here goes through$", r"a write here faults \(protection\)",
     r"area 0x401000-.* r-xp /sbin/init"),
    ("ct-pt 0 kmain", r"^0x.* in the kernel", r"PML4\[511\]",
     r"present, read-only, kernel only"),
    ("ct-pt init 0x800000000000", r"not canonical"),
    ("ct-page zero_page", r"references \d+", r"the zero page"),
    ("ct-page $frame", r"page 1 of /sbin/init",
     r"mapped by init \(pid 1\) at 0x401000: present, read-only"),
    ("ct-buddy", r"^ +10 +4096 KiB +\d+", r"^\d+ frames \(\d+ MiB\) on the",
     r"^CPU 0 keeps \d+ single pages", r"frames .* are managed$"),
    ("ct-buddy 10", r"^  frames 0x[\da-f]+ to 0x[\da-f]+$"),
    ("ct-slab", r"^cache ", r"^thread +\d+", r"^vmarea +\d+"),
    ("ct-slab thread", r"^struct slab_cache at 0x"),
    ("ct-slab $thread", r"cache thread, object \d+ .* byte 0 of \d+$",
     r"in use"),
    ("ct-files cat", r"^cat \(pid", r"^ +0 -+>   r, 1 reference +-> pipe:",
     r"0 of 65536 bytes in it", r"^ +1 -+>   w, \d references", r"also 2:1"),
    ("ct-files 1", r"^ +0 -+\+->   rw, 3 references +-> /dev/console$",
     r"^ +1 -+\+ .* character device 0600", r"^ +2 -+\+ "),
    ("ct-runq", r"^CPU 0: runs ls \(thread \d+\); \d+ waiting"),
    ("ct-locks", r"(?:none|\d+) held, of \d+ locks$"),
    ("ct-nothing", r"^Undefined command: \"ct-nothing\""),
    ("help ct-pt", r"^Usage: ct-pt PID\|NAME ADDR$", r"four levels"),
)


def commands(report):
    """Each command on a pipeline, then on a release kernel whose data is
    overwritten step by step, and on one that has not begun to run."""
    prepare = ["ct-exec ls",
               "python from cutaway import machine, pages, processes",
               "python gdb.set_convenience_variable('frame', pages.frame_of("
               "pages.lookup(pages.root_of(pages.space_of(processes.find(1))),"
               " 0x401000)))",
               "python gdb.set_convenience_variable('thread', "
               "int(machine.current().address))"]
    asked = [command for command, *_ in ASKED]
    said = session(report, PIPELINE, prepare + asked)
    for (command, *patterns), text in zip(ASKED, said[len(prepare):]):
        expect(report, command, text, *patterns)
    report.check("every command was run", len(said) == len(prepare + asked))
    broken(report)


# What is overwritten, and what must still be told of the rest.
HARM = (
    ("set free_lists[10].next->next = 7", "ct-buddy", r"frames .* managed$"),
    ("set $vm->vm_areas.rb_top->rb_child[0] = 9", "ct-vm", r"is broken at"),
    ("set $vm->vm_pmap.pm_root = 0x7ffffffff000", "ct-pt ls 0x401000",
     r"tables from 0x7ffffffff000 on"),
    ("set $self->p_fdt->fdt_files[1] = 3", "ct-files ls",
     r"the struct file at 0x3 cannot be read"),
    ("set $self->p_name[0] = -1", "ct-ps", r"^-> "),
    ("set $thread->t_arch.at_rsp = 11", "ct-bt 2", r"^sh \(thread 2\)"),
    ("set $thread->t_proc = 5", "ct-runq", r"^CPU 0: "),
    ("set runqueue.rq_curr = 5", "ct-runq", r"^CPU 0: "),
    ("set all_procs.next->next->next = 0", "ct-ps", r"cannot be read"),
    ("set $self->p_vm = 77", "ct-vm", r""),
)
ALL = ["ct-ps", "ct-bt 2", "ct-bt", "ct-vm", "ct-pt 1 0x401000", "ct-buddy",
       "ct-page 0x100", "ct-slab", "ct-files", "ct-runq", "ct-locks"]


def broken(report):
    """No traceback from Python, and an answer from each command."""
    words = list(ALL) + [
        "ct-exec ls", "python from cutaway import kernel, processes",
        "python gdb.set_convenience_variable('self', "
        "processes.current_process().address)",
        "python gdb.set_convenience_variable('thread', "
        "processes.find_thread(2).address)", "set $vm = $self->p_vm"]
    start = len(words)
    for harm, command, _ in HARM:
        words += [harm, command]
    said = session(report, PIPELINE, words + ALL)
    for (harm, command, pattern), text in zip(HARM, said[start + 1::2]):
        expect(report, f"{command} after {harm}", text, pattern)
    report.check("a broken kernel answers", len(said) == len(words + ALL))


ELSEWHERE = (
    ("ct-exec faults", r"symbols: .*/faults .*/ld-linux-x86-64.so.2$"),
    ("ct-break store", r"^Breakpoint 1 at 0x[57]\w+: file user/faults.c"),
    ("continue", r"Breakpoint 1, store \(p=.* at user/faults.c:\d+"),
    ("backtrace", r"store ", r"in cow ", r"in main "),
    ("ct-fault faults cow", r"from +store at user/faults.c:\d+, in user mode",
     r"area .* rw-p anonymous"),
    ("backtrace", r"page_fault ", r"<signal handler called>", r"store \(p=",
     r"in cow ", r" in main "),
    ("finish", r"is over:$", r"entry +frame \S+: present, writable"),
    ("tbreak *$user", r"^Temporary breakpoint"),
    ("continue", r"Breakpoint 1, .*store \("),
    ("stepi", r""), ("info symbol $pc", r"^store .* of .*/faults"),
    ("ct-break exit", r"^Breakpoint \d+ at 0x7"), ("continue", r"exit \("),
    ("info symbol $pc", r"exit .* of .*/libc.so.6"),
    ("ct-bt 1", r"^init \(thread 1\)"),
)


def dynamic(report):
    """A position-independent program of this machine's: its symbols, and those of
    its libraries, from user code into the fault and back."""
    if os.uname().machine != "x86_64":
        return report.skipped("symbols", "this machine's programs are others")
    with tempfile.TemporaryDirectory(prefix="cutaway-test-") as folder:
        path = os.path.join(folder, "faults")
        built = report.run(["gcc", "-g", "-O1", "-pie", "-fPIE", "-o", path,
                            "user/faults.c"])
        report.check("built", built.status == 0, built)
        words = [command for command, *_ in ELSEWHERE]
        at = words.index("tbreak *$user")
        words.insert(at - 1, "set $user = tf->tf_rip")
        said = session(report, [path, "cow"], words, ("--add-program", path))
        said[at - 1:at] = []
    for (command, *patterns), text in zip(ELSEWHERE, said):
        expect(report, command, text, *patterns)
    return report.check("every command was run", len(said) == len(ELSEWHERE))


def debug_kernel(report):
    """Two CPUs and a debug kernel, which knows who holds a lock."""
    words = ["ct-exec faults", "ct-fault faults cow", "break copy_page",
             "continue", "ct-locks", "ct-ps", "ct-runq", "info threads"]
    said = dict(zip(words, session(report, ["/bin/faults", "cow"], words,
                                   ("--debug", "--smp", "2"),
                                   "debug/cutaway.elf")))
    expect(report, "ct-locks", said.get("ct-locks", ""),
           r"rwlock +vm_lock of address space of faults .*: 1 reader",
           r"[1-9]\d* held, of \d+ locks", r"has taken: .*vm")
    expect(report, "ct-ps", said.get("ct-ps", ""), r"^-> .*running +[01]\* ")
    expect(report, "ct-runq", said.get("ct-runq", ""), r"^CPU 0: ",
           r"^CPU 1: ")
