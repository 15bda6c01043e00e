/* SPDX-License-Identifier: MIT */
/*
 * sigframe.c - the frame on the user's stack: registers and floating-point
 * state come back, the red zone is left alone, a handler may change the
 * context, the alternate stack, and whatever garbage rt_sigreturn is given.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <cpuid.h>
#include <fcntl.h>
#include <setjmp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static volatile sig_atomic_t count;

/* Spoils all that a handler may spoil. */
static void spoil_registers(int sig)
{
	(void)sig;
	__asm__ volatile(
		"mov $-1, %%rax\n\tmov %%rax, %%rcx\n\tmov %%rax, %%rdx\n\t"
		"mov %%rax, %%rsi\n\tmov %%rax, %%rdi\n\tmov %%rax, %%r8\n\t"
		"mov %%rax, %%r9\n\tmov %%rax, %%r10\n\tmov %%rax, %%r11\n\t"
		"movq %%rax, %%xmm0\n\tmovq %%rax, %%xmm7\n\t"
		"movq %%rax, %%xmm8\n\tmovq %%rax, %%xmm15\n\t"
		"fninit\n\tfldpi\n\tfldpi\n\tfldpi\n\t"
		::: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10",
		"r11", "xmm0", "xmm7", "xmm8", "xmm15", "st", "st(1)",
		"st(2)", "memory");
	__asm__ volatile("fninit");
	count++;
}

/*
 * Loads every general register, sends the signal by a raw system call, and
 * compares; RAX, RCX and R11 belong to the call itself.
 */
static unsigned long registers_after_kill(long pid, long sig)
{
	unsigned long bad;

	__asm__ volatile(
		"push %%rbx\n\tpush %%rbp\n\t"
		"mov $62, %%eax\n\t"
		"mov $0x1111111122222222, %%rbx\n\t"
		"mov %%rbx, %%rbp\n\tmov %%rbx, %%rdx\n\t"
		"mov %%rbx, %%r8\n\tmov %%rbx, %%r9\n\tmov %%rbx, %%r10\n\t"
		"mov %%rbx, %%r12\n\tmov %%rbx, %%r13\n\t"
		"mov %%rbx, %%r14\n\tmov %%rbx, %%r15\n\t"
		"syscall\n\t"
		"xor %%rbx, %%rbp\n\txor %%rbx, %%rdx\n\t"
		"xor %%rbx, %%r8\n\txor %%rbx, %%r9\n\txor %%rbx, %%r10\n\t"
		"xor %%rbx, %%r12\n\txor %%rbx, %%r13\n\t"
		"xor %%rbx, %%r14\n\txor %%rbx, %%r15\n\t"
		"or %%rbp, %%rax\n\tor %%rdx, %%rax\n\tor %%r8, %%rax\n\t"
		"or %%r9, %%rax\n\tor %%r10, %%rax\n\tor %%r12, %%rax\n\t"
		"or %%r13, %%rax\n\tor %%r14, %%rax\n\tor %%r15, %%rax\n\t"
		"mov $0x1111111122222222, %%rcx\n\t"
		"xor %%rcx, %%rbx\n\tor %%rbx, %%rax\n\t"
		"pop %%rbp\n\tpop %%rbx"
		: "=&a"(bad), "+D"(pid), "+S"(sig)
		:: "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14",
		"r15", "memory", "cc");
	return bad;
}

static void general_registers(void)
{
	handle(SIGUSR1, spoil_registers, 0);
	for (int i = 0; i < 100; i++)
		CHECK_EQ(registers_after_kill(getpid(), SIGUSR1), 0);
	CHECK_EQ(count, 100);
}

