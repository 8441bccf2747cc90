// sortie-confine: runs a command that reads a stranger's file, without network and with the named files only.
//
//   sortie-confine [--read PATH]... [--write PATH]... [--gpu] [--memory BYTES] [--data BYTES] [--cpu SECONDS]
//                  [--file-size BYTES] [--open-files N] [--explain] -- COMMAND ARGS...
//
// Needs no privilege: no_new_privs, resource limits, Landlock (files, TCP), seccomp (system calls). What the kernel does
// not offer is left out silently; --explain tells, as one line of JSON, what is in force. The caller's own failures end
// with 125, as with env(1) and timeout(1); a command that cannot be started with 126 or 127.
#include <fcntl.h>
#include <glob.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#if defined(__x86_64__)
#define SORTIE_AUDIT_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define SORTIE_AUDIT_ARCH AUDIT_ARCH_AARCH64
#else
#error "sortie-confine knows the system calls of x86_64 and aarch64 only."
#endif

namespace {

constexpr int kOwnFailure = 125;
// At the soft limit of CPU time comes SIGXCPU, at the hard one SIGKILL (setrlimit(2)). The distance lets the caller tell the
// limit from a SIGKILL of somebody else.
constexpr rlim_t kCpuGraceSeconds = 5;

[[noreturn]] void fail(const std::string& what, int error = 0) {
  std::fprintf(stderr, "sortie-confine: %s%s%s\n", what.c_str(), error ? ": " : "", error ? std::strerror(error) : "");
  std::exit(kOwnFailure);
}

struct Limit {
  int resource;
  rlim_t soft;
  rlim_t hard;
};

// RLIMIT_AS counts address space that is only reserved (V8 and CUDA reserve hundreds of GiB); RLIMIT_DATA counts writable
// private memory alone (getrlimit(2), since Linux 4.7), which suits programs that hold such reservations.
struct Options {
  std::vector<std::string> read;
  std::vector<std::string> write;
  std::vector<Limit> limits;
  bool gpu = false;
  bool explain = false;
  char** command = nullptr;
};

// ---------------------------------------------------------------------------------------------- Landlock
// The structures and numbers of linux/landlock.h up to ABI 6; distributions' headers are older than their kernels.

struct RulesetAttributes {
  uint64_t files;
  uint64_t network;
  uint64_t scoped;
};

struct __attribute__((packed)) PathRule {
  uint64_t allowed;
  int32_t parent;
};

constexpr long kCreateRuleset = 444, kAddRule = 445, kRestrictSelf = 446;  // the same on all architectures
constexpr uint32_t kAskVersion = 1;
constexpr int kRulePathBeneath = 1;

constexpr uint64_t kExecute = 1 << 0, kWriteFile = 1 << 1, kReadFile = 1 << 2, kReadDir = 1 << 3, kRemoveDir = 1 << 4,
                   kRemoveFile = 1 << 5, kMakeDir = 1 << 7, kMakeRegular = 1 << 8,
                   kRefer = 1 << 13, kTruncate = 1 << 14, kIoctlDevice = 1 << 15;
constexpr uint64_t kFilesAbi1 = (1 << 13) - 1;
constexpr uint64_t kForFiles = kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDevice;
constexpr uint64_t kReading = kExecute | kReadFile | kReadDir;
// No execution of what was written; no device nodes, no sockets and no symbolic links, which could lead those astray who read
// the output; no second name in another folder (kRefer).
constexpr uint64_t kWriting = kReadFile | kReadDir | kWriteFile | kRemoveDir | kRemoveFile | kMakeDir | kMakeRegular |
                              kTruncate;
constexpr uint64_t kTcp = 3;     // bind, connect: ABI 4
constexpr uint64_t kScopes = 3;  // abstract sockets, signals: ABI 6

// What a dynamically linked program, and Node, need to start.
constexpr const char* kSystem[] = {
    "/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/localtime",
    "/etc/ssl/openssl.cnf", "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/proc/version_signature",
    "/sys/devices/system/cpu", "/sys/fs/cgroup",
};
// What NVIDIA's driver opens besides: its devices, and what it asks the kernel about itself and the bus.
constexpr const char* kGpuDevices[] = {"/dev/nvidia*", "/dev/nvidia-caps/*", "/dev/dri/render*", "/dev/shm/cuda.*"};
constexpr const char* kGpuFiles[] = {
    "/proc/driver/nvidia", "/proc/driver/nvidia-uvm", "/proc/devices", "/proc/modules", "/proc/sys/vm", "/proc/sys/kernel", "/sys/bus/pci", "/sys/devices",
    "/sys/module/nvidia", "/sys/module/nvidia_uvm", "/etc/nvidia", "/run/nvidia", "/etc/alternatives",
};
constexpr const char* kDevices[] = {"/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"};

/** False when the path is not there. */
bool allow(int ruleset, uint64_t handled, const char* path, uint64_t rights) {
  const int fd = ::open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return false;
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail(path, errno);
  if (!S_ISDIR(status.st_mode)) rights &= kForFiles;  // others are refused for files (landlock_add_rule: EINVAL)
  const PathRule rule{rights & handled, fd};
  if (rule.allowed != 0 && ::syscall(kAddRule, ruleset, kRulePathBeneath, &rule, 0) != 0) fail(path, errno);
  ::close(fd);
  return true;
}

/** The ABI in force, 0 when the kernel has none. */
int restrictFiles(const Options& options) {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  if (version < 1) return 0;
  RulesetAttributes attributes{kFilesAbi1, 0, 0};
  if (version >= 2) attributes.files |= kRefer;
  if (version >= 3) attributes.files |= kTruncate;
  if (version >= 5) attributes.files |= kIoctlDevice;
  if (version >= 4) attributes.network = kTcp;
  if (version >= 6) attributes.scoped = kScopes;
  const size_t size = version >= 6   ? sizeof attributes
                      : version >= 4 ? offsetof(RulesetAttributes, scoped)
                                     : offsetof(RulesetAttributes, network);
  const int ruleset = static_cast<int>(::syscall(kCreateRuleset, &attributes, size, 0));
  if (ruleset < 0) return 0;
  for (const char* path : kSystem) allow(ruleset, attributes.files, path, kReading);
  for (const char* path : kDevices) allow(ruleset, attributes.files, path, kReadFile | kWriteFile);
  if (options.gpu) {
    for (const char* path : kGpuFiles) allow(ruleset, attributes.files, path, kReading);
    // Drivers from 570 on name their threads through /proc/self/task/<tid>/comm, and do not start where they cannot
    // (nolabs-ai/nono#673). What else lies there is the process's own.
    allow(ruleset, attributes.files, "/proc/self/task", kReading | kWriteFile | kTruncate);
    for (const char* pattern : kGpuDevices) {
      glob_t found{};
      if (::glob(pattern, 0, nullptr, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc; ++i)
          allow(ruleset, attributes.files, found.gl_pathv[i], kReadFile | kWriteFile | kIoctlDevice);
      ::globfree(&found);
    }
  }
  for (const std::string& path : options.read)
    if (!allow(ruleset, attributes.files, path.c_str(), kReading)) fail("--read " + path, errno);
  for (const std::string& path : options.write)
    if (!allow(ruleset, attributes.files, path.c_str(), kWriting | kIoctlDevice)) fail("--write " + path, errno);
  if (::syscall(kRestrictSelf, ruleset, 0) != 0) fail("landlock_restrict_self", errno);
  ::close(ruleset);
  return static_cast<int>(version);
}

// ---------------------------------------------------------------------------------------------- seccomp

// No way to the network: only pairs of sockets and those that were inherited (Node's IPC channel) remain. With --gpu besides
// the one that libcuda listens on (snapd's interface "opengl": unix (bind,listen) type=seqpacket addr="@cuda-uvmfd-*"). Nobody
// can be reached through it: a SEQPACKET socket sends nothing before it is connected, and Landlock refuses names in the file
// system to bind(2).
constexpr int kNetwork[] = {SYS_socket, SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4};

// What no decoder needs and what kernels were broken by.
constexpr int kForbidden[] = {
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_kcmp, SYS_mount, SYS_umount2, SYS_pivot_root, SYS_chroot,
    SYS_unshare, SYS_setns, SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_kexec_load, SYS_init_module,
    SYS_finit_module, SYS_delete_module, SYS_keyctl, SYS_add_key, SYS_request_key, SYS_name_to_handle_at,
    SYS_open_by_handle_at, SYS_fanotify_init, SYS_quotactl, SYS_acct, SYS_swapon, SYS_swapoff, SYS_reboot, SYS_syslog,
    SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname, SYS_vhangup,
    425, 426, 427,                           // io_uring_setup, io_uring_enter, io_uring_register
    428, 429, 430, 431, 432, 433, 438, 442,  // open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, pidfd_getfd, mount_setattr
#ifdef SYS_kexec_file_load
    SYS_kexec_file_load,
#endif
#if defined(__x86_64__)
    SYS_iopl, SYS_ioperm, SYS_modify_ldt, SYS_uselib,
#endif
};

constexpr uint32_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
constexpr int kClone3 = 435;
constexpr uint32_t kTypeIntoTerminal = 0x5412;  // TIOCSTI

class Filter {
 public:
  /** `gpu`: the command may start others, and may listen on a socket of its own. */
  explicit Filter(bool gpu) {
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
    jump(BPF_JEQ, SORTIE_AUDIT_ARCH, 1, 0);
    add(BPF_RET, SECCOMP_RET_KILL_PROCESS);
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr));
#if defined(__x86_64__)
    jump(BPF_JGE, 0x40000000, 0, 1);  // the x32 numbers would go round the list
    add(BPF_RET, SECCOMP_RET_ERRNO | ENOSYS);
#endif
    if (gpu) allowListener();
    for (const int number : kNetwork)
      if (!gpu || number == SYS_connect) refuse(number, EACCES);
    for (const int number : kForbidden) refuse(number, EPERM);
    // Its flags lie behind a pointer, out of a filter's sight; the C library then takes clone (as container runtimes do).
    refuse(kClone3, ENOSYS);
    refuseClone(gpu);
    if (!gpu) {
#if defined(__x86_64__)
      refuse(SYS_fork, EPERM);
      refuse(SYS_vfork, EPERM);
#endif
    }
    refuseArgument(SYS_ioctl, 1, BPF_JEQ, kTypeIntoTerminal);
    add(BPF_RET, SECCOMP_RET_ALLOW);
  }

