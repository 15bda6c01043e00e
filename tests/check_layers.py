#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that no kernel file reaches upwards.

    check_layers.py [--root DIR] [--rules FILE] [--nm NM] OBJDIR

tests/layers.txt gives the levels and the exceptions and explains its own
format. OBJDIR holds one object per source under the source's path (build/obj);
there nm tells which symbols a file defines and which it takes from others. The
include lines come from the sources, so headers without code are held to the
same rules. Prints one line per violation; exit status 1 if there is any.
"""

import argparse
import fnmatch
import os
import re
import subprocess
import sys

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">]', re.M)
COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
STRING = re.compile(r'"(?:\\.|[^"\\\n])*"')
UPCALLS = "include/kernel/upcalls.h"


class Rules:
    def __init__(self, name):
        self.levels = []        # (level, pattern) in order
        self.upcalls = set()
        self.anyone = set()
        self.blind = []         # (folder, folder)
        self.shared = {}        # folder -> modules all of it may see
        self.users = {}         # folder -> files outside that may use it
        self.keep = []          # (regex, patterns)
        with open(name, encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                words = line.split()
                if not words or words[0].startswith("#"):
                    continue
                try:
                    self._take(*words)
                except (TypeError, ValueError):
                    raise SystemExit(f"{name}:{number}: cannot read: "
                                     + line.strip()) from None

    def _take(self, kind, first, *rest):
        if kind == "level":
            for word in rest:
                for pattern in expand(word):
                    self.levels.append((int(first), pattern))
        elif kind == "upcall":
            self.upcalls.update((first, *rest))
        elif kind == "anyone":
            self.anyone.update((first, *rest))
        elif kind == "blind":
            (other,) = rest
            self.blind += [(first, other), (other, first)]
        elif kind == "shared":
            self.shared[first] = rest
        elif kind == "users":
            self.users[first] = rest
        elif kind == "keep" and rest[:1] == ("in",):
            self.keep.append((re.compile(first), rest[1:]))
        else:
            raise ValueError

    def level(self, path):
        """The level of a source or header, or None for one of nobody."""
        for level, pattern in self.levels:
            if matches(path, pattern):
                return level
        return None

    def objection(self, user, used):
        """Why the file user must not use the file used, or None."""
        low, high = self.level(user), self.level(used)
        if low is None or high is None:
            return None
        if high > low:
            return f"level {low} reaches up to level {high}"
        mine, theirs = top(user), top(used)
        if (mine, theirs) in self.blind:
            return f"{mine} and {theirs} do not see each other"
        if theirs in self.shared and mine == theirs and \
                module(user) not in (module(used), "init") and \
                module(used) not in self.shared[theirs]:
            return (f"within {theirs} only " +
                    " and ".join(self.shared[theirs]) + " are shared")
        if theirs in self.users and mine != theirs and \
                user not in self.users[theirs] and \
                module(used) not in self.shared.get(theirs, ()):
            return f"only {' '.join(self.users[theirs])} may use {theirs}"
        return None


def expand(word):
    """a{b,c}d -> abd, acd"""
    found = re.match(r"(.*)\{(.*)\}(.*)$", word)
    if not found:
        return [word]
    return [found[1] + middle + found[3] for middle in found[2].split(",")]


def matches(path, pattern):
    """As a shell matches: * does not cross a slash."""
    return path.count("/") == pattern.count("/") and \
        fnmatch.fnmatchcase(path, pattern)


def top(path):
    return path.split("/")[0]


def module(path):
    return re.split(r"[_.]", os.path.basename(path))[0]


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as stream:
        return stream.read()


def source_files(root, rules):
    """Every .c, .S and .h file in a folder that some level names."""
    tops = sorted({top(pattern) for _, pattern in rules.levels})
    found = []
    for folder in tops:
        for where, folders, names in os.walk(os.path.join(root, folder)):
            folders.sort()
            for name in sorted(names):
                if name.endswith((".c", ".S", ".h")):
                    path = os.path.join(where, name)
                    found.append(os.path.relpath(path, root))
    return found


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def check_includes(root, rules, files):
    for path in files:
        text = read(root, path)
        for found in INCLUDE.finditer(text):
            used = found[1]
            beside = os.path.join(os.path.dirname(path), used)
            if os.path.exists(os.path.join(root, beside)):
                used = os.path.normpath(beside)
            why = rules.objection(path, used)
            if why:
                yield (f"{path}:{line_of(text, found.start())}: includes "
                       f"{used}: {why}")


def symbols(nm, obj, option):
    out = subprocess.run([nm, "-g", option, obj], check=True,
                         stdout=subprocess.PIPE).stdout.decode()
    return [line.split()[-1] for line in out.splitlines() if line.strip()]


def objects(objdir, files):
    """(source, object) of every source that was compiled."""
    for path in files:
        obj = os.path.join(objdir, os.path.splitext(path)[0] + ".o")
        if not path.endswith(".h") and os.path.exists(obj):
            yield path, obj


def check_symbols(rules, files, objdir, nm):
    compiled = list(objects(objdir, files))
    if not compiled:
        raise SystemExit(f"check_layers: no objects in {objdir}")
    home = {}
    for path, obj in compiled:
        for symbol in symbols(nm, obj, "--defined-only"):
            home.setdefault(symbol, path)
    for path, obj in compiled:
        for symbol in symbols(nm, obj, "--undefined-only"):
            if symbol in rules.upcalls | rules.anyone or \
                    symbol not in home:
                continue
            why = rules.objection(path, home[symbol])
            if why:
                yield f"{path} -> {home[symbol]}: uses {symbol}: {why}"


def check_homes(rules, files):
    for path in files:
        if rules.level(path) is None:
            yield f"{path}: no level line of the rules matches it"


def check_upcalls(root, rules):
    if not os.path.exists(os.path.join(root, UPCALLS)):
        return
    text = COMMENT.sub("", read(root, UPCALLS))
    text = re.sub(r"^#.*", "", text, flags=re.M)
    declared = set()
    for declaration in text.split(";"):
        found = re.search(r"\b([a-z]\w*)\s*\(", declaration)
        if found:
            declared.add(found[1])
    for name in sorted(rules.upcalls - declared):
        yield f"{UPCALLS}: does not declare the upcall {name}"
    for name in sorted(declared - rules.upcalls):
        yield f"{UPCALLS}: declares {name}, which is not listed as an upcall"


def blank(found):
    """Keeps line numbers right where text is taken out."""
    return "\n" * found[0].count("\n")


def check_kept(root, rules, files):
    if not rules.keep:
        return
    for path in files:
        text = STRING.sub('""', COMMENT.sub(blank, read(root, path)))
        for regex, patterns in rules.keep:
            if any(matches(path, pattern) for pattern in patterns):
                continue
            for found in regex.finditer(text):
                yield (f"{path}:{line_of(text, found.start())}: "
                       f"'{found[0]}' belongs in {' '.join(patterns)} only")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    here = os.path.dirname(os.path.abspath(__file__))
    parser.add_argument("--root", default=os.path.dirname(here))
    parser.add_argument("--rules", default=os.path.join(here, "layers.txt"))
    parser.add_argument("--nm", default="nm")
    parser.add_argument("objdir")
    args = parser.parse_args()

    rules = Rules(args.rules)
    files = source_files(args.root, rules)
    problems = [*check_homes(rules, files),
                *check_upcalls(args.root, rules),
                *check_includes(args.root, rules, files),
                *check_symbols(rules, files, args.objdir, args.nm),
                *check_kept(args.root, rules, files)]
    for problem in problems:
        print(problem)
    if problems:
        print(f"layers: {len(problems)} violations")
        return 1
    print(f"layers: {len(files)} files point the right way")
    return 0


if __name__ == "__main__":
    sys.exit(main())