static void sse_registers(void)
{
	static const unsigned char in[16][16] __attribute__((aligned(16))) = {
		{ 1 }, { 2 }, { 3 }, { 4 }, { 5 }, { 6 }, { 7 }, { 8 },
		{ 9 }, { 10 }, { 11 }, { 12 }, { 13 }, { 14 }, { 15 }, { 16 },
	};
	static unsigned char out[16][16] __attribute__((aligned(16)));
	long pid = getpid();

	handle(SIGUSR1, spoil_registers, 0);
	__asm__ volatile(
		"movaps (%0), %%xmm0\n\tmovaps 112(%0), %%xmm7\n\t"
		"movaps 128(%0), %%xmm8\n\tmovaps 240(%0), %%xmm15\n\t"
		"mov %2, %%rdi\n\tmov $10, %%esi\n\tmov $62, %%eax\n\tsyscall\n\t"
		"movaps %%xmm0, (%1)\n\tmovaps %%xmm7, 112(%1)\n\t"
		"movaps %%xmm8, 128(%1)\n\tmovaps %%xmm15, 240(%1)"
		:: "r"(in), "r"(out), "r"(pid)
		: "rax", "rcx", "r11", "rdi", "rsi", "memory", "xmm0", "xmm7",
		"xmm8", "xmm15");
	CHECK_EQ(count, 1);
	static const int used[] = { 0, 7, 8, 15 };
	for (int i = 0; i < 4; i++)
		CHECK(!memcmp(in[used[i]], out[used[i]], 16));
}

static bool has_avx(void)
{
	unsigned int a, b, c, d, lo, hi;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1 << 28) ||
	    !(c & 1 << 27))
		return false;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (lo & 6) == 6;
}

static void __attribute__((target("avx"))) spoil_avx(int sig)
{
	(void)sig;
	__asm__ volatile("vzeroall" ::: "memory");
	count++;
}

static void __attribute__((target("avx"))) avx_registers(void)
{
	static unsigned char in[32], out[32];
	long pid = getpid();

	if (!has_avx())
		SKIP("no AVX");
	fill_pattern(in, sizeof(in), 5);
	handle(SIGUSR1, spoil_avx, 0);
	__asm__ volatile(
		"vmovups (%0), %%ymm5\n\t"
		"mov %2, %%rdi\n\tmov $10, %%esi\n\tmov $62, %%eax\n\tsyscall\n\t"
		"vmovups %%ymm5, (%1)\n\tvzeroupper"
		:: "r"(in), "r"(out), "r"(pid)
		: "rax", "rcx", "r11", "rdi", "rsi", "memory", "xmm5");
	CHECK_EQ(count, 1);
	CHECK(!memcmp(in, out, 32));
}

static void x87_state(void)
{
	double x = 1.25, y = 0;
	unsigned short cw = 0x0e7f, cw_after = 0;
	long pid = getpid();

	handle(SIGUSR1, spoil_registers, 0);
	__asm__ volatile(
		"fldcw %2\n\tfldl %3\n\t"
		"mov %4, %%rdi\n\tmov $10, %%esi\n\tmov $62, %%eax\n\tsyscall\n\t"
		"fstpl %0\n\tfnstcw %1\n\tfninit"
		: "=m"(y), "=m"(cw_after) : "m"(cw), "m"(x), "r"(pid)
		: "rax", "rcx", "r11", "rdi", "rsi", "memory", "st", "st(1)",
		"st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)");
	CHECK_EQ(count, 1);
	CHECK(y == 1.25);
	CHECK_EQ(cw_after, 0x0e7f);
}

static unsigned int get_mxcsr(void)
{
	unsigned int v;

	__asm__ volatile("stmxcsr %0" : "=m"(v));
	return v;
}

static volatile unsigned int mxcsr_in_handler;

static void change_mxcsr(int sig)
{
	unsigned int v = 0x1f80;

	(void)sig;
	mxcsr_in_handler = get_mxcsr();
	__asm__ volatile("ldmxcsr %0" :: "m"(v));
	count++;
}

static void mxcsr(void)
{
	unsigned int v = 0x7f80;	/* rounds towards zero */

	handle(SIGUSR1, change_mxcsr, 0);
	__asm__ volatile("ldmxcsr %0" :: "m"(v));
	OK(kill(getpid(), SIGUSR1));
	CHECK_EQ(count, 1);
	CHECK_EQ(get_mxcsr() & 0xffc0, 0x7f80);
}

static void red_zone_handler(int sig)
{
	volatile char big[2000];

	(void)sig;
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)0xee;
	count++;
}

