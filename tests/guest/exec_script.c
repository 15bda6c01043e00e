/* SPDX-License-Identifier: MIT */
/*
 * exec_script.c - files that start with "#!".
 */
#define _GNU_SOURCE
#include "lib/util.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * The interpreter is this program, by a symbolic link with a short name in the
 * case's directory.  A script passes "--call" as the interpreter's
 * one argument, and the script's own name then is the helper's: so helpers
 * have the names of the scripts that run them.
 */
static void interpreter(void)
{
	OK(symlink(tap_self, "int"));
}

static void script(const char *path, const char *text)
{
	write_file(path, text, strlen(text));
	OK(chmod(path, 0755));
}

static int run(const char *file, ...)
{
	char *argv[8], *envp[] = { NULL };
	int fd[2], err = 0, status, n = 0;
	va_list ap;
	pid_t pid;

	va_start(ap, file);
	argv[n++] = "zero";
	while (n < 8 && (argv[n] = va_arg(ap, char *)) != NULL)
		n++;
	va_end(ap);
	OK(pipe2(fd, O_CLOEXEC));
	pid = xfork();
	if (pid == 0) {
		execve(file, argv, envp);
		err = errno;
		write_full(fd[1], &err, sizeof(err));
		_exit(0);
	}
	OK(close(fd[1]));
	ssize_t got = OK(read(fd[0], &err, sizeof(err)));
	OK(close(fd[0]));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (got > 0)
		return -err;
	CHECK(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* argv is now: int --call SCRIPT one two; we see it from SCRIPT on. */
static int helper_script(int argc, char **argv)
{
	CHECK_EQ(argc, 3);
	CHECK(!strcmp(argv[-1], "--call"));
	CHECK(!strcmp(argv[-2], "./int"));
	CHECK(!strcmp(argv[1], "one"));
	CHECK(!strcmp(argv[2], ""));
	CHECK(argv[3] == NULL);
	return 17;
}

static void argument_and_name(void)
{
	interpreter();
	script("./script", "#!./int --call\nwhatever\n");
	CHECK_EQ(run("./script", "one", "", NULL), 17);
}

static void blanks_around_argument(void)
{
	interpreter();
	script("./script", "#! \t ./int \t --call \t \nwhatever\n");
	CHECK_EQ(run("./script", "one", "", NULL), 17);
}

static void no_newline_at_the_end(void)
{
	interpreter();
	script("./script", "#!./int --call");
	CHECK_EQ(run("./script", "one", "", NULL), 17);
}

/* All after the first blank is one argument. */
static int helper_show(int argc, char **argv)
{
	CHECK_EQ(argc, 3);
	CHECK(!strcmp(argv[1], "-a -b  c"));
	CHECK(!strcmp(argv[2], "./one_argument"));
	return 18;
}

static void argument_is_not_split(void)
{
	interpreter();
	/* The inner script is the interpreter of the outer one. */
	script("show", "#!./int --call\n");
	script("./one_argument", "#!show -a -b  c\n");
	CHECK_EQ(run("./one_argument", NULL), 18);
}

static int helper_nest(int argc, char **argv)
{
	CHECK_EQ(argc, 4);
	CHECK(!strcmp(argv[1], "./n1"));
	CHECK(!strcmp(argv[2], "./n2"));
	CHECK(!strcmp(argv[3], "last"));
	return 19;
}

static void nesting(void)
{
	interpreter();
	script("nest", "#!./int --call\n");
	script("n1", "#!nest\n");
	script("n2", "#!./n1\n");
	CHECK_EQ(run("./n2", "last", NULL), 19);
}

static void nesting_has_an_end(void)
{
	char name[8], text[16];

	script("s0", "#!./s0\n");
	CHECK_EQ(run("./s0", NULL), -ELOOP);
	for (int i = 1; i < 10; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		snprintf(text, sizeof(text), "#!./t%d\n", i - 1);
		script(name, text);
	}
	OK(symlink("/bin/true", "t0"));
	CHECK_EQ(run("./t9", NULL), -ELOOP);
}

static void missing_interpreter(void)
{
	script("a", "#!./nothing\n");
	CHECK_EQ(run("./a", NULL), -ENOENT);
	script("b", "#!./nothing/at/all -x\n");
	CHECK_EQ(run("./b", NULL), -ENOENT);
	script("c", "#!./a/b\n");
	CHECK_EQ(run("./c", NULL), -ENOTDIR);
}

static void interpreter_not_executable(void)
{
	write_file("plain", "x", 1);
	script("a", "#!./plain\n");
	CHECK_EQ(run("./a", NULL), -EACCES);
	OK(mkdir("dir", 0755));
	script("b", "#!./dir\n");
	CHECK_EQ(run("./b", NULL), -EACCES);
	OK(chmod("plain", 0755));
	CHECK_EQ(run("./a", NULL), -ENOEXEC);
}

static void no_interpreter_named(void)
{
	script("a", "#!\n");
	CHECK_EQ(run("./a", NULL), -ENOEXEC);
	script("b", "#!   \t\n./int\n");
	CHECK_EQ(run("./b", NULL), -ENOEXEC);
	script("d", "#");
	CHECK_EQ(run("./d", NULL), -ENOEXEC);
	script("e", " #!./int\n");
	CHECK_EQ(run("./e", NULL), -ENOEXEC);
}

static void long_first_line(void)
{
	char text[400];

	/* A path cut off at the buffer's end (256 bytes) is refused ... */
	snprintf(text, sizeof(text), "#!./%0300d\n", 0);
	script("a", text);
	CHECK_EQ(run("./a", NULL), -ENOEXEC);
	/* ... while an argument is just cut. */
	interpreter();
	script("long", "#!./int --call\n");
	snprintf(text, sizeof(text), "#!./long %0300d\n", 0);
	script("b", text);
	CHECK_EQ(run("./b", NULL), 20);
}

static int helper_long(int argc, char **argv)
{
	CHECK_EQ(argc, 3);
	/* "#!./long " is nine bytes, and the last byte holds the NUL. */
	CHECK_EQ(strlen(argv[1]), 255 - 9);
	return 20;
}

static void not_by_root_without_x(void)
{
	interpreter();
	script("./script", "#!./int --call\n");
	OK(chmod("script", 0644));
	CHECK_EQ(run("./script", "one", "", NULL), -EACCES);
}

/* The interpreter opens the script by name, so the name must stay open. */
static void by_descriptor(void)
{
	char *argv[] = { "zero", NULL }, *envp[] = { NULL };

	interpreter();
	script("./fdscript", "#!./int --call\n");
	int fd = OK(open("fdscript", O_RDONLY | O_CLOEXEC));
	CHECK_ERR(syscall(SYS_execveat, fd, "", argv, envp, AT_EMPTY_PATH),
		  ENOENT);
}

static void too_big_with_its_arguments(void)
{
	static char text[32 * PAGE];

	interpreter();
	script("./script", "#!./int --call\n");
	memset(text, 'a', sizeof(text));
	char *argv[] = { "zero", text, NULL };
	/* One byte more than a string may have. */
	text[sizeof(text) - 1] = '\0';
	pid_t pid = xfork();
	if (pid == 0) {
		char *longer = malloc(sizeof(text) + 1);
		memset(longer, 'a', sizeof(text));
		longer[sizeof(text)] = '\0';
		argv[1] = longer;
		CHECK_ERR(execv("./script", argv), E2BIG);
		_exit(0);
	}
	wait_ok(pid);
}

static const struct tap_case cases[] = {
	{ "argument_and_name", argument_and_name, 0 },
	{ "blanks_around_argument", blanks_around_argument, 0 },
	{ "no_newline_at_the_end", no_newline_at_the_end, 0 },
	{ "argument_is_not_split", argument_is_not_split, 0 },
	{ "nesting", nesting, 0 },
	{ "nesting_has_an_end", nesting_has_an_end, 0 },
	{ "missing_interpreter", missing_interpreter, 0 },
	{ "interpreter_not_executable", interpreter_not_executable, 0 },
	{ "no_interpreter_named", no_interpreter_named, 0 },
	{ "long_first_line", long_first_line, 0 },
	{ "not_by_root_without_x", not_by_root_without_x, 0 },
	{ "by_descriptor", by_descriptor, 0 },
	{ "too_big_with_its_arguments", too_big_with_its_arguments, 0 },
};

static const struct tap_helper helpers[] = {
	{ "./script", helper_script },
	{ "show", helper_show },
	{ "nest", helper_nest },
	{ "./long", helper_long },
};

TAP_MAIN_HELPERS(cases, helpers)
