#include "filter.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "calls.h"
#include "program.h"

#if defined(__x86_64__)
#define SORTIE_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SORTIE_AUDIT_ARCH AUDIT_ARCH_AARCH64
#else
#error "sortie-confine knows the system calls of x86_64 and aarch64 only."
#endif

namespace sortie {

namespace {

constexpr uint32_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
/** SOCK_TYPE_MASK of the kernel. */
constexpr uint32_t kSocketType = 0xf;
constexpr uint32_t kSetId = 06000;
constexpr int kAbiWithTruncate = 3;
/** The first half of x32's numbers, which are others. */
[[maybe_unused]] constexpr uint32_t kX32 = 0x40000000;

/** Threads always, new namespaces never, new processes only where the command may start others: one could outlive it. */
void addProcesses(Program& program, bool gpu) {
  program.where(SYS_clone, 0, kNamespaces, 0, {0}, refusal(EPERM));
  if (gpu) program.always(SYS_clone, kAllow);
  else program.anyBit(SYS_clone, 0, CLONE_THREAD, kAllow, refusal(EPERM));
#if defined(__x86_64__)
  if (gpu) program.always(SYS_fork, kAllow);
  if (gpu) program.always(SYS_vfork, kAllow);
#endif
}

/**
 * No way to the network: only pairs of sockets and those that were inherited (Node's IPC channel) remain. A pair of datagram
 * sockets could send to any socket that has a name in the file system. With a GPU besides the one socket that libcuda listens
 * on (snapd's interface "opengl": unix (bind,listen) type=seqpacket addr="@cuda-uvmfd-*"). Nobody can be reached through it:
 * a SEQPACKET socket sends nothing before it is connected, and Landlock refuses names in the file system to bind(2).
 */
void addSockets(Program& program, bool gpu) {
  program.both(SYS_socketpair, AF_UNIX, {SOCK_STREAM, SOCK_SEQPACKET}, kSocketType, kAllow, refusal(EACCES));
  if (gpu) program.both(SYS_socket, AF_UNIX, {SOCK_SEQPACKET}, kSocketType, kAllow, refusal(EACCES));
}

/** To itself only: Landlock's scope of signals came with ABI 6. The process keeps its number when it becomes the command. */
void addSignals(Program& program) {
  const auto self = static_cast<uint32_t>(::getpid());
  program.oneOf(SYS_kill, 0, {self}, kAllow, refusal(EPERM));
  program.oneOf(SYS_tgkill, 0, {self}, kAllow, refusal(EPERM));
  // F_SETOWN, F_SETOWN_EX and F_SETSIG would let the kernel send them (fcntl(2)).
  program.oneOf(SYS_fcntl, 1,
                {F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW,
                 F_DUPFD_CLOEXEC, F_GETPIPE_SZ, F_SETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS},
                kAllow, refusal(EPERM));
}

/** Calls that can do both, by what they are asked for. */
void addByArgument(Program& program, bool gpu) {
  // Terminals: asking is fine, typing into one (TIOCSTI, TIOCLINUX) is not. The requests of a driver are its own; FIOSETOWN and
  // SIOCSPGRP are F_SETOWN again (asm-generic/ioctls.h, sockios.h).
  constexpr uint32_t kGetAttributes = 0x5401, kGetAttributes2 = 0x802c542a, kType = 0x5412, kWindowSize = 0x5413, kLinux = 0x541c,
                     kReadable = 0x541b, kNonBlocking = 0x5421, kDiscipline = 0x5423, kNotOnExec = 0x5450, kOnExec = 0x5451,
                     kOwner = 0x8901, kGroup = 0x8902;
  if (gpu) program.oneOf(SYS_ioctl, 1, {kType, kLinux, kDiscipline, kOwner, kGroup}, refusal(EPERM), kAllow);
  else
    program.oneOf(SYS_ioctl, 1, {kGetAttributes, kGetAttributes2, kWindowSize, kReadable, kNonBlocking, kNotOnExec, kOnExec}, kAllow,
                  refusal(EPERM));  // the same on both machines
  // No PR_SET_PDEATHSIG: it would outlive its parent. PR_SET_VMA names memory.
  constexpr uint32_t kNameMemory = 0x53564d41;
  program.oneOf(SYS_prctl, 0,
                {PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_CAPBSET_READ, PR_GET_NO_NEW_PRIVS, PR_SET_THP_DISABLE,
                 PR_GET_THP_DISABLE, kNameMemory},
                kAllow, refusal(EPERM));
  // Limits and places of its own (0), not of other processes of the same user.
  for (const int number : {SYS_prlimit64, SYS_sched_setaffinity}) program.oneOf(number, 0, {0}, kAllow, refusal(EPERM));
}

/** A file that is made gives no rights to who runs it. */
void addModes(Program& program) {
  program.where(SYS_openat, 3, kSetId, 0, {0}, refusal(EPERM));
#if defined(__x86_64__)
  program.where(SYS_open, 2, kSetId, 0, {0}, refusal(EPERM));
  program.anyBit(SYS_creat, 1, kSetId, refusal(EPERM), kAllow);
#endif
}

/**
 * Landlock judges truncation from ABI 3 on. Before that truncate(2) works on every file of the user, and so does opening with
 * O_TRUNC where nothing is to be written (access modes 0 and 3); with O_WRONLY and O_RDWR Landlock asks for the right to write.
 */
void addTruncation(Program& program, int landlock) {
  if (landlock >= kAbiWithTruncate) {
    program.always(SYS_truncate, kAllow);
  } else {
    program.where(SYS_openat, 2, O_TRUNC, O_ACCMODE, {O_RDONLY, O_ACCMODE}, refusal(EPERM));
#if defined(__x86_64__)
    program.where(SYS_open, 1, O_TRUNC, O_ACCMODE, {O_RDONLY, O_ACCMODE}, refusal(EPERM));
#endif
  }
  program.always(SYS_openat, kAllow);
#if defined(__x86_64__)
  program.always(SYS_open, kAllow);
#endif
}

}  // namespace

bool restrictCalls(bool gpu, int landlock) {
  Program program(SORTIE_AUDIT_ARCH);
#if defined(__x86_64__)
  program.from(kX32, refusal(ENOSYS));
#endif
  addModes(program);
  addTruncation(program, landlock);
  addProcesses(program, gpu);
  addSockets(program, gpu);
  addSignals(program);
  addByArgument(program, gpu);
  for (const int number : kNeeded) program.always(number, kAllow);
  if (gpu)
    for (const int number : kNeededWithGpu) program.always(number, kAllow);
  for (const int number : kNetwork) program.always(number, refusal(EACCES));
  for (const int number : kMissing) program.always(number, refusal(ENOSYS));
  program.from(kUnknownFrom, refusal(ENOSYS));
  program.otherwise(refusal(EPERM));
  return program.install();
}

}  // namespace sortie
