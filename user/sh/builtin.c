/* SPDX-License-Identifier: MIT */
/*
 * builtin.c - commands that must run in the shell itself, because they change
 * it (cd, export, read, exit ...), and a few that are worth not forking for.
 *
 * Those that deal with children and signals are in jobcmd.c.
 */
#include "sh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A whole decimal number. */
bool parse_number(const char *s, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(s, &end, 10);
	return end != s && *end == '\0' && errno == 0;
}

static int builtin_true(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static int builtin_false(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 1;
}

static int builtin_echo(int argc, char **argv)
{
	struct buf b = { 0 };
	bool newline = true;
	int i = 1, status = 0;

	if (argc > 1 && strcmp(argv[1], "-n") == 0) {
		newline = false;
		i++;
	}
	for (; i < argc; i++) {
		buf_puts(&b, argv[i]);
		if (i + 1 < argc)
			buf_putc(&b, ' ');
	}
	if (newline)
		buf_putc(&b, '\n');
	if (write_all(STDOUT_FILENO, b.s, b.len) < 0) {
		sh_error("echo: %s", strerror(errno));
		status = 1;
	}
	buf_free(&b);
	return status;
}

static int builtin_pwd(int argc, char **argv)
{
	char cwd[4096];

	(void)argc;
	(void)argv;
	if (!getcwd(cwd, sizeof(cwd) - 1)) {
		sh_error("pwd: %s", strerror(errno));
		return 1;
	}
	strcat(cwd, "\n");
	return write_all(STDOUT_FILENO, cwd, strlen(cwd)) < 0;
}

static int builtin_cd(int argc, char **argv)
{
	const char *dir, *old = var_get("PWD");
	char cwd[4096];
	bool print;

	/* The shell knows no names but the kernel's, so -L is -P. */
	while (argc > 1 && argv[1][0] == '-' && argv[1][1]) {
		argc--;
		argv++;
		if (strcmp(argv[0], "--") == 0)
			break;
		if (argv[0][strspn(argv[0] + 1, "LP") + 1]) {
			sh_error("cd: %s: bad option", argv[0]);
			return 2;
		}
	}
	print = argc > 1 && strcmp(argv[1], "-") == 0;
	dir = argc > 1 ? argv[1] : var_get("HOME");
	if (print)
		dir = var_get("OLDPWD");
	if (!dir) {
		sh_error("cd: %s not set", print ? "OLDPWD" : "HOME");
		return 1;
	}
	dir = arena_dup(&sh.scratch, dir, strlen(dir));
	if (chdir(dir) < 0) {
		sh_error("cd: %s: %s", dir, strerror(errno));
		return 1;
	}
	if (old)
		var_set("OLDPWD", old);
	if (getcwd(cwd, sizeof(cwd)))
		var_set("PWD", cwd);
	return print ? builtin_pwd(1, argv) : 0;
}

/* break, continue, exit, return: the status or count that was given. */
static bool optional_number(int argc, char **argv, long *n)
{
	if (argc < 2 || (parse_number(argv[1], n) && *n >= 0))
		return true;
	sh_error("%s: %s: not a number", argv[0], argv[1]);
	sh_abort(2);
	return false;
}

static int builtin_exit(int argc, char **argv)
{
	long n = sh.status;
	struct job *j;

	if (!optional_number(argc, argv, &n))
		return sh.status;
	for (j = sh.jobs; j; j = j->next) {
		if (!sh.interactive || sh.warned ||
		    job_state(j) != PROC_STOPPED)
			continue;
		sh_error("there are stopped jobs");
		sh.warned = true;
		return 1;
	}
	sh.status = (int)n & 255;
	sh.unwind = UNWIND_EXIT;
	return sh.status;
}

static int builtin_return(int argc, char **argv)
{
	long n = sh.status;

	if (!optional_number(argc, argv, &n))
		return sh.status;
	sh.status = (int)n & 255;
	sh.unwind = UNWIND_RETURN;
	return sh.status;
}

static int builtin_break(int argc, char **argv)
{
	long n = 1;

	if (!optional_number(argc, argv, &n))
		return sh.status;
	if (n == 0) {
		sh_error("%s: 0: not a count of loops", argv[0]);
		sh_abort(2);
		return sh.status;
	}
	if (sh.loop_depth == 0)
		return 0;
	sh.unwind = argv[0][0] == 'b' ? UNWIND_BREAK : UNWIND_CONTINUE;
	sh.unwind_count = n < sh.loop_depth ? (int)n : sh.loop_depth;
	return 0;
}

/* export and readonly; with -p or nothing they list. */
static int builtin_export(int argc, char **argv)
{
	bool readonly = argv[0][0] == 'r';
	int i = argc > 1 && strcmp(argv[1], "-p") == 0 ? 2 : 1;

	if (i >= argc)
		vars_print(readonly ? "readonly " : "export ", !readonly,
			   readonly);
	for (; i < argc; i++) {
		size_t n = name_length(argv[i]);
		char *name = arena_dup(&sh.scratch, argv[i], n);
		struct var *v;

		if (n == 0 || (argv[i][n] && argv[i][n] != '=')) {
			sh_error("%s: %s: bad variable name", argv[0], argv[i]);
			sh_abort(2);
			return sh.status;
		}
		if (argv[i][n] && !var_set(name, argv[i] + n + 1)) {
			sh_abort(2);
			return sh.status;
		}
		v = var_find(name, true);
		v->exported |= !readonly;
		v->readonly |= readonly;
	}
	return 0;
}

static int builtin_local(int argc, char **argv)
{
	int i;

	if (sh.function_depth == 0) {
		sh_error("local: not in a function");
		return 1;
	}
	for (i = 1; i < argc; i++) {
		size_t n = name_length(argv[i]);
		char *name = arena_dup(&sh.scratch, argv[i], n);

		if (n == 0 || (argv[i][n] && argv[i][n] != '=')) {
			sh_error("local: %s: bad variable name", argv[i]);
			return 1;
		}
		sh.locals = var_save(sh.locals, name);
		if (argv[i][n] && !var_set(name, argv[i] + n + 1))
			return 1;
	}
	return 0;
}

static int builtin_unset(int argc, char **argv)
{
	bool functions = argc > 1 && strcmp(argv[1], "-f") == 0;
	int i = argc > 1 && (functions || !strcmp(argv[1], "-v")) ? 2 : 1;

	for (; i < argc; i++) {
		if (functions) {
			function_unset(argv[i]);
		} else if (!var_unset(argv[i])) {
			sh_abort(2);
			return sh.status;
		}
	}
	return 0;
}

static bool *option_flag(char letter)
{
	switch (letter) {
	case 'C':
		return &sh.noclobber;
	case 'e':
		return &sh.errexit;
	case 'f':
		return &sh.noglob;
	case 'n':
		return &sh.noexec;
	case 'u':
		return &sh.nounset;
	case 'x':
		return &sh.xtrace;
	default:
		return NULL;
	}
}

static bool *option_named(const char *name)
{
	static const struct {
		const char *name;
		char letter;
	} names[] = {
		{ "errexit", 'e' }, { "noclobber", 'C' }, { "noexec", 'n' },
		{ "noglob", 'f' }, { "nounset", 'u' }, { "xtrace", 'x' },
	};
	size_t i;

	for (i = 0; name && i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(names[i].name, name) == 0)
			return option_flag(names[i].letter);
	}
	return NULL;
}

