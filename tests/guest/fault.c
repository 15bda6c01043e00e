/* SPDX-License-Identifier: MIT */
/*
 * fault.c - what a program must not do, and the signal that it gets for it:
 * number, si_code and si_addr; the stack's growth and its limit.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#define RW (PROT_READ | PROT_WRITE)
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)
#define ANY_ADDR ((void *)-2L)

static sigjmp_buf env;
static siginfo_t info;

static void on_fault(int sig, siginfo_t *si, void *uc)
{
	(void)uc;
	info = *si;
	siglongjmp(env, sig);
}

static void use_alternate_stack(void)
{
	static char area[64 * 1024];
	stack_t ss = { .ss_sp = area, .ss_size = sizeof(area) };

	OK(sigaltstack(&ss, NULL));
}

static const int sigs[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP };

static void catch_faults(void)
{
	use_alternate_stack();
	for (size_t i = 0; i < TAP_COUNT(sigs); i++)
		handle_info(sigs[i], on_fault, SA_ONSTACK);
}

/* Runs fn(arg) and compares the fault; 0 for the signal means none. */
static void expect_fault(void (*fn)(void *), void *arg, int sig, int code,
			 void *addr)
{
	memset(&info, 0, sizeof(info));
	catch_faults();
	int got = sigsetjmp(env, 1);
	if (got == 0)
		fn(arg);
	for (size_t i = 0; i < TAP_COUNT(sigs); i++)
		signal(sigs[i], SIG_DFL);
	if (got != sig || info.si_signo != sig)
		FAIL("signal %d for argument %p, not %d", got, arg, sig);
	if (sig && info.si_code != code)
		FAIL("si_code %d for argument %p, not %d", info.si_code, arg,
		     code);
	if (sig && addr != ANY_ADDR && info.si_addr != addr)
		FAIL("si_addr %p, not %p", info.si_addr, addr);
}

static void read_at(void *p)
{
	__asm__ volatile("movb (%0), %%al" :: "r"(p) : "rax", "memory");
}

static void write_at(void *p)
{
	__asm__ volatile("movb $1, (%0)" :: "r"(p) : "memory");
}

static void jump_to(void *p)
{
	__asm__ volatile("jmp *%0" :: "r"(p) : "memory");
}

static void null_pointer(void)
{
	expect_fault(read_at, NULL, SIGSEGV, SEGV_MAPERR, NULL);
	expect_fault(write_at, NULL, SIGSEGV, SEGV_MAPERR, NULL);
	expect_fault(read_at, (void *)0xfff, SIGSEGV, SEGV_MAPERR,
		     (void *)0xfff);
	expect_fault(jump_to, NULL, SIGSEGV, SEGV_MAPERR, NULL);
}

static void unmapped(void)
{
	char *p = OK(mmap(NULL, 3 * PAGE, RW, ANON, -1, 0));

	OK(munmap(p + PAGE, PAGE));
	expect_fault(read_at, p, 0, 0, NULL);
	expect_fault(read_at, p + PAGE + 7, SIGSEGV, SEGV_MAPERR, p + PAGE + 7);
	expect_fault(write_at, p + 2 * PAGE - 1, SIGSEGV, SEGV_MAPERR,
		     p + 2 * PAGE - 1);
	expect_fault(write_at, p + 2 * PAGE, 0, 0, NULL);
	expect_fault(jump_to, p + PAGE, SIGSEGV, SEGV_MAPERR, p + PAGE);
}

static void not_permitted(void)
{
	char *p = OK(mmap(NULL, 3 * PAGE, RW, ANON, -1, 0));

	p[0] = p[PAGE] = p[2 * PAGE] = 1;
	OK(mprotect(p, PAGE, PROT_NONE));
	OK(mprotect(p + PAGE, PAGE, PROT_READ));
	expect_fault(read_at, p + 3, SIGSEGV, SEGV_ACCERR, p + 3);
	expect_fault(write_at, p + 3, SIGSEGV, SEGV_ACCERR, p + 3);
	expect_fault(read_at, p + PAGE, 0, 0, NULL);
	expect_fault(write_at, p + PAGE + 3, SIGSEGV, SEGV_ACCERR,
		     p + PAGE + 3);
	expect_fault(write_at, p + 2 * PAGE, 0, 0, NULL);
}

