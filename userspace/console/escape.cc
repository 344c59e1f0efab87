// SPDX-License-Identifier: GPL-2.0-only
#include "console/escape.h"

namespace vmx {

ConsoleCommand EscapeFilter::feed(uint8_t byte, Bytes &to_guest)
{
	if (!escaped_) {
		if (byte == escape_key)
			escaped_ = true;
		else
			to_guest.push_back(byte);
		return ConsoleCommand::none;
	}
	escaped_ = false;
	switch (byte) {
	case 'a':
	case escape_key:
		to_guest.push_back(escape_key);
		return ConsoleCommand::none;
	case 'x':
		return ConsoleCommand::quit;
	case 'n':
		return ConsoleCommand::nmi;
	case 's':
		return ConsoleCommand::show_state;
	case 'p':
		return ConsoleCommand::power_button;
	default:
		return ConsoleCommand::help;
	}
}

} // namespace vmx
