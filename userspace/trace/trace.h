// SPDX-License-Identifier: GPL-2.0-only
// `vmx trace`: each exit of a running VM, recorded from another process, and what is made of that.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "trace/report.h"

namespace vmx {

struct TraceRecordOptions {
	pid_t pid = 0;
	std::optional<uint32_t> vcpu; // APIC id; otherwise all
	std::string output;	      // empty: vmx-PID.trace
	double duration = 0;	      // seconds; 0: until SIGINT, or the end of the VMM
	uint64_t records = 0;	      // so many in all; 0: no limit
	std::string reasons;	      // names, with commas; empty: all
	uint32_t ring = 1 << 16;      // records that fit in each vCPU's ring
	bool json = false;
};

struct TraceReadOptions {
	std::string file;
	TraceFilter filter;
	std::string reasons; // names, with commas
	std::string cr3;     // in hexadecimal
	std::string vmlinux, system_map, kaslr_offset;
	std::string chrome, folded; // files to write
	bool by_time = false;	    // folded: time, not counts
	size_t places = 20;
	bool json = false;
};

// All: 0, or 1 after saying why not.
int trace_record(const TraceRecordOptions &options);
int trace_show(TraceReadOptions options);
int trace_summarise(TraceReadOptions options);
int trace_export(TraceReadOptions options);

// "a,b" as a list.
std::vector<std::string> split_names(const std::string &text);

} // namespace vmx
