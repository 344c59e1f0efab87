// SPDX-License-Identifier: GPL-2.0-only
// i8042 keyboard controller at ports 0x60 (region 0) and 0x64 (region 1), with
// nothing plugged into it.
//
// Implements: self test, interface tests, command byte, output port, loopback
// of bytes (0xd2, 0xd3), disable and enable, output-port pulses: 0xfe resets
// the guest, as does output port bit 0. A byte sent to the keyboard or mouse is
// answered at once with 0xfe and the timeout bit, as the controller does when no
// device answers, so that drivers do not wait.
// Missing: a keyboard, a mouse, A20 (always on), controller RAM but byte 0.
#pragma once

#include <cstdint>
#include <mutex>

#include "machine/device.h"

namespace vmx {

class I8042 final : public Device {
public:
	static constexpr unsigned region_data = 0;
	static constexpr unsigned region_command = 1;

	I8042(IrqLine &keyboard_irq, PowerControl &power) : irq_(keyboard_irq), power_(power) {}

	std::string_view name() const override { return "i8042"; }
	void read(unsigned region, uint64_t offset, std::span<uint8_t> data) override;
	void write(unsigned region, uint64_t offset, std::span<const uint8_t> data) override;

private:
	void command(uint8_t value);
	void data(uint8_t value);
	void output(uint8_t value, uint8_t status_bits);
	void update_irq();

	std::mutex mutex_;
	IrqLine &irq_;
	PowerControl &power_;

	uint8_t status_ = 0x14;	      // keyboard not locked, self test passed
	uint8_t command_byte_ = 0x74; // both interfaces off, translation on
	uint8_t output_ = 0;
	uint8_t output_port_ = 0x03; // A20 on, reset not asserted
	uint8_t expects_ = 0;	     // the command whose parameter port 0x60 gets, or 0
	bool irq_level_ = false;
};

} // namespace vmx
