/* SPDX-License-Identifier: MIT */
/*
 * jobcmd.c - builtins about children and signals: jobs, fg, bg, wait, kill,
 * trap, times are what the shell knows and no other program can.
 */
#include "sh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int builtin_jobs(int argc, char **argv)
{
	bool pids = argc > 1 && strcmp(argv[1], "-p") == 0;
	struct job *j, *next;
	int id, last = 0;

	while (jobs_reap(false))
		;
	for (j = sh.jobs; j; j = j->next)
		last = j->id > last ? j->id : last;
	for (id = 1; id <= last; id++) {
		for (j = sh.jobs; j; j = next) {
			next = j->next;
			if (j->id != id)
				continue;
			job_print(j, STDOUT_FILENO, pids);
			j->changed = false;
			if (job_state(j) == PROC_DONE && sh.interactive)
				job_free(j);
		}
	}
	return 0;
}

/* The job of fg and bg: %n, or the newest. */
static struct job *job_argument(int argc, char **argv)
{
	struct job *j;

	if (!sh.job_control) {
		sh_error("%s: no job control", argv[0]);
		return NULL;
	}
	while (jobs_reap(false))
		;
	j = job_find(argc > 1 ? argv[1] : "%+");
	if (!j || job_state(j) == PROC_DONE) {
		sh_error("%s: %s: no such job", argv[0],
			 argc > 1 ? argv[1] : "current");
		return NULL;
	}
	return j;
}

static int builtin_fg(int argc, char **argv)
{
	struct job *j = job_argument(argc, argv);

	if (!j)
		return 1;
	write_all(STDOUT_FILENO, j->text, strlen(j->text));
	write_all(STDOUT_FILENO, "\n", 1);
	return job_continue(j, true);
}

static int builtin_bg(int argc, char **argv)
{
	struct job *j = job_argument(argc, argv);

	if (!j)
		return 1;
	job_continue(j, false);
	job_print(j, STDOUT_FILENO, false);
	return 0;
}

/* Until the job is done: its status, or 128+n if a trapped signal came. */
static int wait_for(struct job *j)
{
	int sig, status;

	while (job_state(j) == PROC_RUNNING) {
		errno = 0;
		sig = signal_wait();
		if (sig)
			return 128 + sig;
		if (errno == ECHILD)
			break;
	}
	status = job_status(j);
	if (job_state(j) == PROC_DONE)
		job_free(j);
	return status;
}

static struct job *first_running(void)
{
	struct job *j;

	for (j = sh.jobs; j; j = j->next) {
		if (job_state(j) == PROC_RUNNING)
			return j;
	}
	return NULL;
}

static int builtin_wait(int argc, char **argv)
{
	int i, sig, status = 0;
	struct job *j, *next;

	while (argc < 2 && first_running()) {
		errno = 0;
		sig = signal_wait();
		if (sig)
			return 128 + sig;
		if (errno == ECHILD)
			break;
	}
	for (j = argc < 2 ? sh.jobs : NULL; j; j = next) {
		next = j->next;
		if (job_state(j) != PROC_STOPPED)
			job_free(j);
	}
	for (i = 1; i < argc; i++) {
		j = job_find(argv[i]);
		status = j ? wait_for(j) : 127;
	}
	return status;
}

static int list_signals(void)
{
	struct buf b = { 0 };
	int sig;

	for (sig = 1; signal_name(sig); sig++) {
		buf_puts(&b, signal_name(sig));
		buf_putc(&b, signal_name(sig + 1) ? ' ' : '\n');
	}
	write_all(STDOUT_FILENO, b.s, b.len);
	buf_free(&b);
	return 0;
}

static int kill_one(const char *target, int sig)
{
	struct job *j = *target == '%' ? job_find(target) : NULL;
	size_t i;
	long pid;
	int error = 0;

	if (*target == '%' && !j) {
		sh_error("kill: %s: no such job", target);
		return 1;
	}
	if (!j && !parse_number(target, &pid)) {
		sh_error("kill: %s: not a process or job", target);
		return 1;
	}
	if (!j) {
		error = kill((pid_t)pid, sig);
	} else if (j->pgid) {
		error = kill(-j->pgid, sig);
		if (job_state(j) == PROC_STOPPED && sig != SIGSTOP &&
		    sig != SIGTSTP)
			kill(-j->pgid, SIGCONT);
	} else {
		for (i = 0; i < j->nprocs; i++)
			error |= kill(j->procs[i].pid, sig);
	}
	if (error)
		sh_error("kill: %s: %s", target, strerror(errno));
	return error != 0;
}

static int builtin_kill(int argc, char **argv)
{
	int sig = SIGTERM, i = 1, status = 0;
	const char *name = NULL;

	if (argc > 1 && strcmp(argv[1], "-l") == 0)
		return list_signals();
	if (argc > 2 && strcmp(argv[1], "-s") == 0) {
		name = argv[2];
		i = 3;
	} else if (argc > 1 && argv[1][0] == '-' && strcmp(argv[1], "--")) {
		name = argv[1] + 1;
		i = 2;
	}
	if (name)
		sig = signal_number(name);
	if (sig < 0) {
		sh_error("kill: %s: bad signal", name);
		return 2;
	}
	if (i < argc && strcmp(argv[i], "--") == 0)
		i++;
	if (i >= argc) {
		sh_error("kill: whom?");
		return 2;
	}
	for (; i < argc; i++)
		status |= kill_one(argv[i], sig);
	return status;
}

static int list_traps(void)
{
	struct buf b = { 0 };
	int sig;

	for (sig = 0; sig < NTRAPS; sig++) {
		if (!sh.traps[sig] || !signal_name(sig))
			continue;
		buf_puts(&b, "trap -- ");
		print_quoted(&b, sh.traps[sig]);
		buf_putc(&b, ' ');
		buf_puts(&b, signal_name(sig));
		buf_putc(&b, '\n');
	}
	write_all(STDOUT_FILENO, b.s, b.len);
	buf_free(&b);
	return 0;
}

/* trap ACTION SIGNAL...; an ACTION of - or none gives the default back. */
static int builtin_trap(int argc, char **argv)
{
	int i = 1, sig, status = 0;
	char *action = NULL;

	if (i < argc && strcmp(argv[i], "--") == 0)
		i++;
	if (i >= argc)
		return list_traps();
	if (i + 1 < argc && signal_number(argv[i]) != 0)
		action = argv[i++];
	if (action && strcmp(action, "-") == 0)
		action = NULL;
	for (; i < argc; i++) {
		sig = signal_number(argv[i]);
		if (sig < 0) {
			sh_error("trap: %s: bad signal", argv[i]);
			status = 1;
			continue;
		}
		trap_set(sig, action);
	}
	return status;
}

const struct builtin job_builtins[] = {
	{ "bg", builtin_bg, false },
	{ "fg", builtin_fg, false },
	{ "jobs", builtin_jobs, false },
	{ "kill", builtin_kill, false },
	{ "trap", builtin_trap, true },
	{ "wait", builtin_wait, false },
	{ NULL, NULL, false },
};
