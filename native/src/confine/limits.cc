#include "limits.h"

#include <cerrno>

#include "fail.h"

namespace sortie {

void limit(const Options& options) {
  for (const auto& [resource, soft, hard] : options.limits) {
    rlimit now{};
    if (::getrlimit(static_cast<__rlimit_resource_t>(resource), &now) != 0) fail("getrlimit", errno);
    const auto allowed = [&now](rlim_t value) { return now.rlim_max == RLIM_INFINITY || value < now.rlim_max ? value : now.rlim_max; };
    const rlimit wanted{allowed(soft), allowed(hard)};
    if (::setrlimit(static_cast<__rlimit_resource_t>(resource), &wanted) != 0) fail("setrlimit", errno);
  }
}

}  // namespace sortie
