/* SPDX-License-Identifier: MIT */
/* ABI facts from include/abi and include/errno.h. */
#undef CUTAWAY_HOST	/* errno.h shall give the kernel's own numbers */

#include "errno.h"
#include "abi/dirent.h"
#include "abi/elf.h"
#include "abi/fcntl.h"
#include "abi/futex.h"
#include "abi/inotify.h"
#include "abi/ioctl.h"
#include "abi/mman.h"
#include "abi/mount.h"
#include "abi/poll.h"
#include "abi/personality.h"
#include "abi/prctl.h"
#include "abi/random.h"
#include "abi/reboot.h"
#include "abi/resource.h"
#include "abi/sched.h"
#include "abi/select.h"
#include "abi/signal.h"
#include "abi/stat.h"
#include "abi/statfs.h"
#include "abi/syscall.h"
#include "abi/sysinfo.h"
#include "abi/termios.h"
#include "abi/time.h"
#include "abi/uio.h"
#include "abi/utsname.h"
#include "abi/wait.h"
#include "tests/unit/abi/table.h"

#define N(call)		{ "SYS_" #call, SYS_##call },

const struct abi_fact abi_ours[] = {
#include "tests/unit/abi/constants.h"
#include "tests/unit/abi/structs.h"
	{ NULL, 0 },
};

const struct abi_fact abi_ours_libc[] = {
#include "tests/unit/abi/libc_only.h"
	{ NULL, 0 },
};
