// The system calls that the command may make (seccomp(2)).
#pragma once

namespace sortie {

/**
 * For good. `gpu`: the command may start others, and may listen on a socket of its own. `landlock`: the ABI; what it lacks is
 * refused here. False when the kernel takes no filter.
 */
bool restrictCalls(bool gpu, int landlock);

}  // namespace sortie
