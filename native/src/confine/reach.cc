#include "reach.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

#include "fail.h"

namespace sortie {

namespace {

std::string linkOf(int fd) { return "/proc/self/fd/" + std::to_string(fd); }

/** Of what was named by a descriptor, the name that people know it by. */
std::string nameOf(int fd) {
  char name[PATH_MAX];
  const ssize_t length = ::readlink(linkOf(fd).c_str(), name, sizeof name);
  return length > 0 ? std::string(name, static_cast<size_t>(length)) : linkOf(fd);
}

}  // namespace

Reach::Reach(const Options& options) {
  const auto add = [this](const std::string& option, const std::string& path, int wanted) {
    const int fd = ::open(path.c_str(), O_PATH | O_CLOEXEC);
    if (fd < 0) fail(option + " " + path, errno);
    struct stat status {};
    if (::fstat(fd, &status) != 0) fail(path, errno);
    named_.push_back({nameOf(fd), fd, S_ISDIR(status.st_mode) ? wanted | X_OK : wanted});
  };
  for (const std::string& path : options.read) add("--read", path, R_OK);
  for (const std::string& path : options.write) add("--write", path, R_OK | W_OK);
}

void Reach::check(const std::string& user) const {
  for (const auto& [path, fd, wanted] : named_)
    if (::faccessat(AT_FDCWD, linkOf(fd).c_str(), wanted, AT_EACCESS) != 0)
      fail("the user " + user + ", who reads strangers' files in root's place, may not " + ((wanted & W_OK) != 0 ? "write to " : "read ") + path +
               "; give that user the right to (chmod -R o+rX for what is read, and a umask of 022), name another one in SORTIE_CONFINE_USER, or do "
               "not run Sortie as root",
           errno);
}

}  // namespace sortie
