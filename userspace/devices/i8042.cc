// SPDX-License-Identifier: GPL-2.0-only
#include "devices/i8042.h"

namespace vmx {

namespace {

enum : uint8_t { // status register
	status_output_full = 0x01,
	status_command = 0x08, // the last write was to port 0x64
	status_aux_output = 0x20,
	status_timeout = 0x40,
};

enum : uint8_t { // command byte
	ctr_keyboard_irq = 0x01,
	ctr_keyboard_off = 0x10,
	ctr_aux_off = 0x20,
};

enum : uint8_t { // commands
	cmd_read_ctr = 0x20,
	cmd_write_ctr = 0x60,
	cmd_aux_off = 0xa7,
	cmd_aux_on = 0xa8,
	cmd_aux_test = 0xa9,
	cmd_self_test = 0xaa,
	cmd_keyboard_test = 0xab,
	cmd_keyboard_off = 0xad,
	cmd_keyboard_on = 0xae,
	cmd_read_input_port = 0xc0,
	cmd_read_output_port = 0xd0,
	cmd_write_output_port = 0xd1,
	cmd_keyboard_loop = 0xd2,
	cmd_aux_loop = 0xd3,
	cmd_write_aux = 0xd4,
	cmd_pulse_first = 0xf0, // low nibble: which output bits stay high
};

enum : uint8_t {
	output_port_not_reset = 0x01,
	self_test_passed = 0x55,
	interface_ok = 0x00,
	no_answer = 0xfe,
};

} // namespace

void I8042::read(unsigned region, uint64_t, std::span<uint8_t> data)
{
	std::lock_guard lock(mutex_);
	if (region == region_command) {
		data[0] = status_;
		return;
	}
	data[0] = output_;
	status_ &= static_cast<uint8_t>(~(status_output_full | status_aux_output | status_timeout));
	update_irq();
}

void I8042::write(unsigned region, uint64_t, std::span<const uint8_t> bytes)
{
	std::lock_guard lock(mutex_);
	if (region == region_command) {
		status_ |= status_command;
		command(bytes[0]);
	} else {
		status_ &= static_cast<uint8_t>(~status_command);
		data(bytes[0]);
	}
}

void I8042::command(uint8_t value)
{
	expects_ = 0;
	switch (value) {
	case cmd_read_ctr:
		output(command_byte_, 0);
		break;
	case cmd_write_ctr:
	case cmd_write_output_port:
	case cmd_keyboard_loop:
	case cmd_aux_loop:
	case cmd_write_aux:
		expects_ = value;
		break;
	case cmd_aux_off:
		command_byte_ |= ctr_aux_off;
		break;
	case cmd_aux_on:
		command_byte_ &= static_cast<uint8_t>(~ctr_aux_off);
		break;
	case cmd_keyboard_off:
		command_byte_ |= ctr_keyboard_off;
		break;
	case cmd_keyboard_on:
		command_byte_ &= static_cast<uint8_t>(~ctr_keyboard_off);
		break;
	case cmd_aux_test:
	case cmd_keyboard_test:
		output(interface_ok, 0);
		break;
	case cmd_self_test:
		output(self_test_passed, 0);
		break;
	case cmd_read_input_port:
		output(0x80, 0); // keyboard not locked
		break;
	case cmd_read_output_port:
		output(output_port_, 0);
		break;
	default:
		if (value >= cmd_pulse_first && !(value & output_port_not_reset))
			power_.reset("keyboard controller");
		break;
	}
}

void I8042::data(uint8_t value)
{
	uint8_t to = expects_;
	expects_ = 0;
	switch (to) {
	case cmd_write_ctr:
		command_byte_ = value;
		update_irq();
		break;
	case cmd_write_output_port:
		output_port_ = value;
		if (!(value & output_port_not_reset))
			power_.reset("keyboard controller's output port");
		break;
	case cmd_keyboard_loop:
		output(value, 0);
		break;
	case cmd_aux_loop:
		output(value, status_aux_output);
		break;
	case cmd_write_aux:
		output(no_answer, status_aux_output | status_timeout);
		break;
	default: // to the keyboard
		output(no_answer, status_timeout);
		break;
	}
}

void I8042::output(uint8_t value, uint8_t status_bits)
{
	output_ = value;
	status_ &= static_cast<uint8_t>(~(status_aux_output | status_timeout));
	status_ |= static_cast<uint8_t>(status_output_full | status_bits);
	update_irq();
}

void I8042::update_irq()
{
	bool level =
		(status_ & status_output_full) && !(status_ & status_aux_output) && (command_byte_ & ctr_keyboard_irq);
	if (level != irq_level_) {
		irq_level_ = level;
		irq_.set(level);
	}
}

} // namespace vmx
