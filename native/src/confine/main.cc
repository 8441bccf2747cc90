// sortie-confine: runs a command that reads a stranger's file, without network and with the named files only.
//
//   sortie-confine [--read PATH]... [--write PATH]... [--gpu] [--memory BYTES] [--data BYTES] [--cpu SECONDS]
//                  [--file-size BYTES] [--open-files N] [--user USER] [--best-effort] [--explain] -- COMMAND ARGS...
//
// Needs no privilege: no_new_privs, resource limits, Landlock (files), seccomp (system calls). Where root starts it, the command
// runs as another user (nobody). Refuses to run where one of these cannot be had, unless --best-effort is given; --explain tells, as one line of JSON, what is in force. The caller's own
// failures end with 125, as with env(1) and timeout(1); a command that cannot be started with 126 or 127.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "fail.h"
#include "filter.h"
#include "landlock.h"
#include "limits.h"
#include "options.h"
#include "privileges.h"
#include "reach.h"
#include "user.h"

namespace sortie {

namespace {

struct State {
  int landlock;
  bool seccomp;
  bool capabilities;
};

/** Ends the launcher, or says so and goes on, where the caller wants that. `remedy`: what else can be done. */
void missing(const Options& options, const std::string& what, const std::string& remedy = "") {
  const std::string text = what + ", so that what runs here could read and change files that are not its own";
  if (!options.bestEffort) fail(text + "; " + remedy + "set SORTIE_CONFINE=best-effort to work without");
  std::fprintf(stderr, "sortie-confine: %s (SORTIE_CONFINE=best-effort).\n", text.c_str());
}

/** Whom to become in root's place; looked up before Landlock closes /etc. */
std::optional<User> otherUser(const Options& options) {
  const auto user = findUser(options.user);
  if (user && user->uid == 0) fail("the user " + options.user + " is root, too; name another one in SORTIE_CONFINE_USER");
  return user;
}

void missingUser(const Options& options, const std::string& what) {
  missing(options, what, "run Sortie as another user than root, name a user that there is in SORTIE_CONFINE_USER, or ");
}

void dieWith(pid_t parent) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) fail("PR_SET_PDEATHSIG", errno);
  if (::getppid() != parent) std::exit(kOwnFailure);  // it died before it could take us along
}

State confine(const Options& options, pid_t parent) {
  const bool root = ::geteuid() == 0;
  const auto user = root ? otherUser(options) : std::nullopt;
  if (root && !user) missingUser(options, "there is no user \"" + options.user + "\" to become in root's place");
  const Reach reach(options);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("PR_SET_NO_NEW_PRIVS", errno);
  limit(options);
  State state{landlockVersion(), false, false};
  if (state.landlock > 0) restrictFiles(options, state.landlock);
  else missing(options, "this kernel has no Landlock (it came with Linux 5.13; see /sys/kernel/security/lsm, the boot parameter lsm=, and the seccomp profile of a container)");
  const Dropped dropped = dropPrivileges(user);
  if (!dropped.user) missingUser(options, "the user " + options.user + " cannot be taken on in root's place (" + std::strerror(dropped.error) + ")");
  else if (user) reach.check(options.user);
  // After the change of user, which takes this back (prctl(2)).
  dieWith(parent);
  state.capabilities = dropped.capabilities;
  if (!state.capabilities) missing(options, "the capabilities cannot be dropped");
  // Without Landlock, too, the filter keeps from truncating what Landlock would.
  state.seccomp = restrictCalls(options.gpu, state.landlock);
  if (!state.seccomp) missing(options, "this kernel takes no filter of system calls (CONFIG_SECCOMP_FILTER)");
  return state;
}

/** Who closes what; "none" is told where nobody does. */
void explain(const Options& options, const State& state) {
  const auto by = [&state](int abi) { return state.landlock >= abi ? "landlock" : state.seccomp ? "seccomp" : "none"; };
  const auto flag = [](bool value) { return value ? "true" : "false"; };
  std::fprintf(options.command ? stderr : stdout,
               "{\"noNewPrivileges\":true,\"landlock\":%d,\"files\":%s,\"truncate\":\"%s\",\"network\":\"%s\",\"signals\":\"%s\","
               "\"abstractSockets\":\"%s\",\"seccomp\":%s,\"capabilities\":\"%s\",\"uid\":%u,\"gid\":%u,\"bestEffort\":%s}\n",
               state.landlock, flag(state.landlock >= 1), by(3), state.seccomp ? "seccomp" : by(4), by(6), by(6), flag(state.seccomp),
               state.capabilities ? "dropped" : "kept", ::getuid(), ::getgid(), flag(options.bestEffort));
}

int run(int argc, char** argv) {
  const Options options = parse(argc, argv);
  const pid_t parent = ::getppid();
  const State state = confine(options, parent);
  if (options.explain) {
    explain(options, state);
    if (!options.command) return 0;
  }
  ::execvp(options.command[0], options.command);
  const int error = errno;
  std::fprintf(stderr, "sortie-confine: %s: %s\n", options.command[0], std::strerror(error));
  return error == ENOENT ? 127 : 126;
}

}  // namespace

}  // namespace sortie

int main(int argc, char** argv) { return sortie::run(argc, argv); }
