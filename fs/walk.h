/* SPDX-License-Identifier: MIT */
/*
 * The path walk in steps, for the calls that need more than the file at the
 * end: open with O_CREAT, and everything that changes a name. Internal to fs/.
 */
#ifndef FS_WALK_H
#define FS_WALK_H

#include <abi/fcntl.h>
#include "fs/file.h"
#include "fs/namei.h"

/* A path string copied in from a user; short ones need no allocation. */
struct pathbuf {
	char *pb_name;
	char pb_small[96];
};
/* -EFAULT, -ENAMETOOLONG, -ENOMEM. */
int pathbuf_get(struct pathbuf *pb, const char __user *name);
void pathbuf_put(struct pathbuf *pb);

enum walk_last {
	LAST_ROOT,			/* no component at all: "/" (or "" with LOOKUP_EMPTY) */
	LAST_NORM,
	LAST_DOT,
	LAST_DOTDOT,
};

struct walk_frame;

struct walk {
	struct path w_path;		/* where we are; references */
	struct path w_top;		/* LOOKUP_RESOLVE: where it starts; references */
	unsigned int w_flags;		/* LOOKUP_* */
	unsigned int w_nlinks;		/* symbolic links followed */
	enum walk_last w_type;		/* LOOKUP_PARENT: the last component, not walked */
	const char *w_last;
	size_t w_len;
	bool w_slash;			/* slashes follow it: it must be a directory */
	const char *w_rest;		/* what is still to be walked of the current string */
	struct walk_frame *w_up;	/* strings to go on with afterwards */
	struct walk_frame *w_frames;	/* all link targets, kept until walk_end() */
};

/*
 * Position at the start of name. 0 or -errno; only after 0 walk_end() is due.
 */
int walk_begin(struct walk *w, int dirfd, const char *name, unsigned int flags);
/* Walk what is left. On an error the position is somewhere, but still held. */
int walk_run(struct walk *w);
/*
 * Go on with the target of the symbolic link d (reference taken over), found as
 * last component in w_path.
 */
int walk_link(struct walk *w, struct dentry *d);
/*
 * Move to child d of the current directory (reference taken over) and into what
 * is mounted there.
 */
void walk_enter(struct walk *w, struct dentry *d);
/*
 * Free link targets; *out gets the position's references, or they are dropped
 * if NULL.
 */
void walk_end(struct walk *w, struct path *out);

/*
 * The name in dir: *out is positive, or negative or NULL if there is no such
 * file. locked: dir's v_lock is held for writing, otherwise not at all. -ENOENT
 * for a removed directory, -ENOMEM, -EIO.
 */
int name_lookup(struct dentry *dir, const char *name, size_t len, bool locked,
		struct dentry **out);
/*
 * May the current process add a name to / remove victim from dir? dir is
 * locked.
 */
int name_may_create(const struct path *dir);
int name_may_delete(const struct path *dir, struct dentry *victim, bool is_dir);
/*
 * Make a file in dir (v_lock held for writing, name looked up: d is negative or
 * NULL). *out: its dentry with a reference; d stays the caller's.
 */
int name_create(const struct path *dir, const char *name, size_t len, struct dentry *d,
		u32 mode, u64 rdev, const char *target, struct dentry **out);
/*
 * A path for the open file f, also when it has no name. References are taken.
 */
int path_of_file(struct file *f, struct path *out);

#endif
