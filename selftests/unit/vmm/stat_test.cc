// SPDX-License-Identifier: GPL-2.0-only
// The statistics' pages: whole ones, those of another version or that make no sense, a writer at work; what is
// computed from them and how it is shown.
#include "stat/page.h"

#include <atomic>
#include <cstring>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <thread>

#include "stat/render.h"
#include "stat/view.h"

namespace vmx::test {
namespace {

// A page with counters and reasons of these names, in the kernel's order; the last is run_ioctl.
class Page {
public:
	Page(std::vector<std::string> counters, std::vector<std::string> reasons)
	{
		vmx_x_stats_header h = {};
		h.version = VMX_X_STATS_VERSION;
		h.vm_id = 7;
		h.vcpu_id = 3;
		h.tsc_khz = 1'000'000; // a tick is a nanosecond
		h.nr_counters = static_cast<uint32_t>(counters.size());
		h.nr_reasons = static_cast<uint32_t>(reasons.size());
		h.counters_offset = sizeof(h);
		h.reasons_offset = h.counters_offset + 8 * h.nr_counters;
		h.times_offset = h.reasons_offset + 8 * h.nr_reasons;
		h.names_offset = h.times_offset + static_cast<uint32_t>(sizeof(vmx_x_stats_time)) * h.nr_reasons;
		h.size = h.names_offset + VMX_X_STATS_NAME * (h.nr_counters + h.nr_reasons);
		words_.resize(h.size / 8);
		header() = h;
		uint32_t at = h.names_offset;
		for (const auto *list : { &counters, &reasons })
			for (const std::string &name : *list) {
				memcpy(bytes().data() + at, name.data(), name.size());
				at += VMX_X_STATS_NAME;
			}
	}

	std::span<uint8_t> bytes() { return { reinterpret_cast<uint8_t *>(words_.data()), words_.size() * 8 }; }
	vmx_x_stats_header &header() { return *reinterpret_cast<vmx_x_stats_header *>(words_.data()); }
	uint64_t &counter(unsigned i) { return words_[header().counters_offset / 8 + i]; }
	uint64_t &count(unsigned i) { return words_[header().reasons_offset / 8 + i]; }
	vmx_x_stats_time &time(unsigned i)
	{
		return reinterpret_cast<vmx_x_stats_time *>(bytes().data() + header().times_offset)[i];
	}

	StatsLayout layout()
	{
		auto l = stats_layout(bytes());
		EXPECT_TRUE(l.ok());
		return std::move(l).value();
	}
	StatsSample sample() { return stats_sample(bytes(), layout()); }

