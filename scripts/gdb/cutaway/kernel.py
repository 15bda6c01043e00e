# SPDX-License-Identifier: MIT
"""Looking into the kernel from GDB: variables, types, constants, lists, trees.

Nothing here knows a number of the kernel's. Offsets and types come from the
debug information of cutaway.elf, and so do the constants: it is compiled with
-g3, which keeps the #defines. A kernel that lacks a name raises Unknown, memory
that cannot be read gdb.MemoryError; command.command() turns both into a line of
text, so that commands are of use on a kernel that has come to grief.
"""

import re
import struct

import gdb

WORD = (1 << 64) - 1
WALK_LIMIT = 100000         # steps along a list before it counts as endless


class Unknown(gdb.error):
    """The kernel has no such variable, type, field or constant."""


UNREADABLE = (gdb.error, OverflowError, UnicodeDecodeError, struct.error)


# ---- symbols ----------------------------------------------------------------

def objfile():
    """The kernel among the loaded symbol files."""
    for each in gdb.objfiles():
        if each.is_valid() and each.lookup_global_symbol("kmain"):
            return each
    raise Unknown("no symbols of the kernel; start GDB with `make gdb`")


def symbol(name):
    """A variable or function of the kernel, static ones as well."""
    kernel = objfile()
    found = kernel.lookup_global_symbol(name) or \
        kernel.lookup_static_symbol(name)
    if not found:
        raise Unknown(f"this kernel has no {name}")
    return found


def has(name):
    try:
        return bool(symbol(name))
    except Unknown:
        return False


def var(name):
    return symbol(name).value()


def address_of(name):
    """Of a function, or of a label in assembly."""
    try:
        return int(symbol(name).value().address)
    except Unknown:
        return int(gdb.parse_and_eval(f"(unsigned long)&'{name}'"))


def function_at(pc):
    """Name of the function around an address, or the address."""
    block = gdb.block_for_pc(pc)
    while block and not block.function:
        block = block.superblock
    if block:
        return block.function.name
    text = gdb.execute(f"info symbol {pc:#x}", to_string=True)
    return text.split()[0] if " in section " in text else f"{pc:#x}"


def source_of(pc):
    """The file of the function around an address; one that was inlined there does
    not count. Or an empty string."""
    block, file = gdb.block_for_pc(pc), ""
    while block and not block.is_static and not block.is_global:
        if block.function:
            file = block.function.symtab.filename
        block = block.superblock
    return file


def place_of(pc):
    """file:line of an address, as a relative path, or an empty string."""
    line = gdb.find_pc_line(pc)
    if not line.symtab or not line.line:
        return ""
    return f"{line.symtab.filename.removeprefix('./')}:{line.line}"


_types = {}
_offsets = {}


def type_of(name):
    """struct NAME, or any other type by its full name."""
    if name not in _types:
        block = symbol("kmain").symtab.static_block()
        try:
            _types[name] = gdb.lookup_type(name, block)
        except gdb.error as error:
            raise Unknown(f"this kernel has no {name}") from error
    return _types[name]


def has_field(name, member):
    try:
        offset_of(name, member)
        return True
    except Unknown:
        return False


def offset_of(name, member):
    """Of a member, also one inside of unnamed unions and structures."""
    if (name, member) not in _offsets:
        found = _find_member(type_of(name), member)
        if found is None:
            raise Unknown(f"{name} has no {member} in this kernel")
        _offsets[name, member] = found
    return _offsets[name, member]


def _find_member(kind, member):
    for each in kind.strip_typedefs().fields():
        if each.name == member:
            return each.bitpos // 8
        if not each.name:
            inner = _find_member(each.type, member)
            if inner is not None:
                return each.bitpos // 8 + inner
    return None


def at(address, name):
    """The object of that type at an address."""
    return gdb.Value(int(address) & WORD).cast(
        type_of(name).pointer()).dereference()


def entry(node, name, member):
    """container_of(): the object around a member whose address is node."""
    return at(int(node) - offset_of(name, member), name)


# ---- constants --------------------------------------------------------------

# In whose files' scope constants are looked up, in this order.
SCOPES = ("page_fault", "file_open_path", "page_alloc", "slab_alloc",
          "trap_exception", "vnode_stat")
_macros = {}
_values = {}


def macros():
    """All #defines that the functions in SCOPES see: {name: text}."""
    if not _macros:
        for name in SCOPES:
            if not has(name):
                continue
            where = symbol(name)
            text = gdb.execute(f"info macros {where.symtab.filename}:"
                               f"{where.line}", to_string=True)
            for found in re.finditer(r"^#define (\w+) (.+)$", text, re.M):
                _macros.setdefault(found[1], found[2])
    return _macros


