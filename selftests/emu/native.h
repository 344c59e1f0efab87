/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Runs one instruction on the real CPU, in memory of its own, and tells what became of registers and memory,
 * or which exception it raised. One at a time; single-threaded.
 */
#ifndef EMU_NATIVE_H
#define EMU_NATIVE_H

#include <array>
#include <cstdint>
#include <span>

namespace native {

/* Layout known to native_enter.S. */
struct State {
	std::array<uint64_t, 16> regs;
	uint64_t rflags;
	uint64_t rip;
	uint64_t pad[2];
	std::array<std::array<uint8_t, 32>, 16> vec;
};
static_assert(offsetof(State, vec) == 160);

/* Two data pages between guard pages; four code pages full of INT3. All below 2 GiB. */
constexpr uint64_t kData = 0x10000000;
constexpr uint64_t kDataSize = 0x2000;
constexpr uint64_t kCode = 0x10010000;
constexpr uint64_t kCodeSize = 0x4000;

constexpr int kNoTrap = -1;

struct Outcome {
	int vector = kNoTrap; /* exception of the instruction itself; kNoTrap: it completed */
	uint64_t error = 0;
	uint64_t cr2 = 0;
	State state{};
};

enum class Code { Bits64, Bits32 };

/* Maps the memory, installs handlers, sets GS base to kData. False: says why on stderr. */
bool init();
bool have_avx();
/* Can 32-bit code run here? */
bool have_compat();

std::span<uint8_t> data();
/* Runs the instruction at in.rip (within the code pages; @bytes are put there and taken away). */
Outcome run(const State &in, std::span<const uint8_t> bytes, Code code);

} // namespace native

#endif
