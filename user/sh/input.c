/* SPDX-License-Identifier: MIT */
/*
 * input.c - where commands come from: a string, a script, standard input.
 *
 * The lexer takes single bytes; a source reads the next line only when the
 * last one is used up. That matters when commands come from standard input:
 * the programs that the shell starts read the same descriptor, and the bytes
 * after the current line are theirs. So nothing past the newline may be
 * consumed: a file is read in blocks and the offset is then set back, a pipe
 * is read byte by byte (POSIX, sh, "STDIN").
 */
#include "sh.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Write all of it. 0, or -1 with errno. */
int write_all(int fd, const char *s, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, s, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -1;
		s += done;
		n -= (size_t)done;
	}
	return 0;
}

/*
 * Append one line with its newline to @out and leave the offset behind it.
 * Returns its length, 0 at the end of the file, -1 with errno.
 */
ssize_t read_line(int fd, struct buf *out)
{
	/* A terminal gives a line a read; it never gives more. */
	bool blocks = lseek(fd, 0, SEEK_CUR) >= 0 || isatty(fd);
	size_t want = blocks ? 1024 : 1, from = out->len;
	char block[1024];

	for (;;) {
		ssize_t n = read(fd, block, want);
		char *nl;

		if (n < 0)
			return -1;
		if (n == 0)
			return (ssize_t)(out->len - from);
		nl = memchr(block, '\n', (size_t)n);
		if (nl) {
			ssize_t used = nl + 1 - block;

			if (used < n)
				lseek(fd, used - n, SEEK_CUR);
			n = used;
		}
		buf_put(out, block, (size_t)n);
		if (nl)
			return (ssize_t)(out->len - from);
	}
}

static bool fill_line(struct source *src)
{
	ssize_t n;

	while ((n = read_line(src->fd, &src->line)) < 0) {
		if (errno != EINTR) {
			sh_error("cannot read commands: %s", strerror(errno));
			sh.status = 2;
			return false;
		}
		traps_run();
		if (sh.unwind)
			return false;
	}
	return n > 0;
}

/* A script is nobody else's: whole blocks. */
static bool fill_block(struct source *src)
{
	char block[4096];
	ssize_t n;

	do {
		n = read(src->fd, block, sizeof(block));
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		sh_error("cannot read the script: %s", strerror(errno));
		sh.status = 2;
	}
	if (n > 0)
		buf_put(&src->line, block, (size_t)n);
	return n > 0;
}

static void make_prompt(struct buf *b, bool more)
{
	const char *set = var_get(more ? "PS2" : "PS1");
	char cwd[1024];

	if (set) {
		buf_puts(b, set);
	} else if (more) {
		buf_puts(b, "> ");
	} else {
		if (!getcwd(cwd, sizeof(cwd)))
			snprintf(cwd, sizeof(cwd), "?");
		buf_puts(b, "cutaway:");
		buf_puts(b, cwd);
		buf_puts(b, geteuid() == 0 ? "# " : "$ ");
	}
}

static bool fill_interactive(struct source *src)
{
	struct buf prompt = { 0 };
	enum edit_result got;

	if (!src->started)
		jobs_notify();
	make_prompt(&prompt, src->started);
	if (isatty(src->fd) && isatty(STDERR_FILENO)) {
		got = edit_line(buf_str(&prompt), &src->line);
	} else {
		write_all(STDERR_FILENO, prompt.s, prompt.len);
		got = fill_line(src) ? EDIT_LINE : EDIT_EOF;
	}
	buf_free(&prompt);
	src->interrupted = got == EDIT_INTERRUPTED;
	if (src->interrupted)
		sh.status = 128 + SIGINT;
	sh.interrupted = 0;
	return got == EDIT_LINE;
}

void source_string(struct source *src, const char *s, size_t n)
{
	*src = (struct source){ .fd = -1, .lineno = 1 };
	buf_put(&src->line, s, n);
}

void source_script(struct source *src, int fd)
{
	*src = (struct source){ .fd = fd, .lineno = 1, .fill = fill_block };
}

void source_stdin(struct source *src)
{
	*src = (struct source){
		.fd = STDIN_FILENO,
		.lineno = 1,
		.fill = sh.interactive ? fill_interactive : fill_line,
	};
}

void source_close(struct source *src)
{
	if (src->fd > STDIN_FILENO)
		close(src->fd);
	buf_free(&src->line);
	buf_free(&src->text);
}

/* The last two bytes stay, because that many may be given back. */
static bool refill(struct source *src)
{
	size_t keep = src->pos < 2 ? src->pos : 2;

	if (!src->fill)
		return false;
	if (keep)
		memmove(src->line.s, src->line.s + src->pos - keep, keep);
	src->pos = src->line.len = keep;
	return src->fill(src) && src->line.len > keep;
}

/* The next byte, or -1 at the end. NUL bytes are skipped. */
int source_getc(struct source *src)
{
	char c;

	do {
		if (src->pos == src->line.len && !refill(src))
			return -1;
		c = src->line.s[src->pos++];
	} while (c == '\0');
	src->started = true;
	if (c == '\n')
		src->lineno++;
	buf_putc(&src->text, c);
	return (unsigned char)c;
}

/* Give the byte that was read last back; the end may be given back too. */
void source_ungetc(struct source *src, int c)
{
	if (c < 0)
		return;
	src->pos--;
	src->text.len--;
	if (c == '\n')
		src->lineno--;
}

/* Nothing but blanks is left, and nothing more can come. */
bool source_at_end(const struct source *src)
{
	size_t i;

	if (src->fill)
		return false;
	for (i = src->pos; i < src->line.len; i++) {
		if (!strchr(" \t\n", src->line.s[i]))
			return false;
	}
	return true;
}
