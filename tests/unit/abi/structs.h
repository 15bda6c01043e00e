/* SPDX-License-Identifier: MIT */
/*
 * Structures of include/abi: S(type) compares the size, F(type, member) the
 * member's offset and size.
 */

/* abi/elf.h */
S(struct elf64_hdr) F(struct elf64_hdr, e_ident) F(struct elf64_hdr, e_type)
F(struct elf64_hdr, e_machine) F(struct elf64_hdr, e_version)
F(struct elf64_hdr, e_entry) F(struct elf64_hdr, e_phoff)
F(struct elf64_hdr, e_shoff) F(struct elf64_hdr, e_flags)
F(struct elf64_hdr, e_ehsize) F(struct elf64_hdr, e_phentsize)
F(struct elf64_hdr, e_phnum) F(struct elf64_hdr, e_shentsize)
F(struct elf64_hdr, e_shnum) F(struct elf64_hdr, e_shstrndx)
S(struct elf64_phdr) F(struct elf64_phdr, p_type) F(struct elf64_phdr, p_flags)
F(struct elf64_phdr, p_offset) F(struct elf64_phdr, p_vaddr)
F(struct elf64_phdr, p_paddr) F(struct elf64_phdr, p_filesz)
F(struct elf64_phdr, p_memsz) F(struct elf64_phdr, p_align)
S(struct elf64_shdr) F(struct elf64_shdr, sh_name)
F(struct elf64_shdr, sh_type) F(struct elf64_shdr, sh_flags)
F(struct elf64_shdr, sh_addr) F(struct elf64_shdr, sh_offset)
F(struct elf64_shdr, sh_size) F(struct elf64_shdr, sh_link)
F(struct elf64_shdr, sh_info) F(struct elf64_shdr, sh_addralign)
F(struct elf64_shdr, sh_entsize) S(struct elf64_sym)
F(struct elf64_sym, st_name) F(struct elf64_sym, st_info)
F(struct elf64_sym, st_other) F(struct elf64_sym, st_shndx)
F(struct elf64_sym, st_value) F(struct elf64_sym, st_size)
S(struct elf64_note)

/* abi/fcntl.h */
S(struct open_how) F(struct open_how, flags) F(struct open_how, mode)
F(struct open_how, resolve) S(struct flock) F(struct flock, l_type)
F(struct flock, l_whence) F(struct flock, l_start) F(struct flock, l_len)
F(struct flock, l_pid) S(struct f_owner_ex) F(struct f_owner_ex, type)
F(struct f_owner_ex, pid)

/* abi/inotify.h */
S(struct inotify_event) F(struct inotify_event, wd) F(struct inotify_event, mask)
F(struct inotify_event, cookie) F(struct inotify_event, len)

/* abi/futex.h */
S(struct robust_list) F(struct robust_list, next) S(struct robust_list_head)
F(struct robust_list_head, list) F(struct robust_list_head, futex_offset)
F(struct robust_list_head, list_op_pending)

/* abi/poll.h */
S(struct pollfd) F(struct pollfd, fd) F(struct pollfd, events)
F(struct pollfd, revents) S(struct epoll_event) F(struct epoll_event, events)
F(struct epoll_event, data)

/* abi/resource.h */
S(struct rlimit) F(struct rlimit, rlim_cur) F(struct rlimit, rlim_max)
S(struct rusage) F(struct rusage, ru_utime) F(struct rusage, ru_stime)
F(struct rusage, ru_maxrss) F(struct rusage, ru_ixrss)
F(struct rusage, ru_idrss) F(struct rusage, ru_isrss)
F(struct rusage, ru_minflt) F(struct rusage, ru_majflt)
F(struct rusage, ru_nswap) F(struct rusage, ru_inblock)
F(struct rusage, ru_oublock) F(struct rusage, ru_msgsnd)
F(struct rusage, ru_msgrcv) F(struct rusage, ru_nsignals)
F(struct rusage, ru_nvcsw) F(struct rusage, ru_nivcsw)

