/* SPDX-License-Identifier: MIT */
/*
 * O_DIRECT: between the disk and user memory, past the page cache.
 */
#ifndef FS_DIRECTIO_H
#define FS_DIRECTIO_H

#include "fs/uio.h"

struct vnode;

/*
 * Is the transfer aligned as the device wants it (position, lengths, addresses)? False:
 * -EINVAL is due.
 */
bool direct_aligned(struct vnode *vn, const struct uio *u);
/*
 * Read at u_offset up to the end of the file. Bytes or -errno. The vnode's lock is taken shared.
 */
ssize_t direct_read(struct vnode *vn, struct uio *u);
/*
 * Write as much as overwrites blocks that exist, inside the file. Bytes, perhaps 0: the rest is
 * for the page cache; or -errno. v_lock is taken shared.
 */
ssize_t direct_write(struct vnode *vn, struct uio *u);

#endif
