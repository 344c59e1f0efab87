// SPDX-License-Identifier: GPL-2.0-only
// Views of the statistics as text, CSV and JSON.
#pragma once

#include <string>
#include <string_view>

#include "stat/view.h"

namespace vmx {

// Three digits and a unit: "812ns", "1.20us", "34.5ms", "5.61s".
std::string duration_text(double ns);

struct StatStyle {
	StatOrder order = StatOrder::rate;
	bool counters = true;
};

// A table of the reasons that occurred, the time's split, the counters.
std::string stat_text(const StatView &view, const StatStyle &style);

// How long the exits of a reason took, a line each of the histogram's buckets.
std::string stat_histogram(const StatView &view, const StatReason &reason);

// A line of names, and lines of values: of each reason that occurred, each counter, each part of the time.
std::string stat_csv_header();
std::string stat_csv(const StatView &view, double time);

// One object, one line.
std::string stat_json(const StatView &view, double time);

// "count", "rate", "total", "average", "max", "name"; false: none of these.
bool stat_order_of(std::string_view name, StatOrder &order);
const char *stat_order_name(StatOrder order);

// The reason of that name, run_ioctl too, or nullptr.
const StatReason *stat_find(const StatView &view, std::string_view name);

} // namespace vmx
