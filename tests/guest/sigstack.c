/* SPDX-License-Identifier: MIT */
/*
 * sigstack.c - sigaltstack(2) and SA_ONSTACK.
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <pthread.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static char area[64 * 1024] __attribute__((aligned(16)));
static volatile sig_atomic_t count;
static volatile char *handler_sp, *nested_sp;
static volatile int flags_seen;

static bool on_area(volatile char *p)
{
	return p >= area && p < area + sizeof(area);
}

static void use_area(void)
{
	stack_t ss = { .ss_sp = area, .ss_size = sizeof(area) };

	OK(sigaltstack(&ss, NULL));
}

static void note_stack(int sig)
{
	stack_t ss;

	(void)sig;
	handler_sp = __builtin_frame_address(0);
	OK(sigaltstack(NULL, &ss));
	flags_seen = ss.ss_flags;
	count++;
}

static void get_and_set(void)
{
	stack_t ss;

	OK(sigaltstack(NULL, &ss));
	CHECK_EQ(ss.ss_flags, SS_DISABLE);
	use_area();
	OK(sigaltstack(NULL, &ss));
	CHECK(ss.ss_sp == area && ss.ss_size == sizeof(area));
	CHECK_EQ(ss.ss_flags, 0);
	ss.ss_flags = SS_DISABLE;
	OK(sigaltstack(&ss, NULL));
	OK(sigaltstack(NULL, &ss));
	CHECK_EQ(ss.ss_flags, SS_DISABLE);
}

static void errors(void)
{
	stack_t ss = { .ss_sp = area, .ss_size = 100 };

	CHECK_ERR(syscall(SYS_sigaltstack, &ss, NULL), ENOMEM);
	ss.ss_size = sizeof(area);
	ss.ss_flags = 0x40;
	CHECK_ERR(syscall(SYS_sigaltstack, &ss, NULL), EINVAL);
}

static void handler_runs_there(void)
{
	use_area();
	handle(SIGUSR1, note_stack, SA_ONSTACK);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 1);
	CHECK(on_area(handler_sp));
	CHECK_EQ(flags_seen, SS_ONSTACK);
	stack_t ss;
	OK(sigaltstack(NULL, &ss));
	CHECK_EQ(ss.ss_flags, 0);
}

static void only_with_the_flag(void)
{
	use_area();
	handle(SIGUSR1, note_stack, 0);
	OK(raise(SIGUSR1));
	CHECK(!on_area(handler_sp));
	CHECK_EQ(flags_seen, 0);
}

static void without_a_stack_the_flag_means_nothing(void)
{
	handle(SIGUSR1, note_stack, SA_ONSTACK);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 1);
	CHECK(!on_area(handler_sp));
	CHECK_EQ(flags_seen, SS_DISABLE);
}

static void nested_handler(int sig)
{
	(void)sig;
	nested_sp = __builtin_frame_address(0);
}

static void outer_handler(int sig)
{
	handler_sp = __builtin_frame_address(0);
	(void)sig;
	raise(SIGUSR2);
	count++;
}

/* The second frame goes below the first, not over it. */
static void nested_on_the_same_stack(void)
{
	use_area();
	handle(SIGUSR1, outer_handler, SA_ONSTACK);
	handle(SIGUSR2, nested_handler, SA_ONSTACK);
	OK(raise(SIGUSR1));
	CHECK_EQ(count, 1);
	CHECK(on_area(handler_sp) && on_area(nested_sp));
	CHECK(nested_sp < handler_sp);
}

static volatile int change_errno;

static void change_stack(int sig)
{
	stack_t ss = { .ss_flags = SS_DISABLE };

	(void)sig;
	change_errno = sigaltstack(&ss, NULL) ? errno : 0;
}

static void not_while_it_is_in_use(void)
{
	use_area();
	handle(SIGUSR1, change_stack, SA_ONSTACK);
	OK(raise(SIGUSR1));
	CHECK_EQ(change_errno, EPERM);
}

static sigjmp_buf env;

static void jump_out(int sig)
{
	handler_sp = __builtin_frame_address(0);
	siglongjmp(env, sig);
}

