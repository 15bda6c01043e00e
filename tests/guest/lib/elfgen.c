/* SPDX-License-Identifier: MIT */
/*
 * elfgen.c - tiny ELF images, made by hand: one page of headers, one of code.
 */
#define _GNU_SOURCE
#include "elfgen.h"

#include "util.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const unsigned char elfgen_exit_argc[] = {
	0x8b, 0x3c, 0x24,		/* mov (%rsp), %edi */
	0xb8, 0xe7, 0x00, 0x00, 0x00,	/* mov $231, %eax: exit_group */
	0x0f, 0x05,			/* syscall */
};
const size_t elfgen_exit_argc_len = sizeof(elfgen_exit_argc);

void elfgen_init(struct elfgen *img, const void *code, size_t len)
{
	memset(img, 0, sizeof(*img));
	memcpy(img->eh.e_ident, ELFMAG, SELFMAG);
	img->eh.e_ident[EI_CLASS] = ELFCLASS64;
	img->eh.e_ident[EI_DATA] = ELFDATA2LSB;
	img->eh.e_ident[EI_VERSION] = EV_CURRENT;
	img->eh.e_type = ET_EXEC;
	img->eh.e_machine = EM_X86_64;
	img->eh.e_version = EV_CURRENT;
	img->eh.e_entry = ELFGEN_BASE + ELFGEN_CODE;
	img->eh.e_phoff = offsetof(struct elfgen, ph);
	img->eh.e_ehsize = sizeof(Elf64_Ehdr);
	img->eh.e_phentsize = sizeof(Elf64_Phdr);
	img->eh.e_phnum = 1;
	img->ph[0] = (Elf64_Phdr){
		.p_type = PT_LOAD, .p_flags = PF_R | PF_X,
		.p_vaddr = ELFGEN_BASE, .p_paddr = ELFGEN_BASE,
		.p_filesz = ELFGEN_SIZE, .p_memsz = ELFGEN_SIZE,
		.p_align = PAGE,
	};
	memcpy(img->bytes + ELFGEN_CODE, code, len);
}

void elfgen_init_pie(struct elfgen *img, const void *code, size_t len)
{
	elfgen_init(img, code, len);
	img->eh.e_type = ET_DYN;
	img->eh.e_entry -= ELFGEN_BASE;
	img->ph[0].p_vaddr = img->ph[0].p_paddr = 0;
}

void elfgen_write(const struct elfgen *img, const char *path, size_t size)
{
	unlink(path);
	write_file(path, img, size);
	OK(chmod(path, 0755));
}

int elfgen_run(const char *path)
{
	int fd[2], err = 0, status;
	pid_t pid;

	OK(pipe2(fd, O_CLOEXEC));
	pid = xfork();
	if (pid == 0) {
		char *argv[] = { (char *)path, NULL };
		char *envp[] = { NULL };
		execve(path, argv, envp);
		err = errno;
		write_full(fd[1], &err, sizeof(err));
		_exit(0);
	}
	OK(close(fd[1]));
	ssize_t n = OK(read(fd[0], &err, sizeof(err)));
	OK(close(fd[0]));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	if (n == sizeof(err))
		return -err;
	return WIFSIGNALED(status) ? 256 + WTERMSIG(status) :
		WEXITSTATUS(status);
}