  bool install() {
    sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
  }

 private:
  void add(int code, uint32_t k) { code_.push_back({static_cast<uint16_t>(code), 0, 0, k}); }
  void jump(int test, uint32_t k, uint8_t yes, uint8_t no) {
    code_.push_back({static_cast<uint16_t>(BPF_JMP | test | BPF_K), yes, no, k});
  }
  void refuse(int number, int error) {
    jump(BPF_JEQ, static_cast<uint32_t>(number), 0, 1);
    add(BPF_RET, SECCOMP_RET_ERRNO | static_cast<uint32_t>(error));
  }
  /** socket(AF_UNIX, SOCK_SEQPACKET | flags); every other call of socket is refused. */
  void allowListener() {
    constexpr uint32_t kTypeMask = 0xf;  // SOCK_TYPE_MASK of the kernel
    jump(BPF_JEQ, static_cast<uint32_t>(SYS_socket), 0, 7);
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offsetof(seccomp_data, args)));
    jump(BPF_JEQ, AF_UNIX, 0, 4);
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offsetof(seccomp_data, args) + 8));
    add(BPF_ALU | BPF_AND | BPF_K, kTypeMask);
    jump(BPF_JEQ, SOCK_SEQPACKET, 0, 1);
    add(BPF_RET, SECCOMP_RET_ALLOW);
    add(BPF_RET, SECCOMP_RET_ERRNO | EACCES);
  }
  /** Threads are allowed, new namespaces never, new processes only where the command may start others. */
  void refuseClone(bool processes) {
    jump(BPF_JEQ, static_cast<uint32_t>(SYS_clone), 0, processes ? 4 : 5);
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offsetof(seccomp_data, args)));  // the flags, on both machines
    jump(BPF_JSET, kNamespaces, processes ? 0 : 1, processes ? 1 : 0);
    if (!processes) jump(BPF_JSET, CLONE_THREAD, 1, 0);
    add(BPF_RET, SECCOMP_RET_ERRNO | EPERM);
    add(BPF_RET, SECCOMP_RET_ALLOW);
  }
  void refuseArgument(int number, int argument, int test, uint32_t value) {
    jump(BPF_JEQ, static_cast<uint32_t>(number), 0, 4);
    // Both machines are little-endian: the low half comes first.
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * static_cast<size_t>(argument)));
    jump(test, value, 0, 1);
    add(BPF_RET, SECCOMP_RET_ERRNO | EPERM);
    add(BPF_RET, SECCOMP_RET_ALLOW);
  }

  std::vector<sock_filter> code_;
};

