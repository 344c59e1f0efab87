// SPDX-License-Identifier: GPL-2.0-only
// Page-table entries in words.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "uapi/vmx_ext.h"

namespace vmx {

// @levels: of the guest's tables (vmx_x_walk.levels), which says how to read its entries; @backend: VMX_X_BACKEND_*, whose
// nested tables ours are.
std::vector<std::string> entry_words(const vmx_x_step &step, unsigned levels, uint32_t backend);

// "guest", "nested", "shadow"
std::string tables_name(unsigned tables);

// "4 KiB" of 12, "2 MiB" of 21
std::string page_size_text(unsigned shift);

} // namespace vmx
