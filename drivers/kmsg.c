/* SPDX-License-Identifier: MIT */
/*
 * The kernel's messages for programs: syslog(2), which dmesg uses, and /dev/kmsg.
 *
 * /dev/kmsg is plain text here: a read returns what has been logged since the last one (from the
 * beginning after open), 0 bytes at the end; a write is logged. Linux's record
 * format and its waiting for new messages are not there.
 */
#include <errno.h>
#include <kassert.h>
#include "drivers/init.h"
#include "drivers/kmsg.h"
#include "fs/chrdev.h"
#include "kernel/core/printk.h"
#include "kernel/lib/string.h"
#include "mm/uaccess.h"

#define CHUNK		256

/* syslog(2) */
#define ACTION_CLOSE		0
#define ACTION_OPEN		1
#define ACTION_READ_ALL		3
#define ACTION_READ_CLEAR	4
#define ACTION_CLEAR		5
#define ACTION_CONSOLE_OFF	6
#define ACTION_CONSOLE_ON	7
#define ACTION_CONSOLE_LEVEL	8
#define ACTION_SIZE_UNREAD	9
#define ACTION_SIZE_BUFFER	10

#define DEFAULT_LEVEL	5

static u64 cleared;		/* [a] nothing before it is shown */

static ssize_t kmsg_read(struct file *f, struct uio *u)
{
	u64 seq = (u64)f->f_pos;
	char buf[CHUNK];
	size_t n, done = 0;
	int err = 0;

	while (u->u_resid && !err) {
		n = printk_read(&seq, buf, min(u->u_resid, sizeof(buf)));
		if (!n)
			break;
		err = uio_copy_out(u, buf, n);
		if (!err)
			done += n;
	}
	f->f_pos = (s64)seq;
	return done ? (ssize_t)done : err;
}

static ssize_t kmsg_write(struct file *f, struct uio *u)
{
	size_t len = u->u_resid, n = min(len, (size_t)CHUNK - 1);
	char buf[CHUNK];

	(void)f;
	if (uio_copy_in(u, buf, n))
		return -EFAULT;
	while (n && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	printk(KERN_NOTICE "%s\n", buf);
	return (ssize_t)len;
}

/* The last len bytes of the log, or all. */
static long copy_log(char __user *buf, size_t len)
{
	u64 seq = READ_ONCE(cleared), end = printk_end();
	size_t done = 0, n;
	char chunk[CHUNK];

	if (end - seq > len)
		seq = end - len;
	while (done < len) {
		n = printk_read(&seq, chunk, min(len - done, sizeof(chunk)));
		if (!n)
			break;
		if (copy_to_user(buf + done, chunk, n))
			return -EFAULT;
		done += n;
	}
	return (long)done;
}

/* How long the log is; what has been overwritten does not count. */
static long log_size(void)
{
	u64 seq = READ_ONCE(cleared);
	char chunk[CHUNK];
	size_t n;
	long size = 0;

	while ((n = printk_read(&seq, chunk, sizeof(chunk))) > 0)
		size += (long)n;
	return size;
}

long sys_syslog(int action, char __user *buf, int len)
{
	long ret;

	if (!cred_privileged(cred_current()) && action != ACTION_READ_ALL &&
	    action != ACTION_SIZE_BUFFER)
		return -EPERM;
	switch (action) {
	case ACTION_CLOSE:
	case ACTION_OPEN:
		return 0;
	case ACTION_READ_ALL:
	case ACTION_READ_CLEAR:
		if (!buf || len < 0)
			return -EINVAL;
		ret = copy_log(buf, (size_t)len);
		if (ret >= 0 && action == ACTION_READ_CLEAR)
			WRITE_ONCE(cleared, printk_end());
		return ret;
	case ACTION_CLEAR:
		WRITE_ONCE(cleared, printk_end());
		return 0;
	case ACTION_CONSOLE_OFF:
		printk_set_loglevel(1);
		return 0;
	case ACTION_CONSOLE_ON:
		printk_set_loglevel(DEFAULT_LEVEL);
		return 0;
	case ACTION_CONSOLE_LEVEL:
		if (len < 1 || len > 8)
			return -EINVAL;
		printk_set_loglevel(len);
		return 0;
	case ACTION_SIZE_UNREAD:
	case ACTION_SIZE_BUFFER:
		return log_size();
	default:
		return -EINVAL;
	}
}

static const struct file_ops kmsg_fops = {
	.fo_read = kmsg_read,
	.fo_write = kmsg_write,
};

static struct chrdev kmsg_dev = {
	.cd_name = "kmsg", .cd_dev = MKDEV(1, 11), .cd_mode = 0644, .cd_fops = &kmsg_fops,
};

void kmsg_init(void)
{
	KASSERT(chrdev_register(&kmsg_dev) == 0);
}
