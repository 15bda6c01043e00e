/* SPDX-License-Identifier: MIT */
/*
 * exec_elf.c - the ELF loader: layouts that must work, and malformed files,
 * which must give an error or a signal and leave the kernel as it was.
 */
#define _GNU_SOURCE
#include "lib/elfgen.h"
#include "lib/util.h"

#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static struct elfgen img;

static void good(void)
{
	elfgen_init(&img, elfgen_exit_argc, elfgen_exit_argc_len);
}

static int run(void)
{
	elfgen_write(&img, "prog", sizeof(img));
	return elfgen_run("prog");
}

/* An error or a death by signal, but no orderly end. */
static void expect_refused(const char *what)
{
	int got = run();

	if (got >= 0 && got < 256)
		tap_fail(__FILE__, __LINE__, "%s: ran, status %d", what, got);
}

static void expect_noexec(const char *what)
{
	int got = run();

	if (got != -ENOEXEC)
		tap_fail(__FILE__, __LINE__, "%s: %d, not ENOEXEC", what, got);
}

/* After all that, a good program still runs. */
static void still_works(void)
{
	good();
	CHECK_EQ(run(), 1);
}

static void fixed(void)
{
	still_works();
}

static void position_independent(void)
{
	elfgen_init_pie(&img, elfgen_exit_argc, elfgen_exit_argc_len);
	CHECK_EQ(run(), 1);
}

/* Exits with bits 12 to 19 of its own address. */
static const unsigned char where_am_i[] = {
	0x48, 0x8d, 0x3d, 0xf9, 0xff, 0xff, 0xff, /* lea -7(%rip), %rdi */
	0x48, 0xc1, 0xef, 0x0c,			/* shr $12, %rdi */
	0x40, 0x0f, 0xb6, 0xff,			/* movzbl %dil, %edi */
	0xb8, 0xe7, 0x00, 0x00, 0x00,		/* mov $231, %eax */
	0x0f, 0x05,				/* syscall */
};

static void fixed_is_where_it_says(void)
{
	elfgen_init(&img, where_am_i, sizeof(where_am_i));
	img.ph[0].p_vaddr = img.ph[0].p_paddr = 0x12340000;
	img.eh.e_entry = 0x12340000 + ELFGEN_CODE;
	CHECK_EQ(run(), 0x41);
}

static void bad_magic(void)
{
	for (int i = 0; i < 4; i++) {
		good();
		img.eh.e_ident[i] ^= 1;
		expect_noexec("magic");
	}
}

static void wrong_kind(void)
{
	good();
	img.eh.e_machine = EM_AARCH64;
	expect_noexec("aarch64");
	good();
	img.eh.e_machine = EM_NONE;
	expect_noexec("no machine");
	static const int types[] = { ET_NONE, ET_REL, ET_CORE, 0xffff };
	for (size_t i = 0; i < TAP_COUNT(types); i++) {
		good();
		img.eh.e_type = types[i];
		expect_noexec("type");
	}
	still_works();
}

static void truncated_header(void)
{
	static const size_t sizes[] = { 1, 4, 5, 16, 24, 63 };

	for (size_t i = 0; i < TAP_COUNT(sizes); i++) {
		good();
		elfgen_write(&img, "prog", sizes[i]);
		CHECK_EQ(elfgen_run("prog"), -ENOEXEC);
	}
}

static void truncated_program_headers(void)
{
	good();
	for (size_t size = 64; size < 64 + sizeof(Elf64_Phdr); size += 11) {
		elfgen_write(&img, "prog", size);
		int got = elfgen_run("prog");
		CHECK(got < 0 || got >= 256);
	}
}

/* Pages wholly behind the end of the file: SIGBUS, not zeroes. */
static void truncated_segment(void)
{
	good();
	elfgen_write(&img, "prog", 0x1000);
	CHECK_EQ(elfgen_run("prog"), 256 + SIGBUS);
}

static void program_header_table(void)
{
	good();
	img.eh.e_phentsize = sizeof(Elf64_Phdr) - 1;
	expect_noexec("phentsize too small");
	good();
	img.eh.e_phentsize = 0;
	expect_noexec("phentsize 0");
	good();
	img.eh.e_phnum = 0;
	expect_noexec("no program headers");
	good();
	img.eh.e_phnum = 0xffff;
	expect_noexec("65535 program headers");
	good();
	img.eh.e_phoff = ELFGEN_SIZE;
	expect_refused("phoff at the end");
	good();
	img.eh.e_phoff = -8ULL;
	expect_refused("phoff -8");
	good();
	img.eh.e_phoff = 1ULL << 63;
	expect_refused("phoff 2^63");
	good();
	img.eh.e_phoff = ELFGEN_SIZE - 10;
	expect_refused("table crosses the end");
	still_works();
}

