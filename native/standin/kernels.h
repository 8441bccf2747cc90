// The CPU build of the kernels, by name.
#pragma once
#include <functional>

namespace standin {

/** Copies the parameters; the call that it gives walks the grid. Null when there is no such kernel. */
using Launch = std::function<void()> (*)(int width, int height, void* parameters);
Launch findKernel(const char* name);

}  // namespace standin
