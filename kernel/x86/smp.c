/* SPDX-License-Identifier: MIT */
/*
 * Starting the other CPUs, and calling functions on them.
 *
 * Start: smp_prepare() makes a slot (per-CPU area, stacks) for each; smp_init() wakes
 * all at once (INIT, start-up IPI; SDM vol. 3, 9.4). Each takes the next number
 * (ap_tickets, boot.S), sets itself up in that slot and waits for the word to go,
 * which comes when ncpus is final. Nobody who comes too late gets a number.
 *
 * Calls: each CPU has a list of calls to run, pushed without a lock and
 * taken off as a whole by the interrupt. The nodes lie on the caller's stack; it waits
 * until every one has run. A caller with interrupts off runs what others ask of it
 * meanwhile, so two that call each other do not wait for ever.
 */
#include <atomic.h>
#include <bits.h>
#include <compiler.h>
#include <kassert.h>
#include <kernel/upcalls.h>
#include "boot/bootinfo.h"
#include "kernel/lib/string.h"
#include "kernel/x86/acpi.h"
#include "kernel/x86/apic.h"
#include "kernel/x86/clock.h"
#include "kernel/x86/context.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/desc.h"
#include "kernel/x86/fpu.h"
#include "kernel/x86/irqchip.h"
#include "kernel/x86/memlayout.h"
#include "kernel/x86/pagetable.h"
#include "kernel/x86/percpu.h"
#include "kernel/x86/smp.h"
#include "kernel/x86/trap.h"

#define TICKETS_CLOSED		0x10000	/* any number past the slots */
#define RETRY_USEC		20000	/* then a second start-up IPI */
#define GIVE_UP_USEC		2000000

struct call {
	struct call *ca_next;
	void (*ca_fn)(void *);
	void *ca_arg;
	atomic_t *ca_pending;		/* counted down once it has run; the node is gone then */
};

/* boot/ap.S */
extern const char ap_trampoline[], ap_trampoline_end[];

uintptr_t percpu_offset[MAX_CPUS];
unsigned int ncpus = 1;

/* boot.S reads these. */
u32 ap_tickets = 1;				/* [a] the next number */
u32 ap_slots = 1;				/* [I] CPUs there is room for */
u64 ap_stack_tops[MAX_CPUS] = { (u64)boot_stack_top };	/* [I] */

static atomic_t aps_ready;
static bool aps_go;				/* [a] */
static DEFINE_PERCPU(struct call *, call_list);	/* [a] any CPU pushes, the own takes */

void ap_start(unsigned int cpu) __noreturn;

void *smp_boot_stack_top(unsigned int cpu)
{
	KASSERT(cpu < ap_slots);
	return (void *)ap_stack_tops[cpu];
}

static void prepare_slot(unsigned int cpu)
{
	size_t size = (size_t)(percpu_end - percpu_start);
	char *area = phys_to_virt(early_alloc(size, PAGE_SIZE));
	char *ist = phys_to_virt(early_alloc(IST_COUNT * IST_STACK_SIZE, PAGE_SIZE));
	char *stack = phys_to_virt(early_alloc(KSTACK_SIZE, KSTACK_SIZE));

	memcpy(area, percpu_start, size);
	percpu_offset[cpu] = (uintptr_t)area - (uintptr_t)percpu_start;
	desc_set_ist_stacks(cpu, ist);
	ap_stack_tops[cpu] = (u64)(stack + KSTACK_SIZE);
}

void smp_prepare(unsigned int max)
{
	unsigned int n = min(min(acpi.ncpus, max), (unsigned int)MAX_CPUS);

	KASSERT(early_is_open());
	if (!bootinfo.bi_trampoline)
		n = 1;
	for (unsigned int cpu = 1; cpu < n; cpu++)
		prepare_slot(cpu);
	ap_slots = max(n, 1u);
}

/* From boot.S, on the slot's stack and the first page tables. */
void ap_start(unsigned int cpu)
{
	cpu_init_cpu();
	write_cr3(kernel_pmap.pm_root);
	desc_init_cpu(cpu);
	this_cpu(percpu_kstack_top) = ap_stack_tops[cpu];
	irqchip_init_cpu();
	fpu_init_cpu();
	clock_init_cpu();
	atomic_inc_return(&aps_ready);
	while (!smp_load_acquire(&aps_go))
		cpu_relax();
	ap_main(cpu);
}

