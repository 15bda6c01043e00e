# SPDX-License-Identifier: MIT
"""ct-fault: stop at a page fault, and explain it before and after."""

import gdb

from cutaway import faultcases, kernel, machine, names, pages, processes, programs
from cutaway.command import command, number
from cutaway.kernel import const, safely


class Fault:
    """The fault that page_fault() was just called for."""

    def __init__(self):
        frame = gdb.newest_frame()
        self.address = _argument(frame, "addr")
        self.error = _argument(frame, "err")
        self.registers = frame.read_var("tf").dereference()
        self.thread = machine.current()
        self.owner = self.thread["t_proc"].dereference()
        self.cpu = machine.this_cpu()
        self.from_user = bool(int(self.registers["tf_cs"]) & 3)
        self.case = self.predict()

    def access(self):
        if self.error & const("PF_WRITE"):
            return "write"
        return "execute" if self.error & const("PF_EXEC") else "read"

    def predict(self):
        if not self.from_user and self.address >= const("USER_TOP"):
            return faultcases.Case("bad", "Not user memory, and the kernel's "
                                   "own access: a fixup, or else a panic.",
                                   None, 0)
        return faultcases.predict(self.owner, self.address, self.access())

    def root(self):
        return pages.root_of(pages.space_of(self.owner))

    def explain(self):
        pc = int(self.registers["tf_rip"])
        mode = "user mode" if self.from_user else "the kernel, for the user"
        place = safely(lambda: kernel.place_of(pc), "")
        print(f"Page fault: {processes.label(self.owner)}, thread "
              f"{int(self.thread['t_tid'])}, on CPU {self.cpu}")
        _say("wants to", f"{self.access()} {self.address:#x}")
        function = kernel.function_at(pc)
        _say("from", f"{function} at {place or hex(pc)}, in {mode}")
        _say("CPU says", self.cpu_says())
        _say("area", _area_text(self.case.area))
        _say("entry", pages.describe_leaf(self.case.entry))
        if pages.has_page(self.case.entry):
            _say("frame", _frame_text(pages.frame_of(self.case.entry)))
        users = safely(lambda: pages.table_users(self.root(), self.address), 0)
        if users:
            _say("table", f"shared since a fork, by {users} now; the level-2 "
                 "entry denies writing")
        _say("case", f"{self.case.kind}: {faultcases.KINDS[self.case.kind]}")
        _say("so", self.case.says)

    def cpu_says(self):
        if self.error & const("PF_PRESENT"):
            what = "a page is there, but this is not allowed"
        else:
            what = "no page is there"
        names_of = kernel.flags(self.error, "PF_")
        return f"{what} (error code {self.error:#x}: {names_of or 'read'})"

    def explain_end(self):
        entry = safely(lambda: pages.lookup(self.root(), self.address), None)
        print(f"The fault of {processes.label(self.owner)} at "
              f"{self.address:#x} is over:")
        if entry is None:
            print("  its page tables cannot be read")
            return
        _say("entry", pages.describe_leaf(entry))
        if not pages.has_page(entry):
            return
        _say("frame", _frame_text(pages.frame_of(entry)))
        old = self.case.entry
        if pages.has_page(old) and \
                pages.frame_of(old) != pages.frame_of(entry):
            _say("before", _frame_text(pages.frame_of(old)))


def _argument(frame, name):
    """An argument, however it is typed, without sign."""
    value = frame.read_var(name)
    return int(value) & (1 << 8 * value.type.sizeof) - 1


def _say(what, text):
    print(f"  {what:<9} {text}")


def _area_text(area):
    if area is None:
        return "none"
    name = safely(lambda: names.area_name(area))
    return (f"{int(area['va_start']):#x}-{int(area['va_end']):#x} "
            f"{pages.rights(area)} {name}")


def _frame_text(pfn):
    count = kernel.atomic(pages.page(pfn)["pg_ref"])
    zero = ", the zero page" if pages.is_zero_page(pfn) else ""
    return f"{pfn:#x} has {kernel.amount(count, 'reference')}{zero}"


# ---- stopping ---------------------------------------------------------------