static void segment_sizes(void)
{
	static const unsigned long huge[] = {
		1UL << 47, 1UL << 48, 1UL << 62, 1UL << 63, -1UL, -4096UL,
		0x7fffffffffffUL - ELFGEN_BASE,
	};

	for (size_t i = 0; i < TAP_COUNT(huge); i++) {
		good();
		img.ph[0].p_memsz = huge[i];
		expect_refused("huge memsz");
		good();
		img.ph[0].p_memsz = img.ph[0].p_filesz = huge[i];
		expect_refused("huge filesz");
		good();
		img.ph[0].p_filesz = huge[i];
		expect_refused("filesz above memsz");
	}
	still_works();
}

static void filesz_above_memsz(void)
{
	good();
	img.ph[0].p_memsz = img.ph[0].p_filesz - 1;
	expect_refused("filesz = memsz + 1");
}

static void segment_addresses(void)
{
	static const unsigned long bad[] = {
		0x800000000000UL, 0x7ffffffff000UL, 0xffff800000000000UL,
		0xffffffff80000000UL, -0x2000UL, -0x1000UL,
	};

	for (size_t i = 0; i < TAP_COUNT(bad); i++) {
		good();
		img.ph[0].p_vaddr = bad[i];
		img.eh.e_entry = bad[i] + ELFGEN_CODE;
		expect_refused("address");
	}
	good();
	img.ph[0].p_vaddr = 0;
	img.eh.e_entry = ELFGEN_CODE;
	/* Page 0 is not for programs (vm.mmap_min_addr), unless for root. */
	run();
	still_works();
}

static void offset_does_not_fit_address(void)
{
	good();
	img.ph[0].p_vaddr += 0x10;
	expect_refused("vaddr and offset differ in the page");
	good();
	img.ph[0].p_offset = 1;
	expect_refused("offset 1");
	good();
	img.ph[0].p_offset = -4096ULL;
	expect_refused("offset -4096");
	good();
	img.ph[0].p_offset = 1ULL << 62;
	expect_refused("offset 2^62");
	still_works();
}

static void entry_points(void)
{
	static const struct {
		unsigned long entry;
		int sig;
	} t[] = {
		{ 0, SIGSEGV }, { 8, SIGSEGV },
		{ ELFGEN_BASE + ELFGEN_SIZE, SIGSEGV },
		{ 0xffffffff80000000UL, SIGSEGV },
		{ 0xffff800000000000UL, SIGSEGV },
		{ 0x800000000000UL, SIGSEGV },
		{ 0x7fffffffffffUL, SIGSEGV },
		{ -1UL, SIGSEGV },
	};

	for (size_t i = 0; i < TAP_COUNT(t); i++) {
		good();
		img.eh.e_entry = t[i].entry;
		int got = run();
		/* Linux refuses some of these; others fault at once. */
		if (got >= 0 && got != 256 + t[i].sig)
			tap_fail(__FILE__, __LINE__, "entry %#lx: %d",
				 t[i].entry, got);
	}
	still_works();
}

static void no_loadable_segment(void)
{
	good();
	img.ph[0].p_type = PT_NULL;
	expect_refused("no PT_LOAD");
	good();
	img.ph[0].p_type = PT_NOTE;
	expect_refused("PT_NOTE only");
}

static void not_executable_segment(void)
{
	good();
	img.ph[0].p_flags = PF_R;
	CHECK_EQ(run(), 256 + SIGSEGV);
	good();
	img.ph[0].p_flags = PF_R | PF_W;
	CHECK_EQ(run(), 256 + SIGSEGV);
	good();
	img.ph[0].p_flags = 0;
	CHECK_EQ(run(), 256 + SIGSEGV);
}

/* Two segments at one address: the later one wins, or it is refused. */
static void overlapping_segments(void)
{
	good();
	img.ph[1] = img.ph[0];
	img.eh.e_phnum = 2;
	int got = run();
	CHECK(got < 0 || got == 1 || got > 256);
	good();
	img.ph[1] = img.ph[0];
	img.ph[1].p_vaddr -= PAGE;
	img.eh.e_phnum = 2;
	run();
	still_works();
}

static void descending_segments(void)
{
	good();
	img.ph[1] = img.ph[0];
	img.ph[1].p_vaddr = ELFGEN_BASE / 2;
	img.eh.e_phnum = 2;
	run();
	still_works();
}