static void send_to_all(u32 cmd, unsigned int nwanted)
{
	u8 self = lapic_id();

	for (unsigned int i = 0, n = 1; i < acpi.ncpus && n < nwanted; i++) {
		if (acpi.cpu_apic_id[i] == self)
			continue;
		lapic_send(acpi.cpu_apic_id[i], cmd);
		n++;
	}
}

static bool wait_ready(unsigned int n, unsigned int usec)
{
	nsec_t end = clock_monotonic() + usec * NSEC_PER_USEC;

	while ((unsigned int)atomic_read(&aps_ready) < n) {
		if (clock_monotonic() > end)
			return false;
		cpu_relax();
	}
	return true;
}

void smp_init(unsigned int max)
{
	unsigned int n = min(ap_slots, max);
	paddr_t page = bootinfo.bi_trampoline;
	u32 taken;

	KASSERT(ncpus == 1 && percpu_offset[0] == 0);
	if (n <= 1 || !irqchip_has_lapic())
		return;
	memcpy(phys_to_virt(page), ap_trampoline,
	       (size_t)(ap_trampoline_end - ap_trampoline));
	send_to_all(ICR_INIT, n);
	/* Current CPUs need no pause here; 10 ms was for those of the nineties. */
	clock_delay_us(100);
	send_to_all(ICR_STARTUP | (u32)(page >> PAGE_SHIFT), n);
	if (!wait_ready(n - 1, RETRY_USEC)) {
		send_to_all(ICR_STARTUP | (u32)(page >> PAGE_SHIFT), n);
		wait_ready(n - 1, GIVE_UP_USEC);
	}
	/* Close the door, then wait for those who are already in. */
	taken = __atomic_exchange_n(&ap_tickets, TICKETS_CLOSED, __ATOMIC_SEQ_CST);
	taken = min(taken, n);
	while ((unsigned int)atomic_read(&aps_ready) < taken - 1)
		cpu_relax();
	if (taken < n)
		printk("smp: %u of %u CPUs did not start\n", n - taken, n);
	ncpus = taken;
	smp_store_release(&aps_go, true);
}

/* True when the list was empty: its CPU needs an interrupt. */
static bool call_push(unsigned int cpu, struct call *ca)
{
	struct call **list = percpu_ptr(call_list, cpu);
	struct call *old = __atomic_load_n(list, __ATOMIC_RELAXED);

	do {
		ca->ca_next = old;
	} while (!__atomic_compare_exchange_n(list, &old, ca, false,
					      __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
	return old == NULL;
}

void smp_call_interrupt(void)
{
	struct call *ca = __atomic_exchange_n(this_cpu_ptr(call_list), NULL,
					      __ATOMIC_SEQ_CST);

	while (ca) {
		struct call *next = ca->ca_next;
		atomic_t *pending = ca->ca_pending;

		ca->ca_fn(ca->ca_arg);
		atomic_dec_return(pending);	/* ca is gone from here on */
		ca = next;
	}
}

void smp_call(u64 mask, void (*fn)(void *), void *arg)
{
	struct call calls[MAX_CPUS];
	atomic_t pending;
	u64 kick = 0;
	irqflags_t f;

	/* No interrupt between a push and its IPI, and no change of CPU. */
	f = irq_save();
	mask &= (BIT(ncpus) - 1) & ~BIT(cpu_id());
	atomic_set(&pending, (s32)popcount64(mask));
	for (u64 m = mask; m; m &= m - 1) {
		unsigned int cpu = ctz64(m);

		calls[cpu] = (struct call){ NULL, fn, arg, &pending };
		if (call_push(cpu, &calls[cpu]))
			kick |= BIT(cpu);
	}
	ipi_call(kick);
	irq_restore(f);

	while (atomic_read(&pending) > 0) {
		if (!irqs_enabled())
			smp_call_interrupt();
		cpu_relax();
	}
	smp_rmb();
}
