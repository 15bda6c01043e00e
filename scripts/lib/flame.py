# SPDX-License-Identifier: MIT
"""A flame graph as SVG: one box for each function of each distinct stack, as wide
as its share of the samples, on top of its caller's box.

It needs nothing but a viewer of SVG. Resting on a box shows its name and share;
in a browser a click on one makes it as wide as the picture, a click on the lowest
takes that back.
"""

from xml.sax.saxutils import escape, quoteattr

WIDTH, ROW, MARGIN, TITLE = 1200, 17, 10, 34
LETTER = 6.6            # width of a letter, in the font below
LEAST = 0.3             # narrower boxes are left out

STYLE = """
text { font: 11px monospace; pointer-events: none }
.title { font: 15px sans-serif }
rect { stroke: #fff; stroke-width: 0.5 }
g:hover rect { stroke: #000 }
"""

# Zoom: each box knows its place in samples; those outside the chosen one go.
SCRIPT = """
const boxes = [...document.querySelectorAll("g")];
function zoom(chosen) {
  const from = +chosen.dataset.at, width = +chosen.dataset.n;
  const low = +chosen.dataset.depth;
  for (const g of boxes) {
    const at = +g.dataset.at, n = +g.dataset.n;
    const below = +g.dataset.depth < low;
    const hidden = at + n <= from || at >= from + width;
    g.style.display = hidden ? "none" : "";
    g.style.opacity = below ? 0.5 : 1;
    const left = Math.max(at, from), right = Math.min(at + n, from + width);
    const x = MARGIN + (left - from) / width * SPAN;
    const w = (right - left) / width * SPAN;
    g.querySelector("rect").setAttribute("x", x);
    g.querySelector("rect").setAttribute("width", Math.max(w, 0));
    const text = g.querySelector("text"), room = Math.floor(w / LETTER) - 1;
    text.setAttribute("x", x + 3);
    text.textContent = room < 3 ? "" : g.dataset.name.slice(0, room);
  }
}
for (const g of boxes) g.addEventListener("click", () => zoom(g));
"""


class Node:
    """A function as called by a certain chain of callers."""

    def __init__(self):
        self.count = 0
        self.below = {}


def tree(stacks):
    """stacks: {(outermost, ..., innermost): samples}."""
    root = Node()
    for stack, count in stacks.items():
        node = root
        node.count += count
        for name in stack:
            node = node.below.setdefault(name, Node())
            node.count += count
    return root


def depth(node):
    return 1 + max((depth(child) for child in node.below.values()), default=0)


def color(name, kernel):
    """Warm for the kernel, cool for user code; the name gives the shade."""
    shade = sum(ord(letter) * (place + 7) for place, letter in enumerate(name))
    hue = (shade % 40) + (12 if kernel else 170)
    return f"hsl({hue},{60 + shade % 25}%,{62 + shade % 11}%)"


def boxes(node, name, at, level, total, is_kernel):
    """(name, first sample, samples, level, kernel?) of node and all above."""
    if node.count / total * WIDTH < LEAST:
        return
    yield name, at, node.count, level, is_kernel(name)
    for below in sorted(node.below):
        child = node.below[below]
        yield from boxes(child, below, at, level + 1, total, is_kernel)
        at += child.count


def svg(stacks, title, is_kernel):
    """The picture as text. is_kernel(name): whose function is it?"""
    root = tree(stacks)
    total = max(root.count, 1)
    height = TITLE + ROW * depth(root) + MARGIN
    span = WIDTH - 2 * MARGIN
    script = SCRIPT.replace("MARGIN", str(MARGIN)).replace(
        "SPAN", str(span)).replace("LETTER", str(LETTER))
    out = ['<?xml version="1.0" encoding="UTF-8"?>',
           f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" '
           f'height="{height}" viewBox="0 0 {WIDTH} {height}">',
           f"<style>{STYLE}</style>",
           '<rect width="100%" height="100%" fill="#fff"/>',
           f'<text class="title" x="{MARGIN}" y="21">{escape(title)}</text>']
    for name, at, count, level, kernel in boxes(root, "all", 0, 0, total,
                                                is_kernel):
        x, width = MARGIN + at / total * span, count / total * span
        y = height - MARGIN - ROW * (level + 1)
        room = int(width / LETTER) - 1
        label = escape(name[:room]) if room >= 3 else ""
        out.append(
            f'<g data-at="{at}" data-n="{count}" data-depth="{level}" '
            f"data-name={quoteattr(name)}><title>{escape(name)}: {count} "
            f'samples, {100 * count / total:.1f} %</title><rect x="{x:.2f}" '
            f'y="{y}" width="{width:.2f}" height="{ROW - 1}" '
            f'fill="{color(name, kernel)}"/><text x="{x + 3:.2f}" '
            f'y="{y + 12}">{label}</text></g>')
    return "\n".join(out) + f"\n<script><![CDATA[{script}]]></script></svg>\n"
