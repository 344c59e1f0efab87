// SPDX-License-Identifier: GPL-2.0-only
// `vmx inspect --map`: the guest-physical space, by what our tables hold of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "uapi/vmx_ext.h"

namespace vmx {

struct MapView {
	uint32_t vm_id = 0;
	bool shadow = false, hidden = false;
	std::vector<vmx_x_range> slots, pages, shadowed;
};

// Neighbouring pages of the same entry size and state.
struct MapRun {
	uint64_t gpa = 0, pages = 0;
	uint16_t flags = 0; // VMX_X_RANGE_*; ACCESSED is left out
	uint8_t level = 0, space = 0;
};

// How many pages of 4 KiB are so.
struct MapCounts {
	uint64_t pages = 0, level[4] = {}, write = 0, dirty = 0, logged = 0, device = 0, shadowed = 0;
};

// Part of a slot that is one cell of the picture.
struct MapSlotCells {
	vmx_x_range slot{};
	uint64_t cell_pages = 1;
	std::vector<MapCounts> cells;
};

Result<MapView> read_map(int vcpu_fd);

// Sorted; where several shadow pages map the same frame, what any of them allows.
std::vector<MapRun> map_runs(const MapView &view);

// @most: about so many cells altogether.
std::vector<MapSlotCells> map_cells(const MapView &view, uint64_t most);

// @all: every run, not the first ones alone.
std::string map_text(const MapView &view, bool all);
std::string map_json(const MapView &view);
// One page that needs nothing but itself.
std::string map_html(const MapView &view, const std::string &title);

std::string bytes_text(uint64_t bytes);

} // namespace vmx
