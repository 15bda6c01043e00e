/* SPDX-License-Identifier: MIT */
/*
 * main.c - the shell's command line, its beginning and its end.
 *
 *	sh [-eux...] [-i] [FILE [ARG...]]	commands from FILE or input
 *	sh -c [-eux...] COMMANDS [NAME [ARG...]]
 *
 * A shell whose input and errors are a terminal is interactive: it prompts,
 * edits lines, controls jobs and survives errors. Called with a name that
 * begins with "-" it first reads /etc/profile and ~/.profile.
 */
#include "sh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct shell sh = { .tty = -1, .name = "sh" };

struct options {
	bool command, input, interactive, login;
};

/* "sh: name: reason", at once and whole. */
void sh_error(const char *fmt, ...)
{
	char text[1024] = "sh: ";
	size_t n = 4;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(text + n, sizeof(text) - n - 1, fmt, ap);
	va_end(ap);
	n += len > 0 ? (size_t)len : 0;
	if (n > sizeof(text) - 2)
		n = sizeof(text) - 2;
	text[n++] = '\n';
	write_all(STDERR_FILENO, text, n);
}

/* An error that ends a script; a user at the terminal gets a prompt. */
void sh_abort(int status)
{
	sh.status = status;
	sh.unwind = sh.interactive ? UNWIND_PROMPT : UNWIND_EXIT;
}

_Noreturn void sh_exit(int status)
{
	sh.status = status;
	traps_exit();
	_exit(sh.status);
}

/* One letter of an option. True if it took @value, the argument behind. */
static bool take_option(struct options *o, char sign, char letter, char *value)
{
	char text[] = { sign, letter, '\0' };

	switch (letter) {
	case 'c':
		o->command = true;
		return false;
	case 'i':
		o->interactive = true;
		return false;
	case 's':
		o->input = true;
		return false;
	case 'l':
		o->login = true;
		return false;
	default:
		break;
	}
	if (options_set(2 + (letter == 'o'),
			(char *[]){ "sh", text, value, NULL }) < 0)
		_exit(2);
	return letter == 'o';
}

/* Take the options. Returns the index of the first argument behind them. */
static int parse_options(int argc, char **argv, struct options *o)
{
	int i;

	for (i = 1; i < argc; i++) {
		const char *s = argv[i];
		bool took = false;

		if ((s[0] != '-' && s[0] != '+') || !s[1])
			break;
		if (strcmp(s, "--") == 0)
			return i + 1;
		while (*++s)
			took |= take_option(o, argv[i][0], *s, argv[i + 1]);
		i += took;
	}
	if (i < argc && strcmp(argv[i], "-") == 0)
		i++;
	return i;
}

static void run_profile(const char *dir, const char *name)
{
	struct source src;
	struct buf path = { 0 };
	int fd;

	buf_puts(&path, dir);
	buf_puts(&path, name);
	fd = open(buf_str(&path), O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		source_script(&src, fd_private(fd));
		close(fd);
		run_source(&src, 0);
		source_close(&src);
		if (sh.unwind != UNWIND_EXIT)
			sh.unwind = UNWIND_NONE;
	}
	buf_free(&path);
}

static void open_script(struct source *src, const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC), error = errno;

	if (fd < 0) {
		sh_error("%s: %s", file, strerror(error));
		_exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
	}
	source_script(src, fd_private(fd));
	close(fd);
}

int main(int argc, char **argv, char **envp)
{
	struct options o = { .login = argc > 0 && argv[0][0] == '-' };
	int i = parse_options(argc, argv, &o);
	struct source src;
	char *text = NULL;

	if (o.command && i >= argc) {
		sh_error("-c: which command?");
		return 2;
	}
	if (o.command)
		text = argv[i++];
	if (i >= argc)
		o.input = !o.command;
	if (i < argc && !o.input)
		sh.name = argv[i++];
	sh.pid = getpid();
	vars_init(envp);
	params_set(argc - i, argv + i);
	sh.interactive = o.interactive ||
			 (o.input && isatty(STDIN_FILENO) &&
			  isatty(STDERR_FILENO));
	if (sh.interactive)
		jobs_start_control();
	signals_init();
	if (o.login) {
		run_profile("/etc", "/profile");
		if (var_get("HOME"))
			run_profile(var_get("HOME"), "/.profile");
	}
	if (o.command)
		source_string(&src, text, strlen(text));
	else if (o.input)
		source_stdin(&src);
	else
		open_script(&src, sh.name);
	if (!sh.unwind)
		run_source(&src, o.command ? RUN_LAST : 0);
	source_close(&src);
	sh_exit(sh.status);
}
