/* SPDX-License-Identifier: MIT */
/*
 * pipelinedemo.c - how a shell builds `cat failures.txt | grep Prakhar`, with
 * the three tables after each step.
 *
 * The program you start is the narrator. It makes a pseudo terminal and a child
 * that plays the shell with this terminal as descriptors 0, 1 and 2; the shell
 * makes the children that become cat and grep. A player does one step, tells
 * the narrator (SIGUSR2) and waits for SIGUSR1: signals, because they take no
 * descriptors, so the tables hold nothing but the pipeline. The narrator lets
 * fdview draw the tables, and compares the counts with those of the lecture.
 *
 * So that cat and grep can be looked at after exec, each executes this program
 * first, under its name, and executes the real one when it is told to go on.
 * Descriptors survive both.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

static pid_t narrator;
static int p[2];			/* the pipe, in the shell and its children */

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- the players ---- */

static void wait_for_go(void)
{
	sigset_t go;
	int sig;

	sigemptyset(&go);
	sigaddset(&go, SIGUSR1);
	sigwait(&go, &sig);
}

static void step_done(void)
{
	kill(narrator, SIGUSR2);
	wait_for_go();
}

/* Between the two execs: this is cat, or grep, by its arguments. */
static int play_program(char **argv)
{
	sigset_t none;

	narrator = atoi(argv[0]);
	prctl(PR_SET_NAME, argv[1]);
	step_done();
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execvp(argv[1], argv + 1);
	die(argv[1]);
	return 127;
}

static void become(const char *name, const char *arg)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", narrator);
	execl("/proc/self/exe", "pipelinedemo", "--play", pid, name, arg, NULL);
	die("exec");
}

/* A child of the shell: its standard `std` becomes `end` of the pipe. */
static void play_child(const char *name, const char *arg, int end, int std)
{
	prctl(PR_SET_NAME, name);
	step_done();			/* fork is done */
	dup2(end, std);
	step_done();
	close(p[0]);
	close(p[1]);
	step_done();
	become(name, arg);
}

static void play_shell(const char *terminal)
{
	int fd = open(terminal, O_RDWR | O_NOCTTY);

	if (fd < 0 || chdir("/home") < 0)
		die("pipelinedemo");
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	for (int i = 3; i < 16; i++)
		close(i);
	prctl(PR_SET_NAME, "shell");
	step_done();
	if (pipe(p) < 0)
		die("pipe");
	step_done();
	if (fork() == 0)
		play_child("cat", "failures.txt", p[1], STDOUT_FILENO);
	wait_for_go();
	if (fork() == 0)
		play_child("grep", "Prakhar", p[0], STDIN_FILENO);
	wait_for_go();
	close(p[0]);
	close(p[1]);
	step_done();
	while (wait(NULL) > 0)
		;
	exit(0);
}

/* ---- the narrator ---- */

enum player { SHELL, CAT, GREP, PLAYERS };

static const struct scene {
	const char *title;
	enum player who;		/* does it */
	enum player news;		/* says that it is done: for fork, the child */
	int a, b;			/* references to the pipe's ends */
	int notes_a, notes_b;		/* as the lecture notes have it */
	const char *remark;
} scenes[] = {
	{ "shell: as it was", SHELL, SHELL, 0, 0, 0, 0, NULL },
	{ "shell: pipe(p)", SHELL, SHELL, 1, 1, 1, 1, NULL },
	{ "shell: fork() makes the child for cat", SHELL, CAT, 2, 2, 2, 2, NULL },
	{ "cat's child: dup2(p[1], 1)", CAT, CAT, 2, 3, 2, 3, NULL },
	{ "cat's child: close(p[0]), close(p[1])", CAT, CAT, 1, 2, 1, 2, NULL },
	{ "cat's child: exec cat", CAT, CAT, 1, 2, 1, 2, NULL },
	{ "shell: fork() makes the child for grep", SHELL, GREP, 2, 3, 2, 2,
	  "they leave out the p[1] that the child inherits" },
	{ "grep's child: dup2(p[0], 0)", GREP, GREP, 3, 3, 3, 2,
	  "they leave out the child's p[1]" },
	{ "grep's child: close(p[0]), close(p[1])", GREP, GREP, 2, 2, 1, 1,
	  "they count as if the shell had closed its two already" },
	{ "grep's child: exec grep", GREP, GREP, 2, 2, 1, 1,
	  "they count as if the shell had closed its two already" },
	{ "shell: close(p[0]), close(p[1])", SHELL, SHELL, 1, 1, 1, 1, NULL },
};

static pid_t pids[PLAYERS];

/* Who has done its step? */
static pid_t await_step(void)
{
	struct timespec limit = { .tv_sec = 60 };
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGCHLD);
	if (sigtimedwait(&set, &info, &limit) != SIGUSR2) {
		fprintf(stderr, "pipelinedemo: a player is lost\n");
		exit(1);
	}
	return info.si_pid;
}

/* Shows fdview's picture of the players; finds the references to A and B. */
static void draw(int *a, int *b)
{
	char command[96] = "fdview", line[256];
	FILE *view;

	*a = *b = 0;
	for (int i = 0; i < PLAYERS; i++) {
		if (pids[i])
			snprintf(command + strlen(command), 24, " %d", (int)pids[i]);
	}
	view = popen(command, "r");
	while (view && fgets(line, sizeof(line), view)) {
		printf("    %s", line);
		sscanf(line, " A refs %d", a);
		sscanf(line, " B refs %d", b);
	}
	if (!view || pclose(view) != 0)
		die("fdview");
}

static bool show_scene(int n)
{
	const struct scene *s = &scenes[n];
	int a, b;

	printf("%d. %s\n", n, s->title);
	fflush(stdout);
	draw(&a, &b);
	if (s->a)
		printf("    counts: A %d, B %d; in the notes: A %d, B %d%s%s\n", a, b, s->notes_a,
		       s->notes_b, s->remark ? ": " : "", s->remark ? s->remark : "");
	printf("\n");
	if (a == s->a && b == s->b)
		return true;
	printf("    THIS IS WRONG: A %d, B %d were due\n", s->a, s->b);
	return false;
}

/* What the pipeline prints on its terminal, until nobody has that open. */
static void show_output(int master)
{
	char buf[512];
	ssize_t n;

	printf("And they run:\n");
	fflush(stdout);
	while ((n = read(master, buf, sizeof(buf))) > 0) {
		if (write(STDOUT_FILENO, buf, (size_t)n) != n)
			die("write");
	}
}

static int make_terminal(void)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	struct termios t;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
		die("pseudo terminal");
	if (tcgetattr(master, &t) == 0) {
		t.c_oflag &= ~(tcflag_t)ONLCR;
		tcsetattr(master, TCSANOW, &t);
	}
	return master;
}

int main(int argc, char **argv)
{
	bool right = true;
	sigset_t set;
	int master;

	if (argc == 5 && !strcmp(argv[1], "--play"))
		return play_program(argv + 2);
	narrator = getpid();
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	master = make_terminal();
	fflush(stdout);
	pids[SHELL] = fork();
	if (pids[SHELL] == 0)
		play_shell(ptsname(master));
	for (int n = 0; n < (int)(sizeof(scenes) / sizeof(scenes[0])); n++) {
		if (n > 0)
			kill(pids[scenes[n].who], SIGUSR1);
		pids[scenes[n].news] = await_step();
		right &= show_scene(n);
	}
	for (int i = 0; i < PLAYERS; i++)
		kill(pids[i], SIGUSR1);
	show_output(master);
	waitpid(pids[SHELL], NULL, 0);
	return right ? 0 : 1;
}
