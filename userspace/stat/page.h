// SPDX-License-Identifier: GPL-2.0-only
// The pages of exit statistics (uapi/vmx_ext.h, "exit statistics"): where things are in them, and whole samples.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "uapi/vmx_ext.h"

namespace vmx {

// What does not change while the vCPU lives.
struct StatsLayout {
	vmx_x_stats_header header = {};
	std::vector<std::string> counters; // names, in the page's order
	std::vector<std::string> reasons;  // the last is run_ioctl, which is no exit

	// The counter's index, or -1.
	int counter(const std::string &name) const;
};

struct StatsSample {
	std::vector<uint64_t> counters;
	std::vector<uint64_t> counts; // by reason
	std::vector<vmx_x_stats_time> times;
	bool consistent = false; // all of it is of one moment; else each reason is for itself
};

// The header's size, after checks that everything which it names lies inside. The page comes from the kernel, but
// maybe from another version of it.
Result<size_t> stats_size(const vmx_x_stats_header &header);

// `page` has the size that its header says.
Result<StatsLayout> stats_layout(std::span<const uint8_t> page);

// Copies the values by the protocol of seq, while the vCPU writes. One that never rests is copied part by part.
StatsSample stats_sample(std::span<const uint8_t> page, const StatsLayout &layout);

// A mapped one. It outlives its vCPU and keeps nothing of the VM alive.
class StatsPage {
public:
	// By a vCPU's fd, which is not needed afterwards.
	static Result<StatsPage> of_vcpu(int vcpu_fd);

	const StatsLayout &layout() const { return layout_; }
	StatsSample sample() const { return stats_sample(map_.bytes(), layout_); }

private:
	StatsPage(Mapping map, StatsLayout layout) : map_(std::move(map)), layout_(std::move(layout)) {}

	Mapping map_;
	StatsLayout layout_;
};

} // namespace vmx
