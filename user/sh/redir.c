/* SPDX-License-Identifier: MIT */
/*
 * redir.c - redirections.
 *
 * Each one is an open() (or nothing, for n>&m) and a dup2() onto the
 * descriptor that the program knows by number. A child just does it. Around a
 * builtin or a loop the shell does it to itself: the old descriptor is first
 * copied out of the way and put back afterwards.
 */
#include "sh.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A copy of @fd that no program sees and no user's number collides with. */
int fd_private(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, PRIVATE_FD);
}

static int save_fd(int fd, struct saved_fd **saved)
{
	struct saved_fd *s;
	int copy = fd_private(fd);

	if (copy < 0 && errno != EBADF)
		return -1;
	s = xrealloc(NULL, sizeof(*s));
	*s = (struct saved_fd){ .next = *saved, .fd = fd, .copy = copy };
	*saved = s;
	return 0;
}

/*
 * The read end of a pipe that holds @s. What a pipe surely takes is written
 * at once; for more, a child writes while the program reads.
 */
static int here_document(const char *s)
{
	size_t n = strlen(s);
	int p[2];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -1;
	if (n <= PIPE_BUF) {
		write_all(p[1], s, n);
		close(p[1]);
		return p[0];
	}
	pid = fork();
	if (pid == 0) {
		close(p[0]);
		signal(SIGPIPE, SIG_DFL);
		write_all(p[1], s, n);
		_exit(0);
	}
	close(p[1]);
	if (pid < 0) {
		close(p[0]);
		return -1;
	}
	return p[0];
}

static int open_target(const struct redir *r, const char *target)
{
	static const int modes[] = {
		[T_LESS] = O_RDONLY,
		[T_LESSGREAT] = O_RDWR | O_CREAT,
		[T_GREAT] = O_WRONLY | O_CREAT | O_TRUNC,
		[T_CLOBBER] = O_WRONLY | O_CREAT | O_TRUNC,
		[T_APPEND] = O_WRONLY | O_CREAT | O_APPEND,
	};

	struct stat st;

	/* set -C keeps files; what is no file, such as /dev/null, is none. */
	if (r->op == T_GREAT && sh.noclobber && stat(target, &st) == 0 &&
	    S_ISREG(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	return open(target, modes[r->op] | O_CLOEXEC, 0666);
}

/* n>&m and n>&-. */
static int duplicate(const struct redir *r, const char *target)
{
	if (strcmp(target, "-") == 0) {
		close(r->fd);
		return 0;
	}
	if (!*target || target[strspn(target, "0123456789")] ||
	    strlen(target) > 4) {
		errno = EBADF;
		return -1;
	}
	if (atoi(target) == r->fd)
		return fcntl(r->fd, F_SETFD, 0);
	return dup2(atoi(target), r->fd) < 0 ? -1 : 0;
}

static int apply_one(const struct redir *r, const char *target)
{
	int fd;

	if (r->op == T_LESSAND || r->op == T_GREATAND)
		return duplicate(r, target);
	if (r->op == T_HERE || r->op == T_HERE_DASH)
		fd = here_document(target);
	else
		fd = open_target(r, target);
	if (fd < 0)
		return -1;
	if (fd == r->fd)
		return fcntl(fd, F_SETFD, 0);
	if (dup2(fd, r->fd) < 0) {
		int error = errno;

		close(fd);
		errno = error;
		return -1;
	}
	close(fd);
	return 0;
}

/*
 * Do the redirections from left to right. With @saved, remember how to undo
 * them. Returns 0, or -1 after a message; what was done by then is in @saved.
 */
int redir_apply(struct redir *r, struct saved_fd **saved)
{
	for (; r; r = r->next) {
		char *target = expand_string(r->target->parts);
		bool here = r->op == T_HERE || r->op == T_HERE_DASH;

		if (!target)
			return -1;
		if ((saved && save_fd(r->fd, saved) < 0) ||
		    apply_one(r, target) < 0) {
			sh_error("%s: %s", here ? "here-document" : target,
				 strerror(errno));
			return -1;
		}
	}
	return 0;
}

void redir_restore(struct saved_fd *saved)
{
	while (saved) {
		struct saved_fd *s = saved;

		saved = s->next;
		if (s->copy >= 0) {
			dup2(s->copy, s->fd);
			close(s->copy);
		} else {
			close(s->fd);
		}
		free(s);
	}
}

/* "exec >file": the redirections stay; only the copies go. */
void redir_keep(struct saved_fd *saved)
{
	while (saved) {
		struct saved_fd *s = saved;

		saved = s->next;
		if (s->copy >= 0)
			close(s->copy);
		free(s);
	}
}