	// `n` exits of `ticks` each.
	void exits(unsigned i, uint64_t n, uint64_t ticks)
	{
		count(i) += n;
		time(i).total += n * ticks;
		time(i).max = std::max<uint64_t>(time(i).max, ticks);
		time(i).histogram[63 - __builtin_clzll(ticks >> VMX_X_STATS_SHIFT | 1)] += n;
	}

private:
	std::vector<uint64_t> words_;
};

Page example()
{
	Page page({ "exits", "guest_cycles", "vmm_cycles", "halt_cycles" }, { "cpuid", "hlt", "io", "run_ioctl" });
	page.exits(0, 90, 100);
	page.exits(0, 10, 5000);
	page.exits(1, 2, 1'000'000);
	page.exits(3, 4, 250);
	page.counter(0) = 102;
	page.counter(1) = 3'000'000;
	page.counter(2) = 940'000;
	page.counter(3) = 1'900'000;
	return page;
}

TEST(StatPage, NamesAndPlaces)
{
	Page page = example();
	StatsLayout layout = page.layout();
	EXPECT_EQ(layout.counters, (std::vector<std::string>{ "exits", "guest_cycles", "vmm_cycles", "halt_cycles" }));
	EXPECT_EQ(layout.reasons, (std::vector<std::string>{ "cpuid", "hlt", "io", "run_ioctl" }));
	EXPECT_EQ(layout.counter("vmm_cycles"), 2);
	EXPECT_EQ(layout.counter("tea"), -1);
	StatsSample s = page.sample();
	EXPECT_TRUE(s.consistent);
	EXPECT_EQ(s.counts, (std::vector<uint64_t>{ 100, 2, 0, 4 }));
	EXPECT_EQ(s.times[0].total, 90u * 100 + 10u * 5000);
	EXPECT_EQ(s.counters[1], 3'000'000u);
}

TEST(StatPage, OfAnotherVersion)
{
	Page page = example();
	page.header().version = 1;
	auto layout = stats_layout(page.bytes());
	ASSERT_FALSE(layout.ok());
	EXPECT_NE(layout.error().text().find("have version 1, this program reads version 2"), std::string::npos);
}

TEST(StatPage, ThatMakesNoSense)
{
	auto refused = [](auto spoil) {
		Page page = example();
		spoil(page.header());
		return !stats_layout(page.bytes()).ok();
	};
	using Header = vmx_x_stats_header;
	EXPECT_FALSE(refused([](Header &) {}));
	EXPECT_TRUE(refused([](Header &h) { h.size += 8; }));
	EXPECT_TRUE(refused([](Header &h) { h.size = 16; }));
	EXPECT_TRUE(refused([](Header &h) { h.size = UINT32_MAX; }));
	EXPECT_TRUE(refused([](Header &h) { h.nr_reasons = 0; }));
	EXPECT_TRUE(refused([](Header &h) { h.nr_reasons = UINT32_MAX; }));
	EXPECT_TRUE(refused([](Header &h) { h.nr_counters = UINT32_MAX; }));
	EXPECT_TRUE(refused([](Header &h) { h.nr_counters++; }));
	EXPECT_TRUE(refused([](Header &h) { h.counters_offset = h.size; }));
	EXPECT_TRUE(refused([](Header &h) { h.times_offset += 4; }));
	EXPECT_TRUE(refused([](Header &h) { h.names_offset = UINT32_MAX - 7; }));
	EXPECT_TRUE(refused([](Header &h) { h.reasons_offset = 8; }));
	EXPECT_TRUE(refused([](Header &h) { h.tsc_khz = 0; }));
	Page page = example();
	EXPECT_FALSE(stats_layout(page.bytes().first(40)).ok());
	EXPECT_FALSE(stats_layout(page.bytes().first(100)).ok());
}

TEST(StatPage, ANameThatFillsItsRoom)
{
	std::string name(VMX_X_STATS_NAME, 'n');
	EXPECT_EQ(Page({ name }, { "run_ioctl" }).layout().counters[0], name);
}

TEST(StatPage, InTheMiddleOfAChange)
{
	Page page = example();
	page.header().seq = 1;
	StatsSample s = page.sample();
	EXPECT_FALSE(s.consistent);
	EXPECT_EQ(s.counts[0], 100u); // each for itself is right
}

// A sample that says it is of one moment is: the writer keeps both equal.
TEST(StatPage, UnderAWriter)
{
	Page page({ "exits" }, { "cpuid", "run_ioctl" });
	StatsLayout layout = page.layout();
	std::atomic<bool> stop = false;
	std::thread writer([&] {
		auto *seq = &page.header().seq;
		auto put = [](auto &to, uint64_t value) { __atomic_store_n(&to, value, __ATOMIC_RELEASE); };
		for (uint64_t i = 1; !stop; i++) {
			__atomic_store_n(seq, *seq + 1, __ATOMIC_SEQ_CST);
			put(page.counter(0), i);
			put(page.count(0), i);
			put(page.time(0).histogram[61], i);
			__atomic_store_n(seq, *seq + 1, __ATOMIC_SEQ_CST);
			if (i % 64 == 0)
				std::this_thread::yield();
		}
	});
	int whole = 0;
	for (int i = 0; i < 20000 && whole < 200; i++) {
		StatsSample s = stats_sample(page.bytes(), layout);
		if (!s.consistent)
			continue;
		whole++;
		EXPECT_EQ(s.counters[0], s.counts[0]);
		EXPECT_EQ(s.counters[0], s.times[0].histogram[61]);
	}
	stop = true;
	writer.join();
	EXPECT_GT(whole, 0);
}

TEST(StatView, SinceTheBeginning)
{
	Page page = example();
	StatView view = stat_view(page.layout(), page.sample(), nullptr, 0);
	EXPECT_EQ(view.vm_id, 7u);
	EXPECT_EQ(view.vcpu, 3u);
	EXPECT_EQ(view.exits(), 102u);
	ASSERT_EQ(view.reasons.size(), 3u);
	EXPECT_EQ(view.run_ioctl.count, 4u);
	// All times: 59,000 + 2,000,000 + 1,000 in the kernel, 1.9 ms of it in HLT; 3 ms in the guest; 0.94 ms in the VMM.
	EXPECT_EQ(view.time.sum(), 6'000'000u);
	EXPECT_EQ(view.time.kernel, 160'000u);
	EXPECT_DOUBLE_EQ(view.seconds, 0.006);
	EXPECT_DOUBLE_EQ(view.share(view.reasons[1].new_total), 1.0 / 3);
	EXPECT_DOUBLE_EQ(view.rate(view.reasons[1].new_count), 2 / 0.006);
	const StatReason &cpuid = view.reasons[0];
	EXPECT_EQ(cpuid.average(), 590.0);
	EXPECT_EQ(cpuid.below(0.5), 128u);
	EXPECT_EQ(cpuid.below(0.9), 128u);
	EXPECT_EQ(cpuid.below(0.91), 5000u); // its bucket ends at 8192, but none was longer
	EXPECT_EQ(view.reasons[2].below(0.5), 0u);
}

TEST(StatView, Interval)
{
	Page page = example();
	StatsSample before = page.sample();
	page.exits(0, 50, 100);
	page.counter(0) += 50;
	page.counter(1) += 495'000;
	StatView view = stat_view(page.layout(), page.sample(), &before, 0.5);
	EXPECT_EQ(view.reasons[0].new_count, 50u);
	EXPECT_DOUBLE_EQ(view.rate(50), 100.0);
	EXPECT_DOUBLE_EQ(view.share(view.reasons[0].new_total), 0.01);
	EXPECT_EQ(view.counters[0].added, 50u);
	EXPECT_EQ(view.new_time.guest, 495'000u);
	EXPECT_EQ(view.new_time.halted, 0u);
}

TEST(StatView, OfAVm)
{
	Page page = example();
	StatView one = stat_view(page.layout(), page.sample(), nullptr, 0), sum = one;
	stat_add(sum, one);
	EXPECT_FALSE(sum.vcpu);
	EXPECT_EQ(sum.vcpus, 2u);
	EXPECT_EQ(sum.exits(), 204u);
	EXPECT_EQ(sum.reasons[0].average(), 590.0);
	EXPECT_EQ(sum.reasons[0].below(0.99), one.reasons[0].below(0.99));
	EXPECT_EQ(sum.reasons[1].max, 1'000'000u);
	EXPECT_EQ(sum.time.sum(), 12'000'000u);
	EXPECT_DOUBLE_EQ(sum.seconds, 0.006);
}

TEST(StatView, Orders)
{
	Page page = example();
	StatView view = stat_view(page.layout(), page.sample(), nullptr, 0);
	auto names = [&](StatOrder order) {
		std::vector<std::string> found;
		for (const StatReason *r : stat_sorted(view, order))
			found.push_back(r->name);
		return found;
	};
	EXPECT_EQ(names(StatOrder::count), (std::vector<std::string>{ "cpuid", "hlt" }));
	EXPECT_EQ(names(StatOrder::total), (std::vector<std::string>{ "hlt", "cpuid" }));
	EXPECT_EQ(names(StatOrder::name), (std::vector<std::string>{ "cpuid", "hlt" }));
	StatOrder order;
	EXPECT_TRUE(stat_order_of("average", order) && order == StatOrder::average);
	EXPECT_FALSE(stat_order_of("size", order));
}

TEST(StatRender, Durations)
{
	EXPECT_EQ(duration_text(0), "0ns");
	EXPECT_EQ(duration_text(999.4), "999ns");
	EXPECT_EQ(duration_text(999.6), "1.00us");
	EXPECT_EQ(duration_text(34'567), "34.6us");
	EXPECT_EQ(duration_text(345'678'901), "346ms");
	EXPECT_EQ(duration_text(5.61e9), "5.61s");
	EXPECT_EQ(duration_text(1.2345e13), "12345s");
}

TEST(StatRender, Text)
{
	Page page = example();
	StatView view = stat_view(page.layout(), page.sample(), nullptr, 0);
	view.command = "vmx";
	std::string text = stat_text(view, {});
	EXPECT_NE(text.find("VM 7, vCPU 3: vmx"), std::string::npos);
	EXPECT_NE(text.find("guest 50.0%, kernel 2.7%, VMM 15.7%, halted 31.7%"), std::string::npos) << text;
	EXPECT_NE(text.find(" cpuid                       100     16666.7    0.98    59.0us     590ns    5.00us     "
			    "128ns    5.00us\n"),
		  std::string::npos)
		<< text;
	EXPECT_EQ(text.find(" io "), std::string::npos); // there was none
	std::string histogram = stat_histogram(view, view.reasons[0]);
	EXPECT_NE(histogram.find("64ns to    128ns           90 ########################################\n"),
		  std::string::npos)
		<< histogram;
	EXPECT_NE(histogram.find("4.10us to   8.19us           10 #####\n"), std::string::npos) << histogram;
	EXPECT_EQ(stat_find(view, "tea"), nullptr);
	EXPECT_EQ(stat_find(view, "run_ioctl"), &view.run_ioctl);
}

TEST(StatRender, WithoutTimes)
{
	Page page({ "exits" }, { "cpuid", "run_ioctl" });
	page.count(0) = 5;
	std::string text = stat_text(stat_view(page.layout(), page.sample(), nullptr, 0), {});
	EXPECT_NE(text.find("not measured"), std::string::npos);
	EXPECT_EQ(text.find("p99"), std::string::npos);
	EXPECT_EQ(stat_histogram(stat_view(page.layout(), page.sample(), nullptr, 0), StatReason()).find("to "),
		  std::string::npos);
}

TEST(StatRender, JsonAndCsv)
{
	Page page = example();
	StatView view = stat_view(page.layout(), page.sample(), nullptr, 0);
	auto json = nlohmann::json::parse(stat_json(view, 1.5));
	EXPECT_EQ(json["exits"][0]["name"], "cpuid");
	EXPECT_EQ(json["exits"][0]["histogram"], (nlohmann::json{ { 4, 90 }, { 10, 10 } }));
	EXPECT_EQ(json["run_ioctl"]["count"], 4);
	EXPECT_EQ(json["counters"]["exits"], 102);
	EXPECT_EQ(json["time_split"]["vmm_ns"], 940'000);
	std::string csv = stat_csv(view, 1.5);
	EXPECT_NE(csv.find("1.500,0,7,3,exit,cpuid,100,16666.667,0.009833,59000,590.0,5000,128,5000\n"), std::string::npos)
		<< csv;
	auto commas = [](std::string_view line) { return std::count(line.begin(), line.end(), ','); };
	for (size_t at = 0; at < csv.size();) {
		size_t end = csv.find('\n', at);
		EXPECT_EQ(commas(std::string_view(csv).substr(at, end - at)), commas(stat_csv_header()));
		at = end + 1;
	}
}

} // namespace
} // namespace vmx::test
