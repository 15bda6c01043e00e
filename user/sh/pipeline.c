/* SPDX-License-Identifier: MIT */
/*
 * pipeline.c - how a shell starts programs and joins them with pipes.
 *
 * For "cat failures.txt | grep Prakhar | sort" run_pipeline() does, for each
 * program from left to right:
 *
 *	1. pipe(p): the pipe to the next program. p[0] is its read end, p[1]
 *	   its write end: two new entries in the shell's fd table, two in the
 *	   open-file table.
 *	2. fork(): the child has a copy of the fd table, so it shares the open
 *	   files; their reference counts go up.
 *	3. In the child, dup2(in, STDIN_FILENO) and dup2(p[1], STDOUT_FILENO):
 *	   fd 0 now is the read end of the pipe from the left, fd 1 the write
 *	   end of the pipe to the right. The other numbers of the same ends are
 *	   closed; then exec(), which keeps the fd table.
 *	4. In the parent, close(in) and close(p[1]): as long as anybody has the
 *	   write end, the reader gets no end of file. p[0] is kept until the
 *	   next child has it.
 *
 * All children of the pipeline are in one process group, which is what the
 * terminal signals on ^C. The shell waits when all of them have been started:
 * they run at the same time.
 */
#include "sh.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The shell's next PATH entry joined with @name; NULL behind the last. */
static char *next_candidate(const char **path, const char *name)
{
	struct buf b = { 0 };
	size_t n;
	char *s;

	if (!*path)
		return NULL;
	n = strcspn(*path, ":");
	buf_put(&b, *path, n);
	if (n)
		buf_putc(&b, '/');
	buf_puts(&b, name);
	s = arena_dup(&sh.scratch, b.s, b.len);
	buf_free(&b);
	*path = (*path)[n] ? *path + n + 1 : NULL;
	return s;
}

/* The file that @name would run, in sh.scratch; or NULL. */
char *command_find(const char *name)
{
	const char *path = var_get("PATH");
	struct stat st;
	char *file;

	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ?
		       arena_dup(&sh.scratch, name, strlen(name)) : NULL;
	while ((file = next_candidate(&path, name))) {
		if (access(file, X_OK) == 0 && stat(file, &st) == 0 &&
		    S_ISREG(st.st_mode))
			return file;
	}
	return NULL;
}

/* execve; a text file without #! is a script for /bin/sh. */
static void try_exec(const char *file, char **argv, char **env)
{
	struct list script = { 0 };

	execve(file, argv, env);
	if (errno != ENOEXEC)
		return;
	list_add(&sh.scratch, &script, "sh");
	list_add(&sh.scratch, &script, (char *)file);
	while (*++argv)
		list_add(&sh.scratch, &script, *argv);
	execve("/bin/sh", script.v, env);
	errno = ENOEXEC;
}

/* Become the program argv[0]. If that fails: exit 127 if there is none. */
_Noreturn void exec_program(char **argv)
{
	const char *path = var_get("PATH");
	char **env = vars_environment(), *file;
	int error = ENOENT;

	if (strchr(argv[0], '/')) {
		try_exec(argv[0], argv, env);
		error = errno;
	} else {
		while (*argv[0] && (file = next_candidate(&path, argv[0]))) {
			try_exec(file, argv, env);
			if (errno != ENOENT && errno != ENOTDIR)
				error = errno;
		}
	}
	if (error == ENOENT && !strchr(argv[0], '/'))
		sh_error("%s: not found", argv[0]);
	else
		sh_error("%s: %s", argv[0], strerror(error));
	sh_exit(error == ENOENT || error == ENOTDIR ? 127 : 126);
}

/* set -x: what is about to be done, with everything replaced. */
static void trace(const char *name, const char *value, char **argv)
{
	struct buf b = { 0 };

	buf_putc(&b, '+');
	if (name) {
		buf_putc(&b, ' ');
		buf_puts(&b, name);
		buf_putc(&b, '=');
		buf_puts(&b, value);
	}
	for (; argv && *argv; argv++) {
		buf_putc(&b, ' ');
		buf_puts(&b, *argv);
	}
	buf_putc(&b, '\n');
	write_all(STDERR_FILENO, b.s, b.len);
	buf_free(&b);
}

