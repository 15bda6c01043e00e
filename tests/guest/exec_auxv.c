/* SPDX-License-Identifier: MIT */
/*
 * exec_auxv.c - what a new program finds: auxiliary vector, first registers
 * and stack; and the other ways to name it: execveat(2), set-user-ID files.
 */
#define _GNU_SOURCE
#include "lib/elfgen.h"
#include "lib/util.h"

#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define A 60001
#define B 60002

extern char **environ;
extern const Elf64_Ehdr __ehdr_start;

/* Not getauxval: the vector itself is what is looked at. */
static const Elf64_auxv_t *auxv(void)
{
	char **p = environ;

	while (*p)
		p++;
	return (const Elf64_auxv_t *)(p + 1);
}

static const Elf64_auxv_t *find_aux(unsigned long type)
{
	for (const Elf64_auxv_t *a = auxv(); a->a_type != AT_NULL; a++)
		if (a->a_type == type)
			return a;
	return NULL;
}

static unsigned long aux(unsigned long type)
{
	const Elf64_auxv_t *a = find_aux(type);

	if (!a)
		FAIL("no auxiliary entry %lu", type);
	return a->a_un.a_val;
}

static int helper_elf(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	const Elf64_Ehdr *eh = &__ehdr_start;
	CHECK_EQ(aux(AT_PHDR), (unsigned long)eh + eh->e_phoff);
	CHECK_EQ(aux(AT_PHENT), sizeof(Elf64_Phdr));
	CHECK_EQ(aux(AT_PHNUM), eh->e_phnum);
	CHECK_EQ(aux(AT_ENTRY), eh->e_entry);
	CHECK_EQ(aux(AT_BASE), 0);
	CHECK_EQ(aux(AT_FLAGS), 0);
	CHECK_EQ(aux(AT_PAGESZ), 4096);
	CHECK_EQ(aux(AT_CLKTCK), 100);
	CHECK_EQ(aux(AT_SECURE), 0);
	CHECK_EQ(aux(AT_UID), getuid());
	CHECK_EQ(aux(AT_EUID), geteuid());
	CHECK_EQ(aux(AT_GID), getgid());
	CHECK_EQ(aux(AT_EGID), getegid());
	CHECK(!strcmp((char *)aux(AT_PLATFORM), "x86_64"));
	/* CPUID leaf 1, EDX: at least FPU, PAE and SSE2. */
	CHECK((aux(AT_HWCAP) & 0x04000041) == 0x04000041);
	const Elf64_auxv_t *vdso = find_aux(AT_SYSINFO_EHDR);
	if (vdso)
		CHECK(!memcmp((void *)vdso->a_un.a_val, ELFMAG, SELFMAG));
	return 0;
}

static pid_t exec_child(const char *file, const char *helper, const char *arg)
{
	pid_t pid = xfork();

	if (pid == 0) {
		execl(file, "argv0", "--call", helper, arg, (char *)NULL);
		FAIL("exec %s: errno %d", file, errno);
	}
	return pid;
}

static void auxiliary_vector(void)
{
	wait_ok(exec_child(tap_self, "elf", NULL));
}

static void ids_of_a_user(void)
{
	int fd = OK(open(tap_self, O_PATH));
	char path[32];

	need_root();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	pid_t pid = xfork();
	if (pid == 0) {
		OK(setgid(B));
		OK(setuid(A));
		execl(path, "x", "--call", "elf", (char *)NULL);
		FAIL("exec: errno %d", errno);
	}
	wait_ok(pid);
}

static int helper_execfn(int argc, char **argv)
{
	CHECK_EQ(argc, 2);
	CHECK(!strcmp((char *)aux(AT_EXECFN), argv[1]));
	return 0;
}

static void execfn_is_what_was_passed(void)
{
	OK(symlink(tap_self, "link"));
	wait_ok(exec_child(tap_self, "execfn", tap_self));
	wait_ok(exec_child("link", "execfn", "link"));
	wait_ok(exec_child(".//link", "execfn", ".//link"));
}

static int helper_random(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	write_full(9, (void *)aux(AT_RANDOM), 16);
	return 0;
}

