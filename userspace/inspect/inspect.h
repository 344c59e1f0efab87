// SPDX-License-Identifier: GPL-2.0-only
// `vmx inspect`: a running VM's vCPUs, from another process.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "inspect/target.h"

namespace vmx {

struct InspectOptions {
	pid_t pid = 0;
	std::optional<uint32_t> vcpu; // APIC id; otherwise all
	bool all = false;	      // fields that are zero, too
	bool json = false;
	std::string walk;     // an address to be walked, instead
	unsigned diff_ms = 0; // or two looks so far apart, and what has changed
	bool map = false;     // or what is mapped of its memory
	std::string html;     // and that as a page in this file
};

struct VcpuView {
	uint32_t vm_id = 0, id = 0;
	Block block;
	std::vector<vmx_x_violation> broken;
};

std::string view_text(const VcpuView &view, bool all);
std::string views_json(const std::vector<VcpuView> &views, bool all);

// Prints; 0, or 1 after saying why not. 3: shown, and some vCPU breaks a rule of entry.
int inspect_command(const InspectOptions &options);

} // namespace vmx
