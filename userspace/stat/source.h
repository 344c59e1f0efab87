// SPDX-License-Identifier: GPL-2.0-only
// Which vCPUs of /dev/vmx are on this host: those that some process has as a file, without its help.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/result.h"
#include "stat/page.h"

namespace vmx {

// A process's name with nothing in it that a terminal would obey. Empty if it is gone.
std::string command_of(pid_t pid);

struct StatVcpu {
	pid_t pid;
	uint32_t vm_id;
	uint32_t id; // APIC id
	StatsPage page;
};

class StatSource {
public:
	// Of one process, or of all that this user may look at.
	explicit StatSource(std::optional<pid_t> pid) : pid_(pid) {}

	// Notices VMs that came or went. An error if the one process cannot be looked at, or if statistics are of
	// another version.
	Result<void> refresh();

	// By VM and id.
	std::vector<const StatVcpu *> vcpus() const;
	std::string command(pid_t pid) const;

private:
	struct Process {
		std::vector<int> fds;
		std::string command;
		std::vector<StatVcpu> vcpus;
	};

	Result<void> refresh_process(pid_t pid, std::vector<int> fds);

	std::optional<pid_t> pid_;
	std::map<pid_t, Process> processes_;
	unsigned refreshes_ = 0;
};

} // namespace vmx