/* Assign for good; @export is for a program's own environment. */
static bool assign_all(struct assign *as, bool export)
{
	for (; as; as = as->next) {
		char *value = expand_assignment(as->value);

		if (!value)
			return false;
		if (sh.xtrace)
			trace(as->name, value, NULL);
		if (!var_set(as->name, value)) {
			sh_abort(2);
			return false;
		}
		if (export)
			var_find(as->name, true)->exported = true;
	}
	return true;
}

/* In a child, or in a shell that has nothing else to do. */
static _Noreturn void become(struct node *n, char **argv)
{
	if (!assign_all(n->assigns, true) || redir_apply(n->redirs, NULL) < 0)
		sh_exit(sh.unwind ? sh.status : 1);
	exec_program(argv);
}

static bool may_become(int flags)
{
	int i;

	for (i = 0; i < NTRAPS; i++) {
		if (sh.traps[i] && *sh.traps[i])
			return false;
	}
	return (flags & RUN_LAST) && !sh.interactive;
}

/* Run a program in the foreground and wait for it. */
int run_program(struct node *n, char **argv, int flags)
{
	struct job *j;
	pid_t pid;

	if (may_become(flags))
		become(n, argv);
	j = job_new(n->text ? n->text : argv[0], true);
	pid = job_fork(j);
	if (pid == 0)
		become(n, argv);
	if (pid < 0) {
		job_free(j);
		return 254;
	}
	return job_wait(j);
}

/* A function or builtin runs here; undo what was meant only for it. */
static int run_here(struct node *n, int argc, char **argv,
		    const struct builtin *b, struct function *f)
{
	bool special = !f && b->special;
	struct saved_var *vars = NULL;
	struct saved_fd *fds = NULL;
	struct assign *as;
	int status;

	for (as = special ? NULL : n->assigns; as; as = as->next)
		vars = var_save(vars, as->name);
	if (redir_apply(n->redirs, &fds) < 0) {
		status = sh.unwind ? sh.status : 1;
		if (special && !sh.unwind)
			sh_abort(status);
	} else if (!assign_all(n->assigns, !special)) {
		status = sh.status;
	} else {
		status = f ? run_function(f, argc, argv) : b->run(argc, argv);
	}
	if (special && strcmp(b->name, "exec") == 0 && status == 0)
		redir_keep(fds);
	else
		redir_restore(fds);
	vars_restore(vars);
	return status;
}

/* No command word: assignments and redirections only. */
static int run_assignments(struct node *n)
{
	struct saved_fd *fds = NULL;
	int status = 0;

	if (redir_apply(n->redirs, &fds) < 0)
		status = 1;
	redir_restore(fds);
	if (!sh.unwind && !assign_all(n->assigns, false))
		status = sh.status;
	return status ? status : sh.substitution_status;
}

int run_simple(struct node *n, int flags)
{
	struct mark m = arena_mark(&sh.scratch);
	const struct builtin *b = NULL;
	struct function *f = NULL;
	int argc, status;
	char **argv;

	sh.substitution_status = 0;
	argv = expand_words(n->words, &argc);
	if (argv && argc && sh.xtrace)
		trace(NULL, NULL, argv);
	if (argv && argc) {
		b = builtin_find(argv[0]);
		if (!b || !b->special)
			f = function_find(argv[0]);
	}
	if (!argv)
		status = sh.status;
	else if (argc == 0)
		status = run_assignments(n);
	else if (f || b)
		status = run_here(n, argc, argv, b, f);
	else
		status = run_program(n, argv, flags);
	arena_release(&sh.scratch, m);
	return status;
}

