/* SPDX-License-Identifier: MIT */
/* How ioctl(2) numbers are made; those of terminals are in termios.h. */
#ifndef ABI_IOCTL_H
#define ABI_IOCTL_H

#define _IOC_NONE	0u
#define _IOC_WRITE	1u
#define _IOC_READ	2u
#define _IOC_SIZEBITS	14

#define _IOC(dir, type, nr, size) \
	(((dir) << 30) | ((size) << 16) | ((type) << 8) | (nr))
#define _IO(type, nr)		_IOC(_IOC_NONE, type, nr, 0u)
#define _IOR(type, nr, t)	_IOC(_IOC_READ, type, nr, (unsigned)sizeof(t))
#define _IOW(type, nr, t)	_IOC(_IOC_WRITE, type, nr, (unsigned)sizeof(t))
#define _IOWR(type, nr, t) \
	_IOC(_IOC_READ | _IOC_WRITE, type, nr, (unsigned)sizeof(t))

#define _IOC_DIR(cmd)	(((cmd) >> 30) & 3)
#define _IOC_SIZE(cmd)	(((cmd) >> 16) & ((1u << _IOC_SIZEBITS) - 1))
#define _IOC_TYPE(cmd)	(((cmd) >> 8) & 0xff)
#define _IOC_NR(cmd)	((cmd) & 0xff)

/* Block devices: linux/fs.h */
#define BLKROGET	_IO(0x12, 94)
#define BLKRRPART	_IO(0x12, 95)
#define BLKGETSIZE	_IO(0x12, 96)
#define BLKFLSBUF	_IO(0x12, 97)
#define BLKRASET	_IO(0x12, 98)
#define BLKRAGET	_IO(0x12, 99)
#define BLKSSZGET	_IO(0x12, 104)
#define BLKBSZGET	_IOR(0x12, 112, unsigned long)
#define BLKGETSIZE64	_IOR(0x12, 114, unsigned long)
#define BLKDISCARD	_IO(0x12, 119)
#define BLKIOMIN	_IO(0x12, 120)
#define BLKIOOPT	_IO(0x12, 121)
#define BLKALIGNOFF	_IO(0x12, 122)
#define BLKPBSZGET	_IO(0x12, 123)
#define BLKZEROOUT	_IO(0x12, 127)

#endif
