// The user that the command runs as where the caller is root: root's files would be its own without any capability
// (path_resolution(7), credentials(7)).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

namespace sortie {

struct User {
  uid_t uid;
  gid_t gid;
};

/** By name or number (passwd(5)); a number that has no entry is its own group. None where there is no such user. */
std::optional<User> findUser(const std::string& name);

/** Takes on that user and its group, and gives up all supplementary groups. False, with errno, where that cannot be done. */
bool become(const User& user);

}  // namespace sortie
