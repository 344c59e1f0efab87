// SPDX-License-Identifier: GPL-2.0-only
// Fuzzes the readers of what `vmx trace` is given: the trace itself, a vmlinux, a System.map. Beside the sanitizers: what
// the reader accepts keeps the promises of its header.
#include <cstdlib>
#include <cstring>

#include "trace/file.h"
#include "trace/symbols.h"

namespace {

void check(bool ok)
{
	if (!ok)
		std::abort();
}

void check_trace(std::span<const uint8_t> bytes)
{
	auto file = vmx::TraceFile::parse(bytes);
	if (!file.ok())
		return;
	const vmx::TraceInfo &info = file.value().info();
	check(info.tsc_khz > 0 && !info.vcpus.empty());
	uint64_t last = 0;
	for (const vmx::TraceEvent &e : file.value().events()) {
		check(e.vcpu < info.vcpus.size());
		check(!file.value().reason(e.record).empty());
		check(e.record.tsc >= last);
		last = e.record.tsc;
	}
}

// Blocks are reached only behind a header that is right.
void check_blocks(std::span<const uint8_t> blocks)
{
	static const char header[] =
		"{\"format\":\"vmx-trace\",\"version\":1,\"record_size\":64,\"pid\":1,\"command\":\"vmx\",\"backend\":"
		"\"svm\",\"tsc_khz\":1000,\"reasons\":[\"cpuid\",\"io\"],\"only\":[],\"vcpus\":[{\"vm\":1,\"vcpu\":0,"
		"\"lstar\":0,\"sysenter_eip\":0,\"recorded\":0,\"lost\":0}]}\n";
	vmx::Bytes bytes(header, header + strlen(header));
	vmx::append(bytes, blocks);
	check_trace(bytes);
}

void check_symbols(const vmx::Result<vmx::Symbols> &symbols)
{
	if (!symbols.ok())
		return;
	for (uint64_t address : { uint64_t{ 0 }, uint64_t{ 0x100000 }, UINT64_MAX })
		if (auto name = symbols.value().name(address))
			check(!name->empty());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	std::span<const uint8_t> bytes(data, size);
	check_trace(bytes);
	check_blocks(bytes);
	check_symbols(vmx::Symbols::of_elf(bytes));
	check_symbols(vmx::Symbols::of_system_map({ reinterpret_cast<const char *>(data), size }));
	return 0;
}
