// SPDX-License-Identifier: GPL-2.0-only
// What the fields of a control block mean: names, and the bits that are set, in words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vmx {

// Of VMX_X_BACKEND_*; "unknown field" if there is no such.
std::string field_name(uint32_t backend, uint32_t id);

// The bits and numbers of a field's value in words, the lowest first; empty where nothing is known of the field.
std::vector<std::string> field_meaning(uint32_t backend, uint32_t id, uint64_t value);

// "control", "exit", "guest", "host"
std::string field_kind(unsigned kind);

} // namespace vmx
