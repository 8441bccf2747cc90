#include "privileges.h"

#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace sortie {

namespace {

constexpr int kMostCapabilities = 64;
constexpr unsigned long kNoRoot = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_NO_SETUID_FIXUP_LOCKED |
                                  SECBIT_KEEP_CAPS_LOCKED | SECBIT_NO_CAP_AMBIENT_RAISE | SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED;

}  // namespace

Dropped dropPrivileges(const std::optional<User>& user) {
  // These two need CAP_SETPCAP. Where it is missing, no_new_privs alone keeps execve(2) from giving more than there is
  // (capabilities(7), prctl(2)).
  ::prctl(PR_SET_SECUREBITS, kNoRoot, 0, 0, 0);
  for (unsigned long capability = 0; capability < kMostCapabilities; ++capability) ::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  // Between: a process of another user could not set the former any more, and without the latter it would keep all it has.
  const bool became = !user || become(*user);
  const int error = became ? 0 : errno;
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  return {::syscall(SYS_capset, &header, data) == 0, became, error};
}

}  // namespace sortie
