/* SPDX-License-Identifier: MIT */
/*
 * Path strings, taken apart without touching any file (path_resolution(7)).
 */
#ifndef KERNEL_LIB_PATH_H
#define KERNEL_LIB_PATH_H

#include "types.h"

#define PATH_NAME_MAX	255	/* longest component, NAME_MAX */

struct path_part {
	const char *name;	/* not NUL-terminated */
	size_t len;
	bool last;		/* no further component follows */
	bool slash;		/* slashes follow: must be a directory */
};

/*
 * Takes the next component off *@path, skipping the slashes around it, and
 * moves *@path behind them. Returns 1 with *@part filled, 0 if there is none,
 * -ENAMETOOLONG if it is longer than PATH_NAME_MAX.
 */
int path_next(const char **path, struct path_part *part);

static inline bool path_is_absolute(const char *path)
{
	return path[0] == '/';
}

static inline bool path_part_is_dot(const struct path_part *p)
{
	return p->len == 1 && p->name[0] == '.';
}

static inline bool path_part_is_dotdot(const struct path_part *p)
{
	return p->len == 2 && p->name[0] == '.' && p->name[1] == '.';
}

/* Where the last component begins, trailing slashes ignored; for messages. */
const char *path_base_name(const char *path);

#endif