static void jump_off_the_stack(void)
{
	use_area();
	handle(SIGUSR1, jump_out, SA_ONSTACK);
	for (volatile int i = 0; i < 100; i++) {
		if (sigsetjmp(env, 1) == 0)
			raise(SIGUSR1);
		stack_t ss;
		OK(sigaltstack(NULL, &ss));
		/* By the stack pointer, not by a flag kept somewhere. */
		CHECK_EQ(ss.ss_flags, 0);
		CHECK(on_area(handler_sp));
	}
}

static void inherited_by_fork(void)
{
	use_area();
	pid_t pid = xfork();
	if (pid == 0) {
		stack_t ss;
		OK(sigaltstack(NULL, &ss));
		CHECK(ss.ss_sp == area && ss.ss_flags == 0);
		_exit(0);
	}
	wait_ok(pid);
}

static void *thread_has_none(void *arg)
{
	stack_t ss;

	OK(sigaltstack(NULL, &ss));
	CHECK_EQ(ss.ss_flags, SS_DISABLE);
	return arg;
}

static void not_by_threads(void)
{
	pthread_t t;

	use_area();
	CHECK_EQ(pthread_create(&t, NULL, thread_has_none, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static void overflow_it(int sig)
{
	volatile char big[8192];

	(void)sig;
	for (int i = sizeof(big) - 1; i >= 0; i--)
		big[i] = 1;
}

static void too_small_for_its_handler(void *arg)
{
	char *p = OK(mmap(NULL, 4 * PAGE, PROT_NONE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	stack_t ss = { .ss_sp = p + 2 * PAGE, .ss_size = 2 * PAGE };

	(void)arg;
	OK(mprotect(ss.ss_sp, ss.ss_size, PROT_READ | PROT_WRITE));
	OK(sigaltstack(&ss, NULL));
	handle(SIGUSR1, overflow_it, SA_ONSTACK);
	handle(SIGSEGV, overflow_it, SA_ONSTACK);
	raise(SIGUSR1);
}

static void overflow(void)
{
	CHECK_EQ(signal_of(too_small_for_its_handler, NULL), SIGSEGV);
}

static void bad_stack_pointer(void *sp)
{
	handle(SIGUSR1, note_stack, 0);
	long pid = getpid();
	__asm__ volatile("mov %0, %%rsp\n\tmov %1, %%rdi\n\t"
			 "mov $10, %%esi\n\tmov $62, %%eax\n\tsyscall\n\tud2"
			 :: "r"(sp), "r"(pid)
			 : "rax", "rdi", "rsi", "rcx", "r11", "memory");
}

/* No place for the frame: SIGSEGV, whatever the stack pointer is. */
static void frame_does_not_fit(void)
{
	static const unsigned long bad[] = {
		0, 8, 0x1000, 0x7ffffffff000, 0x800000000000,
		0xffff800000000000, 0xffffffff80000000, -1UL,
	};

	for (size_t i = 0; i < TAP_COUNT(bad); i++)
		CHECK_EQ(signal_of(bad_stack_pointer, (void *)bad[i]), SIGSEGV);
}

static const struct tap_case cases[] = {
	{ "get_and_set", get_and_set, 0 },
	{ "errors", errors, 0 },
	{ "handler_runs_there", handler_runs_there, 0 },
	{ "only_with_the_flag", only_with_the_flag, 0 },
	{ "without_a_stack_the_flag_means_nothing",
	  without_a_stack_the_flag_means_nothing, 0 },
	{ "nested_on_the_same_stack", nested_on_the_same_stack, 0 },
	{ "not_while_it_is_in_use", not_while_it_is_in_use, 0 },
	{ "jump_off_the_stack", jump_off_the_stack, 0 },
	{ "inherited_by_fork", inherited_by_fork, 0 },
	{ "not_by_threads", not_by_threads, 0 },
	{ "overflow", overflow, 0 },
	{ "frame_does_not_fit", frame_does_not_fit, 0 },
};

TAP_MAIN(cases)
