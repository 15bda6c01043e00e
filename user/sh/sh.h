/* SPDX-License-Identifier: MIT */
/*
 * sh.h - what the files of the shell share.
 *
 * The way of a command line through the shell, one file per step:
 *
 *	input.c    bytes of a terminal, a script or a string, line by line
 *	edit.c     typing a line on a terminal (complete.c: the Tab key)
 *	lex.c      bytes -> tokens; a word is a list of parts
 *	parse.c    tokens -> a tree of struct node
 *	expand.c   parts -> argument strings: variables, $(...), quotes
 *	           (arith.c: $((...)), pattern.c: * ? [...], vars.c: variables)
 *	run.c      walks the tree: lists, loops, if, case, functions
 *	pipeline.c pipe, fork, dup2, exec: how programs are joined and started
 *	redir.c    < > >> <<
 *	jobs.c     process groups, waiting, the terminal (signals.c: traps)
 *	builtin.c  cd, exit, read, ... (jobcmd.c: fg, bg, wait, kill, trap;
 *
 *
 * Memory: a tree lives in the arena of its command, which a function
 * definition keeps alive. Expanded strings live in sh.scratch and are
 * released in the order of a stack when the command that used them is over.
 *
 * Errors: nothing jumps. Whatever stops the normal flow (break, return, exit,
 * ^C, a failed expansion) sets sh.unwind, and every loop over commands looks
 * at it and returns.
 */
#ifndef SH_H
#define SH_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE		/* pipe2 */
#endif

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <termios.h>

#define NBUCKETS	64	/* of the variable table */
#define NTRAPS		65	/* trap 0 is EXIT, the others are signals */
#define PRIVATE_FD	10	/* the shell's own descriptors start here */

/* mem.c: growing strings, and arenas whose objects are freed together. */

struct buf {
	char *s;
	size_t len, cap;
};

struct chunk;

struct arena {
	struct chunk *top;
	unsigned refs;
};

struct mark {
	struct chunk *top;
	size_t used;
};

struct list {			/* of strings; its array lives in an arena */
	char **v;
	size_t n, cap;
};

void *xrealloc(void *p, size_t size);
char *xstrdup(const char *s);
void buf_putc(struct buf *b, char c);
void buf_put(struct buf *b, const char *s, size_t n);
void buf_puts(struct buf *b, const char *s);
char *buf_str(struct buf *b);
void buf_free(struct buf *b);
void *arena_alloc(struct arena *a, size_t size);
char *arena_dup(struct arena *a, const char *s, size_t n);
struct arena *arena_new(void);
void arena_put(struct arena *a);
struct mark arena_mark(const struct arena *a);
void arena_release(struct arena *a, struct mark m);
void list_add(struct arena *a, struct list *l, char *s);

/* input.c */

struct source {
	bool (*fill)(struct source *src);	/* false at the end */
	struct buf line;	/* what has been read and not yet taken */
	size_t pos;
	int fd;
	bool started;		/* in the middle of a command: prompt with > */
	bool interrupted;	/* the line was given up with ^C */
	unsigned lineno;
	struct buf text;	/* the command so far, for the job list */
};

void source_string(struct source *src, const char *s, size_t n);
void source_script(struct source *src, int fd);
void source_stdin(struct source *src);
void source_close(struct source *src);
int source_getc(struct source *src);
void source_ungetc(struct source *src, int c);
bool source_at_end(const struct source *src);
ssize_t read_line(int fd, struct buf *out);
int write_all(int fd, const char *s, size_t n);

/* lex.c: words and tokens */

enum part_kind { PART_TEXT, PART_PARAM, PART_COMMAND, PART_ARITH };

struct part {
	struct part *next;
	enum part_kind kind;
	bool quoted;		/* no splitting, no patterns */
	char *text;		/* the literal text, or the parameter's name */
	char op;		/* ${name op arg}: - = ? + # % or L (length) */
	bool colon;		/* :- instead of - */
	bool longest;		/* ## and %% */
	struct part *arg;	/* the operand, or the arithmetic expression */
	struct node *body;	/* of $(...) */
};

struct word {
	struct word *next;
	struct part *parts;
};

enum token {
	T_EOF, T_NEWLINE, T_WORD, T_IO_NUMBER,
	T_AND_IF, T_OR_IF, T_SEMI, T_DSEMI, T_AMP, T_PIPE, T_LPAREN, T_RPAREN,
	T_LESS, T_GREAT, T_APPEND, T_CLOBBER, T_LESSAND, T_GREATAND,
	T_LESSGREAT, T_HERE, T_HERE_DASH,
};