/*
 * Options at the front of @argv: -eux, +e, -o errexit. Returns the index of
 * the first argument behind them, or -1 after a message.
 */
int options_set(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++) {
		bool on = argv[i][0] == '-', *flag;
		const char *s = argv[i] + 1;

		if ((!on && argv[i][0] != '+') || !*s ||
		    strcmp(argv[i], "--") == 0)
			return i;
		for (; *s; s++) {
			if (*s == 'o')
				flag = option_named(argv[++i]);
			else
				flag = option_flag(*s);
			if (!flag) {
				sh_error("set: %s: bad option",
					 *s == 'o' && argv[i] ? argv[i] : s);
				return -1;
			}
			*flag = on;
			if (*s == 'o')
				break;
		}
	}
	return i;
}

static int builtin_set(int argc, char **argv)
{
	int i = options_set(argc, argv);

	if (argc == 1) {
		vars_print("", false, false);
		return 0;
	}
	if (i < 0) {
		sh_abort(2);
		return sh.status;
	}
	if (i < argc && strcmp(argv[i], "--") == 0)
		params_set(argc - i - 1, argv + i + 1);
	else if (i < argc)
		params_set(argc - i, argv + i);
	return 0;
}

static int builtin_shift(int argc, char **argv)
{
	long n = 1;
	int i;

	if (!optional_number(argc, argv, &n))
		return sh.status;
	if (n > sh.nparams) {
		sh_error("shift: can't shift that many");
		sh_abort(2);
		return sh.status;
	}
	for (i = 0; i < n; i++)
		free(sh.params[i]);
	sh.nparams -= (int)n;
	if (sh.params)
		memmove(sh.params, sh.params + n,
			((size_t)sh.nparams + 1) * sizeof(*sh.params));
	return 0;
}

static int builtin_eval(int argc, char **argv)
{
	struct buf b = { 0 };
	int i, status;

	for (i = 1; i < argc; i++) {
		buf_puts(&b, argv[i]);
		buf_putc(&b, ' ');
	}
	status = run_string(buf_str(&b), 0);
	buf_free(&b);
	return status;
}

