// SPDX-License-Identifier: GPL-2.0-only
// `vmx run`: makes a machine, runs it, reports how it ended.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "machine/board.h"

namespace vmx {

struct RunOptions {
	BoardConfig board;   // its cmdline is what the user gave
	bool console = true; // stdin goes to the guest
};

// "512M", "2G", "1.5G" is not: an integer and K, M, G or T. Bytes.
Result<uint64_t> parse_size(std::string_view text);

// The user's command line with what the machine wants before it, each unless the user has a
// parameter of that name: console=ttyS0, and pci=off on a machine without PCI. (There Linux would
// look at every slot of 256 buses: a port access that leaves the guest for each.)
std::string guest_cmdline(const std::string &user, bool has_pci);

// Runs the guest to its end. The exit status of `vmx` (machine/ending.h).
int run_command(RunOptions options);

} // namespace vmx
