#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks what README.md and docs/**/*.md say about the tree.

    check_docs.py [ROOT]

  `path:/regex/`    the file must exist, and a line of it must match
  [text](path)      a relative link must lead to something; with #anchor, to
                    a heading of that file
  `folder/file.c`   a path in backquotes that starts with a folder of the tree
                    must exist
  docs/locks.md     its tables name the ranks of kernel/core/lockrank.h, all of
                    them, in their order, and each lock of the sources with its
                    rank
  docs/syscalls.md  is what scripts/mksyscalls.py makes of the sources

Prints one line per reference that leads nowhere; exit status 1 if any does.
"""

import glob
import os
import re
import subprocess
import sys

CODE = re.compile(r"`([\w./-]+):/((?:[^/`\\]|\\.|/(?!`))+)/`")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)+/?)`")
HEADING = re.compile(r"^#+\s+(.*?)\s*#*$", re.M)
NO_LOCK = ("RANK_NONE", "RANK_SPIN_FIRST", "RANK_MAX")
KERNEL = ("boot", "kernel", "mm", "fs", "ipc", "net", "drivers")
LOCK = re.compile(r'(?:SPINLOCK_INIT|spin_lock_init|mutex_init|rwlock_init)'
                  r'\([^;"]*?"([^"]+)",\s*(RANK_\w+)\)')
LOCK_ROW = re.compile(r"^\| `(RANK_\w+)` \|([^|]*)\|", re.M)
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def anchor(heading):
    """The name that forges give to a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.strip().replace(" ", "-")


def read(path):
    with open(path, encoding="utf-8") as stream:
        return stream.read()


def blank(found):
    return "\n" * found[0].count("\n")


def check_code(root, text):
    for found in CODE.finditer(text):
        path, regex = found[1], found[2].replace("\\/", "/")
        full = os.path.join(root, path)
        if not os.path.isfile(full):
            yield found, f"no file {path}"
            continue
        try:
            if not re.search(regex, read(full), re.M):
                yield found, f"nothing in {path} matches /{regex}/"
        except re.error as error:
            yield found, f"bad regex /{regex}/: {error}"


def check_links(root, document, text):
    for found in LINK.finditer(text):
        target, _, name = found[1].partition("#")
        if re.match(r"[a-z]+:", found[1]):
            continue
        path = os.path.join(root, os.path.dirname(document), target) \
            if target else os.path.join(root, document)
        if not os.path.exists(path):
            yield found, f"broken link to {target}"
        elif name and name not in map(anchor, HEADING.findall(read(path))):
            yield found, f"no heading #{name} in {target or document}"


def check_paths(root, text):
    """build/ holds results and need not exist; other tops are no claim about
    the tree."""
    tops = {name for name in os.listdir(root)
            if os.path.isdir(os.path.join(root, name))} - {"build", ".git"}
    for found in PATH.finditer(text):
        if found[1].split("/")[0] in tops and \
                not re.search(r"NAME|\.\.\.", found[1]) and \
                not os.path.exists(os.path.join(root, found[1])):
            yield found, f"no file {found[1]}"


def check_ranks(root, rows):
    """The ranks of the enum and of the table's rows are the same, in order."""
    header = os.path.join(root, "kernel/core/lockrank.h")
    body = re.search(r"enum lock_rank \{(.*?)\}", read(header), re.S)[1]
    ranks = [name for name in re.findall(r"^\s*(RANK_\w+)", body, re.M)
             if name not in NO_LOCK]
    listed = [rank for at, (rank, _) in enumerate(rows)
              if at == 0 or rows[at - 1][0] != rank]
    if ranks == listed:
        return
    for name in ranks:
        if name not in listed:
            yield f"{name} is missing"
    for name in listed:
        if name not in ranks:
            yield f"{name} is no rank of kernel/core/lockrank.h"
    if set(ranks) == set(listed):
        yield "the ranks are not in the order of kernel/core/lockrank.h"


def locks_in_sources(root):
    """(name, rank) of every lock that is set up under a literal name."""
    found = set()
    for folder in KERNEL:
        for name in glob.glob(os.path.join(root, folder, "**/*.[ch]"),
                              recursive=True):
            found.update(LOCK.findall(read(name)))
    return found


def check_locks(root):
    """Yields what is wrong with the tables of locks, if anything."""
    document = os.path.join(root, "docs/locks.md")
    if not os.path.exists(document):
        return
    rows = LOCK_ROW.findall(read(document))
    yield from check_ranks(root, rows)
    listed = {(name, rank) for rank, cell in rows
              for name in re.findall(r"`([^`]+)`", cell)}
    there = locks_in_sources(root)
    for name, rank in sorted(there - listed):
        yield f'lock "{name}" of rank {rank} is missing'
    for name, rank in sorted(listed - there):
        yield f'no source has a lock "{name}" of rank {rank}'


def check_syscalls(root):
    script = os.path.join(root, "scripts/mksyscalls.py")
    if not os.path.exists(script):
        return
    done = subprocess.run([sys.executable, script, "--check", root],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False)
    if done.returncode:
        yield done.stdout.decode().strip()


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else \
        os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    documents = ["README.md", *sorted(
        os.path.relpath(name, root) for name in
        glob.glob(os.path.join(root, "docs/**/*.md"), recursive=True))]
    problems = references = 0
    for document in documents:
        text = FENCE.sub(blank, read(os.path.join(root, document)))
        references += len(CODE.findall(text))
        for found, why in (*check_code(root, text),
                           *check_links(root, document, text),
                           *check_paths(root, text)):
            line = text.count("\n", 0, found.start()) + 1
            print(f"{document}:{line}: {why}")
            problems += 1
    for why in check_locks(root):
        print(f"docs/locks.md: {why}")
        problems += 1
    for why in check_syscalls(root):
        print(why)
        problems += 1
    if problems:
        return 1
    print(f"docs: {len(documents)} documents, {references} references to "
          "code, all found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
