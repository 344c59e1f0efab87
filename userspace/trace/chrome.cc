// SPDX-License-Identifier: GPL-2.0-only
// The trace event format ("Trace Event Format", the Chromium project): an array of objects, times in microseconds.
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "trace/report.h"

namespace vmx {

namespace {

class Chrome {
public:
	Chrome(FILE *out, const TraceFile &file) : out_(out), file_(file) {}

	void metadata(const char *kind, const TraceVcpu &v, const std::string &name)
	{
		put({{"ph", "M"}, {"name", kind}, {"pid", v.vm_id}, {"tid", v.id}, {"args", {{"name", name}}}});
	}

	// From `begin` to `end`, TSC. Rounded to what TSC ticks are, so that slices touch and do not overlap.
	void slice(const TraceVcpu &v, const std::string &name, const char *category, uint64_t begin, uint64_t end,
		   nlohmann::ordered_json args)
	{
		if (end <= begin)
			return;
		nlohmann::ordered_json one{
			{"ph", "X"},   {"name", name},	  {"cat", category},	       {"pid", v.vm_id},
			{"tid", v.id}, {"ts", us(begin)}, {"dur", us(end) - us(begin)}};
		if (!args.empty())
			one["args"] = std::move(args);
		put(one);
	}

	void begin() { fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[", out_); }
	void end() { fputs("\n]}\n", out_); }

private:
	double us(uint64_t tsc) const
	{
		// The first slice begins before the first exit.
		auto ticks = static_cast<int64_t>(tsc - file_.events().front().record.tsc);
		return static_cast<double>(ticks) * 1e3 / file_.info().tsc_khz;
	}

	void put(const nlohmann::ordered_json &one)
	{
		fmt::print(out_, "{}\n{}", first_ ? "" : ",", one.dump());
		first_ = false;
	}

	FILE *out_;
	const TraceFile &file_;
	bool first_ = true;
};

} // namespace

void export_chrome(FILE *out, const TraceFile &file, const TraceFilter &filter, const Symbols *symbols)
{
	Chrome chrome(out, file);
	chrome.begin();
	std::set<uint32_t> vms;
	for (const TraceVcpu &v : file.info().vcpus) {
		if (vms.insert(v.vm_id).second)
			chrome.metadata("process_name", v,
					fmt::format("VM {} ({}, process {})", v.vm_id, file.info().command,
						    file.info().pid));
		chrome.metadata("thread_name", v, fmt::format("vCPU {}", v.id));
	}
	struct Last {
		uint64_t end = 0; // of the exit before, TSC
		bool to_vmm = false;
	};
	std::vector<Last> last(file.info().vcpus.size());
	for (const TraceEvent &e : file.events()) {
		const vmx_x_trace_record &r = e.record;
		const TraceVcpu &v = file.info().vcpus[e.vcpu];
		Last &before = last[e.vcpu];
		uint64_t entry = r.tsc - std::min(r.in_guest, r.tsc), end = r.tsc + r.in_kernel;
		// What lies between is known only if nothing is missing there.
		bool joined = e.follows && before.to_vmm;
		uint64_t vmm_from = before.end;
		before = {end, r.result == VMX_X_TRACE_VMM || r.result == VMX_X_TRACE_ERROR};
		if (!filter.passes(file, e))
			continue;
		if (joined)
			chrome.slice(v, "VMM", "vmm", vmm_from, entry, {});
		chrome.slice(v, "guest", "guest", entry, r.tsc, {});
		chrome.slice(v, file.reason(r), "exit", r.tsc, end,
			     {{"rip", fmt::format("{:#x}", r.rip)},
			      {"at", trace_place(symbols, r.rip, true)},
			      {"cr3", fmt::format("{:#x}", r.cr3)},
			      {"info1", fmt::format("{:#x}", r.info1)},
			      {"info2", fmt::format("{:#x}", r.info2)},
			      {"served by", trace_result_name(r.result)},
			      {"detail", trace_detail(r)}});
	}
	chrome.end();
}

} // namespace vmx