static void never_touched_before(void)
{
	char *p = OK(mmap(NULL, 2 * PAGE, PROT_READ, ANON, -1, 0));
	char *q = OK(mmap(NULL, PAGE, PROT_NONE, ANON, -1, 0));

	expect_fault(write_at, p, SIGSEGV, SEGV_ACCERR, p);
	expect_fault(read_at, q, SIGSEGV, SEGV_ACCERR, q);
}

static void write_to_text(void)
{
	expect_fault(write_at, (void *)write_to_text, SIGSEGV, SEGV_ACCERR,
		     (void *)write_to_text);
}

static void write_to_constants(void)
{
	static const char text[] = "constant";

	expect_fault(write_at, (void *)text, SIGSEGV, SEGV_ACCERR,
		     (void *)text);
	CHECK_EQ(text[0], 'c');
}

static const unsigned char ret_code[] = { 0xc3 };

static void call(void *p)
{
	((void (*)(void))p)();
}

static void no_execute(void)
{
	static unsigned char data[16] = { 0xc3 };
	unsigned char stack[16] = { 0xc3 };
	unsigned char *p = OK(mmap(NULL, PAGE, RW, ANON, -1, 0));

	memcpy(p, ret_code, 1);
	expect_fault(call, p, SIGSEGV, SEGV_ACCERR, p);
	expect_fault(call, data, SIGSEGV, SEGV_ACCERR, data);
	expect_fault(call, stack, SIGSEGV, SEGV_ACCERR, stack);
	OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	expect_fault(call, p, 0, 0, NULL);
	OK(mprotect(p, PAGE, PROT_READ));
	expect_fault(call, p, SIGSEGV, SEGV_ACCERR, p);
}

static void kernel_addresses(void)
{
	static const unsigned long a[] = {
		0xffff800000000000, 0xffff888000000000, 0xffffc00000000000,
		0xffffffff80000000, 0xffffffff81000000, 0xfffffffffffff000,
		-8UL,
	};

	for (size_t i = 0; i < TAP_COUNT(a); i++) {
		void *p = (void *)a[i];
		expect_fault(read_at, p, SIGSEGV, SEGV_MAPERR, p);
		expect_fault(write_at, p, SIGSEGV, SEGV_MAPERR, p);
		expect_fault(jump_to, p, SIGSEGV, SEGV_MAPERR, p);
	}
}

static void top_of_user_space(void)
{
	void *p = (void *)0x7ffffffff000;

	expect_fault(read_at, p, SIGSEGV, SEGV_MAPERR, p);
	expect_fault(jump_to, p, SIGSEGV, SEGV_MAPERR, p);
}

/* These do not even page-fault: general protection, no address. */
static void non_canonical(void)
{
	static const unsigned long a[] = {
		0x800000000000000, 0x4141414141414141, 0x8000000000000000,
		0x7fffffffffffffff, 0xff7fffffffffffff,
	};

	for (size_t i = 0; i < TAP_COUNT(a); i++) {
		expect_fault(read_at, (void *)a[i], SIGSEGV, SI_KERNEL, NULL);
		expect_fault(write_at, (void *)a[i], SIGSEGV, SI_KERNEL, NULL);
		expect_fault(jump_to, (void *)a[i], SIGSEGV, SI_KERNEL, NULL);
	}
}

/* Linux says SIGBUS for #SS; an emulator may give #GP instead. */
static void non_canonical_stack(void)
{
	catch_faults();
	int got = sigsetjmp(env, 1);
	if (got == 0)
		__asm__ volatile("mov %%rsp, %%rbx\n\t"
				 "mov %0, %%rsp\n\t"
				 "push %%rax\n\t"
				 "mov %%rbx, %%rsp"
				 :: "r"(0x4141414141414140) : "rbx", "memory");
	CHECK(got == SIGBUS || got == SIGSEGV);
	CHECK_EQ(info.si_code, SI_KERNEL);
}

#define PRIVILEGED(name, text) \
	static void op_##name(void *arg) \
	{ \
		long scratch[2] = { 0, 0 }; \
		(void)arg; \
		__asm__ volatile(text :: "D"(scratch) \
				 : "rax", "rcx", "rdx", "memory"); \
	}

