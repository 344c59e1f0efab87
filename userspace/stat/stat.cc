// SPDX-License-Identifier: GPL-2.0-only
#include "stat/stat.h"

#include <cstdio>
#include <ctime>
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include "console/terminal.h"
#include "machine/ending.h"

namespace vmx {

namespace {

constexpr double shortest_interval = 0.1, longest_interval = 3600;

double now_of_clock()
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

int fail(const Error &error)
{
	fmt::print(stderr, "vmx: {}\n", error.text());
	return 1;
}

// What a sample prints; an error if no vCPU knows the reason of --histogram.
Result<std::string> batch_text(const StatOptions &options, const std::vector<StatView> &views)
{
	StatStyle style;
	stat_order_of(options.sort, style.order);
	double time = now_of_clock();
	std::string text;
	for (const StatView &view : views) {
		if (!options.histogram.empty()) {
			const StatReason *reason = stat_find(view, options.histogram);
			if (!reason)
				return Error(fmt::format("no reason is named {}", options.histogram));
			text += stat_histogram(view, *reason) + "\n";
		} else if (options.json) {
			text += stat_json(view, time);
		} else if (options.csv) {
			text += stat_csv(view, time);
		} else {
			text += stat_text(view, style) + "\n";
		}
	}
	if (views.empty() && !options.json && !options.csv)
		text = "no vCPU of /dev/vmx is to be seen\n";
	return text;
}

int stat_batch(const StatOptions &options, unsigned count, StatSource &source)
{
	StatSampler sampler(source);
	if (options.csv)
		fmt::print("{}", stat_csv_header());
	for (unsigned i = 0; !count || i < count; i++) {
		if (i) {
			auto whole = static_cast<time_t>(options.interval);
			struct timespec rest = {
				whole, static_cast<long>((options.interval - static_cast<double>(whole)) * 1e9)};
			nanosleep(&rest, nullptr);
		}
		if (auto r = source.refresh(); !r.ok()) {
			if (i) // it has ended
				return 0;
			return fail(r.error());
		}
		auto text = batch_text(options, sampler.take(options.per_vcpu));
		if (!text.ok())
			return fail(text.error());
		fmt::print("{}", text.value());
		if (fflush(stdout) != 0)
			return 1;
	}
	return 0;
}

} // namespace

std::vector<StatView> StatSampler::take(bool per_vcpu)
{
	std::vector<StatView> views;
	std::map<std::pair<uint32_t, uint32_t>, Last> taken;
	for (const StatVcpu *vcpu : source_.vcpus()) {
		auto key = std::make_pair(vcpu->vm_id, vcpu->id);
		Last now{vcpu->page.sample(), Clock::now()};
		auto last = last_.find(key);
		bool known = last != last_.end() && last->second.sample.counts.size() == now.sample.counts.size();
		StatView view =
			stat_view(vcpu->page.layout(), now.sample, known ? &last->second.sample : nullptr,
				  known ? std::chrono::duration<double>(now.time - last->second.time).count() : 0);
		view.pid = vcpu->pid;
		view.command = source_.command(vcpu->pid);
		if (per_vcpu || views.empty() || views.back().vm_id != view.vm_id) {
			if (!per_vcpu)
				view.vcpu.reset();
			views.push_back(std::move(view));
		} else {
			stat_add(views.back(), view);
		}
		taken.emplace(key, std::move(now));
	}
	last_ = std::move(taken);
	return views;
}

int stat_command(const StatOptions &options)
{
	StatOrder order;
	if (!stat_order_of(options.sort, order)) {
		fmt::print(stderr, "vmx: --sort: count, rate, total, average, max or name, not {}\n", options.sort);
		return exit_usage;
	}
	if (!(options.interval >= shortest_interval && options.interval <= longest_interval)) {
		fmt::print(stderr, "vmx: --interval: from {} to {} seconds\n", shortest_interval, longest_interval);
		return exit_usage;
	}
	StatSource source(options.pid);
	bool terminal = isatty(STDOUT_FILENO) && RawTerminal::usable(STDIN_FILENO);
	if (options.batch || options.csv || options.json)
		return stat_batch(options, options.count.value_or(0), source);
	if (!options.histogram.empty() || !terminal)
		return stat_batch(options, options.count.value_or(1), source);
	return stat_live(options, source);
}

} // namespace vmx
