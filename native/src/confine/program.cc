#include "program.h"

#include <sys/prctl.h>

#include <cstdlib>

namespace sortie {

namespace {

/** Both machines are little-endian: the low half comes first. */
uint32_t offsetOf(int argument) { return static_cast<uint32_t>(offsetof(seccomp_data, args) + 8 * static_cast<size_t>(argument)); }

}  // namespace

Program::Program(uint32_t architecture) {
  add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch));
  add(BPF_JMP | BPF_JEQ | BPF_K, architecture, 1, 0);
  add(BPF_RET, SECCOMP_RET_KILL_PROCESS);
  number();
}

void Program::add(int code, uint32_t k, size_t yes, size_t no) {
  if (yes > UINT8_MAX || no > UINT8_MAX) std::abort();
  code_.push_back({static_cast<uint16_t>(code), static_cast<uint8_t>(yes), static_cast<uint8_t>(no), k});
}

void Program::load(int argument) { add(BPF_LD | BPF_W | BPF_ABS, offsetOf(argument)); }
void Program::number() { add(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)); }

void Program::always(int number, uint32_t outcome) {
  add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 1);
  add(BPF_RET, outcome);
}

void Program::from(uint32_t number, uint32_t outcome) {
  add(BPF_JMP | BPF_JGE | BPF_K, number, 0, 1);
  add(BPF_RET, outcome);
}

void Program::oneOf(int number, int argument, std::initializer_list<uint32_t> values, uint32_t then, uint32_t otherwise, uint32_t mask) {
  const size_t count = values.size();
  add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, count + 4);
  load(argument);
  add(BPF_ALU | BPF_AND | BPF_K, mask);
  size_t left = count;
  for (const uint32_t value : values) add(BPF_JMP | BPF_JEQ | BPF_K, value, left--, 0);
  add(BPF_RET, otherwise);
  add(BPF_RET, then);
}

void Program::anyBit(int number, int argument, uint32_t bits, uint32_t then, uint32_t otherwise) {
  add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, 4);
  load(argument);
  add(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1);
  add(BPF_RET, then);
  add(BPF_RET, otherwise);
}

void Program::both(int number, uint32_t first, std::initializer_list<uint32_t> values, uint32_t mask, uint32_t then, uint32_t otherwise) {
  const size_t count = values.size();
  add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, count + 6);
  load(0);
  add(BPF_JMP | BPF_JEQ | BPF_K, first, 0, count + 2);
  load(1);
  add(BPF_ALU | BPF_AND | BPF_K, mask);
  size_t left = count;
  for (const uint32_t value : values) add(BPF_JMP | BPF_JEQ | BPF_K, value, left--, 0);
  add(BPF_RET, otherwise);
  add(BPF_RET, then);
}

void Program::where(int number, int argument, uint32_t bits, uint32_t mask, std::initializer_list<uint32_t> values, uint32_t outcome) {
  const size_t count = values.size();
  add(BPF_JMP | BPF_JEQ | BPF_K, static_cast<uint32_t>(number), 0, count + 6);
  load(argument);
  add(BPF_JMP | BPF_JSET | BPF_K, bits, 0, count + 3);
  add(BPF_ALU | BPF_AND | BPF_K, mask);
  size_t left = count;
  for (const uint32_t value : values) add(BPF_JMP | BPF_JEQ | BPF_K, value, left--, 0);
  add(BPF_JMP | BPF_JA, 1);
  add(BPF_RET, outcome);
  this->number();
}

void Program::otherwise(uint32_t outcome) { add(BPF_RET, outcome); }

bool Program::install() {
  sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
  return ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

}  // namespace sortie
