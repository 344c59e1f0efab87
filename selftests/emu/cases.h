/* SPDX-License-Identifier: GPL-2.0-only */
/* Random instructions with states in which they touch only the test's own memory. */
#ifndef EMU_CASES_H
#define EMU_CASES_H

#include <array>
#include <cstdint>

#include "guest.h"
#include "native.h"

/* xoshiro-like: small, fast, the same everywhere. */
class Random {
public:
	explicit Random(uint64_t seed);
	uint64_t next();
	uint64_t below(uint64_t n) { return next() % n; }
	bool chance(unsigned int percent) { return below(100) < percent; }
	/* A value with corners in it: 0, -1, signs, small ones, powers of two. */
	uint64_t value();

private:
	uint64_t s_[2];
};

struct Case {
	std::array<uint8_t, 24> bytes;
	uint8_t len;
	emu_mode mode;
	native::State in;
	std::array<uint8_t, native::kDataSize> mem;
};

/* One case into @t; false: what came out is not to be run here, try again. */
bool make_case(Random &rnd, Guest &g, bool compat, Case &t);

/* Flags that the manuals define after this instruction. @before: the state it started from. */
uint64_t defined_flags(const emu_ctxt &c, const native::State &before);

#endif
