/* SPDX-License-Identifier: MIT */
/*
 * run.c - walks the tree and runs it.
 *
 * run_node() gives every command's exit status. break, continue, return, exit
 * and ^C do not return through it by a jump: they set sh.unwind, and each
 * list and loop here stops when it sees that, until the level is reached that
 * the request was for.
 */
#include "sh.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int run_list(struct node *n, int flags)
{
	int status = 0;

	for (n = n->body; n && !sh.unwind; n = n->next)
		status = run_node(n, n->next ? flags & ~RUN_LAST : flags);
	return status;
}

/* set -e is not about what is asked for its status, nor what that calls. */
static int run_condition(struct node *n)
{
	int status;

	sh.tested++;
	status = run_node(n, 0);
	sh.tested--;
	return status;
}

static int run_and_or(struct node *n, int flags)
{
	int status = run_condition(n->cond);

	if (sh.unwind || (n->kind == N_AND) != (status == 0))
		return status;
	return run_node(n->body, flags);
}

static int run_not(struct node *n)
{
	int status = run_condition(n->body);

	return sh.unwind ? status : !status;
}

static int run_if(struct node *n, int flags)
{
	int status = run_condition(n->cond);

	if (sh.unwind)
		return status;
	if (status == 0)
		return run_node(n->body, flags);
	return n->other ? run_node(n->other, flags) : 0;
}

/*
 * After a loop's body: should the loop end? break and continue may be for a
 * loop further out, which sees a count that is one less.
 */
static bool loop_ends(void)
{
	if (sh.unwind != UNWIND_BREAK && sh.unwind != UNWIND_CONTINUE)
		return sh.unwind != UNWIND_NONE;
	if (--sh.unwind_count > 0)
		return true;
	if (sh.unwind == UNWIND_CONTINUE) {
		sh.unwind = UNWIND_NONE;
		return false;
	}
	sh.unwind = UNWIND_NONE;
	return true;
}

static int run_while(struct node *n, int flags)
{
	int status = 0, cond;

	flags &= ~RUN_LAST;
	sh.loop_depth++;
	for (;;) {
		cond = run_condition(n->cond);
		if (sh.unwind) {
			if (loop_ends())
				break;
			continue;
		}
		if ((cond == 0) != (n->kind == N_WHILE))
			break;
		status = run_node(n->body, flags);
		if (loop_ends())
			break;
	}
	sh.loop_depth--;
	return sh.unwind == UNWIND_EXIT ? sh.status : status;
}

static int run_for(struct node *n, int flags)
{
	struct mark m = arena_mark(&sh.scratch);
	struct list copy = { 0 };
	int i, argc, status = 0;
	char **argv;

	if (n->in) {
		argv = expand_words(n->words, &argc);
		if (!argv)
			return sh.status;
	} else {
		argc = sh.nparams;
		for (i = 0; i < argc; i++)
			list_add(&sh.scratch, &copy,
				 arena_dup(&sh.scratch, sh.params[i],
					   strlen(sh.params[i])));
		argv = copy.v;
	}
	sh.loop_depth++;
	for (i = 0; i < argc; i++) {
		if (!var_set(n->name, argv[i])) {
			sh_abort(2);
			break;
		}
		status = run_node(n->body, flags & ~RUN_LAST);
		if (loop_ends())
			break;
	}
	sh.loop_depth--;
	arena_release(&sh.scratch, m);
	return sh.unwind >= UNWIND_PROMPT ? sh.status : status;
}

static bool item_matches(struct case_item *item, const char *value)
{
	struct word *w;

	for (w = item->patterns; w && !sh.unwind; w = w->next) {
		char *pat = expand_pattern(w->parts);

		if (pat && pattern_match(pat, value))
			return true;
	}
	return false;
}

static int run_case(struct node *n, int flags)
{
	struct mark m = arena_mark(&sh.scratch);
	char *value = expand_string(n->words->parts);
	struct case_item *item;

	for (item = value ? n->items : NULL; item; item = item->next) {
		if (item_matches(item, value) || sh.unwind)
			break;
	}
	arena_release(&sh.scratch, m);
	if (sh.unwind)
		return sh.status;
	return item && item->body ? run_node(item->body, flags) : 0;
}