// ---------------------------------------------------------------------------------------------- the rest

rlim_t toNumber(const char* option, const char* text) {
  char* end = nullptr;
  errno = 0;
  const unsigned long long value = std::strtoull(text, &end, 10);
  if (errno != 0 || end == text || *end != '\0' || *text == '-') fail(std::string(option) + " needs a whole number");
  return static_cast<rlim_t>(value);
}

/** `grace`: how far the hard limit lies above the soft one. */
Limit limitOf(int resource, rlim_t value, rlim_t grace = 0) {
  return {resource, value, value > RLIM_INFINITY - 1 - grace ? value : value + grace};
}

Options parse(int argc, char** argv) {
  Options options;
  options.limits.push_back({RLIMIT_CORE, 0, 0});
  int i = 1;
  for (; i < argc && std::strcmp(argv[i], "--") != 0; ++i) {
    const std::string option = argv[i];
    if (option == "--explain") {
      options.explain = true;
      continue;
    }
    if (option == "--gpu") {
      options.gpu = true;
      continue;
    }
    if (i + 1 >= argc) fail("unknown option, or value missing: " + option);
    const char* value = argv[++i];
    if (option == "--read") options.read.emplace_back(value);
    else if (option == "--write") options.write.emplace_back(value);
    else if (option == "--memory") options.limits.push_back(limitOf(RLIMIT_AS, toNumber("--memory", value)));
    else if (option == "--data") options.limits.push_back(limitOf(RLIMIT_DATA, toNumber("--data", value)));
    else if (option == "--cpu") options.limits.push_back(limitOf(RLIMIT_CPU, toNumber("--cpu", value), kCpuGraceSeconds));
    else if (option == "--file-size") options.limits.push_back(limitOf(RLIMIT_FSIZE, toNumber("--file-size", value)));
    else if (option == "--open-files") options.limits.push_back(limitOf(RLIMIT_NOFILE, toNumber("--open-files", value)));
    else fail("unknown option: " + option);
  }
  if (i + 1 < argc) options.command = argv + i + 1;
  if (!options.command && !options.explain) fail("no command; usage: sortie-confine [--read PATH]... [--write PATH]... -- COMMAND ARGS...");
  return options;
}