/* 128 bytes below the stack pointer belong to whoever runs there. */
static void red_zone(void)
{
	long pid = getpid(), bad;

	handle(SIGUSR1, red_zone_handler, 0);
	__asm__ volatile(
		"lea -8(%%rsp), %%rbx\n\t"
		"mov $16, %%ecx\n\t"
		"mov $0x5aa5, %%eax\n\t"
		"1: mov %%rax, (%%rbx)\n\t"
		"sub $8, %%rbx\n\tdec %%ecx\n\tjnz 1b\n\t"
		"mov %1, %%rdi\n\tmov $10, %%esi\n\tmov $62, %%eax\n\tsyscall\n\t"
		"lea -8(%%rsp), %%rbx\n\t"
		"mov $16, %%ecx\n\txor %%edx, %%edx\n\t"
		"2: mov (%%rbx), %%rax\n\txor $0x5aa5, %%rax\n\t"
		"or %%rax, %%rdx\n\t"
		"sub $8, %%rbx\n\tdec %%ecx\n\tjnz 2b"
		: "=&d"(bad) : "r"(pid)
		: "rax", "rbx", "rcx", "r11", "rdi", "rsi", "memory", "cc");
	CHECK_EQ(count, 1);
	CHECK_EQ(bad, 0);
}

static volatile unsigned long flags_in_handler, rsp_in_handler;

static void __attribute__((noinline)) note_flags(int sig)
{
	unsigned long f;

	(void)sig;
	__asm__ volatile("pushfq\n\tpop %0" : "=r"(f));
	flags_in_handler = f;
	/* At entry RSP + 8 is a multiple of 16, and so RBP - or CFA - is. */
	rsp_in_handler = (unsigned long)__builtin_dwarf_cfa();
	count++;
}

static void flags_and_alignment(void)
{
	unsigned long after;
	long pid = getpid();

	handle(SIGUSR1, note_flags, 0);
	/* Carry and direction set: the handler has DF clear, then both. */
	__asm__ volatile(
		"mov %1, %%rdi\n\tmov $10, %%esi\n\tmov $62, %%eax\n\t"
		"std\n\tstc\n\tsyscall\n\tpushfq\n\tpop %0\n\tcld"
		: "=&r"(after) : "r"(pid)
		: "rax", "rcx", "r11", "rdi", "rsi", "memory", "cc");
	CHECK_EQ(count, 1);
	CHECK_EQ(flags_in_handler & 0x400, 0);
	CHECK_EQ(after & 0x401, 0x401);
	CHECK_EQ(rsp_in_handler % 16, 0);
}

/* Interrupted anywhere, not only at system calls. */
static void preempted_by_timer(void)
{
	struct itimerval it = { { 0, 1000 }, { 0, 1000 } };
	unsigned long a = 1, b = 2;
	double x = 1.0, y = 1.0;

	handle(SIGALRM, spoil_registers, 0);
	OK(setitimer(ITIMER_REAL, &it, NULL));
	while (count < 100) {
		for (int i = 0; i < 1000; i++) {
			a = a * 6364136223846793005 + 1;
			b = b * 6364136223846793005 + 2;
			x = x * 1.0000001 + 0.5;
			y = y * 1.0000001 + 0.5;
		}
		/* b is always twice a. */
		CHECK_EQ(b, 2 * a);
		CHECK(x == y);
	}
	it = (struct itimerval){ { 0, 0 }, { 0, 0 } };
	OK(setitimer(ITIMER_REAL, &it, NULL));
}

/* ---- the context ---- */

static void skip_ud2(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig;
	CHECK_EQ(uc->uc_mcontext.gregs[REG_RIP], (long)si->si_addr);
	uc->uc_mcontext.gregs[REG_RIP] += 2;
	uc->uc_mcontext.gregs[REG_RBX] = 4242;
	count++;
}

static void handler_changes_rip(void)
{
	long v = 0;

	handle_info(SIGILL, skip_ud2, 0);
	__asm__ volatile("mov $1, %%ebx\n\tud2\n\tmov %%rbx, %0"
			 : "=r"(v) :: "rbx");
	CHECK_EQ(v, 4242);
	CHECK_EQ(count, 1);
}