class FaultStop(gdb.Breakpoint):
    """On page_fault(); stops for a fault of the wanted process and kind."""

    def __init__(self, who, kind, address):
        super().__init__(f"*{kernel.address_of('page_fault'):#x}",
                         internal=True)
        self.silent = True
        self.who, self.kind, self.fault = who, kind, None
        self.page = None if address is None else \
            address >> const("PAGE_SHIFT")

    def is_wanted(self, owner):
        return self.who in (None, str(int(owner["p_pid"])),
                            kernel.text(owner["p_name"]))

    def stop(self):
        try:
            if not self.is_wanted(processes.current_process()):
                return False
            fault = Fault()
        except (*kernel.UNREADABLE, gdb.GdbError):
            return False
        if self.kind and fault.case.kind != self.kind:
            return False
        if self.page not in (None, fault.address >> const("PAGE_SHIFT")):
            return False
        self.fault = fault
        return True


class FaultEnd(gdb.Breakpoint):
    """Where page_fault() returns to; tells the end of one fault. The thread may
    have slept and moved to another CPU, but its stack has stayed."""

    last = None

    def __init__(self, fault):
        caller = gdb.newest_frame().older()
        super().__init__(f"*{caller.pc():#x}", internal=True)
        self.silent = True
        self.fault = fault
        self.stack = int(caller.read_register("rsp"))
        self.over = False
        if FaultEnd.last and FaultEnd.last.is_valid():
            FaultEnd.last.delete()
        FaultEnd.last = self

    def stop(self):
        try:
            if not self.over and self.is_ours():
                self.over = True
                self.fault.explain_end()
        except (*kernel.UNREADABLE, gdb.GdbError) as error:
            kernel.warn(str(error))
        return False

    def is_ours(self):
        """Has the same fault of the same thread come to its end?"""
        if int(gdb.parse_and_eval("(unsigned long)$rsp")) != self.stack:
            return False
        noted = int(machine.current()["t_arch"]["at_fault_addr"])
        return not self.fault.from_user or noted == self.fault.address

    @classmethod
    def expect_again(cls):
        """After a way back in a replay."""
        if cls.last and cls.last.is_valid():
            cls.last.over = False


def wanted(words):
    """What is asked for: a process or None, a kind or None, an address or None."""
    address = None
    if "at" in words:
        cut = words.index("at")
        if cut + 1 == len(words):
            raise gdb.GdbError("an address is to follow `at`")
        address = number(" ".join(words[cut + 1:]))
        words = words[:cut]
    kind = words[-1] if words and words[-1] in faultcases.KINDS else None
    names_of = words[:-1] if kind else words
    coming = kind and not words[0].isdecimal()
    if len(names_of) > 1 or (names_of and not coming and
                             not is_known(names_of[0])):
        raise gdb.GdbError(
            f"{names_of[-1]} is neither a process (ct-ps) nor a kind of fault: "
            f"{', '.join(faultcases.KINDS)}.\nA program that is still to start "
            "is named with a kind: ct-fault NAME KIND")
    return names_of[0] if names_of else None, kind, address


def is_known(word):
    """Is that a process, or a program that we have the symbols of?"""
    try:
        return bool(processes.named(word))
    except (*kernel.UNREADABLE, gdb.GdbError):
        return not word.isdecimal() and bool(programs.debug_file(f"/bin/{word}"))


@command("ct-fault", "[PID|NAME] [KIND] [at ADDR]", early=True)
def ct_fault(words):
    """Goes on to the next page fault of that process and kind, and explains it.

    With an address: to a fault of the page it is in. It stops on entry to
    page_fault(), and says who faulted where, what the CPU told, the area and the
    page-table entry, and what the kernel is about to do. When the fault is over
    (type finish) it tells the entry as it is then.
    Examples:
      ct-fault                            the next one, whatever it is
      ct-fault sh cow                     sh's next copy-on-write fault
      ct-fault cowdemo cow at &shared     of the page of that variable
    The kinds, which the head of mm/fault.c draws as a tree:
      zero        demand zero: private memory that was never touched
      file        a page of a file or of shared memory
      cow         copy-on-write: a write to a page that others see, too
      takeover    copy-on-write by the last owner, who takes the page over
      stack       below the stack, which grows
      swap        the page is in the swap area
      protection  the area forbids it: SIGSEGV
      bad         nothing is mapped there: SIGSEGV
      bus         past the end of a mapped file: SIGBUS
    """
    stop = FaultStop(*wanted(words))
    try:
        gdb.execute("continue")
        if stop.fault is None:
            print("Stopped for another reason before a fault of that kind.")
            return
        stop.fault.explain()
        FaultEnd(stop.fault)
    finally:
        stop.delete()
