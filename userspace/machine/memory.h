// SPDX-License-Identifier: GPL-2.0-only
// Guest RAM: one anonymous mapping, up to 3 GiB of it at guest address 0 and
// the rest at 4 GiB. All accesses by guest address are checked here.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.h"
#include "base/result.h"

namespace vmx {

class GuestMemory {
public:
	struct Region {
		uint64_t guest_addr;
		uint64_t size;
		uint8_t *host;
	};

	// `size` in bytes, a multiple of 4 KiB.
	static Result<GuestMemory> create(uint64_t size);

	const std::vector<Region> &regions() const { return regions_; }
	uint64_t size() const { return map_.size(); }
	// One past the last RAM address below 4 GiB.
	uint64_t low_end() const { return regions_.front().size; }

	// Host bytes of [addr, addr + len) if it is all RAM and in one region,
	// else an empty span. The guest may change them at any time.
	std::span<uint8_t> slice(uint64_t addr, uint64_t len) const;

	// The guest's address of a byte of this process, if it is guest memory.
	std::optional<uint64_t> guest_addr(uint64_t host) const;

	// Copies `data` to guest address `addr`; the error names `what`.
	Result<void> write(uint64_t addr, std::span<const uint8_t> data, const char *what) const;

private:
	Mapping map_;
	std::vector<Region> regions_;
};

} // namespace vmx