static void context_of_fault(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig;
	CHECK_EQ(uc->uc_mcontext.gregs[REG_TRAPNO], 14);
	/* User, write, not present. */
	CHECK_EQ(uc->uc_mcontext.gregs[REG_ERR] & 0x17, 6);
	CHECK_EQ(uc->uc_mcontext.gregs[REG_CR2], (long)si->si_addr);
	CHECK_EQ(uc->uc_mcontext.gregs[REG_RDX], 0x1234);
	CHECK(!sigismember(&uc->uc_sigmask, SIGSEGV));
	CHECK(sigismember(&uc->uc_sigmask, SIGTERM));
	uc->uc_mcontext.gregs[REG_RIP] = uc->uc_mcontext.gregs[REG_R8];
	sigaddset(&uc->uc_sigmask, SIGHUP);
	count++;
}

static void context_fields(void)
{
	sigset_t now;

	handle_info(SIGSEGV, context_of_fault, 0);
	block(SIGTERM);
	__asm__ volatile("lea 1f(%%rip), %%r8\n\t"
			 "mov $0x1234, %%edx\n\t"
			 "movb $1, 0x10\n\t"
			 "1:" ::: "r8", "rdx", "memory");
	CHECK_EQ(count, 1);
	/* The mask put back is the one in the context. */
	OK(sigprocmask(SIG_BLOCK, NULL, &now));
	CHECK(sigismember(&now, SIGHUP) && sigismember(&now, SIGTERM));
	CHECK(!sigismember(&now, SIGSEGV));
}

static void set_rip(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig;
	uc->uc_mcontext.gregs[REG_RIP] = (long)si->si_value.sival_ptr;
}

static void return_to(void *rip)
{
	handle_info(SIGUSR1, set_rip, 0);
	sigqueue(getpid(), SIGUSR1, (union sigval){ .sival_ptr = rip });
	FAIL("went on");
}

static void return_to_bad_addresses(void)
{
	static const unsigned long bad[] = {
		0, 0x7ffffffff000, 0x800000000000, 0x8000000000000000,
		0xffff7fffffffffff, 0xffff800000000000, 0xffffffff80000000,
		-1UL,
	};

	for (size_t i = 0; i < TAP_COUNT(bad); i++)
		CHECK_EQ(signal_of(return_to, (void *)bad[i]), SIGSEGV);
}

static volatile long bad_cs, bad_flags;

static void set_selectors(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig;
	(void)si;
	if (bad_cs) {
		uc->uc_mcontext.gregs[REG_CSGSFS] &= ~0xffffL;
		uc->uc_mcontext.gregs[REG_CSGSFS] |= bad_cs;
	}
	if (bad_flags)
		uc->uc_mcontext.gregs[REG_EFL] = bad_flags;
	count++;
}

static void kernel_selector(void *arg)
{
	bad_cs = (long)arg;
	handle_info(SIGUSR1, set_selectors, 0);
	raise(SIGUSR1);
}

/*
 * The kernel's code selector in a context: Linux forces user privilege; what
 * comes of it is a signal or an ordinary return, never kernel mode.
 */
static void selectors_are_not_trusted(void)
{
	static const long selectors[] = { 0x08, 0x10, 0x18, 0x20, 0xfff8, 0x4 };

	for (size_t i = 0; i < TAP_COUNT(selectors); i++) {
		int status;
		pid_t pid = spawn(kernel_selector, (void *)selectors[i]);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(status == 0 || WIFSIGNALED(status));
	}
}

static void flags_are_filtered(void)
{
	unsigned long f;

	/* IOPL 3, interrupts off, NT, VM: none of it gets through. */
	bad_flags = 0x3000 | 0x4000 | 0x20000 | 0x41;
	handle_info(SIGUSR1, set_selectors, 0);
	OK(syscall(SYS_kill, getpid(), SIGUSR1));
	__asm__ volatile("pushfq\n\tpop %0" : "=r"(f));
	CHECK_EQ(count, 1);
	CHECK_EQ(f & (0x3000 | 0x4000 | 0x20000), 0);
	CHECK_EQ(f & 0x200, 0x200);
}

static volatile int garbage_at;

static void spoil_frame(int sig, siginfo_t *si, void *ucv)
{
	(void)sig;
	(void)si;
	memset((char *)ucv + garbage_at, 0xff, 8);
}

