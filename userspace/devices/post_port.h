// SPDX-License-Identifier: GPL-2.0-only
// Port 0x80, the POST code display: Linux writes to it to wait about a
// microsecond. Keeps the last byte, which reads back.
#pragma once

#include <atomic>
#include <cstdint>

#include "machine/device.h"

namespace vmx {

class PostPort final : public Device {
public:
	std::string_view name() const override { return "post"; }
	void read(unsigned, uint64_t, std::span<uint8_t> data) override
	{
		data[0] = code_.load(std::memory_order_relaxed);
	}
	void write(unsigned, uint64_t, std::span<const uint8_t> data) override
	{
		code_.store(data[0], std::memory_order_relaxed);
	}

private:
	std::atomic<uint8_t> code_{0};
};

} // namespace vmx
