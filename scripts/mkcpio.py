#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes the boot archive (initrd.cpio).

    mkcpio.py -o OUT [--list FILE]... [--tree DIR[:GUESTDIR]]... [GUEST=HOST]...

Lists come first, then trees, then single files; what comes later replaces what
came earlier under the same path. A line of a list is one of

    dir PATH OCTAL-MODE
    file PATH HOST-FILE OCTAL-MODE
    link PATH TARGET

and # starts a comment. GUEST=HOST takes a folder as well. OUT appears under
its name only when it is complete.
"""

import argparse
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
sys.dont_write_bytecode = True
import cpio  # noqa: E402


def read_list(archive, name):
    with open(name, encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            words = line.split("#")[0].split()
            if not words:
                continue
            try:
                add_line(archive, *words)
            except (TypeError, ValueError) as error:
                raise SystemExit(f"{name}:{number}: {error}")


def add_line(archive, kind, path, *rest):
    if kind == "dir":
        (mode,) = rest
        archive.add_dir(path, int(mode, 8))
    elif kind == "file":
        host, mode = rest
        archive.add(path, 0o100000 | int(mode, 8), host)
    elif kind == "link":
        (target,) = rest
        archive.add_link(path, target)
    else:
        raise ValueError(f"unknown kind of entry: {kind}")


def main():
    parser = argparse.ArgumentParser(
        description="Write a cpio newc archive with page-aligned file data.")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--list", action="append", default=[])
    parser.add_argument("--tree", action="append", default=[],
                        metavar="DIR[:GUESTDIR]")
    parser.add_argument("files", nargs="*", metavar="GUEST=HOST")
    args = parser.parse_args()

    archive = cpio.Archive()
    for name in args.list:
        read_list(archive, name)
    for tree in args.tree:
        host, _, guest = tree.partition(":")
        archive.add_host(guest or "/", host)
    for item in args.files:
        guest, equals, host = item.partition("=")
        if not equals:
            parser.error(f"{item}: expected GUEST=HOST")
        archive.add_host(guest, host)

    partial = args.output + ".tmp"
    with open(partial, "wb") as out:
        archive.write(out)
    os.replace(partial, args.output)


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError) as error:
        raise SystemExit(f"mkcpio: {error}")
