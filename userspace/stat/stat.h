// SPDX-License-Identifier: GPL-2.0-only
// `vmx stat`: what the vCPUs of this host leave their guests for, and where their time goes.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <utility>
#include <vector>

#include "stat/render.h"
#include "stat/source.h"

namespace vmx {

struct StatOptions {
	std::optional<pid_t> pid; // otherwise all
	bool per_vcpu = false;	  // otherwise by VM
	std::string sort = "rate";
	double interval = 1;	       // seconds, 0.1 to 3600
	std::optional<unsigned> count; // samples, then it ends
	bool batch = false, csv = false, json = false;
	std::string histogram; // a reason: its histogram instead of the table
};

// Takes samples, and keeps of each vCPU the last one.
class StatSampler {
public:
	explicit StatSampler(StatSource &source) : source_(source) {}

	// Views of all VMs or, per_vcpu, of all vCPUs.
	std::vector<StatView> take(bool per_vcpu);

private:
	using Clock = std::chrono::steady_clock;
	struct Last {
		StatsSample sample;
		Clock::time_point time;
	};

	StatSource &source_;
	std::map<std::pair<uint32_t, uint32_t>, Last> last_; // by VM and vCPU
};

// Prints; 0, or 1 after saying why not, 2 on bad usage.
int stat_command(const StatOptions &options);

// The table on a terminal, until q is pressed. As stat_command().
int stat_live(const StatOptions &options, StatSource &source);

} // namespace vmx
