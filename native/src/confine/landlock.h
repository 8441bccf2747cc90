// Files by name (landlock(7)): what is not named cannot be opened.
#pragma once

#include "options.h"

namespace sortie {

/** The ABI that the kernel offers, 0 when there is none. */
int landlockVersion();

/** `version`: not 0. */
void restrictFiles(const Options& options, int version);

}  // namespace sortie
