/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The emulated side of the differential test: the same two pages, the same flat user-mode machine. Everything that is
 * not mapped natively faults here too.
 */
#ifndef EMU_GUEST_H
#define EMU_GUEST_H

#include <array>
#include <cstdint>
#include <vector>

#include "native.h"
#include "pure/emu.h"

class Guest {
public:
	Guest();

	/* Decodes @bytes in @mode; false: cannot be fetched. The result is in ctxt().insn. */
	bool decode(std::span<const uint8_t> bytes, emu_mode mode, uint64_t rip);

	/* Executes what was decoded from the state; @mem is memory before and after. */
	native::Outcome run(const native::State &in, std::span<uint8_t> mem);

	emu_ctxt &ctxt() { return c_; }
	int last_result() const { return result_; }

	/* ops */
	uint8_t *find(uint64_t la, unsigned int len);
	native::State &state() { return state_; }

private:
	emu_ctxt c_{};
	native::State state_{};
	std::span<uint8_t> mem_;
	std::array<uint8_t, 4096> pio_{};
	int result_ = EMU_OK;
};

#endif