/* ". FILE": FILE is looked for along PATH. */
static int builtin_dot(int argc, char **argv)
{
	struct source src;
	char *file;
	int fd, status;

	if (argc < 2) {
		sh_error(".: which file?");
		sh_abort(2);
		return sh.status;
	}
	file = command_find(argv[1]);
	fd = open(file ? file : argv[1], O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		sh_error(".: %s: %s", argv[1], strerror(errno));
		sh_abort(2);
		return sh.status;
	}
	source_script(&src, fd_private(fd));
	close(fd);
	status = run_source(&src, 0);
	source_close(&src);
	if (sh.unwind == UNWIND_RETURN)
		sh.unwind = UNWIND_NONE;
	return status;
}

/* With no command the redirections stay: run_here() sees to that. */
static int builtin_exec(int argc, char **argv)
{
	if (argc < 2)
		return 0;
	if (sh.interactive && !command_find(argv[1])) {
		sh_error("%s: not found", argv[1]);
		return 127;
	}
	signals_child(false);
	sh.interactive = false;
	exec_program(argv + 1);
}

/* Run it as if there were no function of that name; -v asks what it is. */
static int builtin_command(int argc, char **argv)
{
	const struct builtin *b;
	struct node n = { .kind = N_SIMPLE };
	char *file;

	if (argc > 2 && (!strcmp(argv[1], "-v") || !strcmp(argv[1], "-V"))) {
		file = function_find(argv[2]) || builtin_find(argv[2]) ?
		       argv[2] : command_find(argv[2]);
		return file ? builtin_echo(2, (char *[]){ "", file, NULL })
			    : 127;
	}
	if (argc < 2)
		return 0;
	b = builtin_find(argv[1]);
	return b ? b->run(argc - 1, argv + 1)
		 : run_program(&n, argv + 1, 0);
}

static int builtin_type(int argc, char **argv)
{
	int i, status = 0;

	for (i = 1; i < argc; i++) {
		struct buf b = { 0 };
		char *file;

		buf_puts(&b, argv[i]);
		if (function_find(argv[i])) {
			buf_puts(&b, " is a function\n");
		} else if (builtin_find(argv[i])) {
			buf_puts(&b, " is a shell builtin\n");
		} else if ((file = command_find(argv[i]))) {
			buf_puts(&b, " is ");
			buf_puts(&b, file);
			buf_putc(&b, '\n');
		} else {
			sh_error("type: %s: not found", argv[i]);
			b.len = 0;
			status = 127;
		}
		write_all(STDOUT_FILENO, b.s, b.len);
		buf_free(&b);
	}
	return status;
}

static int builtin_umask(int argc, char **argv)
{
	mode_t mask = umask(0);
	char text[8], *end;
	long n = (long)mask;

	umask(mask);
	if (argc < 2) {
		snprintf(text, sizeof(text), "%04o\n", (unsigned)mask & 0777);
		return write_all(STDOUT_FILENO, text, strlen(text)) < 0;
	}
	n = strtol(argv[1], &end, 8);
	if (*end || end == argv[1] || n < 0 || n > 0777) {
		sh_error("umask: %s: not an octal mode", argv[1]);
		return 1;
	}
	umask((mode_t)n);
	return 0;
}

const struct builtin builtins[] = {
	{ ":", builtin_true, true },
	{ ".", builtin_dot, true },
	{ "[", builtin_test, false },
	{ "break", builtin_break, true },
	{ "cd", builtin_cd, false },
	{ "command", builtin_command, false },
	{ "continue", builtin_break, true },
	{ "echo", builtin_echo, false },
	{ "eval", builtin_eval, true },
	{ "exec", builtin_exec, true },
	{ "exit", builtin_exit, true },
	{ "export", builtin_export, true },
	{ "false", builtin_false, false },
	{ "local", builtin_local, false },
	{ "pwd", builtin_pwd, false },
	{ "read", builtin_read, false },
	{ "readonly", builtin_export, true },
	{ "return", builtin_return, true },
	{ "set", builtin_set, true },
	{ "shift", builtin_shift, true },
	{ "test", builtin_test, false },
	{ "true", builtin_true, false },
	{ "type", builtin_type, false },
	{ "umask", builtin_umask, false },
	{ "unset", builtin_unset, true },
	{ NULL, NULL, false },
};

const struct builtin *builtin_find(const char *name)
{
	const struct builtin *b;

	for (b = builtins; b->name; b++) {
		if (strcmp(b->name, name) == 0)
			return b;
	}
	for (b = job_builtins; b->name; b++) {
		if (strcmp(b->name, name) == 0)
			return b;
	}
	return NULL;
}
