/* SPDX-License-Identifier: MIT */
/*
 * Path strings, for fs/namei.c. Components "." and ".." are returned like any
 * other: what they mean depends on symbolic links and mounts.
 */
#include "kernel/lib/path.h"

#include "errno.h"
#include "kernel/lib/string.h"

int path_next(const char **path, struct path_part *part)
{
	const char *p = *path;

	while (*p == '/')
		p++;
	if (*p == '\0') {
		*path = p;
		return 0;
	}
	part->name = p;
	while (*p != '/' && *p != '\0')
		p++;
	part->len = p - part->name;
	part->slash = *p == '/';
	while (*p == '/')
		p++;
	part->last = *p == '\0';
	*path = p;
	return part->len > PATH_NAME_MAX ? -ENAMETOOLONG : 1;
}

const char *path_base_name(const char *path)
{
	const char *base = path;

	for (const char *p = path; *p; p++) {
		if (*p == '/' && p[1] != '/' && p[1] != '\0')
			base = p + 1;
	}
	return base;
}
