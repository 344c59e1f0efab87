// SPDX-License-Identifier: GPL-2.0-only
// `vmx inspect --diff`: what has changed in the control blocks between two looks.
#pragma once

#include <string>
#include <vector>

#include "inspect/inspect.h"

namespace vmx {

struct FieldChange {
	uint32_t id = 0;
	uint8_t kind = 0, width = 0;
	uint64_t before = 0, after = 0;
	std::vector<std::string> gone, come; // words of field_meaning() that only one of the two has
};

// Fields of both blocks whose values differ; hidden ones are left out.
std::vector<FieldChange> changes(const Block &before, const Block &after);

// The vCPUs of both looks, by VM and id. One that is only in one of them is said to be so.
std::string diff_text(const std::vector<VcpuView> &before, const std::vector<VcpuView> &after, unsigned ms);
std::string diff_json(const std::vector<VcpuView> &before, const std::vector<VcpuView> &after, unsigned ms);

} // namespace vmx
