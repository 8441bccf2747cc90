// A seccomp program in the making (seccomp(2), Documentation/userspace-api/seccomp_filter.rst): a list of rules, of which the
// first that fits a system call decides.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <vector>

namespace sortie {

constexpr uint32_t kAllow = SECCOMP_RET_ALLOW;
constexpr uint32_t refusal(int error) { return SECCOMP_RET_ERRNO | static_cast<uint32_t>(error); }

class Program {
 public:
  /** `outcome` for calls of another architecture's numbers, which would go round the list. */
  explicit Program(uint32_t architecture);

  void always(int number, uint32_t outcome);
  /** Calls whose numbers are at or above that one. */
  void from(uint32_t number, uint32_t outcome);

  /** `then` where the low half of an argument, masked, is one of the values; `otherwise` else. */
  void oneOf(int number, int argument, std::initializer_list<uint32_t> values, uint32_t then, uint32_t otherwise, uint32_t mask = ~0u);
  /** `then` where any of the bits is set, `otherwise` where none is. */
  void anyBit(int number, int argument, uint32_t bits, uint32_t then, uint32_t otherwise);
  /** `then` where both hold: the first argument is `first`, the second one's masked half one of the values. */
  void both(int number, uint32_t first, std::initializer_list<uint32_t> values, uint32_t mask, uint32_t then, uint32_t otherwise);
  /** `outcome` where a bit of the first mask is set and the half under the second one is one of the values; else the next rule. */
  void where(int number, int argument, uint32_t bits, uint32_t mask, std::initializer_list<uint32_t> values, uint32_t outcome);

  void otherwise(uint32_t outcome);
  bool install();

 private:
  void add(int code, uint32_t k, size_t yes = 0, size_t no = 0);
  void load(int argument);
  void number();

  std::vector<sock_filter> code_;
};

}  // namespace sortie
