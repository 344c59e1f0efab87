// SPDX-License-Identifier: GPL-2.0-only
// Finds the console's commands in what a person types: Ctrl-A, then a letter.
// Pure.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace vmx {

enum class ConsoleCommand { none, quit, nmi, show_state, power_button, help };

class EscapeFilter {
public:
	static constexpr uint8_t escape_key = 0x01; // Ctrl-A

	// One typed byte: appends what the guest is to get to `to_guest`, and
	// returns the command that the byte completes. Ctrl-A a (or Ctrl-A
	// Ctrl-A) sends one Ctrl-A; an unknown letter shows the help.
	ConsoleCommand feed(uint8_t byte, Bytes &to_guest);

private:
	bool escaped_ = false;
};

inline constexpr const char console_help[] = "vmx console keys:\n"
					     "  Ctrl-A x  quit: end the guest at once\n"
					     "  Ctrl-A p  press the power button: the guest may shut down\n"
					     "  Ctrl-A n  send an NMI to every vCPU\n"
					     "  Ctrl-A s  show the state of every vCPU\n"
					     "  Ctrl-A a  send Ctrl-A to the guest\n"
					     "  Ctrl-A h  this help\n";

} // namespace vmx
