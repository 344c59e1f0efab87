// SPDX-License-Identifier: GPL-2.0-only
#include "stat/view.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace vmx {

namespace {

// Each value for itself only grows; parts of samples that are not of one moment may still seem to go back.
uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

uint64_t end_of_bucket(size_t bucket)
{
	unsigned bit = static_cast<unsigned>(bucket) + VMX_X_STATS_SHIFT + 1;
	return bit >= 64 ? UINT64_MAX : 1ULL << bit;
}

StatReason reason_of(const StatsLayout &layout, size_t i, const StatsSample &now, const StatsSample *before)
{
	StatReason r;
	r.name = layout.reasons[i];
	r.count = now.counts[i];
	r.total = now.times[i].total;
	r.max = now.times[i].max;
	std::copy_n(now.times[i].histogram, VMX_X_STATS_BUCKETS, r.histogram.begin());
	r.finished = std::accumulate(r.histogram.begin(), r.histogram.end(), uint64_t{0});
	r.new_count = less(r.count, before ? before->counts[i] : 0);
	r.new_total = less(r.total, before ? before->times[i].total : 0);
	return r;
}

void add(StatReason &to, const StatReason &from)
{
	to.count += from.count;
	to.finished += from.finished;
	to.total += from.total;
	to.max = std::max(to.max, from.max);
	to.new_count += from.new_count;
	to.new_total += from.new_total;
	for (size_t i = 0; i < to.histogram.size(); i++)
		to.histogram[i] += from.histogram[i];
}

void add(StatSplit &to, const StatSplit &from)
{
	to.guest += from.guest;
	to.kernel += from.kernel;
	to.vmm += from.vmm;
	to.halted += from.halted;
}

// A halt is counted when it ends, a little before the exit that it is part of.
StatSplit split_of(const StatsLayout &layout, const StatsSample &s)
{
	auto counter = [&](const char *name) {
		int i = layout.counter(name);
		return i < 0 ? 0 : s.counters[static_cast<size_t>(i)];
	};
	StatSplit split;
	split.guest = counter("guest_cycles");
	split.vmm = counter("vmm_cycles");
	split.halted = counter("halt_cycles");
	for (const vmx_x_stats_time &time : s.times)
		split.kernel += time.total;
	split.kernel = less(split.kernel, split.halted);
	return split;
}

} // namespace

double StatReason::average() const
{
	return finished ? static_cast<double>(total) / static_cast<double>(finished) : 0;
}

uint64_t StatReason::below(double part) const
{
	auto wanted = static_cast<uint64_t>(std::ceil(part * static_cast<double>(finished)));
	uint64_t seen = 0;
	for (size_t i = 0; i < histogram.size() && finished; i++) {
		seen += histogram[i];
		if (seen >= wanted && seen)
			return std::min(end_of_bucket(i), max);
	}
	return 0;
}

double StatView::share(uint64_t ticks) const
{
	uint64_t all = new_time.sum();
	return all ? static_cast<double>(ticks) / static_cast<double>(all) : 0;
}

uint64_t StatView::exits() const
{
	uint64_t sum = 0;
	for (const StatReason &r : reasons)
		sum += r.count;
	return sum;
}

StatView stat_view(const StatsLayout &layout, const StatsSample &now, const StatsSample *before, double seconds)
{
	StatView view;
	view.vm_id = layout.header.vm_id;
	view.vcpu = layout.header.vcpu_id;
	view.tsc_khz = layout.header.tsc_khz;
	view.consistent = now.consistent;
	for (size_t i = 0; i < layout.reasons.size(); i++) {
		StatReason r = reason_of(layout, i, now, before);
		if (i + 1 < layout.reasons.size())
			view.reasons.push_back(std::move(r));
		else
			view.run_ioctl = std::move(r);
	}
	for (size_t i = 0; i < layout.counters.size(); i++)
		view.counters.push_back(
			{layout.counters[i], now.counters[i], less(now.counters[i], before ? before->counters[i] : 0)});
	view.time = view.new_time = split_of(layout, now);
	if (before) {
		StatSplit then = split_of(layout, *before);
		view.new_time = {less(view.time.guest, then.guest), less(view.time.kernel, then.kernel),
				 less(view.time.vmm, then.vmm), less(view.time.halted, then.halted)};
	}
	view.seconds = before ? seconds : static_cast<double>(view.time.sum()) / view.tsc_khz / 1e3;
	return view;
}

void stat_add(StatView &sum, const StatView &more)
{
	// One module: one layout.
	if (sum.reasons.size() != more.reasons.size() || sum.counters.size() != more.counters.size())
		return;
	sum.vcpu.reset();
	sum.vcpus += more.vcpus;
	sum.seconds = std::max(sum.seconds, more.seconds);
	sum.consistent &= more.consistent;
	for (size_t i = 0; i < sum.reasons.size(); i++)
		add(sum.reasons[i], more.reasons[i]);
	add(sum.run_ioctl, more.run_ioctl);
	for (size_t i = 0; i < sum.counters.size(); i++) {
		sum.counters[i].value += more.counters[i].value;
		sum.counters[i].added += more.counters[i].added;
	}
	add(sum.time, more.time);
	add(sum.new_time, more.new_time);
}

std::vector<const StatReason *> stat_sorted(const StatView &view, StatOrder order)
{
	std::vector<const StatReason *> rows;
	for (const StatReason &r : view.reasons)
		if (r.count)
			rows.push_back(&r);
	auto key = [order](const StatReason *r) -> double {
		switch (order) {
		case StatOrder::count:
			return static_cast<double>(r->count);
		case StatOrder::rate:
			return static_cast<double>(r->new_count);
		case StatOrder::total:
			return static_cast<double>(r->total);
		case StatOrder::average:
			return r->average();
		case StatOrder::max:
			return static_cast<double>(r->max);
		case StatOrder::name:
			break;
		}
		return 0;
	};
	std::sort(rows.begin(), rows.end(), [&](auto a, auto b) {
		double x = key(a), y = key(b);
		return x != y ? x > y : a->name < b->name;
	});
	return rows;
}

} // namespace vmx
