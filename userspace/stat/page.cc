// SPDX-License-Identifier: GPL-2.0-only
#include "stat/page.h"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/bytes.h"

namespace vmx {

namespace {

constexpr uint32_t largest_page = 1 << 20; // a page of this version has about 30 KiB
constexpr uint32_t most_values = 1024;
constexpr int tries = 32;

bool inside(const vmx_x_stats_header &h, uint32_t offset, uint64_t bytes)
{
	return offset % sizeof(uint64_t) == 0 && offset >= sizeof(h) && offset <= h.size && bytes <= h.size - offset;
}

std::string name_at(std::span<const uint8_t> page, size_t offset)
{
	auto text = reinterpret_cast<const char *>(page.data() + offset);
	return std::string(text, strnlen(text, VMX_X_STATS_NAME));
}

// The values are read one by one, as the writer's stores may come in between.
template <typename Word>
void copy_words(std::span<const uint8_t> page, size_t offset, Word *to, size_t count)
{
	static_assert(sizeof(Word) == sizeof(uint64_t));
	auto from = reinterpret_cast<const Word *>(page.data() + offset);
	for (size_t i = 0; i < count; i++)
		to[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
}

// Does `copy` until no change came in between; false: it never was so.
template <typename Copy>
bool copy_whole(std::span<const uint8_t> page, Copy copy)
{
	auto seq = reinterpret_cast<const uint32_t *>(page.data() + offsetof(vmx_x_stats_header, seq));
	for (int i = 0; i < tries; i++) {
		uint32_t before = __atomic_load_n(seq, __ATOMIC_ACQUIRE);
		copy();
		std::atomic_thread_fence(std::memory_order_acquire);
		if (before % 2 == 0 && __atomic_load_n(seq, __ATOMIC_RELAXED) == before)
			return true;
	}
	return false;
}

} // namespace

int StatsLayout::counter(const std::string &name) const
{
	auto found = std::find(counters.begin(), counters.end(), name);
	return found == counters.end() ? -1 : static_cast<int>(found - counters.begin());
}

Result<size_t> stats_size(const vmx_x_stats_header &h)
{
	if (h.version != VMX_X_STATS_VERSION)
		return Error(fmt::format("the module's statistics have version {}, this program reads version {}: use "
					 "the vmx that was built with the module",
					 h.version, VMX_X_STATS_VERSION));
	uint64_t names = static_cast<uint64_t>(h.nr_counters) + h.nr_reasons;
	if (h.size > largest_page || h.nr_counters > most_values || h.nr_reasons > most_values || h.nr_reasons < 1 ||
	    h.tsc_khz == 0 || !inside(h, h.counters_offset, sizeof(uint64_t) * h.nr_counters) ||
	    !inside(h, h.reasons_offset, sizeof(uint64_t) * h.nr_reasons) ||
	    !inside(h, h.times_offset, sizeof(vmx_x_stats_time) * h.nr_reasons) ||
	    !inside(h, h.names_offset, VMX_X_STATS_NAME * names))
		return Error("the header of the statistics makes no sense");
	return h.size;
}

Result<StatsLayout> stats_layout(std::span<const uint8_t> page)
{
	if (page.size() < sizeof(vmx_x_stats_header))
		return Error("the statistics are shorter than their header");
	StatsLayout layout;
	layout.header = load<vmx_x_stats_header>(page, 0);
	VMX_TRY_ASSIGN(size_t size, stats_size(layout.header));
	if (size > page.size())
		return Error("the statistics are shorter than their header says");
	size_t at = layout.header.names_offset;
	for (uint32_t i = 0; i < layout.header.nr_counters; i++, at += VMX_X_STATS_NAME)
		layout.counters.push_back(name_at(page, at));
	for (uint32_t i = 0; i < layout.header.nr_reasons; i++, at += VMX_X_STATS_NAME)
		layout.reasons.push_back(name_at(page, at));
	return layout;
}

StatsSample stats_sample(std::span<const uint8_t> page, const StatsLayout &layout)
{
	const vmx_x_stats_header &h = layout.header;
	StatsSample s;
	s.counters.resize(h.nr_counters);
	s.counts.resize(h.nr_reasons);
	s.times.resize(h.nr_reasons);
	auto counters = [&] { copy_words(page, h.counters_offset, s.counters.data(), h.nr_counters); };
	auto reason = [&](size_t i) {
		copy_words(page, h.reasons_offset + i * sizeof(uint64_t), &s.counts[i], 1);
		copy_words(page, h.times_offset + i * sizeof(vmx_x_stats_time), reinterpret_cast<__u64 *>(&s.times[i]),
			   sizeof(vmx_x_stats_time) / sizeof(uint64_t));
	};
	s.consistent = copy_whole(page, [&] {
		counters();
		for (size_t i = 0; i < h.nr_reasons; i++)
			reason(i);
	});
	if (s.consistent)
		return s;
	copy_whole(page, counters);
	for (size_t i = 0; i < h.nr_reasons; i++)
		copy_whole(page, [&] { reason(i); });
	return s;
}

Result<StatsPage> StatsPage::of_vcpu(int vcpu_fd)
{
	UniqueFd fd(ioctl(vcpu_fd, VMX_X_STATS_FD));
	vmx_x_stats_header header;
	if (!fd.valid())
		return Error::from_errno(errno, "cannot get a vCPU's statistics");
	if (read(fd.get(), &header, sizeof(header)) != sizeof(header))
		return Error("cannot read a vCPU's statistics");
	VMX_TRY_ASSIGN(size_t size, stats_size(header));
	VMX_TRY_ASSIGN(Mapping map, Mapping::read_only(fd.get(), size, "a vCPU's statistics"));
	VMX_TRY_ASSIGN(StatsLayout layout, stats_layout(map.bytes()));
	return StatsPage(std::move(map), std::move(layout));
}

} // namespace vmx