/* What every forked copy of the shell does with its command. */
_Noreturn void child_run(struct node *n)
{
	sh_exit(run_node(n, RUN_LAST));
}

/* Step 3: make @from the child's descriptor @to. */
static void move_fd(int from, int to)
{
	if (from < 0 || from == to)
		return;
	dup2(from, to);
	close(from);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/*
 * Start all stages of @j. Returns false if a pipe or a process could not be
 * had; what was started by then sees the end of its input and finishes.
 */
static bool start_stages(struct job *j, struct node *stage)
{
	int in = -1, p[2];
	pid_t pid;

	for (; stage; stage = stage->next) {
		p[0] = p[1] = -1;
		if (stage->next && pipe(p) < 0) {
			sh_error("pipe: %s", strerror(errno));
			close_fd(in);
			return false;
		}
		pid = job_fork(j);
		if (pid == 0) {
			close_fd(p[0]);
			move_fd(in, STDIN_FILENO);
			move_fd(p[1], STDOUT_FILENO);
			child_run(stage);
		}
		close_fd(in);
		close_fd(p[1]);
		in = p[0];
		if (pid < 0) {
			close_fd(in);
			return false;
		}
	}
	return true;
}

int run_pipeline(struct node *n)
{
	struct job *j = job_new(n->text ? n->text : "", true);
	bool ok = start_stages(j, n->body);
	int status = 254;

	if (j->nprocs)
		status = job_wait(j);
	else
		job_free(j);
	return ok ? status : 254;
}

/* ( list ): a pipeline of one, whose stage is the list. */
int run_subshell(struct node *n, int flags)
{
	struct job *j;
	pid_t pid;

	if (may_become(flags)) {
		if (redir_apply(n->redirs, NULL) < 0)
			return 1;
		return run_node(n->body, flags);
	}
	j = job_new(n->text ? n->text : "", true);
	pid = job_fork(j);
	if (pid == 0) {
		if (redir_apply(n->redirs, NULL) < 0)
			sh_exit(1);
		child_run(n->body);
	}
	if (pid < 0) {
		job_free(j);
		return 254;
	}
	return job_wait(j);
}

/*
 * command &: without job control nobody else can keep it off the terminal,
 * so its input is /dev/null and it does not die of ^C.
 */
int run_background(struct node *n)
{
	struct job *j = job_new(n->text, false);
	bool control = sh.job_control;

	if (control && n->body->kind == N_PIPE) {
		start_stages(j, n->body->body);
	} else if (job_fork(j) == 0) {
		if (!control)
			move_fd(open("/dev/null", O_RDONLY), STDIN_FILENO);
		child_run(n->body);
	}
	if (!j->nprocs) {
		job_free(j);
		return 254;
	}
	sh.last_background = j->procs[j->nprocs - 1].pid;
	if (sh.interactive)
		job_print(j, STDERR_FILENO, true);
	return 0;
}

/*
 * The output of $(body), without the newlines at its end; to be freed. The
 * child stays in the shell's process group: ^C is for both.
 */
char *command_output(struct node *body)
{
	struct buf out = { 0 };
	char block[4096];
	ssize_t n;
	struct job *j;
	pid_t pid;
	int p[2];

	if (pipe(p) < 0) {
		sh_error("pipe: %s", strerror(errno));
		return xstrdup("");
	}
	j = job_new("", true);
	j->substitution = true;
	pid = job_fork(j);
	if (pid == 0) {
		close(p[0]);
		move_fd(p[1], STDOUT_FILENO);
		child_run(body);
	}
	close(p[1]);
	while ((n = read(p[0], block, sizeof(block))) != 0) {
		if (n > 0)
			buf_put(&out, block, (size_t)n);
		else if (errno != EINTR)
			break;
	}
	close(p[0]);
	sh.substitution_status = pid > 0 ? job_wait(j) : 254;
	if (pid < 0)
		job_free(j);
	while (out.len > 0 && out.s[out.len - 1] == '\n')
		out.len--;
	return buf_str(&out);
}