static void random_bytes_differ(void)
{
	unsigned char r[2][16], zero[16] = { 0 };
	int fd[2];

	OK(pipe(fd));
	OK(dup2(fd[1], 9));
	for (int i = 0; i < 2; i++) {
		wait_ok(exec_child(tap_self, "random", NULL));
		read_full(fd[0], r[i], 16);
		CHECK(memcmp(r[i], zero, 16) != 0);
	}
	CHECK(memcmp(r[0], r[1], 16) != 0);
}

/* The order on the stack: argc, argv, NULL, envp, NULL, auxv, then strings. */
static int helper_stack(int argc, char **argv)
{
	char **p = argv - 2;	/* tap_main has stepped over "argv0 --call" */

	CHECK_EQ(argc, 2);
	CHECK_EQ(*(long *)(p - 1), 4);
	CHECK_EQ((unsigned long)(p - 1) % 16, 0);
	CHECK(p[4] == NULL);
	CHECK(environ == p + 5);
	char *low = (char *)auxv();
	for (int i = 0; i < 4; i++)
		CHECK(p[i] > low);
	CHECK(p[0] < p[1] && p[1] < p[2] && p[2] < p[3]);
	CHECK(!environ[0] || environ[0] > p[3]);
	return 0;
}

static void stack_layout(void)
{
	wait_ok(exec_child(tap_self, "stack", "x"));
	clearenv();
	wait_ok(exec_child(tap_self, "stack", "x"));
	for (int i = 0; i < 33; i++) {
		char arg[40];
		memset(arg, 'x', sizeof(arg));
		arg[i] = '\0';
		wait_ok(exec_child(tap_self, "stack", arg));
	}
}

static int run_code(const unsigned char *code, size_t len)
{
	struct elfgen img;

	elfgen_init(&img, code, len);
	elfgen_write(&img, "prog", sizeof(img));
	return elfgen_run("prog");
}

static void first_registers(void)
{
	/* RDX is an atexit function to the ABI; the others must tell nothing. */
	static const unsigned char code[] = {
		0x48, 0x09, 0xd8,		/* or %rbx, %rax */
		0x48, 0x09, 0xd0,		/* or %rdx, %rax */
		0x48, 0x09, 0xf0,		/* or %rsi, %rax */
		0x48, 0x09, 0xf8,		/* or %rdi, %rax */
		0x48, 0x09, 0xe8,		/* or %rbp, %rax */
		0x4c, 0x09, 0xc0,		/* or %r8, %rax */
		0x4c, 0x09, 0xc8,		/* or %r9, %rax */
		0x4c, 0x09, 0xd0,		/* or %r10, %rax */
		0x4c, 0x09, 0xe0,		/* or %r12, %rax */
		0x4c, 0x09, 0xe8,		/* or %r13, %rax */
		0x4c, 0x09, 0xf0,		/* or %r14, %rax */
		0x4c, 0x09, 0xf8,		/* or %r15, %rax */
		0x31, 0xff,			/* xor %edi, %edi */
		0x48, 0x85, 0xc0,		/* test %rax, %rax */
		0x40, 0x0f, 0x95, 0xc7,		/* setne %dil */
		0xb8, 0xe7, 0x00, 0x00, 0x00,	/* mov $231, %eax */
		0x0f, 0x05,			/* syscall */
	};

	CHECK_EQ(run_code(code, sizeof(code)), 0);
}

static void first_floating_point_state(void)
{
	static const unsigned char code[] = {
		0x48, 0x83, 0xec, 0x10,		/* sub $16, %rsp */
		0xd9, 0x3c, 0x24,		/* fnstcw (%rsp) */
		0x0f, 0xae, 0x5c, 0x24, 0x04,	/* stmxcsr 4(%rsp) */
		0x66, 0x48, 0x0f, 0x7e, 0xc3,	/* movq %xmm0, %rbx */
		0x66, 0x4d, 0x0f, 0x7e, 0xf8,	/* movq %xmm15, %r8 */
		0x4c, 0x09, 0xc3,		/* or %r8, %rbx */
		0x31, 0xff,			/* xor %edi, %edi */
		0x48, 0x85, 0xdb,		/* test %rbx, %rbx */
		0x40, 0x0f, 0x95, 0xc7,		/* setne %dil */
		0x66, 0x81, 0x3c, 0x24, 0x7f, 0x03, /* cmpw $0x37f, (%rsp) */
		0x74, 0x03,			/* je +3 */
		0x83, 0xcf, 0x02,		/* or $2, %edi */
		0x81, 0x7c, 0x24, 0x04, 0x80, 0x1f, 0x00, 0x00,
						/* cmpl $0x1f80, 4(%rsp) */
		0x74, 0x03,			/* je +3 */
		0x83, 0xcf, 0x04,		/* or $4, %edi */
		0xb8, 0xe7, 0x00, 0x00, 0x00,	/* mov $231, %eax */
		0x0f, 0x05,			/* syscall */
	};
	double x = 3.0;

	/* What this process has in its registers must not show. */
	__asm__ volatile("movq %0, %%xmm15" :: "r"(x) : "xmm15");
	CHECK_EQ(run_code(code, sizeof(code)), 0);
}