/* abi/sched.h */
S(struct clone_args) F(struct clone_args, flags) F(struct clone_args, pidfd)
F(struct clone_args, child_tid) F(struct clone_args, parent_tid)
F(struct clone_args, exit_signal) F(struct clone_args, stack)
F(struct clone_args, stack_size) F(struct clone_args, tls)
F(struct clone_args, set_tid) F(struct clone_args, set_tid_size)
F(struct clone_args, cgroup) S(struct sched_param)
F(struct sched_param, sched_priority)

/* abi/select.h */
S(fd_set)

/* abi/signal.h */
S(struct sigaction) F(struct sigaction, sa_handler)
F(struct sigaction, sa_flags) F(struct sigaction, sa_restorer)
F(struct sigaction, sa_mask) S(struct sigaltstack) F(struct sigaltstack, ss_sp)
F(struct sigaltstack, ss_flags) F(struct sigaltstack, ss_size) S(union sigval)
F(union sigval, sival_int) F(union sigval, sival_ptr) S(struct siginfo)
F(struct siginfo, si_signo) F(struct siginfo, si_errno)
F(struct siginfo, si_code) F(struct siginfo, si_pid) F(struct siginfo, si_uid)
F(struct siginfo, si_tid) F(struct siginfo, si_overrun)
F(struct siginfo, si_value) F(struct siginfo, si_status)
F(struct siginfo, si_utime) F(struct siginfo, si_stime)
F(struct siginfo, si_addr) F(struct siginfo, si_addr_lsb)
F(struct siginfo, si_lower) F(struct siginfo, si_upper)
F(struct siginfo, si_band) F(struct siginfo, si_fd)
F(struct siginfo, si_call_addr) F(struct siginfo, si_syscall)
F(struct siginfo, si_arch) S(struct sigevent) F(struct sigevent, sigev_value)
F(struct sigevent, sigev_signo) F(struct sigevent, sigev_notify)
F(struct sigevent, sigev_tid) S(struct _fpx_sw_bytes)
F(struct _fpx_sw_bytes, magic1) F(struct _fpx_sw_bytes, extended_size)
F(struct _fpx_sw_bytes, xfeatures) F(struct _fpx_sw_bytes, xstate_size)
S(struct _fpstate_64) F(struct _fpstate_64, cwd) F(struct _fpstate_64, swd)
F(struct _fpstate_64, twd) F(struct _fpstate_64, fop)
F(struct _fpstate_64, rip) F(struct _fpstate_64, rdp)
F(struct _fpstate_64, mxcsr) F(struct _fpstate_64, mxcsr_mask)
F(struct _fpstate_64, st_space) F(struct _fpstate_64, xmm_space)
F(struct _fpstate_64, sw_reserved) S(struct sigcontext)
F(struct sigcontext, r8) F(struct sigcontext, r9) F(struct sigcontext, r10)
F(struct sigcontext, r11) F(struct sigcontext, r12) F(struct sigcontext, r13)
F(struct sigcontext, r14) F(struct sigcontext, r15) F(struct sigcontext, rdi)
F(struct sigcontext, rsi) F(struct sigcontext, rbp) F(struct sigcontext, rbx)
F(struct sigcontext, rdx) F(struct sigcontext, rax) F(struct sigcontext, rcx)
F(struct sigcontext, rsp) F(struct sigcontext, rip)
F(struct sigcontext, eflags) F(struct sigcontext, cs) F(struct sigcontext, gs)
F(struct sigcontext, fs) F(struct sigcontext, ss) F(struct sigcontext, err)
F(struct sigcontext, trapno) F(struct sigcontext, oldmask)
F(struct sigcontext, cr2) F(struct sigcontext, fpstate)
F(struct sigcontext, reserved1) S(struct ucontext) F(struct ucontext, uc_flags)
F(struct ucontext, uc_link) F(struct ucontext, uc_stack)
F(struct ucontext, uc_mcontext) F(struct ucontext, uc_sigmask)

