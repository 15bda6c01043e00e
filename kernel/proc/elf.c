/* SPDX-License-Identifier: MIT */
/*
 * Loading ELF64 executables: map each PT_LOAD segment of the file into an empty
 * address space, make room for .bss, and do the same for the interpreter that
 * PT_INTERP names.
 *
 * The file is not trusted: every number is checked before it is used, and arithmetic
 * on addresses is checked for overflow. Segments are mapped, not read: text
 * pages are those of the page cache, shared by all who run the program.
 */
#include <abi/elf.h>
#include <abi/mman.h>
#include <errno.h>
#include <kassert.h>
#include "drivers/random.h"
#include "fs/file.h"
#include "fs/namei.h"
#include "fs/vnode.h"
#include "kernel/lib/string.h"
#include "kernel/proc/lifecycle.h"
#include "mm/object.h"
#include "mm/slab.h"
#include "mm/space.h"

#define MAX_PHDRS	64
/* Where position-independent programs go: two thirds up, as on Linux. */
#define PIE_BASE	0x0000555555554000UL
#define PIE_RANDOM	(1UL << 40)
#define BRK_RANDOM	MIB(32)

struct elf_file {
	struct file *file;
	struct vm_object *obj;
	Elf64_Ehdr eh;
	Elf64_Phdr ph[MAX_PHDRS];
	vaddr_t lo, hi;			/* of all PT_LOAD, page aligned */
	vaddr_t bias;			/* load address minus link address */
};

static int check_header(const Elf64_Ehdr *eh)
{
	if (memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 ||
	    eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_ident[EI_DATA] != ELFDATA2LSB || eh->e_machine != EM_X86_64)
		return -ENOEXEC;
	if (eh->e_type != ET_EXEC && eh->e_type != ET_DYN)
		return -ENOEXEC;
	if (eh->e_phentsize != sizeof(Elf64_Phdr) || eh->e_phnum == 0 ||
	    eh->e_phnum > MAX_PHDRS)
		return -ENOEXEC;
	return 0;
}

/* Loadable segments: sane, ascending, not overlapping; notes their extent. */
static int check_segments(struct elf_file *ef)
{
	vaddr_t end = 0;
	bool any = false;

	for (int i = 0; i < ef->eh.e_phnum; i++) {
		const Elf64_Phdr *ph = &ef->ph[i];

		if (ph->p_type != PT_LOAD || ph->p_memsz == 0)
			continue;
		if (ph->p_filesz > ph->p_memsz || ph->p_vaddr >= USER_TOP ||
		    ph->p_memsz > USER_TOP - ph->p_vaddr ||
		    ph->p_offset + ph->p_filesz < ph->p_offset ||
		    ph->p_vaddr % PAGE_SIZE != ph->p_offset % PAGE_SIZE)
			return -ENOEXEC;
		if (any && round_down(ph->p_vaddr, PAGE_SIZE) < end)
			return -ENOEXEC;
		if (!any)
			ef->lo = round_down(ph->p_vaddr, PAGE_SIZE);
		any = true;
		end = round_up(ph->p_vaddr + ph->p_memsz, PAGE_SIZE);
	}
	ef->hi = end;
	return any ? 0 : -ENOEXEC;
}

static int read_headers(struct elf_file *ef)
{
	ssize_t n = file_read_kernel(ef->file, &ef->eh, sizeof(ef->eh), 0);
	size_t size;
	int err;

	if (n < 0)
		return (int)n;
	if (n != sizeof(ef->eh))
		return -ENOEXEC;
	err = check_header(&ef->eh);
	if (err)
		return err;
	size = ef->eh.e_phnum * sizeof(Elf64_Phdr);
	n = file_read_kernel(ef->file, ef->ph, size, ef->eh.e_phoff);
	if (n < 0)
		return (int)n;
	if (n != (ssize_t)size)
		return -ENOEXEC;
	err = check_segments(ef);
	if (err)
		return err;
	if (!ef->file->f_ops->fo_mmap)
		return -EACCES;
	return ef->file->f_ops->fo_mmap(ef->file, 0, PAGE_SIZE, PROT_READ | PROT_EXEC,
					MAP_PRIVATE, &ef->obj);
}

