// SPDX-License-Identifier: GPL-2.0-only
#include "trace/report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <map>
#include <nlohmann/json.hpp>

#include "stat/render.h"
#include "uapi/vmx.h"

namespace vmx {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<const char *, 4> results = {"fast", "kernel", "vmm", "error"};
constexpr double p99 = 0.99;

// vmx_run.exit_reason
const char *vmm_exit_name(unsigned reason)
{
	switch (reason) {
	case VMX_EXIT_EXCEPTION:
		return "exception";
	case VMX_EXIT_IO:
		return "io";
	case VMX_EXIT_HYPERCALL:
		return "hypercall";
	case VMX_EXIT_DEBUG:
		return "debug";
	case VMX_EXIT_HLT:
		return "hlt";
	case VMX_EXIT_MMIO:
		return "mmio";
	case VMX_EXIT_IRQ_WINDOW_OPEN:
		return "irq_window";
	case VMX_EXIT_SHUTDOWN:
		return "shutdown";
	case VMX_EXIT_FAIL_ENTRY:
		return "fail_entry";
	case VMX_EXIT_INTR:
		return "intr";
	case VMX_EXIT_SET_TPR:
		return "set_tpr";
	case VMX_EXIT_INTERNAL_ERROR:
		return "internal_error";
	case VMX_EXIT_SYSTEM_EVENT:
		return "system_event";
	case VMX_EXIT_IOAPIC_EOI:
		return "ioapic_eoi";
	case VMX_EXIT_HYPERV:
		return "hyperv";
	case VMX_EXIT_X86_RDMSR:
		return "rdmsr";
	case VMX_EXIT_X86_WRMSR:
		return "wrmsr";
	case VMX_EXIT_DIRTY_RING_FULL:
		return "dirty_ring_full";
	case VMX_EXIT_X86_BUS_LOCK:
		return "bus_lock";
	default:
		return nullptr;
	}
}

double seconds_of(const TraceFile &file, uint64_t tsc)
{
	return file.ns(tsc - file.events().front().record.tsc) / 1e9;
}

void sort_by_total(std::vector<TraceSum> &sums)
{
	std::sort(sums.begin(), sums.end(), [](const TraceSum &a, const TraceSum &b) {
		return a.total != b.total ? a.total > b.total : a.name < b.name;
	});
}

std::vector<TraceSum> sums_of(std::map<std::string, std::vector<double>> &durations)
{
	std::vector<TraceSum> sums;
	for (auto &[name, list] : durations) {
		TraceSum s;
		s.name = name;
		s.count = list.size();
		std::sort(list.begin(), list.end());
		for (double ns : list)
			s.total += ns;
		s.max = list.back();
		s.p99 = list[static_cast<size_t>(std::ceil(p99 * static_cast<double>(list.size()))) - 1];
		sums.push_back(std::move(s));
	}
	sort_by_total(sums);
	return sums;
}

std::string sums_text(const char *title, const std::vector<TraceSum> &sums)
{
	size_t width = 18;
	for (const TraceSum &s : sums)
		width = std::max(width, s.name.size());
	std::string text = fmt::format(" {:<{}} {:>10} {:>9} {:>9} {:>9} {:>9}\n", title, width, "count", "total",
				       "average", "p99", "max");
	for (const TraceSum &s : sums)
		text += fmt::format(" {:<{}} {:>10} {:>9} {:>9} {:>9} {:>9}\n", s.name, width, s.count,
				    duration_text(s.total), duration_text(s.average()), duration_text(s.p99),
				    duration_text(s.max));
	return text;
}

Json sums_json(const std::vector<TraceSum> &sums)
{
	Json list = Json::array();
	for (const TraceSum &s : sums)
		list.push_back({{"name", s.name},
				{"count", s.count},
				{"total_ns", s.total},
				{"average_ns", s.average()},
				{"p99_ns", s.p99},
				{"max_ns", s.max}});
	return list;
}

} // namespace

Result<void> TraceFilter::check(const TraceInfo &info) const
{
	for (const std::string &name : reasons)
		if (std::find(info.reasons.begin(), info.reasons.end(), name) == info.reasons.end())
			return Error(fmt::format("no reason is named {}", name));
	if (!result.empty() && std::find(results.begin(), results.end(), result) == results.end())
		return Error(fmt::format("a result is fast, kernel, vmm or error, not {}", result));
	return {};
}

bool TraceFilter::passes(const TraceFile &file, const TraceEvent &event) const
{
	const vmx_x_trace_record &r = event.record;
	return (reasons.empty() || std::find(reasons.begin(), reasons.end(), file.reason(r)) != reasons.end()) &&
	       (!vcpu || *vcpu == file.info().vcpus[event.vcpu].id) &&
	       (result.empty() || result == trace_result_name(r.result)) &&
	       file.ns(r.in_kernel) >= static_cast<double>(min_ns) && (!cr3 || *cr3 == r.cr3);
}

const char *trace_result_name(unsigned result)
{
	return result < results.size() ? results[result] : "unknown";
}

