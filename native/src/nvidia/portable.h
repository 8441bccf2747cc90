// Lets one source be a CUDA kernel (clang without the CUDA toolkit, or nvcc) and a plain C++ function.
#pragma once

#if defined(__CUDA__) && defined(__clang__)
#define SORTIE_KERNEL extern "C" __attribute__((global)) void
#define SORTIE_DEVICE static inline __attribute__((device))
#define SORTIE_X static_cast<int>(__nvvm_read_ptx_sreg_ctaid_x() * __nvvm_read_ptx_sreg_ntid_x() + __nvvm_read_ptx_sreg_tid_x())
#define SORTIE_Y static_cast<int>(__nvvm_read_ptx_sreg_ctaid_y() * __nvvm_read_ptx_sreg_ntid_y() + __nvvm_read_ptx_sreg_tid_y())
#elif defined(__CUDACC__)
#define SORTIE_KERNEL extern "C" __global__ void
#define SORTIE_DEVICE static inline __device__
#define SORTIE_X static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x)
#define SORTIE_Y static_cast<int>(blockIdx.y * blockDim.y + threadIdx.y)
#else
// The CPU build: whoever runs the kernel walks the grid and says where it stands.
#define SORTIE_KERNEL static inline void
#define SORTIE_DEVICE static inline
namespace sortie::nvidia {
struct Place {
  int x = 0;
  int y = 0;
};
inline thread_local Place place;
}  // namespace sortie::nvidia
#define SORTIE_X sortie::nvidia::place.x
#define SORTIE_Y sortie::nvidia::place.y
#endif
