/* SPDX-License-Identifier: MIT */
/*
 * jobs.c - the children of the shell, and whose the terminal is.
 *
 * A job is what was started by one line: the processes of a pipeline. With
 * job control it is a process group too. The terminal knows one group as the
 * foreground: its members may read, and get ^C and ^Z. The shell makes a
 * job's group the foreground before it waits for it, and itself afterwards.
 *
 * Both parent and child call setpgid() and tcsetpgrp(), since nobody knows
 * who runs first, and each relies on it at once.
 *
 * A job is freed when somebody was told of its end: at once for a job in the
 * foreground, by "wait" or before a prompt for one in the background.
 */
#include "sh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Make the shell the foreground group of its terminal, if it has one. */
void jobs_start_control(void)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);

	sh.tty = fd_private(fd >= 0 ? fd : STDIN_FILENO);
	if (fd >= 0)
		close(fd);
	if (tcgetpgrp(sh.tty) < 0) {
		sh_error("no job control: %s", strerror(errno));
		close(sh.tty);
		sh.tty = -1;
		return;
	}
	/* Started in the background: stop until somebody says fg. */
	while (tcgetpgrp(sh.tty) != getpgrp())
		kill(0, SIGTTIN);
	if (getsid(0) != getpid())
		setpgid(0, 0);
	sh.pgid = getpgrp();
	signal(SIGTTOU, SIG_IGN);
	tcsetpgrp(sh.tty, sh.pgid);
	tcgetattr(sh.tty, &sh.modes);
	sh.job_control = true;
}

struct job *job_new(const char *text, bool foreground)
{
	struct job *j = xrealloc(NULL, sizeof(*j)), *k;

	*j = (struct job){ .next = sh.jobs, .foreground = foreground };
	j->text = xstrdup(text);
	if (!foreground) {
		for (j->id = 1, k = sh.jobs; k; k = k->next) {
			if (k->id >= j->id)
				j->id = k->id + 1;
		}
	}
	sh.jobs = j;
	return j;
}

void job_free(struct job *j)
{
	struct job **link;

	for (link = &sh.jobs; *link != j; link = &(*link)->next)
		;
	*link = j->next;
	free(j->procs);
	free(j->text);
	free(j);
}

/* A subshell has no children yet. */
void jobs_forget(void)
{
	while (sh.jobs)
		job_free(sh.jobs);
}

/* The first half second of a child's life. */
static void become_child(struct job *j)
{
	bool background = !j->foreground && !sh.job_control;

	if (sh.job_control && !j->substitution) {
		pid_t pgid = j->pgid ? j->pgid : getpid();

		setpgid(0, pgid);
		if (j->foreground)
			tcsetpgrp(sh.tty, pgid);
	}
	signals_child(background);
	sh.subshell = true;
	sh.interactive = false;
	sh.job_control = false;
	sh.loop_depth = 0;
	jobs_forget();
}

/* A pid is used again after its process was waited for: drop the old entry. */
static void forget_pid(pid_t pid)
{
	struct job *j, *next;

	for (j = sh.jobs; j; j = next) {
		next = j->next;
		if (job_state(j) == PROC_DONE && j->nprocs &&
		    j->procs[j->nprocs - 1].pid == pid)
			job_free(j);
	}
}

/* fork() a member of the job. In the child, where it returns 0, @j is gone. */
pid_t job_fork(struct job *j)
{
	pid_t pid = fork();

	if (pid < 0) {
		sh_error("cannot fork: %s", strerror(errno));
		return -1;
	}
	if (pid == 0) {
		become_child(j);
		return 0;
	}
	if (sh.job_control && !j->substitution) {
		if (!j->pgid)
			j->pgid = pid;
		setpgid(pid, j->pgid);
		if (j->foreground)
			tcsetpgrp(sh.tty, j->pgid);
	}
	forget_pid(pid);
	j->procs = xrealloc(j->procs, (j->nprocs + 1) * sizeof(*j->procs));
	j->procs[j->nprocs++] = (struct proc){ .pid = pid };
	return pid;
}

