/* SPDX-License-Identifier: MIT */
/*
 * A sampling profiler. Where is the time spent? Interrupt every CPU many times a second
 * and write down where it was, and who called that: the chain of frame pointers.
 *
 * The interrupt is an NMI (kernel/x86/nmitimer.c). It comes where ordinary interrupts are
 * held off, too, which is where a kernel's switches, wake-ups and traps are.
 *
 *	echo 5000 > /proc/profile	start anew, 5000 samples a second on each CPU
 *	echo 0 > /proc/profile		stop; when it stands still already, forget
 *	cat /proc/profile		a line a stack: "name;outermost;...;innermost count"
 *
 * Kernel places are named, those of user mode are numbers that scripts/profile names.
 * Equal stacks share a slot of a hash table, so the table's size limits how many different
 * ones there are, not how long it runs.
 *
 * The handler takes no lock, allocates nothing and cannot fault: kernel stacks are read
 * within their bounds, user memory through the page tables. What it finds may be
 * wrong by a frame for the few instructions that build one, and never worse.
 *
 * Invariants: a slot belongs to the CPU of its table, whose NMI handler is its only writer;
 * readers see it once sl_count is not 0. The tables exist while `running`.
 *
 * Locks: profile_mutex, for starting, stopping and reading.
 */
#include <errno.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "kernel/core/mutex.h"
#include "kernel/core/panic.h"
#include "kernel/core/profile.h"
#include "kernel/core/statreg.h"
#include "kernel/core/thread.h"
#include "kernel/lib/hash.h"
#include "kernel/lib/string.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/frame.h"
#include "kernel/x86/nmitimer.h"
#include "kernel/x86/pagetable.h"
#include "kernel/x86/smp.h"
#include "mm/vmalloc.h"

#define DEPTH		30
#define NSLOTS		4096
#define PROBES		16

#define INSN_PUSH_RBP	0x55		/* the first of a function */
#define INSN_RET	0xc3
#define INSN_MOV_RBP	0xe58948	/* mov %rsp,%rbp: the second */

struct stack {
	u32 st_kernel, st_depth;	/* how many of st_pc are the kernel's, and all */
	char st_name[16];		/* of the thread */
	u64 st_pc[DEPTH];		/* innermost first */
};

struct slot {
	u32 sl_count;
	u32 sl_hash;
	struct stack sl_stack;		/* [I] once sl_count is not 0 */
};

struct samples {
	struct slot *sm_slots;		/* [profile_mutex] */
	u64 sm_taken, sm_lost;		/* own CPU, in the NMI */
	struct stack sm_now;		/* own CPU, in the NMI */
};

extern const char kernel_text_start[], kernel_text_end[];
extern const char leaf_text_start[], leaf_text_end[];

static DEFINE_PERCPU(struct samples, samples);
static struct mutex profile_mutex;
static bool running;			/* [a] written under profile_mutex */

static bool within(u64 addr, const char *start, const char *end)
{
	return addr >= (u64)start && addr < (u64)end;
}

static bool in_text(u64 addr)
{
	return within(addr, kernel_text_start, kernel_text_end);
}

static void push(struct stack *st, u64 pc)
{
	if (st->st_depth < DEPTH)
		st->st_pc[st->st_depth++] = pc;
}

/* Two words of this CPU's kernel stack, or NULL. */
static const u64 *stack_words(u64 addr)
{
	u64 top = this_cpu(percpu_kstack_top);

	if (addr % 8 || addr < top - KSTACK_SIZE || addr > top - 2 * sizeof(u64))
		return NULL;
	return (const u64 *)addr;
}

/*
 * Who called the function at rip, when it has no frame: not yet, not any more, or never,
 * as in assembly. 0: it has one.
 */
static u64 frameless_caller(u64 rip, u64 rsp)
{
	const u64 *w = stack_words(rsp);
	u32 insn;

	if (!w || !in_text(rip + sizeof(insn)))
		return 0;
	memcpy(&insn, (const void *)rip, sizeof(insn));
	if ((insn & 0xff) == INSN_PUSH_RBP || (insn & 0xff) == INSN_RET ||
	    within(rip, leaf_text_start, leaf_text_end))
		return w[0];
	return (insn & 0xffffff) == INSN_MOV_RBP ? w[1] : 0;
}

static void walk_kernel(struct stack *st, u64 rip, u64 rsp, u64 rbp)
{
	u64 caller = frameless_caller(rip, rsp);
	const u64 *fp;

	push(st, rip);
	if (in_text(caller))
		push(st, caller - 1);
	while ((fp = stack_words(rbp)) && in_text(fp[1])) {
		push(st, fp[1] - 1);
		if (fp[0] <= rbp)
			break;
		rbp = fp[0];
	}
	st->st_kernel = st->st_depth;
}

/*
 * A word of the loaded address space. Page tables that are loaded here stay until this CPU
 * has answered a flush, which it does not do inside an NMI.
 */
static bool user_word(u64 addr, u64 *out)
{
	struct pmap pm = { .pm_root = read_cr3() & PTE_ADDR };
	const pte_t *pte;

	if (addr % 8 || addr >= USER_TOP)
		return false;
	pte = pmap_lookup(&pm, addr);
	if (!pte || !(*pte & PTE_P))
		return false;
	memcpy(out, (const char *)phys_to_virt(pte_paddr(*pte)) + addr % PAGE_SIZE, sizeof(*out));
	return true;
}