static u32 segment_flags(const Elf64_Phdr *ph)
{
	return (ph->p_flags & PF_R ? VA_READ : 0) | (ph->p_flags & PF_W ? VA_WRITE : 0) |
	       (ph->p_flags & PF_X ? VA_EXEC : 0) | VA_MAYWRITE;
}

/* Zero from start to the end of its page: the file's bytes behind .data are not .bss. */
static int zero_tail(struct vmspace *vm, vaddr_t start)
{
	static const char zeros[PAGE_SIZE];
	size_t n = round_up(start, PAGE_SIZE) - start;

	return n ? vm_copy_out(vm, start, zeros, n) : 0;
}

static int map_segment(struct elf_file *ef, struct vmspace *vm, const Elf64_Phdr *ph)
{
	vaddr_t start = ef->bias + round_down(ph->p_vaddr, PAGE_SIZE);
	vaddr_t file_end = ef->bias + ph->p_vaddr + ph->p_filesz;
	vaddr_t mem_end = round_up(ef->bias + ph->p_vaddr + ph->p_memsz, PAGE_SIZE);
	vaddr_t map_end = ph->p_filesz ? round_up(file_end, PAGE_SIZE) : start;
	u32 flags = segment_flags(ph);
	s64 at;
	int err;

	if (ph->p_filesz) {
		at = vm_map(vm, start, map_end - start, flags, VM_FIXED, ef->obj,
			    round_down(ph->p_offset, PAGE_SIZE));
		if (at < 0)
			return (int)at;
		if (ph->p_memsz > ph->p_filesz && (ph->p_flags & PF_W)) {
			err = zero_tail(vm, file_end);
			if (err)
				return err;
		}
	}
	if (mem_end > map_end) {
		at = vm_map(vm, map_end, mem_end - map_end, flags, VM_FIXED, NULL, 0);
		if (at < 0)
			return (int)at;
	}
	return 0;
}

static int map_segments(struct elf_file *ef, struct vmspace *vm)
{
	for (int i = 0; i < ef->eh.e_phnum; i++) {
		int err;

		if (ef->ph[i].p_type != PT_LOAD || ef->ph[i].p_memsz == 0)
			continue;
		err = map_segment(ef, vm, &ef->ph[i]);
		if (err)
			return err;
	}
	return 0;
}

vaddr_t elf_random_below(const struct vmspace *vm, u64 limit)
{
	u64 pages = limit >> PAGE_SHIFT;
	u32 r = 0;

	KASSERT(pages > 0 && pages <= UINT32_MAX);
	if (vm->vm_random)
		random_bytes(&r, sizeof(r));
	return (r * pages >> 32) << PAGE_SHIFT;
}

/* Largest alignment that a segment asks for, at least a page. */
static vaddr_t load_alignment(const struct elf_file *ef)
{
	vaddr_t align = PAGE_SIZE;

	for (int i = 0; i < ef->eh.e_phnum; i++) {
		u64 a = ef->ph[i].p_align;

		if (ef->ph[i].p_type == PT_LOAD && IS_POWER_OF_2(a) && a <= MIB(64))
			align = max(align, a);
	}
	return align;
}

/* The program itself; the interpreter's base is chosen by the mmap search. */
static int place_program(struct elf_file *ef, const struct vmspace *vm)
{
	vaddr_t base;

	if (ef->eh.e_type == ET_EXEC) {
		ef->bias = 0;
		return 0;
	}
	base = round_down(PIE_BASE + elf_random_below(vm, PIE_RANDOM), load_alignment(ef));
	ef->bias = base - ef->lo;
	return ef->hi - ef->lo > USER_TOP - base ? -ENOMEM : 0;
}

static int place_interpreter(struct elf_file *ef, struct vmspace *vm)
{
	s64 at;

	if (ef->eh.e_type == ET_EXEC) {
		ef->bias = 0;
		return 0;
	}
	/* Reserve a hole that is large enough; the segments then replace the reservation. */
	at = vm_map(vm, 0, ef->hi - ef->lo, VA_NORESERVE, 0, NULL, 0);
	if (at < 0)
		return (int)at;
	ef->bias = (vaddr_t)at - ef->lo;
	return vm_unmap(vm, (vaddr_t)at, ef->hi - ef->lo);
}

