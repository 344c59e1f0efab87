// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/map.h"

#include <algorithm>
#include <cerrno>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <tuple>

#include "inspect/entries.h"

namespace vmx {

namespace {

constexpr uint64_t page = 4096;
constexpr size_t runs_shown = 40;

Result<std::vector<vmx_x_range>> read_list(int fd, uint32_t what, uint32_t &result)
{
	std::vector<vmx_x_range> all;
	vmx_x_tables arg{};
	arg.what = what;
	do {
		constexpr uint32_t part = 1024;
		size_t have = all.size();
		all.resize(have + part);
		arg.nr = part;
		arg.ranges = reinterpret_cast<uint64_t>(&all[have]);
		if (ioctl(fd, VMX_X_TABLES, &arg) != 0)
			return Error::from_errno(errno, "cannot list the hypervisor's tables");
		all.resize(have + std::min(arg.nr, part));
	} while (!(arg.result & VMX_X_TABLES_END));
	result |= arg.result;
	return all;
}

bool before(const MapRun &a, const MapRun &b)
{
	return std::tie(a.space, a.gpa) < std::tie(b.space, b.gpa);
}

bool alike(const MapRun &a, const MapRun &b)
{
	return a.flags == b.flags && a.level == b.level && a.space == b.space && a.gpa + a.pages * page == b.gpa;
}

MapRun run_of(const vmx_x_range &r)
{
	return {.gpa = r.gpa,
		.pages = r.pages,
		.flags = static_cast<uint16_t>(r.flags & ~VMX_X_RANGE_ACCESSED),
		.level = r.level,
		.space = r.space};
}

// Shadow pages may map a frame more than once: page by page, what any allows.
std::vector<MapRun> single_pages(const MapView &view)
{
	std::vector<MapRun> out;
	for (const vmx_x_range &r : view.pages)
		for (uint64_t i = 0; i < r.pages; i++) {
			MapRun run = run_of(r);
			run.gpa += i * page;
			run.pages = 1;
			out.push_back(run);
		}
	std::sort(out.begin(), out.end(), before);
	size_t n = 0;
	for (const MapRun &run : out) {
		if (n && out[n - 1].gpa == run.gpa && out[n - 1].space == run.space) {
			out[n - 1].flags |= run.flags;
			out[n - 1].level = std::max(out[n - 1].level, run.level);
		} else {
			out[n++] = run;
		}
	}
	out.resize(n);
	return out;
}

void count(MapCounts &c, const MapRun &run, uint64_t pages)
{
	if (run.flags & VMX_X_RANGE_DEVICE) {
		c.device += pages;
		return;
	}
	c.level[std::min<unsigned>(run.level, 3)] += pages;
	c.write += run.flags & VMX_X_RANGE_WRITE ? pages : 0;
	c.dirty += run.flags & VMX_X_RANGE_DIRTY ? pages : 0;
	c.logged += run.flags & VMX_X_RANGE_LOGGED ? pages : 0;
}

std::vector<std::string> run_words(const MapRun &run, bool shadow)
{
	if (run.flags & VMX_X_RANGE_DEVICE)
		return {"marked: no memory is there"};
	std::vector<std::string> words{run.flags & VMX_X_RANGE_WRITE ? "writable" : "read-only"};
	if (!(run.flags & VMX_X_RANGE_EXEC))
		words.push_back("not for code");
	if (shadow && !(run.flags & VMX_X_RANGE_USER))
		words.push_back("supervisor");
	if (run.flags & VMX_X_RANGE_DIRTY)
		words.push_back("dirty");
	if (run.flags & VMX_X_RANGE_LOGGED)
		words.push_back("next write is logged");
	return words;
}

std::vector<std::string> slot_words(const vmx_x_range &slot)
{
	std::vector<std::string> words;
	if (slot.flags & VMX_X_RANGE_READONLY)
		words.push_back("read-only");
	if (slot.flags & VMX_X_RANGE_LOGGED)
		words.push_back("dirty log");
	if (slot.space)
		words.push_back("SMM");
	return words;
}

MapCounts total(const MapView &view)
{
	MapCounts sum;
	for (const vmx_x_range &slot : view.slots)
		sum.pages += slot.pages;
	for (const MapRun &run : map_runs(view))
		count(sum, run, run.pages);
	std::vector<uint64_t> frames;
	for (const vmx_x_range &r : view.shadowed)
		frames.push_back(r.gpa);
	std::sort(frames.begin(), frames.end());
	sum.shadowed = static_cast<uint64_t>(std::unique(frames.begin(), frames.end()) - frames.begin());
	return sum;
}

} // namespace

std::string bytes_text(uint64_t bytes)
{
	static constexpr const char *units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	unsigned unit = 0;
	double value = static_cast<double>(bytes);
	for (; value >= 1024 && unit < 6; unit++)
		value /= 1024;
	return value == static_cast<double>(static_cast<uint64_t>(value)) ?
		       fmt::format("{:.0f} {}", value, units[unit]) :
		       fmt::format("{:.1f} {}", value, units[unit]);
}

Result<MapView> read_map(int vcpu_fd)
{
	MapView view;
	uint32_t result = 0;
	VMX_TRY_ASSIGN(view.slots, read_list(vcpu_fd, VMX_X_LIST_SLOTS, result));
	VMX_TRY_ASSIGN(view.pages, read_list(vcpu_fd, VMX_X_LIST_PAGES, result));
	VMX_TRY_ASSIGN(view.shadowed, read_list(vcpu_fd, VMX_X_LIST_SHADOWED, result));
	view.shadow = (result & VMX_X_TABLES_ON_SHADOW) != 0;
	view.hidden = (result & VMX_X_TABLES_HIDDEN) != 0;
	return view;
}

std::vector<MapRun> map_runs(const MapView &view)
{
	std::vector<MapRun> in;
	if (view.shadow) {
		in = single_pages(view);
	} else {
		for (const vmx_x_range &r : view.pages)
			in.push_back(run_of(r));
		std::sort(in.begin(), in.end(), before);
	}
	std::vector<MapRun> out;
	for (const MapRun &run : in) {
		if (!out.empty() && alike(out.back(), run))
			out.back().pages += run.pages;
		else
			out.push_back(run);
	}
	return out;
}

std::vector<MapSlotCells> map_cells(const MapView &view, uint64_t most)
{
	uint64_t all = 0, cell = 1;
	for (const vmx_x_range &slot : view.slots)
		all += slot.pages;
	while (all / cell > most)
		cell *= 2;
	std::vector<MapSlotCells> out;
	for (const vmx_x_range &slot : view.slots) {
		MapSlotCells s;
		s.slot = slot;
		s.cell_pages = cell;
		s.cells.resize((slot.pages + cell - 1) / cell);
		for (size_t i = 0; i < s.cells.size(); i++)
			s.cells[i].pages = std::min<uint64_t>(cell, slot.pages - i * cell);
		out.push_back(std::move(s));
	}
	auto spread = [&](const MapRun &run, auto &&add) {
		for (MapSlotCells &s : out) {
			if (s.slot.space != run.space)
				continue;
			uint64_t from = std::max<uint64_t>(run.gpa, s.slot.gpa) / page;
			uint64_t to = std::min<uint64_t>(run.gpa / page + run.pages, s.slot.gpa / page + s.slot.pages);
			for (uint64_t base = s.slot.gpa / page; from < to;) {
				uint64_t i = (from - base) / cell, n = std::min(to, base + (i + 1) * cell) - from;
				add(s.cells[i], n);
				from += n;
			}
		}
	};
	for (const MapRun &run : map_runs(view))
		spread(run, [&](MapCounts &c, uint64_t n) { count(c, run, n); });
	for (const vmx_x_range &r : view.shadowed)
		spread(run_of(r), [](MapCounts &c, uint64_t n) { c.shadowed = std::min(c.pages, c.shadowed + n); });
	return out;
}

std::string map_text(const MapView &view, bool all)
{
	MapCounts sum = total(view);
	auto runs = map_runs(view);
	std::string text = fmt::format("VM {}: guest-physical memory, {} paging\n slots\n", view.vm_id,
				       view.shadow ? "shadow" : "nested");
	for (const vmx_x_range &slot : view.slots)
		text += fmt::format("  {:>4}  {:012x}-{:012x}  {:>10}  at {:012x}{}{}\n", slot.id & 0xffff, slot.gpa,
				    slot.gpa + slot.pages * page - 1, bytes_text(slot.pages * page), slot.target,
				    slot_words(slot).empty() ? "" : "  ", fmt::join(slot_words(slot), ", "));
	uint64_t mapped = sum.level[1] + sum.level[2] + sum.level[3];
	text += fmt::format(" of {} are mapped {}: by 4 KiB {}, by 2 MiB {}, by 1 GiB {}\n",
			    bytes_text(sum.pages * page), bytes_text(mapped * page), bytes_text(sum.level[1] * page),
			    bytes_text(sum.level[2] * page), bytes_text(sum.level[3] * page));
	text += fmt::format(" writable {}, dirty {}", bytes_text(sum.write * page), bytes_text(sum.dirty * page));
	if (view.shadow)
		text += fmt::format(", next write is logged {}; {} tables of the guest's are shadowed",
				    bytes_text(sum.logged * page), sum.shadowed);
	text += "\n runs\n";
	size_t n = all ? runs.size() : std::min(runs.size(), runs_shown);
	for (size_t i = 0; i < n; i++)
		text += fmt::format("  {:012x}-{:012x}  {:>10}  {:>5}  {}\n", runs[i].gpa,
				    runs[i].gpa + runs[i].pages * page - 1, bytes_text(runs[i].pages * page),
				    page_size_text(3 + 9 * runs[i].level),
				    fmt::join(run_words(runs[i], view.shadow), ", "));
	if (n < runs.size())
		text += fmt::format("  ... and {} more (--all)\n", runs.size() - n);
	return text;
}

std::string map_json(const MapView &view)
{
	MapCounts sum = total(view);
	nlohmann::ordered_json out{{"vm", view.vm_id}, {"paging", view.shadow ? "shadow" : "nested"}};
	out["slots"] = nlohmann::ordered_json::array();
	for (const vmx_x_range &slot : view.slots)
		out["slots"].push_back({{"slot", slot.id & 0xffff},
					{"smm", slot.space != 0},
					{"gpa", slot.gpa},
					{"bytes", slot.pages * page},
					{"hva", slot.target},
					{"readonly", (slot.flags & VMX_X_RANGE_READONLY) != 0},
					{"dirty_log", (slot.flags & VMX_X_RANGE_LOGGED) != 0}});
	out["bytes"] = {{"slots", sum.pages * page},	    {"mapped_4k", sum.level[1] * page},
			{"mapped_2m", sum.level[2] * page}, {"mapped_1g", sum.level[3] * page},
			{"writable", sum.write * page},	    {"dirty", sum.dirty * page}};
	out["runs"] = nlohmann::ordered_json::array();
	for (const MapRun &run : map_runs(view))
		out["runs"].push_back({{"gpa", run.gpa},
				       {"bytes", run.pages * page},
				       {"page", 1ULL << (3 + 9 * run.level)},
				       {"smm", run.space != 0},
				       {"state", run_words(run, view.shadow)}});
	if (!view.hidden) {
		out["pages"] = nlohmann::ordered_json::array();
		for (const vmx_x_range &r : view.pages)
			if (!(r.flags & VMX_X_RANGE_DEVICE))
				out["pages"].push_back({{"gpa", r.gpa}, {"bytes", r.pages * page}, {"host", r.target}});
	}
	out["shadowed"] = nlohmann::ordered_json::array();
	for (const vmx_x_range &r : view.shadowed)
		out["shadowed"].push_back(
			{{"gpa", r.gpa}, {"level", r.level}, {"in_sync", !(r.flags & VMX_X_RANGE_UNSYNC)}});
	return out.dump(1, '\t') + "\n";
}

} // namespace vmx
