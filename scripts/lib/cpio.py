# SPDX-License-Identifier: MIT
"""cpio "newc" archives for the boot module.

scripts/mkcpio.py (the base archive) and scripts/guest (the overlay of one run)
write through this module; the kernel's reader is fs/tmpfs.

The format is the one of cpio(5), "new ASCII", with two additions that every
reader of newc accepts:
  1. The data of a regular file starts on a PAGE boundary of the archive. The
     gap is filled with NULs after the name, and namesize counts them. So a
     kernel that finds the archive page-aligned in memory can hand the pages
     to its file system without a copy.
  2. The archive's length is a multiple of PAGE. So archives can be
     concatenated and rule 1 still holds; a later entry replaces an earlier one.

The output depends on nothing but the entries: the owner is root, the time
stamp fixed unless an entry has one, inode numbers count up, entries are sorted
by path.
"""

import fnmatch
import os
import stat

PAGE = 4096
HEADER = 110
MTIME = 1700000000


class Archive:
    """Paths in the guest with their modes and contents.

    An entry that is added again replaces the old one. Parent directories that
    nobody adds are made with mode 755.
    """

    def __init__(self, below=()):
        """below: paths of the archive that this one is laid over. What is
        there as a directory keeps its mode."""
        self.entries = {}
        self.below = frozenset(below)

    def add(self, path, mode, source=b"", mtime=MTIME):
        """source: bytes, or the str path of a host file that is read late."""
        self.entries[_clean(path)] = (mode, source, mtime)

    def add_dir(self, path, perm=0o755):
        self.add(path, stat.S_IFDIR | perm)

    def add_link(self, path, target):
        self.add(path, stat.S_IFLNK | 0o777, os.fsencode(target))

    def add_bytes(self, path, data, perm=0o644):
        self.add(path, stat.S_IFREG | perm, data)

    def add_host(self, path, host, exact=False, leave_out=()):
        """Adds a host file, symbolic link or whole folder under path.

        exact keeps the host's permission bits and a file's time stamp;
        otherwise they become 755 or 644, so that the archive does not depend
        on a umask. Names in a folder that match one of leave_out are left out.
        """
        info = os.lstat(host)
        if stat.S_ISLNK(info.st_mode):
            self.add_link(path, os.readlink(host))
        elif stat.S_ISREG(info.st_mode):
            self.add(path, stat.S_IFREG | _perm(info, exact), host,
                     int(info.st_mtime) if exact else MTIME)
        elif stat.S_ISDIR(info.st_mode):
            if _clean(path) and _clean(path) not in self.below:
                self.add_dir(path, _perm(info, exact))
            for name in sorted(os.listdir(host)):
                if not any(fnmatch.fnmatchcase(name, each)
                           for each in leave_out):
                    self.add_host(path.rstrip("/") + "/" + name,
                                  os.path.join(host, name), exact, leave_out)
        else:
            raise ValueError(f"{host}: not a file, link or directory")

    def write(self, out):
        """Writes the archive to a binary stream; returns its length."""
        entries = dict(self.entries)
        for path in self.entries:
            parent = os.path.dirname(path)
            while parent and parent not in entries and \
                    parent not in self.below:
                entries[parent] = (stat.S_IFDIR | 0o755, b"", MTIME)
                parent = os.path.dirname(parent)
        pos = 0
        for ino, path in enumerate(sorted(entries, key=_order), 1):
            mode, source, mtime = entries[path]
            pos = _write_entry(out, pos, ino, path, mode, _load(source), mtime)
        pos = _write_entry(out, pos, 0, "TRAILER!!!", 0, b"", MTIME)
        return _pad(out, pos, PAGE)


def entries(name):
    """Yields (path, mode, data) of the archive file called name, which is of
    this module's own kind."""
    with open(name, "rb") as stream:
        while True:
            header = stream.read(HEADER)
            if len(header) < HEADER or header[:6] != b"070701":
                return
            mode, size, name_size = (int(header[at:at + 8], 16)
                                     for at in (14, 54, 94))
            path = stream.read(name_size).rstrip(b"\0")
            data = stream.read(size)
            stream.seek(-stream.tell() % 4, os.SEEK_CUR)
            if path != b"TRAILER!!!":
                yield os.fsdecode(path), mode, data


def paths(name):
    """The paths in that archive."""
    return [path for path, _, _ in entries(name)]


def _clean(path):
    """Guest paths are stored without leading slash and without . and .. ."""
    return os.path.normpath("/" + path).lstrip("/")


def _order(path):
    """A directory comes before what is in it."""
    return path.split("/")


def _perm(info, exact):
    if exact:
        return stat.S_IMODE(info.st_mode)
    return 0o755 if info.st_mode & 0o111 else 0o644


def _load(source):
    if isinstance(source, bytes):
        return source
    with open(source, "rb") as stream:
        return stream.read()


def _pad(out, pos, unit):
    gap = -pos % unit
    out.write(bytes(gap))
    return pos + gap


def _write_entry(out, pos, ino, path, mode, data, mtime):
    name = os.fsencode(path) + b"\0"
    if len(name) > PAGE:
        raise ValueError(f"{path}: the name is longer than {PAGE - 1} bytes")
    unit = PAGE if stat.S_ISREG(mode) and data else 4
    name += bytes(-(pos + HEADER + len(name)) % unit)
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (ino, mode, 0, 0, links, mtime, len(data), 0, 0, 0, 0,
              len(name), 0)
    out.write(b"070701" + b"".join(b"%08x" % field for field in fields))
    out.write(name)
    out.write(data)
    return _pad(out, pos + HEADER + len(name) + len(data), 4)
