/* SPDX-License-Identifier: MIT */
/*
 * signals.c - what the shell does with signals, and traps.
 *
 * An interactive shell must survive what the keyboard can do to its jobs: it
 * takes note of SIGINT and ignores SIGQUIT, SIGTERM and the stop signals. A
 * child gets the defaults back, except that what was ignored when the shell
 * was started stays ignored (that is how nohup works).
 *
 * A handler only sets a flag. The trap's action runs between two commands.
 */
#include "sh.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const names[] = {
	"EXIT", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE",
	"KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
	"CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
	"VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
};

#define NNAMES	(int)(sizeof(names) / sizeof(*names))

/* The number of "INT", "SIGINT", "2", or -1. */
int signal_number(const char *name)
{
	long n;
	int i;

	if (isdigit((unsigned char)name[0]))
		return parse_number(name, &n) && n < NTRAPS ? (int)n : -1;
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	for (i = 0; i < NNAMES; i++) {
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

/* "INT"; NULL for a number without a name. */
const char *signal_name(int sig)
{
	return sig >= 0 && sig < NNAMES ? names[sig] : NULL;
}

static void note_signal(int sig)
{
	sh.pending[sig] = 1;
	sh.signalled = 1;
	if (sig == SIGINT)
		sh.interrupted = 1;
}

static void handle(int sig, void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler }, old;

	if (sigaction(sig, &sa, &old) == 0 && old.sa_handler == SIG_IGN &&
	    !sh.changed[sig])
		sh.ignored[sig] = true;
	sh.changed[sig] = true;
}

void signals_init(void)
{
	static const int ignore[] = {
		SIGQUIT, SIGTERM, SIGTSTP, SIGTTIN, SIGTTOU,
	};
	size_t i;

	if (!sh.interactive)
		return;
	for (i = 0; i < sizeof(ignore) / sizeof(*ignore); i++)
		handle(ignore[i], SIG_IGN);
	handle(SIGINT, note_signal);
}

/* In a new child. @background: without job control, so ^C is not for it. */
void signals_child(bool background)
{
	int sig;

	for (sig = 0; sig < NTRAPS; sig++) {
		if (sh.traps[sig] && *sh.traps[sig]) {
			free(sh.traps[sig]);
			sh.traps[sig] = NULL;
		}
		if (sig && sh.changed[sig] && !sh.traps[sig])
			signal(sig, sh.ignored[sig] ? SIG_IGN : SIG_DFL);
		sh.pending[sig] = 0;
	}
	sh.signalled = 0;
	sh.interrupted = 0;
	if (background) {
		handle(SIGINT, SIG_IGN);
		handle(SIGQUIT, SIG_IGN);
		sh.ignored[SIGINT] = sh.ignored[SIGQUIT] = true;
	}
}

/* What a signal does when no trap is set. */
static void set_default(int sig)
{
	bool keyboard = sig == SIGQUIT || sig == SIGTERM || sig == SIGTSTP ||
			sig == SIGTTIN || sig == SIGTTOU;

	if (sh.interactive && sig == SIGINT)
		handle(sig, note_signal);
	else if (sh.ignored[sig] || (sh.interactive && keyboard))
		handle(sig, SIG_IGN);
	else
		handle(sig, SIG_DFL);
}

/* NULL: the default; "": ignore. POSIX: who began ignored stays so. */
void trap_set(int sig, const char *action)
{
	struct sigaction old;

	if (sig && !sh.changed[sig] && sigaction(sig, NULL, &old) == 0 &&
	    old.sa_handler == SIG_IGN)
		sh.ignored[sig] = true;
	if (sh.ignored[sig] && !sh.interactive)
		return;
	free(sh.traps[sig]);
	sh.traps[sig] = action ? xstrdup(action) : NULL;
	if (sig == 0)
		return;
	if (!action)
		set_default(sig);
	else
		handle(sig, *action ? note_signal : SIG_IGN);
}

static void run_action(int sig)
{
	int status = sh.status;
	char *action = xstrdup(sh.traps[sig]);

	run_string(action, 0);
	free(action);
	if (sh.unwind != UNWIND_EXIT && sh.unwind != UNWIND_RETURN)
		sh.status = status;
}

/* Run the actions of the signals that have come. */
void traps_run(void)
{
	int sig;

	sh.signalled = 0;
	for (sig = 1; sig < NTRAPS; sig++) {
		if (!sh.pending[sig])
			continue;
		sh.pending[sig] = 0;
		if (sh.traps[sig] && *sh.traps[sig] && !sh.unwind) {
			if (sig == SIGINT)
				sh.interrupted = 0;
			run_action(sig);
		}
	}
}

/* The shell ends: the EXIT trap, once. */
void traps_exit(void)
{
	char *action = sh.traps[0];
	int status = sh.status;

	if (!action || !*action)
		return;
	sh.traps[0] = NULL;
	sh.unwind = UNWIND_NONE;
	run_string(action, 0);
	if (sh.unwind != UNWIND_EXIT)
		sh.status = status;
	free(action);
}

static void wake_up(int sig)
{
	(void)sig;
}

/*
 * Sleep until a child changes (then 0) or a signal with a trap, or ^C, comes
 * (then its number). Signals are blocked between looking and sleeping, so
 * that none is missed. For "wait".
 */
int signal_wait(void)
{
	struct sigaction sa = { .sa_handler = wake_up }, old;
	sigset_t all, before;
	int sig, found = 0;

	sigaction(SIGCHLD, &sa, &old);
	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, &before);
	while (!sh.signalled && !sh.interrupted) {
		errno = 0;
		if (jobs_reap(false) || errno == ECHILD)
			break;
		sigsuspend(&before);
	}
	for (sig = 1; sig < NTRAPS && !found; sig++) {
		if (sh.pending[sig])
			found = sig;
	}
	sigaction(SIGCHLD, &old, NULL);
	sigprocmask(SIG_SETMASK, &before, NULL);
	return found;
}
