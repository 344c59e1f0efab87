// SPDX-License-Identifier: GPL-2.0-only
#include "stat/render.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

namespace vmx {

namespace {

constexpr std::array<std::pair<const char *, StatOrder>, 6> orders = {{
	{"count", StatOrder::count},
	{"rate", StatOrder::rate},
	{"total", StatOrder::total},
	{"average", StatOrder::average},
	{"max", StatOrder::max},
	{"name", StatOrder::name},
}};

constexpr double p50 = 0.50, p99 = 0.99;
constexpr unsigned bar_width = 40;

bool timed(const StatView &view)
{
	return view.time.sum() != 0;
}

std::string title(const StatView &view)
{
	std::string what = view.vcpu ? fmt::format("vCPU {}", *view.vcpu) :
				       fmt::format("{} vCPU{}", view.vcpus, view.vcpus == 1 ? "" : "s");
	return fmt::format("VM {}, {}: {} (process {}), over {:.1f} s{}\n", view.vm_id, what, view.command, view.pid,
			   view.seconds, view.consistent ? "" : ", not all of one moment");
}

std::string split_line(const StatView &view)
{
	if (!timed(view))
		return " time: not measured (the module's parameter exit_times is 0)\n";
	if (!view.new_time.sum())
		return " time: nothing ended (the vCPUs wait)\n";
	auto part = [&](uint64_t ticks) { return view.share(ticks) * 100; };
	return fmt::format(" time: guest {:.1f}%, kernel {:.1f}%, VMM {:.1f}%, halted {:.1f}%\n",
			   part(view.new_time.guest), part(view.new_time.kernel), part(view.new_time.vmm),
			   part(view.new_time.halted));
}

std::string row(const StatView &view, const StatReason &r)
{
	std::string text = fmt::format(" {:<18} {:>12} {:>11.1f}", r.name, r.count, view.rate(r.new_count));
	if (!timed(view))
		return text + "\n";
	auto time = [&](double ticks) { return r.finished ? duration_text(view.ns(ticks)) : "-"; };
	return text + fmt::format(" {:>7.2f} {:>9} {:>9} {:>9} {:>9} {:>9}\n", view.share(r.new_total) * 100,
				  time(static_cast<double>(r.total)), time(r.average()),
				  time(static_cast<double>(r.max)), time(static_cast<double>(r.below(p50))),
				  time(static_cast<double>(r.below(p99))));
}

std::string counters_text(const StatView &view)
{
	std::string text;
	for (const StatCounter &c : view.counters)
		if (c.value)
			text += fmt::format(" {:<28} {:>16} {:>14.1f}\n", c.name, c.value, view.rate(c.added));
	return text.empty() ? text : fmt::format("\n {:<28} {:>16} {:>14}\n", "counter", "value", "rate/s") + text;
}

uint64_t whole_ns(const StatView &view, double ticks)
{
	return static_cast<uint64_t>(std::llround(view.ns(ticks)));
}

nlohmann::ordered_json reason_json(const StatView &view, const StatReason &r)
{
	nlohmann::ordered_json histogram = nlohmann::ordered_json::array();
	for (size_t i = 0; i < r.histogram.size(); i++)
		if (r.histogram[i])
			histogram.push_back({i, r.histogram[i]});
	return {{"name", r.name},
		{"count", r.count},
		{"finished", r.finished},
		{"rate", view.rate(r.new_count)},
		{"share", view.share(r.new_total)},
		{"total_ns", whole_ns(view, static_cast<double>(r.total))},
		{"average_ns", view.ns(r.average())},
		{"max_ns", whole_ns(view, static_cast<double>(r.max))},
		{"p50_below_ns", whole_ns(view, static_cast<double>(r.below(p50)))},
		{"p99_below_ns", whole_ns(view, static_cast<double>(r.below(p99)))},
		{"total_ticks", r.total},
		{"max_ticks", r.max},
		{"histogram", std::move(histogram)}};
}

nlohmann::ordered_json split_json(const StatView &view, const StatSplit &split)
{
	auto ns = [&](uint64_t ticks) { return whole_ns(view, static_cast<double>(ticks)); };
	return {{"guest_ns", ns(split.guest)},
		{"kernel_ns", ns(split.kernel)},
		{"vmm_ns", ns(split.vmm)},
		{"halted_ns", ns(split.halted)}};
}

} // namespace

std::string duration_text(double ns)
{
	if (ns < 999.5)
		return fmt::format("{:.0f}ns", ns);
	for (const char *unit : {"us", "ms", "s"}) {
		ns /= 1000;
		if (ns < 999.5 || *unit == 's')
			return fmt::format("{:.{}f}{}", ns, ns < 9.995 ? 2 : ns < 99.95 ? 1 : 0, unit);
	}
	return {};
}

std::string stat_text(const StatView &view, const StatStyle &style)
{
	std::string text = title(view) + split_line(view);
	text += fmt::format("\n {:<18} {:>12} {:>11}", "exit", "count", "rate/s");
	if (timed(view))
		text += fmt::format(" {:>7} {:>9} {:>9} {:>9} {:>9} {:>9}", "time %", "total", "average", "max",
				    "p50 <=", "p99 <=");
	text += "\n";
	auto rows = stat_sorted(view, style.order);
	for (const StatReason *r : rows)
		text += row(view, *r);
	if (rows.empty())
		text += " none yet\n";
	text += "\n run ioctls, each until it enters the guest:\n" + row(view, view.run_ioctl);
	return style.counters ? text + counters_text(view) : text;
}

std::string stat_histogram(const StatView &view, const StatReason &r)
{
	std::string text = title(view);
	text += fmt::format(" {}: {} of known duration, average {}, longest {}\n", r.name, r.finished,
			    duration_text(view.ns(r.average())), duration_text(view.ns(static_cast<double>(r.max))));
	uint64_t most = *std::max_element(r.histogram.begin(), r.histogram.end());
	auto used = [&](size_t i) { return r.histogram[i] != 0; };
	size_t first = 0, last = r.histogram.size();
	while (first < last && !used(first))
		first++;
	while (last > first && !used(last - 1))
		last--;
	for (size_t i = first; i < last; i++) {
		double end = std::ldexp(1.0, static_cast<int>(i) + VMX_X_STATS_SHIFT + 1);
		auto bar = static_cast<unsigned>(
			std::ceil(static_cast<double>(r.histogram[i]) * bar_width / static_cast<double>(most)));
		std::string line = fmt::format("  {:>8} to {:>8} {:>12} {}", duration_text(i ? view.ns(end / 2) : 0),
					       duration_text(view.ns(end)), r.histogram[i], std::string(bar, '#'));
		line.erase(line.find_last_not_of(' ') + 1);
		text += line + "\n";
	}
	return text;
}

std::string stat_csv_header()
{
	return "time,pid,vm,vcpu,kind,name,count,rate,share,total_ns,average_ns,max_ns,p50_below_ns,p99_below_ns\n";
}

std::string stat_csv(const StatView &view, double time)
{
	std::string text;
	auto start = [&](const char *kind, const std::string &name) {
		return fmt::format("{:.3f},{},{},{},{},{},", time, view.pid, view.vm_id,
				   view.vcpu ? std::to_string(*view.vcpu) : "all", kind, name);
	};
	auto reason = [&](const char *kind, const StatReason &r) {
		text += start(kind, r.name) +
			fmt::format("{},{:.3f},{:.6f},{},{:.1f},{},{},{}\n", r.count, view.rate(r.new_count),
				    view.share(r.new_total), whole_ns(view, static_cast<double>(r.total)),
				    view.ns(r.average()), whole_ns(view, static_cast<double>(r.max)),
				    whole_ns(view, static_cast<double>(r.below(p50))),
				    whole_ns(view, static_cast<double>(r.below(p99))));
	};
	for (const StatReason *r : stat_sorted(view, StatOrder::name))
		reason("exit", *r);
	reason("ioctl", view.run_ioctl);
	for (const StatCounter &c : view.counters)
		text += start("counter", c.name) + fmt::format("{},{:.3f},,,,,,\n", c.value, view.rate(c.added));
	auto part = [&](const char *name, uint64_t total, uint64_t added) {
		text += start("time", name) +
			fmt::format(",,{:.6f},{},,,,\n", view.share(added), whole_ns(view, static_cast<double>(total)));
	};
	part("guest", view.time.guest, view.new_time.guest);
	part("kernel", view.time.kernel, view.new_time.kernel);
	part("vmm", view.time.vmm, view.new_time.vmm);
	part("halted", view.time.halted, view.new_time.halted);
	return text;
}

std::string stat_json(const StatView &view, double time)
{
	nlohmann::ordered_json one{{"time", time}, {"pid", view.pid}, {"command", view.command}, {"vm", view.vm_id}};
	if (view.vcpu)
		one["vcpu"] = *view.vcpu;
	one["vcpus"] = view.vcpus;
	one["seconds"] = view.seconds;
	one["consistent"] = view.consistent;
	one["tsc_khz"] = view.tsc_khz;
	one["time_split"] = split_json(view, view.time);
	one["new_time_split"] = split_json(view, view.new_time);
	one["exits"] = nlohmann::ordered_json::array();
	for (const StatReason *r : stat_sorted(view, StatOrder::count))
		one["exits"].push_back(reason_json(view, *r));
	one["run_ioctl"] = reason_json(view, view.run_ioctl);
	one["counters"] = nlohmann::ordered_json::object();
	for (const StatCounter &c : view.counters)
		one["counters"][c.name] = c.value;
	return one.dump() + "\n";
}

bool stat_order_of(std::string_view name, StatOrder &order)
{
	for (const auto &[known, value] : orders)
		if (name == known) {
			order = value;
			return true;
		}
	return false;
}

const char *stat_order_name(StatOrder order)
{
	for (const auto &[known, value] : orders)
		if (order == value)
			return known;
	return "";
}

const StatReason *stat_find(const StatView &view, std::string_view name)
{
	if (view.run_ioctl.name == name)
		return &view.run_ioctl;
	for (const StatReason &r : view.reasons)
		if (r.name == name)
			return &r;
	return nullptr;
}

} // namespace vmx