static void direction_flag_is_clear(void)
{
	static const unsigned char code[] = {
		0x9c,				/* pushf */
		0x5f,				/* pop %rdi */
		0xc1, 0xef, 0x0a,		/* shr $10, %edi */
		0x83, 0xe7, 0x01,		/* and $1, %edi */
		0xb8, 0xe7, 0x00, 0x00, 0x00,	/* mov $231, %eax */
		0x0f, 0x05,			/* syscall */
	};

	CHECK_EQ(run_code(code, sizeof(code)), 0);
}

/* ---- execveat ---- */

static long execveat_child(int dirfd, const char *path, int flags)
{
	char *argv[] = { "a", "b", "c", NULL }, *envp[] = { NULL };
	int fd[2], err = 0, status;
	pid_t pid;

	OK(pipe2(fd, O_CLOEXEC));
	pid = xfork();
	if (pid == 0) {
		syscall(SYS_execveat, dirfd, path, argv, envp, flags);
		err = errno;
		write_full(fd[1], &err, sizeof(err));
		_exit(0);
	}
	OK(close(fd[1]));
	long n = OK(read(fd[0], &err, sizeof(err)));
	OK(close(fd[0]));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	return n > 0 ? -err : WEXITSTATUS(status);
}

static void good_program(const char *path)
{
	struct elfgen img;

	elfgen_init(&img, elfgen_exit_argc, elfgen_exit_argc_len);
	elfgen_write(&img, path, sizeof(img));
}

static void execveat_paths(void)
{
	OK(mkdir("dir", 0755));
	good_program("dir/prog");
	OK(symlink("prog", "dir/link"));
	int dir = OK(open("dir", O_RDONLY | O_DIRECTORY));
	CHECK_EQ(execveat_child(dir, "prog", 0), 3);
	CHECK_EQ(execveat_child(dir, "link", 0), 3);
	CHECK_EQ(execveat_child(AT_FDCWD, "dir/prog", 0), 3);
	CHECK_EQ(execveat_child(dir, "link", AT_SYMLINK_NOFOLLOW), -ELOOP);
	CHECK_EQ(execveat_child(dir, "nothing", 0), -ENOENT);
	CHECK_EQ(execveat_child(dir, "", 0), -ENOENT);
	CHECK_EQ(execveat_child(dir, "", AT_EMPTY_PATH), -EACCES);
	CHECK_EQ(execveat_child(dir, "prog", 0x40000000), -EINVAL);
	CHECK_EQ(execveat_child(99, "prog", 0), -EBADF);
	int file = OK(open("dir/prog", O_RDONLY));
	CHECK_EQ(execveat_child(file, "prog", 0), -ENOTDIR);
}

static void execveat_empty_path(void)
{
	good_program("prog");
	int fd = OK(open("prog", O_RDONLY | O_CLOEXEC));
	int path_fd = OK(open("prog", O_PATH));
	CHECK_EQ(execveat_child(fd, "", AT_EMPTY_PATH), 3);
	CHECK_EQ(execveat_child(path_fd, "", AT_EMPTY_PATH), 3);
	CHECK_EQ(execveat_child(99, "", AT_EMPTY_PATH), -EBADF);
	OK(unlink("prog"));
	CHECK_EQ(execveat_child(fd, "", AT_EMPTY_PATH), 3);
}

/* ---- set-user-ID ---- */

