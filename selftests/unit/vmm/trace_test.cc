// SPDX-License-Identifier: GPL-2.0-only
// The exit trace: rings that wrap around and that outrun their reader, files that are whole, cut off or hostile, and what
// is made of them.
#include "trace/file.h"

#include <atomic>
#include <cstring>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <thread>
#include <unistd.h>

#include "base/fd.h"
#include "trace/report.h"
#include "trace/ring.h"
#include "trace/trace.h"

namespace vmx::test {
namespace {

// ---- rings ----

constexpr size_t header_size = 4096;

class Ring {
public:
	explicit Ring(uint32_t records) : words_((header_size + records * sizeof(vmx_x_trace_record)) / 8)
	{
		header().version = VMX_X_TRACE_VERSION;
		header().header_size = header_size;
		header().record_size = sizeof(vmx_x_trace_record);
		header().nr_records = records;
		header().tsc_khz = 1'000'000;
	}

	std::span<const uint8_t> bytes() const { return { reinterpret_cast<const uint8_t *>(words_.data()), words_.size() * 8 }; }
	vmx_x_trace_header &header() { return *reinterpret_cast<vmx_x_trace_header *>(words_.data()); }

	// As the kernel does: record n holds n in all of its words.
	void put()
	{
		uint64_t n = header().head;
		uint64_t *to = &words_[header_size / 8 + (n & (header().nr_records - 1)) * 8];
		for (int i = 0; i < 8; i++)
			__atomic_store_n(to + i, n, __ATOMIC_RELEASE);
		__atomic_store_n(&header().head, n + 1, __ATOMIC_SEQ_CST);
	}
	void put(int n)
	{
		while (n--)
			put();
	}

private:
	std::vector<uint64_t> words_;
};

RingReader reader_of(const Ring &ring)
{
	auto reader = RingReader::create(ring.bytes());
	EXPECT_TRUE(reader.ok());
	return std::move(reader).value();
}

TEST(TraceRing, InOrderAndAroundItsEnd)
{
	Ring ring(64);
	RingReader reader = reader_of(ring);
	std::vector<vmx_x_trace_record> got;
	uint64_t next = 0;
	for (int round = 0; round < 20; round++) {
		ring.put(50);
		EXPECT_EQ(reader.waiting(), 50u);
		auto chunk = reader.read(got, 1000);
		EXPECT_EQ(chunk.lost, 0u);
		EXPECT_EQ(chunk.first, next);
		ASSERT_EQ(got.size(), 50u);
		for (const auto &record : got)
			EXPECT_EQ(record.tsc, next++);
	}
	auto chunk = reader.read(got, 1000);
	EXPECT_TRUE(got.empty() && !chunk.lost);
}

TEST(TraceRing, LessThanThereIs)
{
	Ring ring(64);
	RingReader reader = reader_of(ring);
	std::vector<vmx_x_trace_record> got;
	ring.put(10);
	EXPECT_EQ(reader.read(got, 4).first, 0u);
	EXPECT_EQ(got.size(), 4u);
	EXPECT_EQ(reader.read(got, 100).first, 4u);
	EXPECT_EQ(got.size(), 6u);
}

// One fewer than its size is sure: the kernel may be at work on the oldest.
TEST(TraceRing, LossIsExact)
{
	Ring ring(64);
	RingReader reader = reader_of(ring);
	std::vector<vmx_x_trace_record> got;
	ring.put(63);
	auto chunk = reader.read(got, 1000);
	EXPECT_EQ(chunk.lost, 0u);
	EXPECT_EQ(got.size(), 63u);
	ring.put(64);
	chunk = reader.read(got, 1000);
	EXPECT_EQ(chunk.lost, 1u);
	EXPECT_EQ(chunk.first, 64u);
	EXPECT_EQ(got.front().tsc, 64u);
	EXPECT_EQ(got.size(), 63u);
	ring.put(1000);
	chunk = reader.read(got, 10);
	EXPECT_EQ(chunk.lost, 1000u - 63);
	EXPECT_EQ(got.front().tsc, chunk.first);
}

// Against a writer that does not wait: every number comes or is counted as lost, and no record is of two.
TEST(TraceRing, UnderAWriter)
{
	Ring ring(64);
	RingReader reader = reader_of(ring);
	constexpr uint64_t total = 200'000;
	std::thread writer([&] {
		for (uint64_t i = 0; i < total; i++) {
			ring.put();
			if (i % 40 == 0)
				std::this_thread::yield();
		}
	});
	std::vector<vmx_x_trace_record> got;
	uint64_t next = 0, records = 0, lost = 0;
	while (next < total) {
		auto chunk = reader.read(got, 16);
		EXPECT_EQ(chunk.first, next + chunk.lost);
		lost += chunk.lost;
		next = chunk.first;
		for (const auto &record : got) {
			uint64_t words[8];
			memcpy(words, &record, sizeof(words));
			for (uint64_t word : words)
				EXPECT_EQ(word, next);
			next++;
		}
		records += got.size();
	}
	writer.join();
	EXPECT_EQ(records + lost, total);
}

TEST(TraceRing, HeadersThatMakeNoSense)
{
	auto refused = [](auto spoil) {
		Ring ring(64);
		spoil(ring.header());
		auto reader = RingReader::create(ring.bytes());
		return reader.ok() ? std::string() : reader.error().text();
	};
	using Header = vmx_x_trace_header;
	EXPECT_EQ(refused([](Header &) {}), "");
	EXPECT_NE(refused([](Header &h) { h.version = 7; }).find("has version 7"), std::string::npos);
	EXPECT_NE(refused([](Header &h) { h.nr_records = 128; }), "");
	EXPECT_NE(refused([](Header &h) { h.nr_records = 63; }), "");
	EXPECT_NE(refused([](Header &h) { h.nr_records = 0; }), "");
	EXPECT_NE(refused([](Header &h) { h.record_size = 32; }), "");
	EXPECT_NE(refused([](Header &h) { h.header_size = 1 << 30; }), "");
	EXPECT_NE(refused([](Header &h) { h.header_size = 8; }), "");
	EXPECT_NE(refused([](Header &h) { h.tsc_khz = 0; }), "");
}

// ---- files ----

vmx_x_trace_record record(uint64_t tsc, uint16_t reason, uint64_t rip, uint64_t in_kernel, uint8_t result = VMX_X_TRACE_FAST,
			  uint8_t detail = 0)
{
	vmx_x_trace_record r{};
	r.tsc = tsc;
	r.rip = rip;
	r.cr3 = 0x1000;
	r.in_guest = 100;
	r.in_kernel = in_kernel;
	r.reason = reason;
	r.result = result;
	r.detail = detail;
	return r;
}

TraceInfo example_info()
{
	TraceInfo info;
	info.pid = 42;
	info.command = "vmx";
	info.backend = "svm";
	info.tsc_khz = 1'000'000; // a tick is a nanosecond
	info.reasons = { "cpuid", "io", "run_ioctl" };
	info.vcpus = { { 1, 0, 0, 0, 0, 0 }, { 1, 1, 0, 0, 0, 0 } };
	return info;
}

class TempFile {
public:
	TempFile()
	{
		int fd = mkstemp(path_);
		close(fd);
	}
	~TempFile() { unlink(path_); }
	std::string path() const { return path_; }

private:
	char path_[32] = "/tmp/vmx-trace-test-XXXXXX";
};

// Two vCPUs; of the second 7 records were lost, 5 of them in a block of their own.
Bytes example_bytes(TraceInfo info = example_info())
{
	TempFile temp;
	std::vector<vmx_x_trace_record> first = { record(1000, 0, 0x100010, 50), record(2000, 0, 0x100010, 60) },
					second = { record(1500, 1, 0x100204, 900, VMX_X_TRACE_VMM, 2) },
					third = { record(4000, 1, 0x100204, 100, VMX_X_TRACE_ERROR, EFAULT) };
	{
		auto writer = TraceWriter::create(temp.path(), info);
		EXPECT_TRUE(writer.ok());
		EXPECT_TRUE(writer.value().block(0, 0, 0, first).ok());
		EXPECT_TRUE(writer.value().block(1, 0, 0, second).ok());
		EXPECT_TRUE(writer.value().block(1, 6, 5, {}).ok());
		EXPECT_TRUE(writer.value().block(1, 8, 2, third).ok());
		info.vcpus[0].recorded = 2;
		info.vcpus[1].recorded = 2;
		info.vcpus[1].lost = 7;
		info.vcpus[0].lstar = 0xffffffff91a00080;
		EXPECT_TRUE(writer.value().finish(info).ok());
	}
	auto bytes = read_whole_file(temp.path(), 1 << 20);
	EXPECT_TRUE(bytes.ok());
	return bytes.value();
}

TraceFile example()
{
	auto file = TraceFile::parse(example_bytes());
	EXPECT_TRUE(file.ok()) << (file.ok() ? "" : file.error().text());
	return std::move(file).value();
}

std::string refusal(std::span<const uint8_t> bytes)
{
	auto file = TraceFile::parse(bytes);
	return file.ok() ? "" : file.error().text();
}

size_t body_of(const Bytes &bytes)
{
	return static_cast<size_t>(std::find(bytes.begin(), bytes.end(), '\n') - bytes.begin()) + 1;
}

TEST(TraceFileFormat, IsReadAsItWasWritten)
{
	TraceFile file = example();
	EXPECT_EQ(file.info().pid, 42);
	EXPECT_EQ(file.info().backend, "svm");
	EXPECT_EQ(file.info().vcpus[0].lstar, 0xffffffff91a00080);
	ASSERT_EQ(file.events().size(), 4u);
	std::vector<uint64_t> times;
	for (const TraceEvent &e : file.events())
		times.push_back(e.record.tsc);
	EXPECT_EQ(times, (std::vector<uint64_t>{ 1000, 1500, 2000, 4000 }));
	EXPECT_TRUE(file.events()[2].follows);
	EXPECT_FALSE(file.events()[3].follows);
	EXPECT_EQ(file.events()[3].lost, 7u);
	EXPECT_EQ(file.lost(), 7u);
}

TEST(TraceFileFormat, EveryTruncationIsNoticed)
{
	Bytes whole = example_bytes();
	EXPECT_EQ(refusal(whole), "");
	for (size_t size = 0; size < whole.size(); size++)
		EXPECT_NE(refusal(std::span(whole).first(size)), "") << size;
	EXPECT_NE(refusal(std::span(whole).first(whole.size() - 1)).find("cut off"), std::string::npos);
	whole.push_back(0);
	EXPECT_NE(refusal(whole).find("behind the end"), std::string::npos);
}

TEST(TraceFileFormat, HostileBlocks)
{
	const Bytes whole = example_bytes();
	const size_t body = body_of(whole);
	auto with = [&](size_t offset, auto value) {
		Bytes bytes = whole;
		store(std::span(bytes), body + offset, value);
		return refusal(bytes);
	};
	EXPECT_NE(with(0, uint32_t{ 1 }).find("broken"), std::string::npos);
	EXPECT_NE(with(4, uint32_t{ 2 }).find("vCPU 2 of 2"), std::string::npos);
	EXPECT_NE(with(4, UINT32_MAX).find("of 2"), std::string::npos);
	EXPECT_NE(with(8, UINT32_MAX).find("cut off"), std::string::npos);
	EXPECT_NE(with(12, uint32_t{ 1 }).find("broken"), std::string::npos);
	EXPECT_NE(with(16, uint64_t{ 1 }).find("begins with record 1"), std::string::npos);
	EXPECT_NE(with(24, UINT64_MAX).find("begins with"), std::string::npos);
	EXPECT_NE(with(32 + offsetof(vmx_x_trace_record, reason), uint16_t{ 3 }).find("reason 3 of 3"), std::string::npos);
}

TEST(TraceFileFormat, HostileHeaders)
{
	const Bytes whole = example_bytes();
	const std::string line(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(body_of(whole)));
	auto with = [&](const std::string &from, const std::string &to) {
		std::string changed = line;
		size_t at = changed.find(from);
		EXPECT_NE(at, std::string::npos) << from;
		changed.replace(at, from.size(), to);
		Bytes bytes(changed.begin(), changed.end());
		bytes.insert(bytes.end(), whole.begin() + static_cast<ptrdiff_t>(line.size()), whole.end());
		return refusal(bytes);
	};
	EXPECT_EQ(with("\"command\":\"vmx\"", "\"command\":\"\\u001b[2J\""), "");
	EXPECT_NE(with("vmx-trace", "vmx-trade").find("no trace"), std::string::npos);
	EXPECT_NE(with("\"version\":1", "\"version\":9").find("another version"), std::string::npos);
	EXPECT_NE(with("\"tsc_khz\":1000000", "\"tsc_khz\":0"), "");
	EXPECT_NE(with("\"tsc_khz\":1000000", "\"tsc_khz\":\"tea\""), "");
	EXPECT_NE(with("\"tsc_khz\":1000000,", ""), "");
	EXPECT_NE(with("\"cpuid\"", "\"\\u001b[2J\""), "");
	EXPECT_NE(with("[\"cpuid\",\"io\",\"run_ioctl\"]", "[]"), "");
	EXPECT_NE(with("[\"cpuid\",\"io\",\"run_ioctl\"]", "7"), "");
	EXPECT_NE(with("\"record_size\":64", "\"record_size\":32"), "");
	EXPECT_NE(with("\"vcpus\":[", "\"vcpus\":7,\"x\":["), "");
	EXPECT_NE(with("\"vm\":1", "\"vm\":null"), "");
	EXPECT_EQ(refusal(Bytes{ '[', ']', '\n' }), "this is no trace of exits");
	EXPECT_EQ(refusal(Bytes(2 << 20, ' ')), "this is no trace of exits");
}

TEST(TraceFileFormat, TotalsHaveToAgree)
{
	Bytes bytes = example_bytes();
	const std::string wanted = "\"recorded\":2,\"lost\":7";
	auto at = std::search(bytes.begin(), bytes.end(), wanted.begin(), wanted.end());
	ASSERT_NE(at, bytes.end());
	*(at + static_cast<ptrdiff_t>(wanted.size()) - 1) = '6';
	EXPECT_NE(refusal(bytes).find("where the end says 2 and 6"), std::string::npos);
}

TEST(TraceFileFormat, CannotBeWritten)
{
	EXPECT_FALSE(TraceWriter::create("/nonexistent/trace", example_info()).ok());
}

// ---- symbols ----

constexpr const char map_text[] = "ffffffff81000000 T _stext\n"
				  "ffffffff81000010 t first\n"
				  "ffffffff81000040 D data\n"
				  "ffffffff81000080 T entry_SYSCALL_64\n"
				  "ffffffff81000100 t in_module\t[mod]\n";

Symbols map_symbols()
{
	auto s = Symbols::of_system_map(map_text);
	EXPECT_TRUE(s.ok());
	return std::move(s).value();
}

TEST(TraceSymbols, SystemMap)
{
	Symbols s = map_symbols();
	EXPECT_EQ(s.name(0xffffffff81000000), "_stext");
	EXPECT_EQ(s.name(0xffffffff8100001f), "first+0xf");
	EXPECT_EQ(s.name(0xffffffff8100001f, false), "first");
	EXPECT_EQ(s.name(0xffffffff81000104), "in_module+0x4");
	EXPECT_EQ(s.name(0xffffffff80ffffff), std::nullopt);
	EXPECT_EQ(s.name(0xffffffff82000000), std::nullopt); // far behind the last
	s.move(0x200000);
	EXPECT_EQ(s.name(0xffffffff81200011), "first+0x1");
	EXPECT_EQ(s.name(0xffffffff81000011), std::nullopt);
	for (const char *bad : { "", "tea\n", "ffffffff81000000\n", "ffffffff81000000 D data\n",
				 "ffffffffffffffff B The real System.map is elsewhere\n", "ffffffff81000000 T \n" })
		EXPECT_FALSE(Symbols::of_system_map(bad).ok()) << bad;
}

TEST(TraceSymbols, WhereLinuxIs)
{
	Symbols s = map_symbols();
	TraceInfo info = example_info();
	EXPECT_NE(kaslr_offset(s, info).error().text().find("give --kaslr-offset"), std::string::npos);
	info.vcpus[1].lstar = 0xffffffff91a00080;
	EXPECT_EQ(kaslr_offset(s, info).value(), 0x10a00000u);
	info.vcpus[0].lstar = 0xffffffff91a00081; // of another kernel
	EXPECT_FALSE(kaslr_offset(s, info).ok());
	info.vcpus[0].lstar = 0xffffffff81000080;
	EXPECT_FALSE(kaslr_offset(s, info).ok()); // they disagree
	info.vcpus[1].lstar = 0;
	EXPECT_EQ(kaslr_offset(s, info).value(), 0u);
	auto other = Symbols::of_system_map("0000000000100000 T main\n");
	EXPECT_EQ(kaslr_offset(other.value(), info).value(), 0u);
}

TEST(TraceSymbols, Elf)
{
	auto own = read_whole_file("/proc/self/exe", 1 << 30);
	ASSERT_TRUE(own.ok());
	auto s = Symbols::of_elf(own.value());
	ASSERT_TRUE(s.ok()) << s.error().text();
	auto at = s.value().address("main");
	ASSERT_TRUE(at);
	EXPECT_EQ(s.value().name(*at + 1), "main+0x1");
	// Each header cut off, and its numbers spoiled: no more than an error.
	std::span<const uint8_t> bytes(own.value());
	for (size_t size : { 0, 10, 63, 64, 100 })
		EXPECT_FALSE(Symbols::of_elf(bytes.first(size)).ok());
	Bytes head(bytes.begin(), bytes.begin() + 4096);
	EXPECT_FALSE(Symbols::of_elf(head).ok()); // the sections are at the end
	for (size_t offset = 0; offset < 64; offset += 2) {
		store(std::span(head), offset, uint16_t{ 0xffff });
		EXPECT_FALSE(Symbols::of_elf(head).ok());
	}
}

// ---- reports ----

TEST(TraceReport, Lines)
{
	TraceFile file = example();
	std::string text;
	for (const TraceEvent &e : file.events())
		text += trace_line(file, e, nullptr);
	EXPECT_NE(text.find("   0.000000500 vcpu1  io             vmm:io        rip 0000000000100204 cr3 1000 info 0 0 hw 0 "
			    "guest 100ns kernel 900ns\n"),
		  std::string::npos)
		<< text;
	EXPECT_NE(text.find("vcpu1  7 exits lost\n   0.000003000 vcpu1  io             error:EFAULT"), std::string::npos)
		<< text;
	auto json = nlohmann::json::parse(trace_event_json(file, file.events()[3], nullptr));
	EXPECT_EQ(json["lost_before"], 7);
	EXPECT_EQ(json["detail"], "EFAULT");
}

TEST(TraceReport, Filters)
{
	TraceFile file = example();
	auto count = [&](const TraceFilter &filter) {
		return std::count_if(file.events().begin(), file.events().end(),
				     [&](const TraceEvent &e) { return filter.passes(file, e); });
	};
	TraceFilter f;
	EXPECT_EQ(count(f), 4);
	EXPECT_EQ(count({ .reasons = { "io" }, .vcpu = {}, .result = "", .min_ns = 0, .cr3 = {} }), 2);
	EXPECT_EQ(count({ .reasons = {}, .vcpu = 0, .result = "", .min_ns = 60, .cr3 = {} }), 1);
	EXPECT_EQ(count({ .reasons = {}, .vcpu = {}, .result = "error", .min_ns = 0, .cr3 = {} }), 1);
	EXPECT_EQ(count({ .reasons = {}, .vcpu = {}, .result = "", .min_ns = 0, .cr3 = 1 }), 0);
	f.result = "tea";
	EXPECT_FALSE(f.check(file.info()).ok());
	f = { .reasons = { "tea" }, .vcpu = {}, .result = "", .min_ns = 0, .cr3 = {} };
	EXPECT_FALSE(f.check(file.info()).ok());
	EXPECT_EQ(split_names(",a,,b"), (std::vector<std::string>{ "a", "b" }));
}

TEST(TraceReport, Summary)
{
	TraceFile file = example();
	TraceSummary s = trace_summary(file, {}, nullptr, 1);
	EXPECT_EQ(s.events, 4u);
	EXPECT_EQ(s.lost, 7u);
	ASSERT_EQ(s.reasons.size(), 2u);
	EXPECT_EQ(s.reasons[0].name, "io");
	EXPECT_EQ(s.reasons[0].total, 1000);
	EXPECT_EQ(s.reasons[0].average(), 500);
	EXPECT_EQ(s.reasons[1].p99, 60);
	EXPECT_EQ(s.places.size(), 1u);
	EXPECT_NE(summary_text(s).find(" io                          2    1.00us     500ns     900ns     900ns\n"),
		  std::string::npos)
		<< summary_text(s);
}

TEST(TraceReport, Folded)
{
	EXPECT_EQ(export_folded(example(), {}, nullptr, false),
		  "vm1;vcpu0;cpuid;0x100010 2\nvm1;vcpu1;io;0x100204 2\n");
	EXPECT_EQ(export_folded(example(), {}, nullptr, true),
		  "vm1;vcpu0;cpuid;0x100010 110\nvm1;vcpu1;io;0x100204 1000\n");
}

TEST(TraceReport, ChromeSlicesTouch)
{
	// A VMM's turn of 250 ticks between two exits of one vCPU.
	TempFile temp, out;
	TraceInfo info = example_info();
	info.vcpus.resize(1);
	std::vector<vmx_x_trace_record> records = { record(1000, 1, 0x10, 50, VMX_X_TRACE_VMM, 2), record(1400, 0, 0x20, 60) };
	{
		auto writer = TraceWriter::create(temp.path(), info);
		ASSERT_TRUE(writer.ok());
		ASSERT_TRUE(writer.value().block(0, 0, 0, records).ok());
		info.vcpus[0].recorded = 2;
		ASSERT_TRUE(writer.value().finish(info).ok());
	}
	auto file = TraceFile::load(temp.path());
	ASSERT_TRUE(file.ok());
	FILE *stream = fopen(out.path().c_str(), "w");
	export_chrome(stream, file.value(), {}, nullptr);
	fclose(stream);
	auto text = read_whole_file(out.path(), 1 << 20);
	ASSERT_TRUE(text.ok());
	auto json = nlohmann::json::parse(text.value().begin(), text.value().end());
	std::vector<std::string> slices;
	for (const auto &e : json["traceEvents"])
		if (e["ph"] == "X")
			slices.push_back(fmt::format("{} {:.3f} {:.3f}", e["name"].get<std::string>(), e["ts"].get<double>(),
						     e["dur"].get<double>()));
	EXPECT_EQ(slices, (std::vector<std::string>{ "guest -0.100 0.100", "io 0.000 0.050", "VMM 0.050 0.250",
						     "guest 0.300 0.100", "cpuid 0.400 0.060" }));
}

} // namespace
} // namespace vmx::test
