/* SPDX-License-Identifier: MIT */
/*
 * Signals: signal(7), sigaction(2), sigaltstack(2), and the frame that a
 * handler finds on its stack (kernel and C library must agree on each byte of
 * struct ucontext and what follows it).
 *
 * These are the kernel's structures: sigset_t has 64 bits here, not the 1024
 * that a C library reserves.
 */
#ifndef ABI_SIGNAL_H
#define ABI_SIGNAL_H

#include "compiler.h"
#include "types.h"

#define SIGHUP		1
#define SIGINT		2
#define SIGQUIT		3
#define SIGILL		4
#define SIGTRAP		5
#define SIGABRT		6
#define SIGIOT		6
#define SIGBUS		7
#define SIGFPE		8
#define SIGKILL		9
#define SIGUSR1		10
#define SIGSEGV		11
#define SIGUSR2		12
#define SIGPIPE		13
#define SIGALRM		14
#define SIGTERM		15
#define SIGSTKFLT	16
#define SIGCHLD		17
#define SIGCONT		18
#define SIGSTOP		19
#define SIGTSTP		20
#define SIGTTIN		21
#define SIGTTOU		22
#define SIGURG		23
#define SIGXCPU		24
#define SIGXFSZ		25
#define SIGVTALRM	26
#define SIGPROF		27
#define SIGWINCH	28
#define SIGIO		29
#define SIGPOLL		SIGIO
#define SIGPWR		30
#define SIGSYS		31
#define SIGRTMIN	32
#define SIGRTMAX	64
#define SIG_COUNT	64	/* signals are 1 to SIG_COUNT */

typedef u64 sigset_t;		/* bit n - 1 is signal n */

#define SIG_BLOCK	0
#define SIG_UNBLOCK	1
#define SIG_SETMASK	2

typedef void (*sighandler_t)(int);

#define SIG_DFL		((sighandler_t)0)
#define SIG_IGN		((sighandler_t)1)
#define SIG_ERR		((sighandler_t)-1)

#define SA_NOCLDSTOP	0x00000001
#define SA_NOCLDWAIT	0x00000002
#define SA_SIGINFO	0x00000004
#define SA_UNSUPPORTED	0x00000400
#define SA_EXPOSE_TAGBITS 0x00000800
#define SA_RESTORER	0x04000000
#define SA_ONSTACK	0x08000000
#define SA_RESTART	0x10000000
#define SA_NODEFER	0x40000000
#define SA_RESETHAND	0x80000000

struct sigaction {
	sighandler_t sa_handler;
	unsigned long sa_flags;
	void (*sa_restorer)(void);
	sigset_t sa_mask;
};

struct sigaltstack {
	void __user *ss_sp;
	int ss_flags;
	size_t ss_size;
};

#define SS_ONSTACK	1
#define SS_DISABLE	2
#define SS_AUTODISARM	(1u << 31)
#define MINSIGSTKSZ	2048
#define SIGSTKSZ	8192

union sigval {
	int sival_int;
	void __user *sival_ptr;
};

typedef union sigval sigval_t;

#define SI_MAX_SIZE	128

struct siginfo {
	int si_signo;
	int si_errno;
	int si_code;
	int __pad0;
	union {
		struct {
			union {
				/* kill, SIGCHLD, queued signals */
				struct {
					pid_t si_pid;
					uid_t si_uid;
				};
				/* POSIX timers */
				struct {
					int si_tid;
					int si_overrun;
				};
			};
			union {
				sigval_t si_value;
				/* SIGCHLD */
				struct {
					int si_status;
					s64 si_utime;
					s64 si_stime;
				};
			};
		};
		/* SIGILL, SIGFPE, SIGSEGV, SIGBUS, SIGTRAP */
		struct {
			void __user *si_addr;
			short si_addr_lsb;
			void __user *si_lower;
			void __user *si_upper;
		};
		/* SIGIO */
		struct {
			long si_band;
			int si_fd;
		};
		/* SIGSYS */
		struct {
			void __user *si_call_addr;
			int si_syscall;
			unsigned int si_arch;
		};
		u8 __pad[SI_MAX_SIZE - 16];
	};
};

BUILD_ASSERT(sizeof(struct siginfo) == SI_MAX_SIZE);