enum proc_state job_state(const struct job *j)
{
	enum proc_state state = PROC_DONE;
	size_t i;

	for (i = 0; i < j->nprocs; i++) {
		if (j->procs[i].state < state)
			state = j->procs[i].state;
	}
	return state;
}

/* $? for what waitpid said. */
int exit_status(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	if (WIFSTOPPED(status))
		return 128 + WSTOPSIG(status);
	return 128 + WTERMSIG(status);
}

/* A job's status is that of its last process. */
int job_status(const struct job *j)
{
	return exit_status(j->procs[j->nprocs - 1].status);
}

static void record(pid_t pid, int status)
{
	struct job *j;
	size_t i;

	for (j = sh.jobs; j; j = j->next) {
		for (i = 0; i < j->nprocs; i++) {
			struct proc *p = &j->procs[i];

			if (p->pid != pid || p->state == PROC_DONE)
				continue;
			p->status = status;
			p->state = WIFSTOPPED(status) ? PROC_STOPPED :
				   WIFCONTINUED(status) ? PROC_RUNNING :
				   PROC_DONE;
			j->changed = true;
			return;
		}
	}
}

/*
 * Take note of children that changed; with @block, wait for the first. False
 * if there is none to wait for, or a signal came.
 */
bool jobs_reap(bool block)
{
	int flags = sh.job_control ? WUNTRACED | WCONTINUED : 0;
	int status;
	pid_t pid;

	pid = waitpid(-1, &status, flags | (block ? 0 : WNOHANG));
	if (pid > 0)
		record(pid, status);
	return pid > 0;
}

/* What the terminal needs after a job had it. */
static void take_terminal(struct job *j)
{
	int status = j->procs[j->nprocs - 1].status;

	tcsetpgrp(sh.tty, sh.pgid);
	if (job_state(j) == PROC_STOPPED)
		j->has_modes = tcgetattr(sh.tty, &j->modes) == 0;
	if (WIFEXITED(status) && job_state(j) == PROC_DONE)
		tcgetattr(sh.tty, &sh.modes);
	else
		tcsetattr(sh.tty, TCSADRAIN, &sh.modes);
}

/* Say what killed a job. ^C needs no explanation, a broken pipe neither. */
static void report_signal(const struct job *j)
{
	int status = j->procs[j->nprocs - 1].status;
	char text[160];

	if (!WIFSIGNALED(status) || WTERMSIG(status) == SIGPIPE)
		return;
	if (WTERMSIG(status) == SIGINT) {
		if (sh.interactive)
			write_all(STDERR_FILENO, "\n", 1);
		return;
	}
	snprintf(text, sizeof(text), "%s%s\n", strsignal(WTERMSIG(status)),
		 WCOREDUMP(status) ? " (core dumped)" : "");
	write_all(STDERR_FILENO, text, strlen(text));
}

/*
 * Wait until a job in the foreground is done or stopped. Returns its status;
 * a job that is done is freed.
 */
int job_wait(struct job *j)
{
	struct job *k;
	int status;

	while (job_state(j) == PROC_RUNNING) {
		if (!jobs_reap(true) && errno == ECHILD)
			break;
	}
	status = job_status(j);
	if (sh.job_control && !j->substitution)
		take_terminal(j);
	if (status == 128 + SIGINT && sh.interactive && !sh.unwind)
		sh_abort(status);
	if (job_state(j) == PROC_STOPPED) {
		for (k = sh.jobs; !j->id && k; k = k->next)
			j->id = k->id >= j->id && k != j ? k->id + 1 : j->id;
		if (!j->id)
			j->id = 1;
		j->foreground = false;
		write_all(STDERR_FILENO, "\n", 1);
		job_print(j, STDERR_FILENO, false);
		j->changed = false;
		return status;
	}
	if (!j->substitution)
		report_signal(j);
	job_free(j);
	return status;
}

