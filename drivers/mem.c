/* SPDX-License-Identifier: MIT */
/*
 * Devices without hardware: /dev/null, zero, full, random, urandom (null(4), full(4), random(4)).
 */
#include <errno.h>
#include <kassert.h>
#include <abi/mman.h>
#include "drivers/init.h"
#include "drivers/random.h"
#include "fs/chrdev.h"
#include "ipc/signal.h"
#include "kernel/core/sched.h"
#include "mm/object.h"

#define MEM_MAJOR	1
/* Between two looks at signals and at who else wants the CPU. */
#define ZERO_PORTION	(64 * 1024ul)

static ssize_t null_read(struct file *f, struct uio *u)
{
	(void)f;
	(void)u;
	return 0;
}

static ssize_t null_write(struct file *f, struct uio *u)
{
	size_t n = u->u_resid;

	(void)f;
	u->u_resid = 0;
	return (ssize_t)n;
}

static ssize_t zero_read(struct file *f, struct uio *u)
{
	size_t start = u->u_resid;
	int err;

	(void)f;
	err = uio_zero_out(u, min(u->u_resid, ZERO_PORTION));
	while (u->u_resid && !err) {
		sched_relax();
		if (signal_pending_current())
			break;
		err = uio_zero_out(u, min(u->u_resid, ZERO_PORTION));
	}
	return start != u->u_resid ? (ssize_t)(start - u->u_resid) : err;
}

static ssize_t full_write(struct file *f, struct uio *u)
{
	(void)f;
	(void)u;
	return -ENOSPC;
}

static ssize_t urandom_read(struct file *f, struct uio *u)
{
	(void)f;
	return random_read(u);
}

static ssize_t urandom_write(struct file *f, struct uio *u)
{
	(void)f;
	return random_write(u);
}

/* Any seek succeeds and goes nowhere. */
static s64 mem_seek(struct file *f, s64 off, int whence)
{
	(void)off;
	(void)whence;
	f->f_pos = 0;
	return 0;
}

/* Mapping /dev/zero is one way to ask for anonymous memory. */
static int zero_mmap(struct file *f, u64 offset, u64 len, int prot, int flags,
		     struct vm_object **obj)
{
	(void)f;
	(void)prot;
	(void)flags;
	return vm_object_create_anon(offset + len, obj);
}

static const struct file_ops null_fops = {
	.fo_read = null_read, .fo_write = null_write, .fo_seek = mem_seek,
};
static const struct file_ops zero_fops = {
	.fo_read = zero_read, .fo_write = null_write, .fo_seek = mem_seek,
	.fo_mmap = zero_mmap,
};
static const struct file_ops full_fops = {
	.fo_read = zero_read, .fo_write = full_write, .fo_seek = mem_seek,
};
static const struct file_ops random_fops = {
	.fo_read = urandom_read, .fo_write = urandom_write, .fo_seek = mem_seek,
};

static struct chrdev mem_devs[] = {
	{ .cd_name = "null", .cd_dev = MKDEV(MEM_MAJOR, 3), .cd_mode = 0666,
	  .cd_fops = &null_fops },
	{ .cd_name = "zero", .cd_dev = MKDEV(MEM_MAJOR, 5), .cd_mode = 0666,
	  .cd_fops = &zero_fops },
	{ .cd_name = "full", .cd_dev = MKDEV(MEM_MAJOR, 7), .cd_mode = 0666,
	  .cd_fops = &full_fops },
	{ .cd_name = "random", .cd_dev = MKDEV(MEM_MAJOR, 8), .cd_mode = 0666,
	  .cd_fops = &random_fops },
	{ .cd_name = "urandom", .cd_dev = MKDEV(MEM_MAJOR, 9), .cd_mode = 0666,
	  .cd_fops = &random_fops },
};

void mem_dev_init(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(mem_devs); i++)
		KASSERT(chrdev_register(&mem_devs[i]) == 0);
}