/* What /proc/PID/stat, brk and the auxiliary vector want to know of the main program. */
static void describe(struct elf_file *ef, struct vmspace *vm, struct elf_image *img)
{
	vaddr_t brk = 0;

	for (int i = 0; i < ef->eh.e_phnum; i++) {
		const Elf64_Phdr *ph = &ef->ph[i];
		vaddr_t start = ef->bias + ph->p_vaddr;

		if (ph->p_type == PT_GNU_STACK)
			img->ei_exec_stack = ph->p_flags & PF_X;
		if (ph->p_type != PT_LOAD)
			continue;
		if (ph->p_offset <= ef->eh.e_phoff &&
		    ef->eh.e_phoff - ph->p_offset < ph->p_filesz)
			img->ei_phdr = start + (ef->eh.e_phoff - ph->p_offset);
		if (ph->p_flags & PF_X) {
			vm->vm_code_start = start;
			vm->vm_code_end = start + ph->p_filesz;
		} else if (ph->p_flags & PF_W) {
			vm->vm_data_start = start;
			vm->vm_data_end = start + ph->p_filesz;
		}
		brk = max(brk, start + ph->p_memsz);
	}
	img->ei_phnum = ef->eh.e_phnum;
	img->ei_prog_entry = ef->bias + ef->eh.e_entry;
	img->ei_entry = img->ei_prog_entry;
	vm->vm_brk_start = round_up(brk, PAGE_SIZE);
	if (vm->vm_random == VM_RANDOM_BRK)
		vm->vm_brk_start += elf_random_below(vm, BRK_RANDOM);
	vm->vm_brk = vm->vm_brk_start;
}

/* Name in PT_INTERP, NUL-terminated, or -ENOENT when there is none. */
static int interpreter_name(struct elf_file *ef, char *name, size_t size)
{
	for (int i = 0; i < ef->eh.e_phnum; i++) {
		const Elf64_Phdr *ph = &ef->ph[i];
		ssize_t n;

		if (ph->p_type != PT_INTERP)
			continue;
		if (ph->p_filesz < 2 || ph->p_filesz > size)
			return -ENOEXEC;
		n = file_read_kernel(ef->file, name, ph->p_filesz, ph->p_offset);
		if (n < 0)
			return (int)n;
		if (n != (ssize_t)ph->p_filesz || name[n - 1] != '\0')
			return -ENOEXEC;
		return 0;
	}
	return -ENOENT;
}

static void elf_close(struct elf_file *ef)
{
	if (ef->obj)
		vm_object_put(ef->obj);
	kfree(ef);
}

static int load_interpreter(const char *name, struct vmspace *vm, struct elf_image *img)
{
	struct elf_file *ef = kzalloc(sizeof(*ef));
	int err;

	if (!ef)
		return -ENOMEM;
	err = exec_open(AT_FDCWD, name, &ef->file);
	if (err) {
		kfree(ef);
		return err;
	}
	err = read_headers(ef);
	if (err == -ENOEXEC)
		err = -ELIBBAD;
	if (!err)
		err = place_interpreter(ef, vm);
	if (!err)
		err = map_segments(ef, vm);
	if (!err) {
		img->ei_base = ef->bias + ef->lo;
		img->ei_entry = ef->bias + ef->eh.e_entry;
	}
	exec_release_file(ef->file);
	elf_close(ef);
	return err;
}

int elf_load(struct file *f, struct vmspace *vm, struct elf_image *img)
{
	struct elf_file *ef = kzalloc(sizeof(*ef));
	char *interp = NULL;
	int err, has_interp = -ENOENT;

	if (!ef)
		return -ENOMEM;
	*img = (struct elf_image){ .ei_exec_stack = true };
	ef->file = f;
	err = read_headers(ef);
	if (!err) {
		interp = kmalloc(PATH_MAX, ALLOC_WAIT);
		err = interp ? 0 : -ENOMEM;
	}
	if (!err) {
		has_interp = interpreter_name(ef, interp, PATH_MAX);
		err = has_interp == -ENOENT ? 0 : has_interp;
	}
	if (!err)
		err = place_program(ef, vm);
	if (!err)
		err = map_segments(ef, vm);
	if (!err)
		describe(ef, vm, img);
	if (!err && has_interp == 0)
		err = load_interpreter(interp, vm, img);
	kfree(interp);
	elf_close(ef);
	return err;
}
