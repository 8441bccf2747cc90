// What root has beyond others: dropped, also for whatever the command becomes by execve(2).
#pragma once

#include "user.h"

namespace sortie {

struct Dropped {
  /** Whether no capability is left that could be had. */
  bool capabilities;
  /** Whether the wanted user was taken on; errno(3) of the attempt otherwise. */
  bool user;
  int error;
};

/** `user`: whom to become, for good; none where the process stays who it is. */
Dropped dropPrivileges(const std::optional<User>& user);

}  // namespace sortie