std::string trace_detail(const vmx_x_trace_record &r)
{
	if (r.result == VMX_X_TRACE_VMM) {
		const char *name = vmm_exit_name(r.detail);
		return name ? name : std::to_string(r.detail);
	}
	if (r.result == VMX_X_TRACE_ERROR) {
		const char *name = strerrorname_np(r.detail);
		return name ? name : std::to_string(r.detail);
	}
	return {};
}

std::string trace_place(const Symbols *symbols, uint64_t rip, bool with_offset)
{
	auto name = symbols ? symbols->name(rip, with_offset) : std::nullopt;
	return name ? *name : fmt::format("{:#x}", rip);
}

std::string trace_line(const TraceFile &file, const TraceEvent &e, const Symbols *symbols)
{
	const vmx_x_trace_record &r = e.record;
	const TraceVcpu &vcpu = file.info().vcpus[e.vcpu];
	std::string text;
	if (e.lost)
		text = fmt::format("{:>14} vcpu{:<2} {} exits lost\n", "", vcpu.id, e.lost);
	std::string detail = trace_detail(r), result = trace_result_name(r.result);
	if (!detail.empty())
		result += ":" + detail;
	auto name = symbols ? symbols->name(r.rip) : std::nullopt;
	text += fmt::format("{:14.9f} vcpu{:<2} {:<14} {:<13} rip {:016x}{}{} cr3 {:x} info {:x} {:x} hw {:x} guest {} "
			    "kernel {}\n",
			    seconds_of(file, r.tsc), vcpu.id, file.reason(r), result, r.rip, name ? " " : "",
			    name ? *name : "", r.cr3, r.info1, r.info2, r.hw_reason, duration_text(file.ns(r.in_guest)),
			    duration_text(file.ns(r.in_kernel)));
	return text;
}

std::string trace_event_json(const TraceFile &file, const TraceEvent &e, const Symbols *symbols)
{
	const vmx_x_trace_record &r = e.record;
	const TraceVcpu &vcpu = file.info().vcpus[e.vcpu];
	Json one{{"time", seconds_of(file, r.tsc)},
		 {"vm", vcpu.vm_id},
		 {"vcpu", vcpu.id},
		 {"reason", file.reason(r)},
		 {"result", trace_result_name(r.result)},
		 {"detail", trace_detail(r)},
		 {"rip", r.rip}};
	if (auto name = symbols ? symbols->name(r.rip) : std::nullopt)
		one["symbol"] = *name;
	one.update({{"cr3", r.cr3},
		    {"info1", r.info1},
		    {"info2", r.info2},
		    {"hw_reason", r.hw_reason},
		    {"in_guest_ns", file.ns(r.in_guest)},
		    {"in_kernel_ns", file.ns(r.in_kernel)},
		    {"lost_before", e.lost}});
	return one.dump() + "\n";
}

TraceSummary trace_summary(const TraceFile &file, const TraceFilter &filter, const Symbols *symbols, size_t places)
{
	std::map<std::string, std::vector<double>> by_reason, by_result, by_place;
	TraceSummary s;
	s.lost = file.lost();
	for (const TraceEvent &e : file.events()) {
		if (!filter.passes(file, e))
			continue;
		double ns = file.ns(e.record.in_kernel);
		by_reason[file.reason(e.record)].push_back(ns);
		by_result[trace_result_name(e.record.result)].push_back(ns);
		by_place[trace_place(symbols, e.record.rip, false)].push_back(ns);
		s.events++;
	}
	if (!file.events().empty())
		s.seconds = seconds_of(file, file.events().back().record.tsc);
	s.reasons = sums_of(by_reason);
	s.results = sums_of(by_result);
	s.places = sums_of(by_place);
	std::stable_sort(s.places.begin(), s.places.end(),
			 [](const TraceSum &a, const TraceSum &b) { return a.count > b.count; });
	if (s.places.size() > places)
		s.places.resize(places);
	return s;
}

std::string summary_text(const TraceSummary &s)
{
	return fmt::format("{} exits in {:.3f} s, {} lost; times are those in the kernel\n\n", s.events, s.seconds,
			   s.lost) +
	       sums_text("exit", s.reasons) + "\n" + sums_text("served by", s.results) + "\n" +
	       sums_text("at", s.places);
}

std::string summary_json(const TraceSummary &s)
{
	return Json{{"exits", s.events},
		    {"lost", s.lost},
		    {"seconds", s.seconds},
		    {"reasons", sums_json(s.reasons)},
		    {"results", sums_json(s.results)},
		    {"places", sums_json(s.places)}}
		       .dump() +
	       "\n";
}

std::string export_folded(const TraceFile &file, const TraceFilter &filter, const Symbols *symbols, bool times)
{
	std::map<std::string, double> weights;
	for (const TraceEvent &e : file.events()) {
		if (!filter.passes(file, e))
			continue;
		const TraceVcpu &v = file.info().vcpus[e.vcpu];
		weights[fmt::format("vm{};vcpu{};{};{}", v.vm_id, v.id, file.reason(e.record),
				    trace_place(symbols, e.record.rip, false))] +=
			times ? file.ns(e.record.in_kernel) : 1;
	}
	std::string text;
	for (const auto &[stack, weight] : weights)
		text += fmt::format("{} {:.0f}\n", stack, weight);
	return text;
}

} // namespace vmx
