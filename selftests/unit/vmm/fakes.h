// SPDX-License-Identifier: GPL-2.0-only
// Stand-ins for what a device model is connected to.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"
#include "devices/uart16550.h"
#include "machine/device.h"

namespace vmx::test {

struct FakeIrq final : IrqLine {
	void set(bool on) override
	{
		level = on;
		(on ? rises : falls)++;
	}
	bool level = false;
	int rises = 0, falls = 0;
};

struct FakePower final : PowerControl {
	void power_off() override { offs++; }
	void reset(std::string_view) override { resets++; }
	int offs = 0, resets = 0;
};

struct FakeClock final : Clock {
	int64_t monotonic_ns() const override { return mono; }
	int64_t realtime_ns() const override { return real; }
	void advance(int64_t ns)
	{
		mono += ns;
		real += ns;
	}
	int64_t mono = 1'000'000'000;
	int64_t real = 0;
};

struct FakeTimer final : Timer {
	void arm(int64_t ns) override { delay = ns; }
	void disarm() override { delay.reset(); }
	std::optional<int64_t> delay;
};

struct FakePeer final : SerialPeer {
	bool transmit(uint8_t byte) override
	{
		sent.push_back(static_cast<char>(byte));
		return sent.size() < room;
	}
	void receiver_ready() override { ready++; }
	std::string sent;
	size_t room = SIZE_MAX;
	int ready = 0;
};

// Register accesses of 1 to 4 bytes, as a guest makes them.
template <typename T = uint8_t>
T in(Device &device, uint64_t offset, unsigned region = 0)
{
	std::vector<uint8_t> data(sizeof(T), 0xff); // as the bus does
	device.read(region, offset, data);
	return load<T>(data, 0);
}

template <typename T = uint8_t>
void out(Device &device, uint64_t offset, T value, unsigned region = 0)
{
	std::vector<uint8_t> data(sizeof(T));
	store(std::span<uint8_t>(data), 0, value);
	device.write(region, offset, data);
}

inline Bytes bytes_of(std::string_view text)
{
	return Bytes(text.begin(), text.end());
}

} // namespace vmx::test