static int helper_secure(int argc, char **argv)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;

	CHECK_EQ(argc, 4);
	OK(getresuid(&r, &e, &s));
	OK(getresgid(&gr, &ge, &gs));
	CHECK_EQ(r, A);
	CHECK_EQ(e, atoi(argv[1]));
	CHECK_EQ(s, e);
	CHECK_EQ(gr, A);
	CHECK_EQ(ge, atoi(argv[2]));
	CHECK_EQ(gs, ge);
	CHECK_EQ(aux(AT_EUID), e);
	CHECK_EQ(aux(AT_EGID), ge);
	CHECK_EQ(aux(AT_SECURE), atoi(argv[3]));
	return 0;
}

static void copy_self(const char *to, uid_t uid, gid_t gid, mode_t mode)
{
	static char buf[65536];
	int in = OK(open(tap_self, O_RDONLY));
	int out = OK(open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755));
	ssize_t n;

	while ((n = OK(read(in, buf, sizeof(buf)))) > 0)
		write_full(out, buf, n);
	OK(close(in));
	OK(close(out));
	OK(chown(to, uid, gid));
	OK(chmod(to, mode));
}

static void run_as_a(const char *file, const char *uid, const char *gid,
		     const char *secure, bool no_new_privs)
{
	pid_t pid = xfork();

	if (pid == 0) {
		become(A, A);
		if (no_new_privs)
			OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
		execl(file, "x", "--call", "secure", uid, gid, secure,
		      (char *)NULL);
		FAIL("exec: errno %d", errno);
	}
	wait_ok(pid);
}

static void set_id_setup(mode_t mode)
{
	struct statvfs sv;

	need_root();
	OK(statvfs(".", &sv));
	if (sv.f_flag & ST_NOSUID)
		SKIP("/tmp is mounted nosuid");
	copy_self("prog", B, B, mode);
}

static void set_user_id(void)
{
	set_id_setup(04755);
	run_as_a("./prog", "60002", "60001", "1", false);
}

static void set_group_id(void)
{
	set_id_setup(02755);
	run_as_a("./prog", "60001", "60002", "1", false);
}

static void set_group_id_without_x(void)
{
	/* Without the group's x this bit means something else. */
	set_id_setup(02745);
	run_as_a("./prog", "60001", "60001", "0", false);
}

static void no_new_privs(void)
{
	set_id_setup(06755);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	run_as_a("./prog", "60001", "60001", "0", true);
}

static void chown_and_write_clear_set_id(void)
{
	struct stat st;

	set_id_setup(06755);
	OK(chmod(".", 0777));
	OK(chown("prog", A, A));
	OK(stat("prog", &st));
	CHECK_EQ(st.st_mode & 07777, 0755);
	OK(chmod("prog", 06755));
	become(A, A);
	int fd = OK(open("prog", O_WRONLY));
	write_full(fd, "x", 1);
	OK(close(fd));
	OK(stat("prog", &st));
	CHECK_EQ(st.st_mode & 07777, 0755);
}

static const struct tap_case cases[] = {
	{ "auxiliary_vector", auxiliary_vector, 0 },
	{ "ids_of_a_user", ids_of_a_user, 0 },
	{ "execfn_is_what_was_passed", execfn_is_what_was_passed, 0 },
	{ "random_bytes_differ", random_bytes_differ, 0 },
	{ "stack_layout", stack_layout, 0 },
	{ "first_registers", first_registers, 0 },
	{ "first_floating_point_state", first_floating_point_state, 0 },
	{ "direction_flag_is_clear", direction_flag_is_clear, 0 },
	{ "execveat_paths", execveat_paths, 0 },
	{ "execveat_empty_path", execveat_empty_path, 0 },
	{ "set_user_id", set_user_id, 0 },
	{ "set_group_id", set_group_id, 0 },
	{ "set_group_id_without_x", set_group_id_without_x, 0 },
	{ "no_new_privs", no_new_privs, 0 },
	{ "chown_and_write_clear_set_id", chown_and_write_clear_set_id, 0 },
};

static const struct tap_helper helpers[] = {
	{ "elf", helper_elf },
	{ "execfn", helper_execfn },
	{ "random", helper_random },
	{ "stack", helper_stack },
	{ "secure", helper_secure },
};

TAP_MAIN_HELPERS(cases, helpers)
