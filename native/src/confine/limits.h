// Resource limits (setrlimit(2)). RLIMIT_AS counts address space that is only reserved (V8 and CUDA reserve hundreds of GiB);
// RLIMIT_DATA counts writable private memory alone (since Linux 4.7), which suits programs that hold such reservations.
#pragma once

#include "options.h"

namespace sortie {

void limit(const Options& options);

}  // namespace sortie