/* abi/stat.h */
S(struct stat) F(struct stat, st_dev) F(struct stat, st_ino)
F(struct stat, st_nlink) F(struct stat, st_mode) F(struct stat, st_uid)
F(struct stat, st_gid) F(struct stat, st_rdev) F(struct stat, st_size)
F(struct stat, st_blksize) F(struct stat, st_blocks) F(struct stat, st_atime)
F(struct stat, st_atime_nsec) F(struct stat, st_mtime)
F(struct stat, st_mtime_nsec) F(struct stat, st_ctime)
F(struct stat, st_ctime_nsec) S(struct statx_timestamp)
F(struct statx_timestamp, tv_sec) F(struct statx_timestamp, tv_nsec)
S(struct statx) F(struct statx, stx_mask) F(struct statx, stx_blksize)
F(struct statx, stx_attributes) F(struct statx, stx_nlink)
F(struct statx, stx_uid) F(struct statx, stx_gid) F(struct statx, stx_mode)
F(struct statx, stx_ino) F(struct statx, stx_size) F(struct statx, stx_blocks)
F(struct statx, stx_attributes_mask) F(struct statx, stx_atime)
F(struct statx, stx_btime) F(struct statx, stx_ctime)
F(struct statx, stx_mtime) F(struct statx, stx_rdev_major)
F(struct statx, stx_rdev_minor) F(struct statx, stx_dev_major)
F(struct statx, stx_dev_minor) F(struct statx, stx_mnt_id)
F(struct statx, stx_dio_mem_align) F(struct statx, stx_dio_offset_align)

/* abi/statfs.h */
S(struct statfs) F(struct statfs, f_type) F(struct statfs, f_bsize)
F(struct statfs, f_blocks) F(struct statfs, f_bfree) F(struct statfs, f_bavail)
F(struct statfs, f_files) F(struct statfs, f_ffree) F(struct statfs, f_fsid)
F(struct statfs, f_namelen) F(struct statfs, f_frsize)
F(struct statfs, f_flags) F(struct statfs, f_spare)

/* abi/sysinfo.h */
S(struct sysinfo) F(struct sysinfo, uptime) F(struct sysinfo, loads)
F(struct sysinfo, totalram) F(struct sysinfo, freeram)
F(struct sysinfo, sharedram) F(struct sysinfo, bufferram)
F(struct sysinfo, totalswap) F(struct sysinfo, freeswap)
F(struct sysinfo, procs) F(struct sysinfo, totalhigh)
F(struct sysinfo, freehigh) F(struct sysinfo, mem_unit)

/* abi/termios.h */
S(struct termios) F(struct termios, c_iflag) F(struct termios, c_oflag)
F(struct termios, c_cflag) F(struct termios, c_lflag) F(struct termios, c_line)
F(struct termios, c_cc) S(struct termios2) F(struct termios2, c_iflag)
F(struct termios2, c_oflag) F(struct termios2, c_cflag)
F(struct termios2, c_lflag) F(struct termios2, c_line) F(struct termios2, c_cc)
F(struct termios2, c_ispeed) F(struct termios2, c_ospeed) S(struct winsize)
F(struct winsize, ws_row) F(struct winsize, ws_col)
F(struct winsize, ws_xpixel) F(struct winsize, ws_ypixel)

/* abi/time.h */
S(struct timespec) F(struct timespec, tv_sec) F(struct timespec, tv_nsec)
S(struct timeval) F(struct timeval, tv_sec) F(struct timeval, tv_usec)
S(struct timezone) F(struct timezone, tz_minuteswest)
F(struct timezone, tz_dsttime) S(struct itimerspec)
F(struct itimerspec, it_interval) F(struct itimerspec, it_value)
S(struct itimerval) F(struct itimerval, it_interval)
F(struct itimerval, it_value) S(struct utimbuf) F(struct utimbuf, actime)
F(struct utimbuf, modtime) S(struct tms) F(struct tms, tms_utime)
F(struct tms, tms_stime) F(struct tms, tms_cutime) F(struct tms, tms_cstime)

/* abi/uio.h */
S(struct iovec) F(struct iovec, iov_base) F(struct iovec, iov_len)

/* abi/utsname.h */
S(struct new_utsname) F(struct new_utsname, sysname)
F(struct new_utsname, nodename) F(struct new_utsname, release)
F(struct new_utsname, version) F(struct new_utsname, machine)
F(struct new_utsname, domainname)
