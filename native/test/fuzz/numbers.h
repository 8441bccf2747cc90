// Numbers out of the bytes that a fuzzer gives.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace sortie::fuzz {

class Numbers {
 public:
  Numbers(const uint8_t* data, size_t size) : data_(data), size_(size) {}

  bool empty() const { return size_ == 0; }

  /** Zeros where the bytes end. */
  template <typename T>
  T take() {
    T value{};
    const size_t count = sizeof value < size_ ? sizeof value : size_;
    if (count > 0) std::memcpy(&value, data_, count);
    data_ += count;
    size_ -= count;
    return value;
  }

  /** A time of up to `most`, before zero or after it: small ones, and those at the edges, are as frequent as all others. */
  int64_t time(int64_t most) {
    const auto kind = take<uint8_t>();
    const auto value = take<int64_t>();
    switch (kind % 4) {
      case 0: return value % (most + 1);
      case 1: return value % 1000000;
      case 2: return most - (value & 0xff);
      default: return -most + (value & 0xff);
    }
  }

 private:
  const uint8_t* data_;
  size_t size_;
};

/** What must hold: the sanitizers' runtime tells where it did not. */
inline void must(bool holds) {
  if (!holds) std::abort();
}

}  // namespace sortie::fuzz