struct parser {
	struct source *src;
	struct arena *arena;
	bool have;		/* tok holds a token that is not taken yet */
	enum token tok;
	struct word *word;	/* of T_WORD and T_IO_NUMBER */
	size_t start, end;	/* of the token in src->text */
	size_t taken;		/* the end of the last token taken */
	struct redir *here;	/* here-documents of this line, to be read */
	unsigned depth;		/* of nested commands */
	bool failed;
};

enum token peek(struct parser *p);
void take(struct parser *p);
void syntax_error(struct parser *p, const char *what);
const char *word_literal(const struct word *w);
size_t name_length(const char *s);
struct part *lex_heredoc(struct parser *p, const char *s, size_t n);

/* parse.c: the tree */

struct redir {
	struct redir *next;
	struct redir *next_here;
	int fd;			/* the descriptor that is redirected */
	enum token op;
	struct word *target;	/* a here-document's delimiter, then its body */
};

struct assign {
	struct assign *next;
	char *name;
	struct part *value;
};

struct case_item {
	struct case_item *next;
	struct word *patterns;
	struct node *body;
};

enum node_kind {
	N_SIMPLE,		/* assigns, words */
	N_PIPE,			/* body: its stages, linked by next */
	N_NOT,			/* body */
	N_AND, N_OR,		/* cond, body */
	N_LIST,			/* body: commands linked by next */
	N_BACKGROUND,		/* body */
	N_SUBSHELL, N_GROUP,	/* body */
	N_IF,			/* cond, body, other */
	N_WHILE, N_UNTIL,	/* cond, body */
	N_FOR,			/* name, words, in, body */
	N_CASE,			/* words (one), items */
	N_FUNCTION,		/* name, body */
};

struct node {
	enum node_kind kind;
	struct node *next;
	struct node *cond, *body, *other;
	struct redir *redirs;
	struct assign *assigns;
	struct word *words;
	struct case_item *items;
	char *name;
	bool in;		/* for NAME in WORDS, against "$@" */
	char *text;		/* the source, for the job list */
};

enum parsed { PARSED_COMMAND, PARSED_NOTHING, PARSED_EOF, PARSED_ERROR };

enum parsed parse_command(struct source *src, struct arena *a,
			  struct node **out);
struct node *parse_until_paren(struct parser *p);
struct node *parse_nested(struct parser *p, const char *s, size_t n);

/* expand.c, pattern.c, arith.c */

char **expand_words(struct word *w, int *argc);
char *expand_string(const struct part *parts);
char *expand_assignment(const struct part *parts);
char *expand_pattern(const struct part *parts);
bool pattern_match(const char *pat, const char *s);
bool pattern_has_magic(const char *pat);
char *pattern_unescape(const char *pat);
size_t pattern_glob(const char *pat, struct list *out);
bool arith_eval(const char *expr, intmax_t *out);

/* vars.c */

struct var {
	struct var *next;
	char *name;
	char *value;		/* NULL: unset, but marked export or readonly */
	bool exported, readonly;
};

struct saved_var {
	struct saved_var *next;
	char *name;
	char *value;
	bool was, exported;
};

struct function {
	struct function *next;
	char *name;
	struct node *body;
	struct arena *arena;	/* holds a reference */
};

void vars_init(char **envp);
const char *var_get(const char *name);
struct var *var_find(const char *name, bool create);
bool var_set(const char *name, const char *value);
bool var_unset(const char *name);
char **vars_environment(void);
void vars_print(const char *prefix, bool exported, bool readonly);
struct saved_var *var_save(struct saved_var *list, const char *name);
void vars_restore(struct saved_var *list);
const char *param_get(const char *name, char num[24]);
void params_set(int argc, char **argv);
struct function *function_find(const char *name);
void function_define(const char *name, struct node *body, struct arena *a);
bool function_unset(const char *name);
void print_quoted(struct buf *b, const char *s);

/* run.c */

enum run_flags {
	RUN_LAST = 1,		/* nothing follows: may exec without a fork */
};

int run_node(struct node *n, int flags);
int run_source(struct source *src, int flags);
int run_string(const char *s, int flags);
int run_function(struct function *f, int argc, char **argv);

/* pipeline.c */

int run_simple(struct node *n, int flags);
int run_program(struct node *n, char **argv, int flags);
int run_pipeline(struct node *n);
int run_subshell(struct node *n, int flags);
int run_background(struct node *n);
char *command_output(struct node *body);
char *command_find(const char *name);
_Noreturn void exec_program(char **argv);
_Noreturn void child_run(struct node *n);

