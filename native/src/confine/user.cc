#include "user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

namespace sortie {

std::optional<User> findUser(const std::string& name) {
  if (const passwd* found = ::getpwnam(name.c_str())) return User{found->pw_uid, found->pw_gid};
  char* end = nullptr;
  const unsigned long number = std::strtoul(name.c_str(), &end, 10);
  // The largest number stands for "unchanged" (setresuid(2)).
  if (name.empty() || name.find_first_not_of("0123456789") != std::string::npos || number >= static_cast<uid_t>(-1)) return std::nullopt;
  const auto uid = static_cast<uid_t>(number);
  const passwd* found = ::getpwuid(uid);
  return User{uid, found ? found->pw_gid : static_cast<gid_t>(uid)};
}

bool become(const User& user) {
  return ::setgroups(0, nullptr) == 0 && ::setresgid(user.gid, user.gid, user.gid) == 0 && ::setresuid(user.uid, user.uid, user.uid) == 0;
}

}  // namespace sortie
