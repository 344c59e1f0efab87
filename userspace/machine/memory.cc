// SPDX-License-Identifier: GPL-2.0-only
#include "machine/memory.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/mman.h>

#include "machine/layout.h"

namespace vmx {

Result<GuestMemory> GuestMemory::create(uint64_t size)
{
	if (size == 0 || size % 4096 != 0)
		return Error("the memory size must be a multiple of 4 KiB", EINVAL);
	// Aligned so that huge host pages back huge guest pages at the same offset.
	size_t align = size >= layout::gib ? layout::gib : 2 * layout::mib;
	GuestMemory memory;
	VMX_TRY_ASSIGN(memory.map_, Mapping::anonymous(size, align));
	// Advice only: a kernel without it still runs the guest.
	::madvise(memory.map_.data(), size, MADV_HUGEPAGE);
	::madvise(memory.map_.data(), size, MADV_DONTDUMP);

	uint64_t low = std::min(size, layout::mmio_hole);
	memory.regions_.push_back({0, low, memory.map_.data()});
	if (size > low)
		memory.regions_.push_back({layout::above_4g, size - low, memory.map_.data() + low});
	return memory;
}

std::span<uint8_t> GuestMemory::slice(uint64_t addr, uint64_t len) const
{
	for (const Region &r : regions_) {
		if (addr < r.guest_addr || addr - r.guest_addr >= r.size)
			continue;
		uint64_t offset = addr - r.guest_addr;
		if (len > r.size - offset)
			return {};
		return {r.host + offset, static_cast<size_t>(len)};
	}
	return {};
}

std::optional<uint64_t> GuestMemory::guest_addr(uint64_t host) const
{
	for (const Region &r : regions_) {
		uint64_t offset = host - reinterpret_cast<uint64_t>(r.host);
		if (offset < r.size)
			return r.guest_addr + offset;
	}
	return std::nullopt;
}

Result<void> GuestMemory::write(uint64_t addr, std::span<const uint8_t> data, const char *what) const
{
	if (data.empty())
		return {};
	std::span<uint8_t> to = slice(addr, data.size());
	if (to.empty())
		return Error(fmt::format("{} does not fit in guest memory at {:#x}+{:#x}", what, addr, data.size()),
			     ENOSPC);
	std::memcpy(to.data(), data.data(), data.size());
	return {};
}

} // namespace vmx
