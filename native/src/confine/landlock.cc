#include "landlock.h"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "fail.h"

namespace sortie {

namespace {

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

}  // namespace

int landlockVersion() {
  const long version = ::syscall(kCreateRuleset, nullptr, 0, kAskVersion);
  return version < 1 ? 0 : static_cast<int>(version);
}

void restrictFiles(const Options& options, int version) {
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
  if (ruleset < 0) fail("landlock_create_ruleset", errno);
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
}

}  // namespace sortie