def const(name):
    """The value of a #define or of an enumerator."""
    if name not in _values:
        text = macros().get(name)
        if text is None:
            if not has(name):
                raise Unknown(f"this kernel has no constant {name}")
            return int(var(name))
        plain = re.sub(r"\b[A-Za-z_]\w*\b(?!\s*\()",
                       lambda m: str(const(m[0])) if m[0] in macros()
                       else m[0], text)
        _values[name] = int(gdb.parse_and_eval(plain))
    return _values[name] & WORD


def bits(prefix, *without):
    """Constants of one bit with that prefix: [(value, NAME)], by value."""
    found = []
    for name in macros():
        if name.startswith(prefix) and name not in without:
            try:
                value = const(name)
            except UNREADABLE:
                continue
            if value and value & value - 1 == 0:
                found.append((value, name))
    return sorted(found)


def flags(value, prefix, words=None):
    """The bits that are set, in words: those of the table, or their names."""
    known = bits(prefix)
    said = [(words or {}).get(name) or name[len(prefix):].lower()
            for bit, name in known if value & bit]
    rest = value & ~sum(bit for bit, _ in known)
    return ", ".join(said + ([f"unknown bits {rest:#x}"] if rest else []))


def enum_word(value):
    """THREAD_SLEEPING -> sleeping; a number that is none stays one."""
    text = str(value)
    return text.partition("_")[2].lower() if "_" in text else f"?{text}"


# ---- values -----------------------------------------------------------------

def atomic(value):
    """The number in an atomic_t, atomic64_t or refcount_t."""
    kind = value.type.strip_typedefs()
    while kind.code == gdb.TYPE_CODE_STRUCT:
        value = value[kind.fields()[0]]
        kind = value.type.strip_typedefs()
    return int(value)


def text(value):
    """A C string or an array of characters."""
    data = value
    if value.type.strip_typedefs().code == gdb.TYPE_CODE_PTR:
        return data.string(errors="replace", length=256).partition("\0")[0]
    count = value.type.range()[1] + 1
    return data.string(errors="replace", length=count).partition("\0")[0]


def read(address, size):
    """Bytes of kernel memory."""
    return bytes(gdb.selected_inferior().read_memory(int(address), size))


def safely(function, otherwise="?"):
    """The function's result, or a stand-in where memory cannot be read."""
    try:
        return function()
    except UNREADABLE:
        return otherwise


def amount(count, what):
    """2 pages, 1 page"""
    return f"{count} {what}{'' if count == 1 else 's'}"


def warn(what):
    print(f"  (!) {what}")


def list_of(head, name, member):
    """The objects of a struct list_head. A list that is broken ends with a
    warning; what came before it was fine."""
    start, node = int(head.address), head["next"]
    last = start
    if not int(node) and not int(head["prev"]):
        return                      # nobody has initialised it yet
    for _ in range(WALK_LIMIT):
        here = int(node)
        if here == start:
            return
        try:
            back, following = int(node["prev"]), node["next"]
        except gdb.error:
            warn(f"the list of {name} at {start:#x} leads to {here:#x}, "
                 "which cannot be read")
            return
        if back != last:
            warn(f"the list of {name} at {start:#x} is broken at {here:#x}: "
                 f"prev is {back:#x}, not {last:#x}")
            return
        yield entry(here, name, member)
        last, node = here, following
    warn(f"the list of {name} at {start:#x} has no end")


def tree_of(root, name, member):
    """The objects of a struct rb_root in order."""
    waiting, node, seen = [], int(root["rb_top"]), 0
    while (node or waiting) and seen < WALK_LIMIT:
        try:
            while node:
                if len(waiting) > 128:
                    raise gdb.MemoryError
                waiting.append(node)
                node = int(at(node, "struct rb_node")["rb_child"][0])
            node = waiting.pop()
            following = int(at(node, "struct rb_node")["rb_child"][1])
        except gdb.error:
            warn(f"the tree of {name} is broken at {waiting.pop():#x}")
            return
        yield entry(node, name, member)
        node, seen = following, seen + 1


def radix_lookup(tree, wanted):
    """The address of an item of a struct radix_tree, 0 if there is none."""
    node, height = tree["x_top"], int(tree["x_height"])
    bits = const("RADIX_BITS")
    if height > const("RADIX_MAX_HEIGHT") or wanted >> height * bits:
        return 0
    kind = type_of("struct radix_node").pointer()
    while int(node) and height:
        height -= 1
        slot = wanted >> height * bits & const("RADIX_SLOTS") - 1
        node = node.cast(kind)["x_slot"][slot]
    return int(node)
