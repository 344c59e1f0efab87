// SPDX-License-Identifier: GPL-2.0-only
#include "trace/file.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/fd.h"

namespace vmx {

namespace {

using Json = nlohmann::ordered_json;

constexpr size_t longest_header = 1 << 20;
constexpr size_t most_vcpus = 4096, most_reasons = 64, longest_name = 64;
constexpr uint64_t largest_file = 8ULL << 30;

static_assert(sizeof(TraceBlockHeader) == 32 && sizeof(vmx_x_trace_record) == 64);

Json vcpus_json(const TraceInfo &info)
{
	Json list = Json::array();
	for (const TraceVcpu &v : info.vcpus)
		list.push_back({{"vm", v.vm_id},
				{"vcpu", v.id},
				{"lstar", v.lstar},
				{"sysenter_eip", v.sysenter_eip},
				{"recorded", v.recorded},
				{"lost", v.lost}});
	return list;
}

Json header_json(const TraceInfo &info)
{
	return {{"format", "vmx-trace"},
		{"version", trace_file_version},
		{"record_size", sizeof(vmx_x_trace_record)},
		{"pid", info.pid},
		{"command", info.command},
		{"backend", info.backend},
		{"tsc_khz", info.tsc_khz},
		{"reasons", info.reasons},
		{"only", info.only},
		{"vcpus", vcpus_json(info)}};
}

// Names are shown on terminals.
bool is_name(const std::string &text)
{
	return !text.empty() && text.size() <= longest_name &&
	       std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

bool names_ok(const std::vector<std::string> &names)
{
	return names.size() <= most_reasons && std::all_of(names.begin(), names.end(), is_name);
}

// nlohmann::json throws where a value has another type than is asked for.
Result<void> read_vcpus(const Json &list, std::vector<TraceVcpu> &vcpus)
{
	if (!list.is_array() || list.empty() || list.size() > most_vcpus)
		return Error("the number of vCPUs makes no sense");
	vcpus.clear();
	for (const Json &v : list)
		vcpus.push_back({v.at("vm").get<uint32_t>(), v.at("vcpu").get<uint32_t>(),
				 v.at("lstar").get<uint64_t>(), v.at("sysenter_eip").get<uint64_t>(),
				 v.at("recorded").get<uint64_t>(), v.at("lost").get<uint64_t>()});
	return {};
}

Result<TraceInfo> read_header(std::string_view line)
{
	TraceInfo info;
	Json json = Json::parse(line, nullptr, false);
	if (json.is_discarded() || !json.is_object() || !json.contains("format") || json["format"] != "vmx-trace")
		return Error("this is no trace of exits");
	if (!json.contains("version") || json["version"] != trace_file_version)
		return Error(fmt::format("the trace is of another version than {}", trace_file_version));
	try {
		info.pid = json.at("pid").get<int64_t>();
		info.command = json.at("command").get<std::string>();
		info.backend = json.at("backend").get<std::string>();
		info.tsc_khz = json.at("tsc_khz").get<uint32_t>();
		info.reasons = json.at("reasons").get<std::vector<std::string>>();
		info.only = json.at("only").get<std::vector<std::string>>();
		if (json.at("record_size") != sizeof(vmx_x_trace_record) || info.tsc_khz == 0 || info.reasons.empty() ||
		    !names_ok(info.reasons) || !names_ok(info.only) || !is_name(info.backend) ||
		    info.command.size() > longest_name)
			return Error("the header makes no sense");
		VMX_TRY(read_vcpus(json.at("vcpus"), info.vcpus));
	} catch (const nlohmann::json::exception &e) {
		return Error(fmt::format("the header makes no sense: {}", e.what()));
	}
	for (char &c : info.command)
		if (c < ' ' || c > '~')
			c = '?';
	return info;
}

} // namespace

// ---- writing ----

Result<TraceWriter> TraceWriter::create(const std::string &path, const TraceInfo &info)
{
	FILE *file = fopen(path.c_str(), "wbe");
	if (!file)
		return Error::from_errno(errno, "cannot write " + path);
	TraceWriter writer(file, path);
	std::string line = header_json(info).dump() + "\n";
	VMX_TRY(writer.put(line.data(), line.size()));
	return writer;
}

Result<void> TraceWriter::put(const void *data, size_t size)
{
	if (size && fwrite(data, size, 1, file_.get()) != 1)
		return Error::from_errno(errno, "cannot write " + path_);
	return {};
}

Result<void> TraceWriter::block(uint32_t vcpu, uint64_t first, uint64_t lost,
				std::span<const vmx_x_trace_record> records)
{
	TraceBlockHeader h{trace_block_magic, vcpu, static_cast<uint32_t>(records.size()), 0, first, lost};
	VMX_TRY(put(&h, sizeof(h)));
	return put(records.data(), records.size_bytes());
}

Result<void> TraceWriter::finish(const TraceInfo &info)
{
	std::string text = Json{{"vcpus", vcpus_json(info)}}.dump();
	TraceBlockHeader h{trace_end_magic, 0, static_cast<uint32_t>(text.size()), 0, 0, 0};
	VMX_TRY(put(&h, sizeof(h)));
	VMX_TRY(put(text.data(), text.size()));
	if (fflush(file_.get()) != 0)
		return Error::from_errno(errno, "cannot write " + path_);
	return {};
}

// ---- reading ----

Result<TraceFile> TraceFile::load(const std::string &path)
{
	VMX_TRY_ASSIGN(auto bytes, read_whole_file(path, largest_file));
	auto file = parse(bytes);
	if (!file.ok())
		return std::move(file).error().with_context(path);
	return file;
}

Result<TraceFile> TraceFile::parse(std::span<const uint8_t> bytes)
{
	TraceFile file;
	auto head = bytes.first(std::min(bytes.size(), longest_header));
	auto end = std::find(head.begin(), head.end(), '\n');
	if (end == head.end())
		return Error("this is no trace of exits");
	auto length = static_cast<size_t>(end - head.begin());
	VMX_TRY_ASSIGN(file.info_, read_header({reinterpret_cast<const char *>(bytes.data()), length}));
	file.progress_.resize(file.info_.vcpus.size());
	VMX_TRY(file.parse_blocks(bytes.subspan(length + 1)));
	std::stable_sort(file.events_.begin(), file.events_.end(),
			 [](const TraceEvent &a, const TraceEvent &b) { return a.record.tsc < b.record.tsc; });
	return file;
}

Result<void> TraceFile::parse_blocks(std::span<const uint8_t> rest)
{
	for (;;) {
		if (rest.size() < sizeof(TraceBlockHeader))
			return Error("the file ends in the middle: the recording was cut off");
		auto h = vmx::load<TraceBlockHeader>(rest, 0);
		rest = rest.subspan(sizeof(h));
		bool is_end = h.magic == trace_end_magic;
		if ((!is_end && h.magic != trace_block_magic) || h.reserved)
			return Error(fmt::format("a block of records is broken, {} bytes before the end", rest.size()));
		uint64_t size = is_end ? h.length : uint64_t{h.length} * sizeof(vmx_x_trace_record);
		if (size > rest.size())
			return Error("the file ends in the middle: the recording was cut off");
		auto body = rest.first(size);
		rest = rest.subspan(size);
		if (is_end)
			return rest.empty() ? parse_end(body) : Error("there is something behind the end");
		VMX_TRY(parse_block(h, body));
	}
}

Result<void> TraceFile::parse_block(const TraceBlockHeader &h, std::span<const uint8_t> records)
{
	if (h.vcpu >= info_.vcpus.size())
		return Error(fmt::format("a block is of vCPU {} of {}", h.vcpu, info_.vcpus.size()));
	Progress &p = progress_[h.vcpu];
	if (h.first < p.next || h.first - p.next != h.lost)
		return Error(
			fmt::format("a block begins with record {}, after {} with {} lost", h.first, p.next, h.lost));
	p.lost += h.lost;
	p.lost_since += h.lost;
	for (uint32_t i = 0; i < h.length; i++) {
		TraceEvent e{};
		e.record = vmx::load<vmx_x_trace_record>(records, i * sizeof(vmx_x_trace_record));
		if (e.record.reason >= info_.reasons.size())
			return Error(
				fmt::format("a record has reason {} of {}", e.record.reason, info_.reasons.size()));
		e.vcpu = h.vcpu;
		e.lost = std::exchange(p.lost_since, 0);
		e.follows = !e.lost && p.records && info_.only.empty();
		p.records++;
		events_.push_back(e);
	}
	p.next = h.first + h.length;
	return {};
}

Result<void> TraceFile::parse_end(std::span<const uint8_t> text)
{
	std::vector<TraceVcpu> vcpus;
	Json json = Json::parse(text.begin(), text.end(), nullptr, false);
	if (json.is_discarded() || !json.is_object())
		return Error("the end makes no sense");
	try {
		VMX_TRY(read_vcpus(json.at("vcpus"), vcpus));
	} catch (const nlohmann::json::exception &e) {
		return Error(fmt::format("the end makes no sense: {}", e.what()));
	}
	if (vcpus.size() != info_.vcpus.size())
		return Error("the end speaks of other vCPUs than the header");
	for (size_t i = 0; i < vcpus.size(); i++)
		if (vcpus[i].recorded != progress_[i].records || vcpus[i].lost != progress_[i].lost)
			return Error(fmt::format(
				"{} records of vCPU {} are there, and {} lost, where the end says {} and {}",
				progress_[i].records, vcpus[i].id, progress_[i].lost, vcpus[i].recorded,
				vcpus[i].lost));
	info_.vcpus = std::move(vcpus);
	return {};
}

uint64_t TraceFile::lost() const
{
	uint64_t sum = 0;
	for (const TraceVcpu &v : info_.vcpus)
		sum += v.lost;
	return sum;
}

} // namespace vmx
