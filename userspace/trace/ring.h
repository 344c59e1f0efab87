// SPDX-License-Identifier: GPL-2.0-only
// Reads a vCPU's ring of exits (uapi/vmx_ext.h, "exit trace"), which the kernel never waits with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/result.h"
#include "uapi/vmx_ext.h"

namespace vmx {

class RingReader {
public:
	// `ring` is the whole mapping; it has to live as long. An error if its header is of another version.
	static Result<RingReader> create(std::span<const uint8_t> ring);

	const vmx_x_trace_header &header() const { return header_; }

	struct Chunk {
		uint64_t first = 0; // number of the first record
		uint64_t lost = 0;  // how many were lost just before it
	};

	// Puts what came since the last call into `out`, oldest first, at most `most` records. All that is lost is
	// counted, in one call or another, exactly once.
	Chunk read(std::vector<vmx_x_trace_record> &out, size_t most);

	// How many records wait, of which some may be lost already.
	uint64_t waiting() const { return head() - next_; }

private:
	RingReader(std::span<const uint8_t> ring, const vmx_x_trace_header &header) : ring_(ring), header_(header) {}

	uint64_t head() const;
	void copy(uint64_t number, vmx_x_trace_record &to) const;

	std::span<const uint8_t> ring_;
	vmx_x_trace_header header_;
	uint64_t next_ = 0;
};

} // namespace vmx