PRIVILEGED(cli, "cli")
PRIVILEGED(sti, "sti")
PRIVILEGED(hlt, "hlt")
PRIVILEGED(clts, "clts")
PRIVILEGED(read_cr0, "mov %%cr0, %%rax")
PRIVILEGED(write_cr3, "xor %%eax, %%eax\n\tmov %%rax, %%cr3")
PRIVILEGED(write_cr4, "xor %%eax, %%eax\n\tmov %%rax, %%cr4")
PRIVILEGED(read_dr7, "mov %%dr7, %%rax")
PRIVILEGED(rdmsr, "mov $0xc0000080, %%ecx\n\trdmsr")
PRIVILEGED(wrmsr, "mov $0xc0000080, %%ecx\n\twrmsr")
PRIVILEGED(in, "mov $0x60, %%edx\n\tinb %%dx, %%al")
PRIVILEGED(out, "mov $0x501, %%edx\n\toutb %%al, %%dx")
PRIVILEGED(lgdt, "lgdt (%0)")
PRIVILEGED(lidt, "lidt (%0)")
PRIVILEGED(lldt, "xor %%eax, %%eax\n\tlldt %%ax")
PRIVILEGED(ltr, "mov $0x40, %%eax\n\tltr %%ax")
PRIVILEGED(invlpg, "invlpg (%0)")
PRIVILEGED(wbinvd, "wbinvd")
PRIVILEGED(swapgs, "swapgs")
PRIVILEGED(sysretq, "sysretq")
PRIVILEGED(int_timer, "int $0x20")
PRIVILEGED(int_double_fault, "int $8")
PRIVILEGED(int_page_fault, "int $14")
PRIVILEGED(load_bad_selector, "mov $0xfff8, %%eax\n\tmov %%ax, %%ds")

static void privileged_instructions(void)
{
	static void (*const ops[])(void *) = {
		op_cli, op_sti, op_hlt, op_clts, op_read_cr0, op_write_cr3,
		op_write_cr4, op_read_dr7, op_rdmsr, op_wrmsr, op_in, op_out,
		op_lgdt, op_lidt, op_lldt, op_ltr, op_invlpg, op_wbinvd,
		op_swapgs, op_sysretq,
	};

	for (size_t i = 0; i < TAP_COUNT(ops); i++)
		expect_fault(ops[i], (void *)i, SIGSEGV, SI_KERNEL, NULL);
}

static void forbidden_interrupts(void)
{
	expect_fault(op_int_timer, NULL, SIGSEGV, SI_KERNEL, NULL);
	expect_fault(op_int_double_fault, NULL, SIGSEGV, SI_KERNEL, NULL);
	expect_fault(op_int_page_fault, NULL, SIGSEGV, SI_KERNEL, NULL);
	expect_fault(op_load_bad_selector, NULL, SIGSEGV, SI_KERNEL, NULL);
}

static void kills_without_a_handler(void)
{
	CHECK_EQ(signal_of(op_cli, NULL), SIGSEGV);
	CHECK_EQ(signal_of(write_at, NULL), SIGSEGV);
	CHECK_EQ(signal_of(jump_to, (void *)0xffffffff80000000), SIGSEGV);
	CHECK_EQ(signal_of(read_at, (void *)0x4141414141414141), SIGSEGV);
}

/* ---- other exceptions ---- */

static void divide(void *arg)
{
	long by = (long)arg;

	/* LONG_MIN / by: by 0 and by -1 both raise #DE. */
	__asm__ volatile("mov $1, %%edx\n\t"
			 "shl $63, %%rdx\n\t"
			 "mov %%rdx, %%rax\n\t"
			 "cqo\n\t"
			 "idivq %0" :: "r"(by) : "rax", "rdx", "cc");
}

static void division(void)
{
	expect_fault(divide, (void *)0, SIGFPE, FPE_INTDIV, ANY_ADDR);
	CHECK((char *)info.si_addr >= (char *)divide &&
	      (char *)info.si_addr < (char *)divide + 100);
	expect_fault(divide, (void *)-1L, SIGFPE, FPE_INTDIV, ANY_ADDR);
	expect_fault(divide, (void *)3, 0, 0, NULL);
}

static void x87_divide(void *arg)
{
	unsigned short cw = 0x037f & ~4;	/* zero divide not masked */

	(void)arg;
	__asm__ volatile("fldcw %0\n\tfld1\n\tfldz\n\tfdivrp\n\tfwait"
			 :: "m"(cw));
}

static void floating_point(void)
{
	expect_fault(x87_divide, NULL, SIGFPE, FPE_FLTDIV, ANY_ADDR);
}

