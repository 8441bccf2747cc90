// What root has beyond others: dropped, also for whatever the command becomes by execve(2).
#pragma once

namespace sortie {

/** Whether no capability is left that could be had. */
bool dropCapabilities();

}  // namespace sortie
