// SPDX-License-Identifier: GPL-2.0-only
// The file that `vmx trace record` writes, little-endian:
//
//	a line of JSON		struct TraceInfo: what the numbers in the records mean; ends with '\n'
//	blocks			struct TraceBlockHeader, then its records (struct vmx_x_trace_record) of one vCPU
//	the end			struct TraceBlockHeader with trace_end_magic, then as much JSON as .length says, and no more
//
// The numbers of a vCPU's records go up by one, but for those that a block says are lost before it. The end has each
// vCPU's totals, and its system call entry points, by which the place of a Linux kernel is known (symbols.h).
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"
#include "uapi/vmx_ext.h"

namespace vmx {

inline constexpr int trace_file_version = 1;
inline constexpr uint32_t trace_block_magic = 0x42545856; // "VXTB"
inline constexpr uint32_t trace_end_magic = 0x45545856;	  // "VXTE"

struct TraceBlockHeader {
	uint32_t magic;
	uint32_t vcpu;	 // index in TraceInfo.vcpus
	uint32_t length; // records; of the end: bytes
	uint32_t reserved;
	uint64_t first; // number of the first record
	uint64_t lost;	// so many of this vCPU's were lost just before it
};

struct TraceVcpu {
	uint32_t vm_id = 0;
	uint32_t id = 0; // APIC id
	// Guest's MSRs, 0: not known.
	uint64_t lstar = 0;
	uint64_t sysenter_eip = 0;
	// Only at the end.
	uint64_t recorded = 0;
	uint64_t lost = 0;
};

struct TraceInfo {
	int64_t pid = 0;
	std::string command;
	std::string backend; // "svm" or "vt"
	uint32_t tsc_khz = 0;
	std::vector<std::string> reasons; // names, by number
	std::vector<std::string> only;	  // those that were recorded; empty: all
	std::vector<TraceVcpu> vcpus;
};

class TraceWriter {
public:
	// A new file, or the old one emptied.
	static Result<TraceWriter> create(const std::string &path, const TraceInfo &info);

	Result<void> block(uint32_t vcpu, uint64_t first, uint64_t lost, std::span<const vmx_x_trace_record> records);

	// The end, with the totals in `info`. Without it the file is not whole.
	Result<void> finish(const TraceInfo &info);

private:
	struct Closer {
		void operator()(FILE *file) const { fclose(file); }
	};

	TraceWriter(FILE *file, std::string path) : file_(file), path_(std::move(path)) {}

	Result<void> put(const void *data, size_t size);

	std::unique_ptr<FILE, Closer> file_;
	std::string path_;
};

// One exit of the file.
struct TraceEvent {
	vmx_x_trace_record record;
	uint32_t vcpu; // index in TraceInfo.vcpus
	bool follows;  // directly on the one before it of this vCPU: nothing is lost or was left out in between
	uint64_t lost; // of this vCPU before it
};

class TraceFile {
public:
	static Result<TraceFile> load(const std::string &path);

	// All of the file's numbers are checked: the bytes may be hostile.
	static Result<TraceFile> parse(std::span<const uint8_t> file);

	const TraceInfo &info() const { return info_; }

	// By time, of all vCPUs.
	const std::vector<TraceEvent> &events() const { return events_; }

	// After the last event of each vCPU, and in all.
	uint64_t lost() const;

	// The name of a record's reason.
	const std::string &reason(const vmx_x_trace_record &record) const { return info_.reasons[record.reason]; }

	double ns(uint64_t ticks) const { return static_cast<double>(ticks) * 1e6 / info_.tsc_khz; }

private:
	TraceFile() = default;
	Result<void> parse_blocks(std::span<const uint8_t> rest);
	Result<void> parse_block(const TraceBlockHeader &h, std::span<const uint8_t> records);
	Result<void> parse_end(std::span<const uint8_t> text);

	TraceInfo info_;
	std::vector<TraceEvent> events_;
	struct Progress {
		uint64_t next = 0, records = 0, lost = 0, lost_since = 0;
	};
	std::vector<Progress> progress_;
};

} // namespace vmx
