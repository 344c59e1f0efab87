// SPDX-License-Identifier: GPL-2.0-only
// `vmx inspect --walk`: one address through the guest's tables and ours.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "uapi/vmx_ext.h"

namespace vmx {

struct Place {
	uint64_t address = 0;
	bool physical = false;
};

struct WalkView {
	uint32_t vm_id = 0, id = 0, backend = 0;
	vmx_x_walk walk{};
};

// "gva:0x1000" or "gpa:4096"
Result<Place> parse_place(const std::string &text);

Result<WalkView> walk_place(int vcpu_fd, const Place &place);

std::string walk_text(const WalkView &view);
std::string walk_json(const WalkView &view);

} // namespace vmx