/* A function runs with its arguments as $1..., and gives them back. */
int run_function(struct function *f, int argc, char **argv)
{
	struct arena *hold = f->arena, *current = sh.current;
	struct saved_var *locals = sh.locals;
	char **params = sh.params;
	int nparams = sh.nparams, loops = sh.loop_depth, status;

	if (sh.function_depth >= 1000) {
		sh_error("%s: function calls are nested too deeply", argv[0]);
		sh_abort(2);
		return sh.status;
	}
	hold->refs++;		/* it may redefine or unset itself */
	sh.current = hold;
	sh.params = NULL;
	sh.nparams = 0;
	sh.locals = NULL;
	sh.loop_depth = 0;
	sh.function_depth++;
	params_set(argc - 1, argv + 1);
	status = run_node(f->body, 0);
	if (sh.unwind == UNWIND_RETURN) {
		sh.unwind = UNWIND_NONE;
		status = sh.status;
	}
	params_set(0, argv);
	free(sh.params);
	vars_restore(sh.locals);
	sh.function_depth--;
	sh.loop_depth = loops;
	sh.locals = locals;
	sh.params = params;
	sh.nparams = nparams;
	sh.current = current;
	arena_put(hold);
	return status;
}

static int run_kind(struct node *n, int flags)
{
	switch (n->kind) {
	case N_SIMPLE:
		return run_simple(n, flags);
	case N_PIPE:
		return run_pipeline(n);
	case N_NOT:
		return run_not(n);
	case N_AND:
	case N_OR:
		return run_and_or(n, flags);
	case N_LIST:
	case N_GROUP:
		return n->kind == N_LIST ? run_list(n, flags)
					 : run_node(n->body, flags);
	case N_BACKGROUND:
		return run_background(n);
	case N_SUBSHELL:
		return run_subshell(n, flags);
	case N_IF:
		return run_if(n, flags);
	case N_WHILE:
	case N_UNTIL:
		return run_while(n, flags);
	case N_FOR:
		return run_for(n, flags);
	case N_CASE:
		return run_case(n, flags);
	case N_FUNCTION:
		function_define(n->name, n->body, sh.current);
		return 0;
	}
	return 0;
}

/* A compound command with redirections: they hold while it runs. */
static int run_redirected(struct node *n, int flags)
{
	struct mark m = arena_mark(&sh.scratch);
	struct saved_fd *fds = NULL;
	int status;

	if (redir_apply(n->redirs, &fds) < 0)
		status = sh.unwind ? sh.status : 1;
	else
		status = run_kind(n, flags & ~RUN_LAST);
	redir_restore(fds);
	arena_release(&sh.scratch, m);
	return status;
}

/* set -e is about commands that do something, not about what joins them. */
static bool can_fail(const struct node *n)
{
	return n->kind == N_SIMPLE || n->kind == N_PIPE ||
	       n->kind == N_SUBSHELL;
}

/* ^C came while the shell itself was in the foreground. */
static void interrupt(void)
{
	sh.interrupted = 0;
	if (sh.traps[SIGINT])
		return;
	write_all(STDERR_FILENO, "\n", 1);
	sh_abort(128 + SIGINT);
}

/* Run one command and what it contains. Returns its status, also in $?. */
int run_node(struct node *n, int flags)
{
	bool own = n->kind == N_SIMPLE || n->kind == N_SUBSHELL ||
		   n->kind == N_FUNCTION;
	int status;

	if (sh.noexec && !sh.interactive)
		return 0;
	if (n->redirs && !own)
		status = run_redirected(n, flags);
	else
		status = run_kind(n, flags);
	if (sh.unwind < UNWIND_RETURN)
		sh.status = status;
	if (sh.signalled)
		traps_run();
	if (sh.interrupted && sh.interactive)
		interrupt();
	if (status && sh.errexit && !sh.tested && !sh.unwind && can_fail(n)) {
		sh.unwind = UNWIND_EXIT;
		sh.status = status;
	}
	return sh.unwind >= UNWIND_RETURN ? sh.status : status;
}

/*
 * Read and run commands until the source ends or something unwinds that is
 * not for this level. Returns the last status.
 */
int run_source(struct source *src, int flags)
{
	struct arena *outer = sh.current;
	bool nothing = true;

	while (!sh.unwind) {
		struct arena *a = arena_new();
		struct node *n = NULL;
		enum parsed got = parse_command(src, a, &n);

		sh.current = a;
		nothing &= got != PARSED_COMMAND;
		if (got == PARSED_ERROR)
			sh_abort(2);
		else if (got == PARSED_COMMAND)
			run_node(n, source_at_end(src) ? flags
						       : flags & ~RUN_LAST);
		sh.current = outer;
		arena_put(a);
		if (got == PARSED_EOF)
			break;
		if (sh.interactive && src->fd == STDIN_FILENO &&
		    sh.unwind != UNWIND_EXIT)
			sh.unwind = UNWIND_NONE;
	}
	if (nothing && !sh.unwind)
		sh.status = 0;
	return sh.status;
}

int run_string(const char *s, int flags)
{
	struct source src;
	int status;

	source_string(&src, s, strlen(s));
	status = run_source(&src, flags);
	source_close(&src);
	return status;
}