/* Code without frame pointers ends the chain early, or adds a number that is no code. */
static void walk_user(struct stack *st, u64 rip, u64 rbp)
{
	u64 next, ret;

	push(st, rip);
	while (st->st_depth < DEPTH && user_word(rbp, &next) && user_word(rbp + 8, &ret)) {
		if (ret < PAGE_SIZE || ret >= USER_TOP)
			break;
		push(st, ret - 1);
		if (next <= rbp)
			break;
		rbp = next;
	}
}

static void fill(struct stack *st, const struct trapframe *tf)
{
	const struct thread *t = current;

	memset(st, 0, sizeof(*st));
	if (t)
		memcpy(st->st_name, t->t_name, sizeof(st->st_name) - 1);
	if (frame_from_user(tf)) {
		walk_user(st, tf->tf_rip, tf->tf_rbp);
		return;
	}
	walk_kernel(st, tf->tf_rip, tf->tf_rsp, tf->tf_rbp);
	if (t && t->t_pmap) {
		tf = (const struct trapframe *)this_cpu(percpu_kstack_top) - 1;
		if (frame_from_user(tf))
			walk_user(st, tf->tf_rip, tf->tf_rbp);
	}
}

static bool count(struct samples *sm)
{
	u64 mix = 0;
	u32 hash;

	for (u32 i = 0; i < sm->sm_now.st_depth; i++)
		mix = hash_u64(mix ^ sm->sm_now.st_pc[i], 64);
	hash = (u32)(mix >> 32);
	for (u32 i = 0; i < PROBES; i++) {
		struct slot *sl = &sm->sm_slots[(hash + i) % NSLOTS];

		if (sl->sl_count == 0) {
			sl->sl_hash = hash;
			sl->sl_stack = sm->sm_now;
		} else if (sl->sl_hash != hash ||
			   memcmp(&sl->sl_stack, &sm->sm_now, sizeof(sm->sm_now)) != 0) {
			continue;
		}
		smp_store_release(&sl->sl_count, sl->sl_count + 1);
		return true;
	}
	return false;
}

bool profile_nmi(const struct trapframe *tf)
{
	struct samples *sm = this_cpu_ptr(samples);

	if (!smp_load_acquire(&running))
		return false;
	fill(&sm->sm_now, tf);
	sm->sm_taken++;
	sm->sm_lost += !count(sm);
	return true;
}

static void nothing(void *arg)
{
	(void)arg;
}

static void stop(void)
{
	nmi_timer_stop();
	/* An NMI that is on its way comes before the call that this waits for. */
	smp_call(~0UL, nothing, NULL);
	smp_store_release(&running, false);
	smp_call(~0UL, nothing, NULL);
}

static void forget(void)
{
	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		struct samples *sm = percpu_ptr(samples, cpu);

		if (sm->sm_slots)
			vfree(sm->sm_slots);
		memset(sm, 0, sizeof(*sm));
	}
}

static int start(unsigned int hz)
{
	int err;

	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		struct samples *sm = percpu_ptr(samples, cpu);

		sm->sm_slots = vmalloc(NSLOTS * sizeof(struct slot));
		if (!sm->sm_slots) {
			forget();
			return -ENOMEM;
		}
		memset(sm->sm_slots, 0, NSLOTS * sizeof(struct slot));
	}
	smp_store_release(&running, true);
	err = nmi_timer_start(hz);
	if (err) {
		stop();
		forget();
	}
	return err;
}

static int store(const char *text, size_t len)
{
	bool was_running;
	u32 hz = 0;
	int err = 0;

	if (len == 0)
		return -EINVAL;
	for (const char *p = text; *p && *p != '\n'; p++) {
		if (*p < '0' || *p > '9' || hz > NMI_TIMER_MAX)
			return -EINVAL;
		hz = hz * 10 + (u32)(*p - '0');
	}
	mutex_lock(&profile_mutex);
	was_running = running;
	if (was_running)
		stop();
	if (hz || !was_running)
		forget();
	if (hz)
		err = start(hz);
	mutex_unlock(&profile_mutex);
	return err;
}

static void show_stack(struct statbuf *sb, const struct stack *st, u32 n)
{
	u64 off;

	for (const char *p = st->st_name; *p; p++)
		stat_printf(sb, "%c", *p == ' ' || *p == ';' ? '_' : *p);
	for (u32 i = st->st_depth; i-- > 0; ) {
		if (i >= st->st_kernel)
			stat_printf(sb, ";0x%llx", (unsigned long long)st->st_pc[i]);
		else
			stat_printf(sb, ";%s", ksym_lookup(st->st_pc[i], &off));
	}
	stat_printf(sb, " %u\n", n);
}

static void show(struct statbuf *sb)
{
	u64 taken = 0, lost = 0;

	mutex_lock(&profile_mutex);
	for (unsigned int cpu = 0; cpu < ncpus; cpu++) {
		const struct samples *sm = percpu_ptr(samples, cpu);

		taken += sm->sm_taken;
		lost += sm->sm_lost;
		for (u32 i = 0; sm->sm_slots && i < NSLOTS; i++) {
			u32 n = smp_load_acquire(&sm->sm_slots[i].sl_count);

			if (n)
				show_stack(sb, &sm->sm_slots[i].sl_stack, n);
		}
	}
	stat_printf(sb, "# %llu samples, %llu lost\n", (unsigned long long)taken,
		    (unsigned long long)lost);
	mutex_unlock(&profile_mutex);
}

void profile_init(void)
{
	static struct statreport report = {
		.sr_name = "profile", .sr_show = show, .sr_store = store,
	};

	mutex_init(&profile_mutex, "profile", RANK_SLEEP_LEAF);
	statreport_register(&report);
}
