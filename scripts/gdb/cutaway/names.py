# SPDX-License-Identifier: MIT
"""What things are called: paths of files, and what an area is of."""

from cutaway import kernel
from cutaway.kernel import const, safely

DEPTH = 64                  # components of a path, before it counts as endless


def dentry_path(dentry, mount=None):
    """The path of a name (a pointer). Without its mount a path begins at the root of
    its file system."""
    parts = []
    for _ in range(DEPTH):
        if not int(dentry):
            break
        above = dentry["d_parent"]
        if int(above) != int(dentry):
            parts.append(kernel.text(dentry["d_name"]))
            dentry = above
        elif mount is not None and int(mount) and int(mount["mnt_parent"]):
            dentry, mount = mount["mnt_point"], mount["mnt_parent"]
        else:
            break
    return "/" + "/".join(reversed(parts))


def vnode_path(vnode):
    """A name of a vnode (a pointer): of several, the first."""
    for each in kernel.list_of(vnode["v_dentries"], "struct dentry", "d_alias"):
        deleted = int(each["d_flags"]) & const("DENTRY_DELETED")
        mount = mount_of(each["d_sb"])
        return dentry_path(each.address, mount) + \
            (" (deleted)" if deleted else "")
    return f"inode {int(vnode['v_ino'])}, no name in the cache"


def block_device(vnode):
    """The struct blkdev whose pages a vnode (a pointer) has, or None."""
    if int(vnode["v_sb"]) != int(kernel.var("bdev_sb").address):
        return None
    return vnode["v_data"].cast(kernel.type_of("struct blkdev").pointer())


def mount_of(super_block):
    """The first mount that shows a file system, or None."""
    if not int(super_block) or not kernel.has("all_mounts"):
        return None
    for each in kernel.list_of(kernel.var("all_mounts"), "struct mount",
                               "mnt_link"):
        if int(each["mnt_sb"]) == int(super_block):
            return each.address
    return None


def file_path(file):
    """Of an open file; pipes and the like have a class and a number."""
    if int(file["f_path"]["dentry"]):
        return dentry_path(file["f_path"]["dentry"], file["f_path"]["mnt"])
    kind = safely(lambda: kernel.text(file["f_anon_class"])
                  if int(file["f_anon_class"]) else "anon_inode")
    return f"{kind}:[{int(file['f_anon_ino'])}]"


def object_name(pointer):
    """What a struct vm_object (a pointer) is: a file's name, or memory."""
    if not int(pointer):
        return "private memory"
    owner = pointer["vo_owner"]
    if not int(owner):
        return "shared memory"
    vnode = owner.cast(kernel.type_of("struct vnode").pointer())
    device = safely(lambda: block_device(vnode), None)
    if device is not None:
        return f"block device {kernel.text(device['bd_name'])}"
    return safely(lambda: vnode_path(vnode), "a file whose vnode is unreadable")


def area_name(area):
    """Its file, or what it is for, as in /proc/PID/maps."""
    flags = int(area["va_flags"])
    for name, said in (("VA_STACK", "[stack]"), ("VA_HEAP", "[heap]")):
        if flags & const(name):
            return said
    if flags & const("VA_VDSO"):
        return "[vdso]" if int(area["va_offset"]) else "[vvar]"
    if int(area["va_object"]):
        return object_name(area["va_object"])
    return "anonymous"
