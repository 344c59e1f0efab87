// SPDX-License-Identifier: GPL-2.0-only
// `vmx doctor`: can this host run guests, and what to do if not.
#pragma once

#include <string>
#include <vector>

#include "doctor/host_view.h"

namespace vmx {

enum class Health {
	good,
	unknown, // could not be found out
	warning, // works, or only matters later
	bad,	 // must be mended before a guest can run
};

struct Finding {
	std::string id; // stable, for scripts: "cpu", "firmware" ...
	Health health;
	std::string says;   // a sentence
	std::string remedy; // a command or a step; empty when there is nothing to do
};

// All checks, in the order in which to mend things.
std::vector<Finding> examine(const HostView &host);

bool can_run(const std::vector<Finding> &findings); // nothing is bad
std::string report_text(const std::vector<Finding> &findings);
std::string report_json(const std::vector<Finding> &findings);

// Prints the report for this host; 0 if guests can run, else 1.
int doctor_command(bool json);

} // namespace vmx
