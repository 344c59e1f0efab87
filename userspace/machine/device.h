// SPDX-License-Identifier: GPL-2.0-only
// What a device model is to the board, and what the board is to a device.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace vmx {

// A device that answers in one or more address ranges of a Bus.
//
// read() and write() are called on vCPU threads, at the same time from several
// of them: a device that has state has a lock. They never throw or block.
// `region` is the number under which the range was put on the bus, `offset` is
// inside that range, and the whole of `data` (1 to 8 bytes) lies in the range.
class Device {
public:
	virtual ~Device() = default;
	virtual std::string_view name() const = 0;

	// Fills all of `data`; bytes nobody drives are 0xff, which `data` holds at entry.
	virtual void read(unsigned region, uint64_t offset, std::span<uint8_t> data) = 0;
	virtual void write(unsigned region, uint64_t offset, std::span<const uint8_t> data) = 0;
};

// One input of the interrupt controllers. May be called under a device's lock.
class IrqLine {
public:
	virtual ~IrqLine() = default;
	virtual void set(bool level) = 0;
};

// How a device ends the guest.
class PowerControl {
public:
	virtual ~PowerControl() = default;
	virtual void power_off() = 0;
	virtual void reset(std::string_view how) = 0;
};

} // namespace vmx
