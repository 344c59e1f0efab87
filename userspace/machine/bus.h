// SPDX-License-Identifier: GPL-2.0-only
// Finds the device that answers at an address.
//
// Built by one thread before the vCPUs start, constant afterwards: that is why
// lookups take no lock. (PCI BARs that move will need one; add it with them.)
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "machine/device.h"

namespace vmx {

class Bus {
public:
	// `limit`: one past the last address (0x10000 for ports).
	Bus(std::string name, uint64_t limit) : name_(std::move(name)), limit_(limit) {}

	// Lets `device` answer at [base, base + size) as its region `region`.
	// Refuses an empty range, one that leaves the bus, one that overlaps.
	// The device must outlive the bus.
	Result<void> insert(uint64_t base, uint64_t size, Device &device, unsigned region = 0);

	// An access of 1 to 8 bytes. One that spans ranges is split at their
	// borders; bytes nobody answers read as 0xff, and writes to them are lost.
	void read(uint64_t addr, std::span<uint8_t> data) const;
	void write(uint64_t addr, std::span<const uint8_t> data) const;

	// How many accesses had a byte that nobody answered, and the last address.
	uint64_t unclaimed() const { return unclaimed_.load(std::memory_order_relaxed); }
	uint64_t last_unclaimed() const { return last_unclaimed_.load(std::memory_order_relaxed); }

	const std::string &name() const { return name_; }

private:
	struct Range {
		uint64_t base;
		uint64_t size;
		Device *device;
		unsigned region;
	};

	// The range at `addr`, or null; `span` is set to how many of the `want`
	// bytes from `addr` on have the same answer.
	const Range *find(uint64_t addr, size_t want, size_t &span) const;
	void note_unclaimed(uint64_t addr) const;

	std::string name_;
	uint64_t limit_;
	std::vector<Range> ranges_; // sorted by base, disjoint
	mutable std::atomic<uint64_t> unclaimed_{0};
	mutable std::atomic<uint64_t> last_unclaimed_{0};
};

} // namespace vmx