/* redir.c */

struct saved_fd {
	struct saved_fd *next;
	int fd, copy;		/* copy -1: fd was closed */
};

int redir_apply(struct redir *r, struct saved_fd **saved);
void redir_restore(struct saved_fd *saved);
void redir_keep(struct saved_fd *saved);
int fd_private(int fd);

/* jobs.c */

enum proc_state { PROC_RUNNING, PROC_STOPPED, PROC_DONE };

struct proc {
	pid_t pid;
	enum proc_state state;
	int status;		/* as waitpid gave it */
};

struct job {
	struct job *next;
	int id;
	pid_t pgid;		/* 0 without job control */
	struct proc *procs;
	size_t nprocs;
	bool foreground;
	bool substitution;	/* $(...): not a group of its own */
	bool changed;		/* a change that the user was not told of */
	char *text;
	bool has_modes;
	struct termios modes;	/* the terminal's when the job was stopped */
};

void jobs_start_control(void);
struct job *job_new(const char *text, bool foreground);
pid_t job_fork(struct job *j);
int job_wait(struct job *j);
int job_continue(struct job *j, bool foreground);
enum proc_state job_state(const struct job *j);
int job_status(const struct job *j);
struct job *job_find(const char *spec);
void job_free(struct job *j);
void job_print(const struct job *j, int fd, bool pids);
bool jobs_reap(bool block);
void jobs_notify(void);
void jobs_forget(void);
int exit_status(int wait_status);

/* signals.c */

void signals_init(void);
void signals_child(bool background);
int signal_number(const char *name);
const char *signal_name(int sig);
void trap_set(int sig, const char *action);
void traps_run(void);
void traps_exit(void);
int signal_wait(void);

/* builtin.c, jobcmd.c, read.c, test.c */

struct builtin {
	const char *name;
	int (*run)(int argc, char **argv);
	bool special;		/* POSIX 2.14: errors are fatal */
};

extern const struct builtin builtins[];
extern const struct builtin job_builtins[];
const struct builtin *builtin_find(const char *name);
int builtin_test(int argc, char **argv);
int builtin_read(int argc, char **argv);
int options_set(int argc, char **argv);
bool parse_number(const char *s, long *out);

/* edit.c, complete.c */

enum edit_result { EDIT_LINE, EDIT_EOF, EDIT_INTERRUPTED };

enum edit_result edit_line(const char *prompt, struct buf *out);
size_t complete(const char *line, size_t cursor, struct list *out);

/* main.c */

enum unwind {
	UNWIND_NONE,
	UNWIND_BREAK, UNWIND_CONTINUE,	/* unwind_count loops */
	UNWIND_RETURN,
	UNWIND_PROMPT,			/* back to the prompt */
	UNWIND_EXIT,
};

struct shell {
	int status;			/* $? */
	pid_t pid;			/* $$ */
	pid_t last_background;		/* $! */
	char *name;			/* $0 */
	char **params;			/* $1 ... */
	int nparams;
	struct var *vars[NBUCKETS];
	struct function *functions;

	bool interactive;		/* prompts, survives errors */
	bool job_control;		/* one process group per job */
	bool errexit, nounset, xtrace, noglob, noclobber, noexec;
	bool subshell;			/* a forked copy of the shell */
	bool warned;			/* of stopped jobs */

	enum unwind unwind;
	int unwind_count;
	int loop_depth;
	int function_depth;
	int tested;			/* conditions around this command */
	int substitution_status;	/* of the last $(...) of this command */
	struct saved_var *locals;	/* of the running function */

	struct arena scratch;		/* expanded strings */
	struct arena *current;		/* the tree that is being run */

	struct job *jobs;		/* newest first */
	int tty;			/* the controlling terminal, or -1 */
	pid_t pgid;
	struct termios modes;		/* the terminal's, while we have it */

	char *traps[NTRAPS];		/* NULL default, "" ignored */
	bool ignored[NTRAPS];		/* when the shell started */
	bool changed[NTRAPS];		/* by the shell, since */
	volatile sig_atomic_t pending[NTRAPS];
	volatile sig_atomic_t signalled;
	volatile sig_atomic_t interrupted;	/* ^C */
};

extern struct shell sh;

__attribute__((format(printf, 1, 2)))
void sh_error(const char *fmt, ...);
void sh_abort(int status);
_Noreturn void sh_exit(int status);

#endif
