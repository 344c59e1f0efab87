// SPDX-License-Identifier: GPL-2.0-only
// What is made of a recorded trace: lines, sums, files for other programs.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "trace/file.h"
#include "trace/symbols.h"

namespace vmx {

struct TraceFilter {
	std::vector<std::string> reasons; // empty: all
	std::optional<uint32_t> vcpu;	  // APIC id
	std::string result;		  // "fast", "kernel", "vmm", "error"; empty: all
	uint64_t min_ns = 0;		  // in the kernel
	std::optional<uint64_t> cr3;

	// An error if a name is unknown.
	Result<void> check(const TraceInfo &info) const;
	bool passes(const TraceFile &file, const TraceEvent &event) const;
};

// "fast", "kernel", "vmm", "error"; "unknown".
const char *trace_result_name(unsigned result);

// What the result says more: the exit that the VMM got ("io"), or an errno ("EFAULT"); empty if nothing.
std::string trace_detail(const vmx_x_trace_record &record);

// A guest's address: the symbol, or a number.
std::string trace_place(const Symbols *symbols, uint64_t rip, bool with_offset);

// One line of an event, and one before it if records were lost there.
std::string trace_line(const TraceFile &file, const TraceEvent &event, const Symbols *symbols);
std::string trace_event_json(const TraceFile &file, const TraceEvent &event, const Symbols *symbols);

struct TraceSum {
	std::string name;
	uint64_t count = 0;
	double total = 0, max = 0, p99 = 0; // ns in the kernel; p99 is exact

	double average() const { return count ? total / static_cast<double>(count) : 0; }
};

struct TraceSummary {
	std::vector<TraceSum> reasons, results, places; // longest total first; the most frequent places first
	uint64_t events = 0, lost = 0;
	double seconds = 0; // from the first event to the last
};

TraceSummary trace_summary(const TraceFile &file, const TraceFilter &filter, const Symbols *symbols, size_t places);
std::string summary_text(const TraceSummary &summary);
std::string summary_json(const TraceSummary &summary);

// The trace event format of Chrome and Perfetto: a process per VM, a thread per vCPU, on which the guest, each exit and
// the VMM follow each other.
void export_chrome(FILE *out, const TraceFile &file, const TraceFilter &filter, const Symbols *symbols);

// Lines "vm1;vcpu0;io;symbol N" for flame graphs: N counts exits or, if `times`, is their time in the kernel in ns.
std::string export_folded(const TraceFile &file, const TraceFilter &filter, const Symbols *symbols, bool times);

} // namespace vmx