/* fg and bg. */
int job_continue(struct job *j, bool foreground)
{
	bool stopped = job_state(j) == PROC_STOPPED;
	size_t i;

	for (i = 0; i < j->nprocs; i++) {
		if (j->procs[i].state == PROC_STOPPED)
			j->procs[i].state = PROC_RUNNING;
	}
	j->foreground = foreground;
	j->changed = false;
	if (foreground) {
		tcsetpgrp(sh.tty, j->pgid);
		if (stopped && j->has_modes)
			tcsetattr(sh.tty, TCSADRAIN, &j->modes);
	}
	if (stopped && kill(-j->pgid, SIGCONT) < 0)
		sh_error("%s: %s", j->text, strerror(errno));
	return foreground ? job_wait(j) : 0;
}

/* The job that came before the newest: what %- means. */
static struct job *nth_newest(int n)
{
	struct job *j;

	for (j = sh.jobs; j; j = j->next) {
		if (j->id && n-- == 0)
			return j;
	}
	return NULL;
}

/* %n, %%, %+, %-, %prefix or a pid. */
struct job *job_find(const char *spec)
{
	struct job *j;
	size_t i;

	if (spec[0] == '%' && strchr("%+", spec[1]))
		return nth_newest(0);
	if (strcmp(spec, "%-") == 0)
		return nth_newest(1);
	for (j = sh.jobs; j; j = j->next) {
		if (spec[0] == '%' && j->id && j->id == atoi(spec + 1))
			return j;
		if (spec[0] == '%' && j->id &&
		    strncmp(j->text, spec + 1, strlen(spec + 1)) == 0)
			return j;
		for (i = 0; spec[0] != '%' && i < j->nprocs; i++) {
			if (j->procs[i].pid == atoi(spec))
				return j;
		}
	}
	return NULL;
}

static void describe(const struct job *j, char *text, size_t size)
{
	int status = j->procs[j->nprocs - 1].status;

	switch (job_state(j)) {
	case PROC_RUNNING:
		snprintf(text, size, "Running");
		break;
	case PROC_STOPPED:
		snprintf(text, size, "Stopped");
		break;
	case PROC_DONE:
		if (WIFSIGNALED(status))
			snprintf(text, size, "%s", strsignal(WTERMSIG(status)));
		else if (WEXITSTATUS(status))
			snprintf(text, size, "Done(%d)", WEXITSTATUS(status));
		else
			snprintf(text, size, "Done");
		break;
	}
}

/* "[1]+ Running  sleep 10 &"; with @pids just "[1] 4711". */
void job_print(const struct job *j, int fd, bool pids)
{
	char head[80], state[48];
	struct buf b = { 0 };

	describe(j, state, sizeof(state));
	if (pids)
		snprintf(head, sizeof(head), "[%d] %d", j->id,
			 (int)j->procs[j->nprocs - 1].pid);
	else
		snprintf(head, sizeof(head), "[%d]%c %-18s ", j->id,
			 j == nth_newest(0) ? '+' :
			 j == nth_newest(1) ? '-' : ' ', state);
	buf_puts(&b, head);
	if (!pids)
		buf_puts(&b, j->text);
	buf_putc(&b, '\n');
	write_all(fd, b.s, b.len);
	buf_free(&b);
}

/* Before a prompt: what has happened in the background? */
void jobs_notify(void)
{
	struct job *j, *next;

	while (jobs_reap(false))
		;
	for (j = sh.jobs; j; j = next) {
		next = j->next;
		if (j->changed && j->id && job_state(j) != PROC_RUNNING)
			job_print(j, STDERR_FILENO, false);
		j->changed = false;
		if (job_state(j) == PROC_DONE)
			job_free(j);
	}
}
