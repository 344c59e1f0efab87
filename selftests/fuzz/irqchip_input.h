// SPDX-License-Identifier: GPL-2.0-only
// Takes values from a fuzzer's input; zeros when it is used up.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define FUZZ_CHECK(x)                                                     \
  do {                                                                    \
    if (!(x)) {                                                           \
      std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #x);        \
      std::abort();                                                       \
    }                                                                     \
  } while (0)

class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size) : p_(data), left_(size) {}

  bool more() const { return left_ > 0; }

  template <typename T>
  T take() {
    T v{};
    bytes(&v, sizeof(v));
    return v;
  }

  void bytes(void* out, size_t n) {
    size_t have = n < left_ ? n : left_;
    std::memcpy(out, p_, have);
    p_ += have;
    left_ -= have;
  }

 private:
  const uint8_t* p_;
  size_t left_;
};