void limit(const Options& options) {
  for (const auto& [resource, soft, hard] : options.limits) {
    rlimit now{};
    if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &now) != 0) fail("getrlimit", errno);
    const auto allowed = [&now](rlim_t value) { return now.rlim_max == RLIM_INFINITY || value < now.rlim_max ? value : now.rlim_max; };
    const rlimit wanted{allowed(soft), allowed(hard)};
    if (::setrlimit(static_cast<__rlimit_resource_t>(resource), &wanted) != 0) fail("setrlimit", errno);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const pid_t parent = ::getppid();
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail("PR_SET_PDEATHSIG", errno);
  if (::getppid() != parent) return kOwnFailure;  // it died before it could take us along
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("PR_SET_NO_NEW_PRIVS", errno);
  limit(options);
  const int landlock = restrictFiles(options);
  // A process that the command started could outlive it and write on. CUDA may start nvidia-modprobe.
  const bool seccomp = Filter(options.gpu).install();
  if (options.explain) {
    std::fprintf(options.command ? stderr : stdout,
                 "{\"noNewPrivileges\":true,\"landlock\":%d,\"files\":%s,\"tcp\":%s,\"signals\":%s,\"seccomp\":%s}\n", landlock,
                 landlock >= 1 ? "true" : "false", landlock >= 4 ? "true" : "false", landlock >= 6 ? "true" : "false",
                 seccomp ? "true" : "false");
    if (!options.command) return 0;
  }
  ::execvp(options.command[0], options.command);
  const int error = errno;
  std::fprintf(stderr, "sortie-confine: %s: %s\n", options.command[0], std::strerror(error));
  return error == ENOENT ? 127 : 126;
}
