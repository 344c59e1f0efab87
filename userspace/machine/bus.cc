// SPDX-License-Identifier: GPL-2.0-only
#include "machine/bus.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>

namespace vmx {

Result<void> Bus::insert(uint64_t base, uint64_t size, Device &device, unsigned region)
{
	if (size == 0 || base >= limit_ || size > limit_ - base)
		return Error(fmt::format("{}: {} cannot be at {:#x}+{:#x}: outside the bus", name_, device.name(), base,
					 size),
			     EINVAL);
	auto next = std::lower_bound(ranges_.begin(), ranges_.end(), base,
				     [](const Range &r, uint64_t b) { return r.base < b; });
	const Range *clash = nullptr;
	if (next != ranges_.end() && next->base - base < size)
		clash = &*next;
	if (next != ranges_.begin() && base - std::prev(next)->base < std::prev(next)->size)
		clash = &*std::prev(next);
	if (clash)
		return Error(fmt::format("{}: {} at {:#x}+{:#x} overlaps {} at {:#x}+{:#x}", name_, device.name(), base,
					 size, clash->device->name(), clash->base, clash->size),
			     EEXIST);
	ranges_.insert(next, {base, size, &device, region});
	return {};
}

const Bus::Range *Bus::find(uint64_t addr, size_t want, size_t &span) const
{
	auto next = std::upper_bound(ranges_.begin(), ranges_.end(), addr,
				     [](uint64_t a, const Range &r) { return a < r.base; });
	span = want;
	if (next != ranges_.begin()) {
		const Range &r = *std::prev(next);
		if (addr - r.base < r.size) {
			span = static_cast<size_t>(std::min<uint64_t>(want, r.size - (addr - r.base)));
			return &r;
		}
	}
	if (next != ranges_.end())
		span = static_cast<size_t>(std::min<uint64_t>(want, next->base - addr));
	return nullptr;
}

void Bus::note_unclaimed(uint64_t addr) const
{
	unclaimed_.fetch_add(1, std::memory_order_relaxed);
	last_unclaimed_.store(addr, std::memory_order_relaxed);
}

void Bus::read(uint64_t addr, std::span<uint8_t> data) const
{
	std::fill(data.begin(), data.end(), uint8_t{0xff});
	while (!data.empty()) {
		size_t n = 0;
		if (const Range *r = find(addr, data.size(), n))
			r->device->read(r->region, addr - r->base, data.first(n));
		else
			note_unclaimed(addr);
		addr += n;
		data = data.subspan(n);
	}
}

void Bus::write(uint64_t addr, std::span<const uint8_t> data) const
{
	while (!data.empty()) {
		size_t n = 0;
		if (const Range *r = find(addr, data.size(), n))
			r->device->write(r->region, addr - r->base, data.first(n));
		else
			note_unclaimed(addr);
		addr += n;
		data = data.subspan(n);
	}
}

} // namespace vmx
