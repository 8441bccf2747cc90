// The system calls that a decoder needs: those of Node 20 to 24, libuv, V8, glibc, FFmpeg, x264, x265, ffprobe, and with a GPU
// those of NVIDIA's driver. Traced with strace(1) over many files; near relatives that another version may take instead are
// in as well. Each works on the process itself, or on files that it has opened already or that Landlock judges.
#pragma once

#include <sys/syscall.h>

namespace sortie {

// Numbers from 424 on are the same on both machines, and younger than some C libraries' headers.
constexpr int kIoUringSetup = 425, kIoUringEnter = 426, kIoUringRegister = 427, kClone3 = 435, kCloseRange = 436, kOpenat2 = 437,
              kFaccessat2 = 439, kEpollPwait2 = 441, kFutexWaitv = 449, kMapShadowStack = 453, kFutexWake = 454, kFutexWait = 455,
              kFutexRequeue = 456, kMseal = 462;
/** From here on nothing is known of a call; a program takes an older one where there is no such call. */
constexpr unsigned kUnknownFrom = kMseal + 1;

constexpr int kNeeded[] = {
    // Memory
    SYS_brk, SYS_madvise, SYS_mincore, SYS_mlock, SYS_mlock2, SYS_mmap, SYS_mprotect, SYS_mremap, SYS_msync, SYS_munlock, SYS_munmap,
    SYS_get_mempolicy, SYS_set_mempolicy, SYS_pkey_alloc, SYS_pkey_free, SYS_pkey_mprotect, SYS_membarrier, kMapShadowStack, kMseal,
    // Files
    SYS_close, kCloseRange, SYS_copy_file_range, SYS_dup, SYS_dup3, SYS_faccessat, kFaccessat2, SYS_fadvise64, SYS_fallocate,
    SYS_fdatasync, SYS_flock, SYS_fstat, SYS_fstatfs, SYS_fsync, SYS_ftruncate, SYS_getcwd, SYS_chdir, SYS_fchdir, SYS_getdents64,
    SYS_lseek, SYS_mkdirat, SYS_newfstatat, SYS_pread64, SYS_preadv, SYS_preadv2, SYS_pwrite64, SYS_pwritev, SYS_pwritev2, SYS_read,
    SYS_readahead, SYS_readlinkat, SYS_readv, SYS_renameat, SYS_renameat2, SYS_sendfile, SYS_statfs, SYS_statx, SYS_sync_file_range,
    SYS_umask, SYS_unlinkat, SYS_write, SYS_writev,
    // Waiting and inherited channels
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, kEpollPwait2, SYS_eventfd2, SYS_pipe2, SYS_ppoll, SYS_pselect6, SYS_signalfd4,
    SYS_timerfd_create, SYS_timerfd_gettime, SYS_timerfd_settime, SYS_getpeername, SYS_getsockname, SYS_getsockopt, SYS_recvfrom,
    SYS_recvmmsg, SYS_recvmsg, SYS_sendmmsg, SYS_sendmsg, SYS_sendto, SYS_shutdown,
    // Time
    SYS_clock_getres, SYS_clock_gettime, SYS_clock_nanosleep, SYS_getitimer, SYS_gettimeofday, SYS_nanosleep, SYS_setitimer,
    SYS_timer_create, SYS_timer_delete, SYS_timer_getoverrun, SYS_timer_gettime, SYS_timer_settime, SYS_times,
    // Threads and signals of its own
    SYS_exit, SYS_exit_group, SYS_futex, kFutexRequeue, kFutexWait, kFutexWaitv, kFutexWake, SYS_gettid, SYS_restart_syscall, SYS_rseq,
    SYS_rt_sigaction, SYS_rt_sigpending, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigsuspend, SYS_rt_sigtimedwait,
    SYS_sched_getaffinity, SYS_sched_get_priority_max, SYS_sched_get_priority_min, SYS_sched_getparam, SYS_sched_getscheduler,
    SYS_sched_yield, SYS_set_robust_list, SYS_set_tid_address, SYS_sigaltstack,
    // What it is, and where. capget(2) tells of capabilities only.
    SYS_capget, SYS_getcpu, SYS_getegid, SYS_geteuid, SYS_getgid, SYS_getgroups, SYS_getpgid, SYS_getpid, SYS_getppid, SYS_getpriority,
    SYS_getrandom, SYS_getresgid, SYS_getresuid, SYS_getrlimit, SYS_getrusage, SYS_getsid, SYS_getuid, SYS_setrlimit, SYS_sysinfo,
    SYS_uname, SYS_wait4, SYS_waitid,
    // The launcher's own step into the command. Another program in its place has no more rights, and memfd_create(2) and
    // execveat(2) are not here: what runs is what Landlock lets run.
    SYS_execve,
#if defined(__x86_64__)
    // The older forms, which the other machine never had.
    SYS_access, SYS_alarm, SYS_arch_prctl, SYS_dup2, SYS_epoll_create, SYS_epoll_wait, SYS_eventfd, SYS_getdents, SYS_getpgrp, SYS_lstat,
    SYS_mkdir, SYS_pause, SYS_pipe, SYS_poll, SYS_readlink, SYS_rename, SYS_rmdir, SYS_select, SYS_signalfd, SYS_stat, SYS_time,
    SYS_unlink,
#endif
};

/** What NVIDIA's driver needs besides: memory near the card, and the socket that it listens on. */
constexpr int kNeededWithGpu[] = {SYS_accept, SYS_accept4, SYS_bind, SYS_listen, SYS_mbind, SYS_setsockopt};

/** What programs try, and do otherwise where a kernel has none. io_uring can do what the filter refuses. */
constexpr int kMissing[] = {kClone3, kIoUringSetup, kIoUringEnter, kIoUringRegister, kOpenat2};

/** Node tells of these as of a network that cannot be reached. */
constexpr int kNetwork[] = {SYS_socket, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4};

}  // namespace sortie
