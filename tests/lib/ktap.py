# SPDX-License-Identifier: MIT
"""Reads KTAP and counts its leaves.

A leaf is a result line with no subtests of its own. A result line that closes
subtests is counted only where it says more than they do: it failed and none of
them did. A plan that does not fit the results is a failure, and so is output
without any result: a test that died half-way never passes.

Lines that are none of KTAP's are ignored, as the format allows, at any depth.
"""

import re

VERSION = re.compile(r"(?:K?TAP version \d+)\s*$")
PLAN = re.compile(r"1\.\.(\d+)(?:\s*#\s*SKIP\b(.*))?\s*$", re.I)
RESULT = re.compile(r"(not )?ok\b(?: +(\d+))?(?: +-)?(?: +([^#]*?))?"
                    r"\s*(?:#\s*(.*?))?\s*$")
DIRECTIVE = re.compile(r"(SKIP|XFAIL|TODO|TIMEOUT|ERROR)\b")
BAIL = re.compile(r"Bail out!(.*)")


class Leaf:
    """One result: state is "passed", "failed" or "skipped"."""

    def __init__(self, name, state, detail=""):
        self.name, self.state, self.detail = name, state, detail

    def __repr__(self):
        return f"{self.state} {self.name} {self.detail}".rstrip()


class _Block:
    """The results between a version line and the parent's result line."""

    def __init__(self):
        self.plan = None
        self.seen = 0
        self.leaves = []
        self.notes = []     # diagnostics since the last result

    def finish(self, where):
        """Adds a failure where the plan does not fit; returns the leaves."""
        if self.plan is None and self.seen == 0:
            self._fail(where, "no result")
        elif self.plan is not None and self.plan != self.seen:
            self._fail(where, f"planned {self.plan} results, got {self.seen}",
                       self.notes)
        return self.leaves

    def _fail(self, where, text, notes=()):
        self.leaves.append(Leaf(where, "failed", "\n".join([text, *notes])))


def parse(text, name="output"):
    """Returns the list of leaves. name stands for the whole in failures."""
    stack = []
    bail = None
    for line in text.splitlines():
        body = line.lstrip(" ")
        depth, odd = divmod(len(line) - len(body), 2)
        if odd:
            continue
        result = RESULT.match(body)
        plan = PLAN.match(body)
        if VERSION.match(body):
            if depth <= len(stack):
                del stack[depth + 1:]
                if depth == len(stack):
                    stack.append(_Block())
        elif plan:
            block = _block_at(stack, depth)
            if block and block.plan is None:
                block.plan = int(plan[1])
        elif result:
            block = _block_at(stack, depth)
            if block:
                _take(block, stack[depth + 1:], result)
                del stack[depth + 1:]
        elif BAIL.match(body):
            bail = BAIL.match(body)[1].strip()
        elif body.startswith("#") and stack:
            stack[-1].notes.append(body[1:].strip())
    leaves = _fold(stack, name) if stack else \
        [Leaf(name, "failed", "printed no test result")]
    if bail is not None:
        leaves.append(Leaf(name, "failed", "bailed out: " + bail))
    return leaves


def _block_at(stack, depth):
    """The block of that depth; one level deeper may open without a version
    line of its own."""
    if depth == len(stack):
        stack.append(_Block())
    return stack[depth] if depth < len(stack) else None


def _take(block, inner, result):
    """Notes a result line; inner are the blocks of its subtests."""
    failed, number, text, why = result.groups()
    block.seen += 1
    name = (text or "").strip() or f"test {block.seen}"
    notes, block.notes = block.notes, []
    if number is not None and int(number) != block.seen:
        block.leaves.append(Leaf(name, "failed", f"is number {number} where "
                                 f"{block.seen} is due"))
        block.seen = int(number)
        return
    if inner:
        leaves = _fold(inner, name)
        for leaf in leaves:
            if leaf.name != name:
                leaf.name = f"{name}/{leaf.name}"
        block.leaves += leaves
        if not failed or any(leaf.state == "failed" for leaf in leaves):
            return
    block.leaves.append(Leaf(name, _state(failed, why), "\n".join(
        [*notes, why or ""]).strip()))


def _state(failed, why):
    found = DIRECTIVE.match(why or "")
    if found and found[1] in ("SKIP", "XFAIL", "TODO"):
        return "skipped"
    return "failed" if failed or found else "passed"


def _fold(blocks, name):
    """Leaves of nested blocks of which the inner ones were never closed."""
    leaves = []
    for depth, block in enumerate(blocks):
        leaves += block.finish(name if depth == 0 else f"{name} (cut off)")
    return leaves
