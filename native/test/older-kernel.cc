// Put before the C library (LD_PRELOAD) it answers the launcher as an older kernel would: SORTIE_TEST_LANDLOCK is the ABI of
// Landlock (0: none, as before Linux 5.13), SORTIE_TEST_SECCOMP "no" a kernel without filters. The launcher itself knows
// nothing of it. All other calls go on as they are.
#include <dlfcn.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>

namespace {

constexpr long kCreateRuleset = 444, kRestrictSelf = 446;

template <typename Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" long syscall(long number, ...) noexcept {
  va_list list;
  va_start(list, number);
  long arguments[6];
  for (long& argument : arguments) argument = va_arg(list, long);
  va_end(list);
  const char* told = std::getenv("SORTIE_TEST_LANDLOCK");
  if (told && number >= kCreateRuleset && number <= kRestrictSelf) {
    const int abi = std::atoi(told);
    if (abi == 0) {
      errno = ENOSYS;
      return -1;
    }
    if (number == kCreateRuleset && arguments[0] == 0) return abi;
  }
  return next<long(long, ...)>("syscall")(number, arguments[0], arguments[1], arguments[2], arguments[3], arguments[4], arguments[5]);
}

extern "C" int prctl(int option, ...) noexcept {
  va_list list;
  va_start(list, option);
  unsigned long arguments[4];
  for (unsigned long& argument : arguments) argument = va_arg(list, unsigned long);
  va_end(list);
  const char* told = std::getenv("SORTIE_TEST_SECCOMP");
  if (told && std::strcmp(told, "no") == 0 && option == PR_SET_SECCOMP) {
    errno = EINVAL;
    return -1;
  }
  return next<int(int, ...)>("prctl")(option, arguments[0], arguments[1], arguments[2], arguments[3]);
}
