// SPDX-License-Identifier: GPL-2.0-only
// What is computed from samples of the statistics: rates, shares, averages, bounds of percentiles; of a vCPU or,
// added up, of a VM.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "stat/page.h"

namespace vmx {

struct StatReason {
	std::string name;
	uint64_t count = 0;	// since the vCPU was made
	uint64_t finished = 0;	// of these, whose time is known: all but one that goes on
	uint64_t total = 0;	// TSC ticks, of those
	uint64_t max = 0;	// TSC ticks
	uint64_t new_count = 0; // since the last sample
	uint64_t new_total = 0;
	std::array<uint64_t, VMX_X_STATS_BUCKETS> histogram = {};

	// Ticks; 0 if none finished.
	double average() const;
	// Ticks that so much of `part` (0 to 1) did not exceed: the end of its bucket, or max, if that is less.
	uint64_t below(double part) const;
};

struct StatCounter {
	std::string name;
	uint64_t value = 0;
	uint64_t added = 0; // since the last sample
};

// Where the time went, TSC ticks.
struct StatSplit {
	uint64_t guest = 0, kernel = 0, vmm = 0, halted = 0;

	uint64_t sum() const { return guest + kernel + vmm + halted; }
};

struct StatView {
	pid_t pid = 0;
	std::string command;
	uint32_t vm_id = 0;
	std::optional<uint32_t> vcpu; // none: of all vCPUs of the VM
	unsigned vcpus = 1;
	uint32_t tsc_khz = 1;
	double seconds = 0; // since the last sample
	bool consistent = true;
	std::vector<StatReason> reasons; // exits
	StatReason run_ioctl;		 // no exit
	std::vector<StatCounter> counters;
	StatSplit time, new_time;

	double ns(double ticks) const { return ticks * 1e6 / tsc_khz; }
	double rate(uint64_t added) const { return seconds > 0 ? static_cast<double>(added) / seconds : 0; }
	// Part of the time since the last sample, 0 to 1.
	double share(uint64_t ticks) const;
	uint64_t exits() const;
};

// `before`: the last sample, `seconds` ago; without one, the vCPU's whole life counts as the interval.
StatView stat_view(const StatsLayout &layout, const StatsSample &now, const StatsSample *before, double seconds);

// Adds a vCPU of the same VM.
void stat_add(StatView &sum, const StatView &more);

enum class StatOrder { count, rate, total, average, max, name };

// The reasons that occurred, in descending order (names ascending).
std::vector<const StatReason *> stat_sorted(const StatView &view, StatOrder order);

} // namespace vmx