static void breakpoint(void *arg)
{
	(void)arg;
	__asm__ volatile("int3");
}

static void traps(void)
{
	expect_fault(breakpoint, NULL, SIGTRAP, SI_KERNEL, NULL);
	CHECK_EQ(signal_of(breakpoint, NULL), SIGTRAP);
}

static void single_step(void *arg)
{
	(void)arg;
	__asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq\n\tnop\n\tnop"
			 ::: "memory", "cc");
}

static void trap_flag(void)
{
	expect_fault(single_step, NULL, SIGTRAP, TRAP_TRACE, ANY_ADDR);
	/* The flag is not set in the handler, nor after the jump. */
	CHECK_EQ(signal_of(single_step, NULL), SIGTRAP);
}

static void undefined(void *arg)
{
	(void)arg;
	__asm__ volatile("ud2");
}

static void lock_prefix(void *arg)
{
	(void)arg;
	__asm__ volatile(".byte 0xf0, 0x90, 0x90");	/* lock nop */
}

static void no_such_opcode(void *arg)
{
	(void)arg;
	__asm__ volatile(".byte 0x06, 0x90, 0x90");	/* push %es, 32-bit */
}

static void illegal_instructions(void)
{
	expect_fault(undefined, NULL, SIGILL, ILL_ILLOPN, ANY_ADDR);
	CHECK((char *)info.si_addr >= (char *)undefined &&
	      (char *)info.si_addr < (char *)undefined + 32);
	expect_fault(lock_prefix, NULL, SIGILL, ILL_ILLOPN, ANY_ADDR);
	expect_fault(no_such_opcode, NULL, SIGILL, ILL_ILLOPN, ANY_ADDR);
	CHECK_EQ(signal_of(undefined, NULL), SIGILL);
}

/* ---- blocked, ignored, and repaired ---- */

static void fault_while_blocked(void *arg)
{
	catch_faults();
	block(SIGSEGV);
	write_at(arg);
}

static void fault_while_ignored(void *arg)
{
	signal(SIGSEGV, SIG_IGN);
	write_at(arg);
}

static void cannot_be_put_off(void)
{
	CHECK_EQ(signal_of(fault_while_blocked, (void *)8), SIGSEGV);
	CHECK_EQ(signal_of(fault_while_ignored, (void *)8), SIGSEGV);
}

static char *repair_page;
static volatile int repairs;

static void on_repairable(int sig, siginfo_t *si, void *uc)
{
	(void)sig;
	(void)uc;
	CHECK((char *)si->si_addr == repair_page + 5 || repairs > 1);
	repairs++;
	OK(mprotect(repair_page, PAGE, RW));
}

static void handler_repairs(void)
{
	repair_page = OK(mmap(NULL, PAGE, PROT_NONE, ANON, -1, 0));
	handle_info(SIGSEGV, on_repairable, 0);
	((volatile char *)repair_page)[5] = 77;
	CHECK_EQ(repairs, 1);
	CHECK_EQ(repair_page[5], 77);
	OK(mprotect(repair_page, PAGE, PROT_READ));
	((volatile char *)repair_page)[5] = 78;
	CHECK_EQ(repairs, 2);
	CHECK_EQ(repair_page[5], 78);
}

static void fault_in_handler(int sig)
{
	(void)sig;
	write_at((void *)16);
}

static void second_fault_kills(void *arg)
{
	/* SIGSEGV is blocked in its own handler. */
	handle(SIGSEGV, fault_in_handler, 0);
	write_at(arg);
}

static void fault_in_the_handler(void)
{
	CHECK_EQ(signal_of(second_fault_kills, (void *)8), SIGSEGV);
}

/* ---- the stack ---- */

static int __attribute__((noinline)) use_stack(int depth)
{
	volatile char frame[4096];

	frame[0] = (char)depth;
	if (depth == 0)
		return 0;
	return use_stack(depth - 1) + frame[0] - (char)depth;
}

static void stack_grows(void)
{
	struct rlimit rl = { 8 << 20, RLIM_INFINITY };

	OK(getrlimit(RLIMIT_STACK, &rl));
	rl.rlim_cur = 8 << 20;
	OK(setrlimit(RLIMIT_STACK, &rl));
	CHECK_EQ(use_stack(1500), 0);
}