#define SI_USER		0
#define SI_KERNEL	0x80
#define SI_QUEUE	-1
#define SI_TIMER	-2
#define SI_MESGQ	-3
#define SI_ASYNCIO	-4
#define SI_SIGIO	-5
#define SI_TKILL	-6

#define ILL_ILLOPC	1
#define ILL_ILLOPN	2
#define ILL_ILLADR	3
#define ILL_ILLTRP	4
#define ILL_PRVOPC	5
#define ILL_PRVREG	6
#define ILL_COPROC	7
#define ILL_BADSTK	8
#define FPE_INTDIV	1
#define FPE_INTOVF	2
#define FPE_FLTDIV	3
#define FPE_FLTOVF	4
#define FPE_FLTUND	5
#define FPE_FLTRES	6
#define FPE_FLTINV	7
#define FPE_FLTSUB	8
#define SEGV_MAPERR	1
#define SEGV_ACCERR	2
#define BUS_ADRALN	1
#define BUS_ADRERR	2
#define BUS_OBJERR	3
#define TRAP_BRKPT	1
#define TRAP_TRACE	2
#define TRAP_BRANCH	3
#define TRAP_HWBKPT	4
#define CLD_EXITED	1
#define CLD_KILLED	2
#define CLD_DUMPED	3
#define CLD_TRAPPED	4
#define CLD_STOPPED	5
#define CLD_CONTINUED	6
#define POLL_IN		1
#define POLL_OUT	2
#define POLL_MSG	3
#define POLL_ERR	4
#define POLL_PRI	5
#define POLL_HUP	6

#define SIGEV_SIGNAL	0
#define SIGEV_NONE	1
#define SIGEV_THREAD	2
#define SIGEV_THREAD_ID	4

struct sigevent {
	sigval_t sigev_value;
	int sigev_signo;
	int sigev_notify;
	int sigev_tid;		/* with SIGEV_THREAD_ID */
	int __pad[11];
};

BUILD_ASSERT(sizeof(struct sigevent) == 64);

/*
 * FPU state in a signal frame: the FXSAVE image (SDM volume 1, 10.5.1). If the
 * CPU has XSAVE, the last 48 bytes say how much extended state follows, and
 * FP_XSTATE_MAGIC2 stands at its end.
 */
struct _fpx_sw_bytes {
	u32 magic1;		/* FP_XSTATE_MAGIC1 */
	u32 extended_size;	/* of all of it, with the closing magic */
	u64 xfeatures;
	u32 xstate_size;	/* of the XSAVE image */
	u32 padding[7];
};

#define FP_XSTATE_MAGIC1	0x46505853u
#define FP_XSTATE_MAGIC2	0x46505845u
#define FP_XSTATE_MAGIC2_SIZE	4

struct _fpstate_64 {
	u16 cwd;
	u16 swd;
	u16 twd;
	u16 fop;
	u64 rip;
	u64 rdp;
	u32 mxcsr;
	u32 mxcsr_mask;
	u32 st_space[32];
	u32 xmm_space[64];
	u32 reserved2[12];
	struct _fpx_sw_bytes sw_reserved;
};

BUILD_ASSERT(sizeof(struct _fpstate_64) == 512);

struct sigcontext {
	u64 r8;
	u64 r9;
	u64 r10;
	u64 r11;
	u64 r12;
	u64 r13;
	u64 r14;
	u64 r15;
	u64 rdi;
	u64 rsi;
	u64 rbp;
	u64 rbx;
	u64 rdx;
	u64 rax;
	u64 rcx;
	u64 rsp;
	u64 rip;
	u64 eflags;
	u16 cs;
	u16 gs;
	u16 fs;
	u16 ss;
	u64 err;
	u64 trapno;
	u64 oldmask;
	u64 cr2;
	struct _fpstate_64 __user *fpstate;
	u64 reserved1[8];
};

BUILD_ASSERT(sizeof(struct sigcontext) == 256);

#define UC_FP_XSTATE		0x1	/* extended FPU state is there */
#define UC_SIGCONTEXT_SS	0x2	/* ss is saved */
#define UC_STRICT_RESTORE_SS	0x4	/* and restored as it stands */

struct ucontext {
	unsigned long uc_flags;
	struct ucontext __user *uc_link;
	struct sigaltstack uc_stack;
	struct sigcontext uc_mcontext;
	sigset_t uc_sigmask;
};

/* signalfd(2) */
#define SFD_CLOEXEC	02000000
#define SFD_NONBLOCK	00004000

#endif