static void interpreters(void)
{
	good();
	img.ph[1] = (Elf64_Phdr){
		.p_type = PT_INTERP, .p_flags = PF_R, .p_offset = 0x800,
		.p_filesz = 10, .p_memsz = 10,
	};
	img.eh.e_phnum = 2;
	memcpy(img.bytes + 0x800, "./nothing", 10);
	CHECK_EQ(run(), -ENOENT);
	/* Not terminated, too short, too long, outside the file. */
	img.bytes[0x809] = 'x';
	expect_noexec("not terminated");
	img.ph[1].p_filesz = 1;
	expect_noexec("one byte");
	img.ph[1].p_filesz = 4097;
	expect_noexec("longer than a path");
	img.ph[1].p_filesz = 10;
	img.ph[1].p_offset = ELFGEN_SIZE;
	expect_refused("outside");
	img.ph[1].p_offset = -1ULL;
	expect_refused("offset -1");
	still_works();
}

static void interpreter_is_text(void)
{
	good();
	write_file("text", "no program", 10);
	img.ph[1] = (Elf64_Phdr){
		.p_type = PT_INTERP, .p_flags = PF_R, .p_offset = 0x800,
		.p_filesz = 7, .p_memsz = 7,
	};
	img.eh.e_phnum = 2;
	memcpy(img.bytes + 0x800, "./text", 7);
	CHECK_EQ(run(), -EACCES);
}

/* Reads the first byte behind filesz, and the last of memsz. */
static const unsigned char read_bss[] = {
	0x31, 0xff,				/* xor %edi, %edi */
	0x40, 0x8a, 0x3c, 0x25, 0x10, 0x00, 0x00, 0x20,
						/* mov 0x20000010, %dil */
	0x40, 0x0a, 0x3c, 0x25, 0xff, 0x0f, 0x00, 0x20,
						/* or 0x20000fff, %dil */
	0x40, 0x0a, 0x3c, 0x25, 0xff, 0x4f, 0x00, 0x20,
						/* or 0x20004fff, %dil */
	0xfe, 0x04, 0x25, 0xff, 0x4f, 0x00, 0x20, /* incb 0x20004fff */
	0xb8, 0xe7, 0x00, 0x00, 0x00,		/* mov $231, %eax */
	0x0f, 0x05,				/* syscall */
};

static void bss_is_zero(void)
{
	elfgen_init(&img, read_bss, sizeof(read_bss));
	memset(img.bytes + 0x800, 0xff, 0x800);
	img.ph[1] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_W,
		.p_vaddr = 0x20000000, .p_offset = 0,
		.p_filesz = 0x10, .p_memsz = 0x5000, .p_align = PAGE,
	};
	img.eh.e_phnum = 2;
	/* The file goes on behind filesz; memory does not show it. */
	memset(img.bytes + 0x200, 0xff, 0x100);
	CHECK_EQ(run(), 0);
	CHECK_EQ(elfgen_run("prog"), 0);
}

/* Every single byte of the headers, spoilt: whatever comes, no crash. */
static void each_byte_of_the_headers(void)
{
	static const unsigned char values[] = { 0x00, 0x7f, 0x80, 0xff };

	for (size_t at = 4; at < sizeof(img.eh) + sizeof(img.ph[0]); at++) {
		good();
		if (img.bytes[at] == values[at % 4])
			continue;
		img.bytes[at] = values[at % 4];
		run();
	}
	still_works();
}

static const struct tap_case cases[] = {
	{ "fixed", fixed, 0 },
	{ "position_independent", position_independent, 0 },
	{ "fixed_is_where_it_says", fixed_is_where_it_says, 0 },
	{ "bss_is_zero", bss_is_zero, 0 },
	{ "bad_magic", bad_magic, 0 },
	{ "wrong_kind", wrong_kind, 0 },
	{ "truncated_header", truncated_header, 0 },
	{ "truncated_program_headers", truncated_program_headers, 0 },
	{ "truncated_segment", truncated_segment, 0 },
	{ "program_header_table", program_header_table, 0 },
	{ "segment_sizes", segment_sizes, 0 },
	{ "filesz_above_memsz", filesz_above_memsz, 0 },
	{ "segment_addresses", segment_addresses, 0 },
	{ "offset_does_not_fit_address", offset_does_not_fit_address, 0 },
	{ "entry_points", entry_points, 0 },
	{ "no_loadable_segment", no_loadable_segment, 0 },
	{ "not_executable_segment", not_executable_segment, 0 },
	{ "overlapping_segments", overlapping_segments, 0 },
	{ "descending_segments", descending_segments, 0 },
	{ "interpreters", interpreters, 0 },
	{ "interpreter_is_text", interpreter_is_text, 0 },
	{ "each_byte_of_the_headers", each_byte_of_the_headers, 60 },
};

TAP_MAIN(cases)