static void raise_with_garbage(void *arg)
{
	garbage_at = (int)(long)arg;
	handle_info(SIGUSR1, spoil_frame, 0);
	raise(SIGUSR1);
}

/* Any eight bytes of the context as ones: a signal at worst. */
static void garbage_in_the_frame(void)
{
	for (long at = 0; at < 300; at += 8) {
		int status;
		pid_t pid = spawn(raise_with_garbage, (void *)at);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFEXITED(status) || WIFSIGNALED(status));
	}
}

static void spoil_fp_state(int sig, siginfo_t *si, void *ucv)
{
	ucontext_t *uc = ucv;

	(void)sig;
	(void)si;
	if (uc->uc_mcontext.fpregs)
		memset(uc->uc_mcontext.fpregs, garbage_at, 512);
}

static void raise_with_fp_garbage(void *arg)
{
	garbage_at = (int)(long)arg;
	handle_info(SIGUSR1, spoil_fp_state, 0);
	raise(SIGUSR1);
}

static void garbage_in_the_fp_state(void)
{
	static const long bytes[] = { 0xff, 0x00, 0x5a };

	for (size_t i = 0; i < TAP_COUNT(bytes); i++) {
		int status;
		pid_t pid = spawn(raise_with_fp_garbage, (void *)bytes[i]);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		/* Reserved MXCSR bits must not fault in the kernel. */
		CHECK(WIFEXITED(status) || WIFSIGNALED(status));
	}
}

static void bare_sigreturn(void *stack)
{
	__asm__ volatile("mov %0, %%rsp\n\tmov $15, %%eax\n\tsyscall\n\tud2"
			 :: "r"(stack) : "memory");
}

static void sigreturn_from_nowhere(void)
{
	static unsigned long area[1024];

	CHECK_EQ(signal_of(bare_sigreturn, (void *)8), SIGSEGV);
	CHECK_EQ(signal_of(bare_sigreturn, (void *)0xffff800000000000),
		 SIGSEGV);
	CHECK_EQ(signal_of(bare_sigreturn, (void *)0x800000000000), SIGSEGV);
	int sig = signal_of(bare_sigreturn, &area[512]);
	CHECK(sig == SIGSEGV || sig == SIGBUS);
	memset(area, 0xff, sizeof(area));
	sig = signal_of(bare_sigreturn, &area[512]);
	CHECK(sig == SIGSEGV || sig == SIGBUS);
}

static void handler_without_restorer(void *arg)
{
	struct {
		void (*handler)(int);
		unsigned long flags;
		void (*restorer)(void);
		unsigned long mask;
	} sa = { spoil_registers, 0, NULL, 0 };

	(void)arg;
	OK(syscall(SYS_rt_sigaction, SIGUSR1, &sa, NULL, 8));
	raise(SIGUSR1);
}

/* The way back is the C library's; without SA_RESTORER there is none. */
static void restorer_is_needed(void)
{
	CHECK_EQ(signal_of(handler_without_restorer, NULL), SIGSEGV);
}

static const struct tap_case cases[] = {
	{ "general_registers", general_registers, 0 },
	{ "sse_registers", sse_registers, 0 },
	{ "avx_registers", avx_registers, 0 },
	{ "x87_state", x87_state, 0 },
	{ "mxcsr", mxcsr, 0 },
	{ "red_zone", red_zone, 0 },
	{ "flags_and_alignment", flags_and_alignment, 0 },
	{ "preempted_by_timer", preempted_by_timer, 0 },
	{ "handler_changes_rip", handler_changes_rip, 0 },
	{ "context_fields", context_fields, 0 },
	{ "return_to_bad_addresses", return_to_bad_addresses, 0 },
	{ "selectors_are_not_trusted", selectors_are_not_trusted, 0 },
	{ "flags_are_filtered", flags_are_filtered, 0 },
	{ "garbage_in_the_frame", garbage_in_the_frame, 0 },
	{ "garbage_in_the_fp_state", garbage_in_the_fp_state, 0 },
	{ "sigreturn_from_nowhere", sigreturn_from_nowhere, 0 },
	{ "restorer_is_needed", restorer_is_needed, 0 },
};

TAP_MAIN(cases)