static void stack_grows_far_at_once(void)
{
	char *here = __builtin_frame_address(0);

	/* Far below the stack pointer, but within the limit. */
	expect_fault(write_at, here - (1 << 20), 0, 0, NULL);
	expect_fault(read_at, here - (1 << 19), 0, 0, NULL);
}

static void recurse_for_ever(void *arg)
{
	use_stack(1 << 30);
	(void)arg;
}

static void limit_then_recurse(void *arg)
{
	struct rlimit rl = { 256 << 10, 256 << 10 };

	OK(setrlimit(RLIMIT_STACK, &rl));
	recurse_for_ever(arg);
}

static void stack_limit(void)
{
	CHECK_EQ(signal_of(limit_then_recurse, NULL), SIGSEGV);
	/* With nowhere to put the frame, a handler is of no use. */
	handle_info(SIGSEGV, on_fault, 0);
	CHECK_EQ(signal_of(limit_then_recurse, NULL), SIGSEGV);
	expect_fault(limit_then_recurse, NULL, SIGSEGV, SEGV_MAPERR, ANY_ADDR);
	char *here = __builtin_frame_address(0), *at = info.si_addr;
	CHECK(at < here && at > here - (512 << 10));
	/* Below the limit is not reached however one gets there. */
	write_file("done", "", 0);
	expect_fault(write_at, here - (1 << 20), SIGSEGV, SEGV_MAPERR,
		     here - (1 << 20));
}

static void signal_frame_grows_stack(void)
{
	/* The frame itself lies on pages not touched before. */
	CHECK_EQ(use_stack(2), 0);
	volatile char big[60000];
	big[0] = 1;
	handle_info(SIGTRAP, on_fault, 0);
	if (sigsetjmp(env, 1) == 0)
		breakpoint(NULL);
	CHECK_EQ(info.si_signo, SIGTRAP);
	CHECK_EQ(big[0], 1);
}

static void bus_error_behind_end_of_file(void)
{
	write_file("f", "short", 5);
	int fd = OK(open("f", O_RDWR));
	char *p = OK(mmap(NULL, 3 * PAGE, RW, MAP_SHARED, fd, 0));
	expect_fault(read_at, p + 5, 0, 0, NULL);
	expect_fault(read_at, p + PAGE - 1, 0, 0, NULL);
	expect_fault(read_at, p + PAGE + 9, SIGBUS, BUS_ADRERR, p + PAGE + 9);
	expect_fault(write_at, p + 2 * PAGE, SIGBUS, BUS_ADRERR, p + 2 * PAGE);
	OK(ftruncate(fd, PAGE + 1));
	expect_fault(write_at, p + PAGE + 9, 0, 0, NULL);
	OK(ftruncate(fd, 0));
	expect_fault(read_at, p, SIGBUS, BUS_ADRERR, p);
}

static const struct tap_case cases[] = {
	{ "null_pointer", null_pointer, 0 },
	{ "unmapped", unmapped, 0 },
	{ "not_permitted", not_permitted, 0 },
	{ "never_touched_before", never_touched_before, 0 },
	{ "write_to_text", write_to_text, 0 },
	{ "write_to_constants", write_to_constants, 0 },
	{ "no_execute", no_execute, 0 },
	{ "kernel_addresses", kernel_addresses, 0 },
	{ "top_of_user_space", top_of_user_space, 0 },
	{ "non_canonical", non_canonical, 0 },
	{ "non_canonical_stack", non_canonical_stack, 0 },
	{ "privileged_instructions", privileged_instructions, 0 },
	{ "forbidden_interrupts", forbidden_interrupts, 0 },
	{ "kills_without_a_handler", kills_without_a_handler, 0 },
	{ "division", division, 0 },
	{ "floating_point", floating_point, 0 },
	{ "traps", traps, 0 },
	{ "trap_flag", trap_flag, 0 },
	{ "illegal_instructions", illegal_instructions, 0 },
	{ "cannot_be_put_off", cannot_be_put_off, 0 },
	{ "handler_repairs", handler_repairs, 0 },
	{ "fault_in_the_handler", fault_in_the_handler, 0 },
	{ "stack_grows", stack_grows, 0 },
	{ "stack_grows_far_at_once", stack_grows_far_at_once, 0 },
	{ "stack_limit", stack_limit, 0 },
	{ "signal_frame_grows_stack", signal_frame_grows_stack, 0 },
	{ "bus_error_behind_end_of_file", bus_error_behind_end_of_file, 0 },
};

TAP_MAIN(cases)
