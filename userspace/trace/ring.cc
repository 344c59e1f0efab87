// SPDX-License-Identifier: GPL-2.0-only
#include "trace/ring.h"

#include <algorithm>
#include <atomic>
#include <fmt/format.h>

#include "base/bytes.h"

namespace vmx {

namespace {

constexpr size_t record_words = sizeof(vmx_x_trace_record) / sizeof(uint64_t);

} // namespace

Result<RingReader> RingReader::create(std::span<const uint8_t> ring)
{
	if (ring.size() < sizeof(vmx_x_trace_header))
		return Error("the ring of exits is shorter than its header");
	auto h = load<vmx_x_trace_header>(ring, 0);
	if (h.version != VMX_X_TRACE_VERSION)
		return Error(fmt::format("the module's exit trace has version {}, this program reads version {}: use "
					 "the vmx that was built with the module",
					 h.version, VMX_X_TRACE_VERSION));
	if (h.record_size != sizeof(vmx_x_trace_record) || h.nr_records == 0 || (h.nr_records & (h.nr_records - 1)) ||
	    h.header_size < sizeof(h) || h.header_size % sizeof(uint64_t) || h.header_size > ring.size() ||
	    (ring.size() - h.header_size) / h.record_size < h.nr_records || h.tsc_khz == 0)
		return Error("the header of the ring of exits makes no sense");
	return RingReader(ring, h);
}

uint64_t RingReader::head() const
{
	auto p = reinterpret_cast<const uint64_t *>(ring_.data() + offsetof(vmx_x_trace_header, head));
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

// The kernel may write to it meanwhile.
void RingReader::copy(uint64_t number, vmx_x_trace_record &to) const
{
	size_t at = header_.header_size + (number & (header_.nr_records - 1)) * sizeof(to);
	auto from = reinterpret_cast<const uint64_t *>(ring_.data() + at);
	uint64_t words[record_words];
	for (size_t i = 0; i < record_words; i++)
		words[i] = __atomic_load_n(from + i, __ATOMIC_RELAXED);
	memcpy(&to, words, sizeof(to));
}

RingReader::Chunk RingReader::read(std::vector<vmx_x_trace_record> &out, size_t most)
{
	const uint64_t start = next_, kept = header_.nr_records - 1;
	uint64_t now = head();
	if (now - next_ > kept)
		next_ = now - kept;
	out.resize(std::min<uint64_t>(most, now - next_));
	for (size_t i = 0; i < out.size(); i++)
		copy(next_ + i, out[i]);
	// What was overwritten during the copy is lost, too.
	std::atomic_thread_fence(std::memory_order_acquire);
	now = head();
	uint64_t end = next_ + out.size();
	uint64_t oldest = now > kept ? now - kept : 0;
	if (oldest > next_) {
		size_t gone = std::min<uint64_t>(oldest - next_, out.size());
		out.erase(out.begin(), out.begin() + static_cast<ptrdiff_t>(gone));
		next_ += gone;
	}
	Chunk chunk{next_, next_ - start};
	next_ = end;
	return chunk;
}

} // namespace vmx
