// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/walk.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <vector>

#include "inspect/entries.h"

namespace vmx {

namespace {

bool has(const vmx_x_walk &walk, uint32_t bit)
{
	return (walk.result & bit) != 0;
}

std::string paging_name(unsigned levels)
{
	switch (levels) {
	case 0:
		return "no paging";
	case 2:
		return "32-bit paging";
	case 3:
		return "PAE paging";
	default:
		return fmt::format("{}-level paging", levels);
	}
}

std::vector<std::string> rights(const vmx_x_walk &walk)
{
	std::vector<std::string> words{"read"};
	if (has(walk, VMX_X_WALK_WRITE))
		words.push_back("write");
	if (has(walk, VMX_X_WALK_EXEC))
		words.push_back("execute");
	words.push_back(has(walk, VMX_X_WALK_USER) ? "user" : "supervisor");
	return words;
}

bool by_tables(const vmx_x_walk &walk)
{
	return !(walk.flags & VMX_X_WALK_PHYSICAL);
}

std::string step_text(const vmx_x_step &step, const WalkView &view)
{
	bool ours = step.tables != VMX_X_TABLES_GUEST, hidden = ours && (step.flags & VMX_X_STEP_HIDDEN);
	std::string where = hidden ? "hidden" : fmt::format("{:016x}", step.address);
	std::string words = fmt::format("{}", fmt::join(entry_words(step, view.walk.levels, view.backend), " "));
	std::string text =
		fmt::format("  {:<7} level {}  at {:>16}  {:0{}x}{}  {}", tables_name(step.tables), step.level, where,
			    step.value, step.size * 2, step.size == 4 ? "        " : "", words);
	if (step.host)
		text += fmt::format(" (host {:x})", step.host);
	return text + "\n";
}

std::string guest_end(const vmx_x_walk &walk)
{
	if (!has(walk, VMX_X_WALK_CANONICAL))
		return "  the address is not canonical\n";
	if (!has(walk, VMX_X_WALK_GPA))
		return "  the guest's tables lead nowhere\n";
	if (!walk.guest_shift)
		return fmt::format("  = guest-physical {:#x}\n", walk.gpa);
	return fmt::format("  = guest-physical {:#x}, in a page of {}: {}\n", walk.gpa,
			   page_size_text(walk.guest_shift), fmt::join(rights(walk), ", "));
}

} // namespace

Result<Place> parse_place(const std::string &text)
{
	Place place;
	std::string_view rest = text;
	if (rest.starts_with("gpa:"))
		place.physical = true;
	else if (!rest.starts_with("gva:"))
		return Error(fmt::format("{}: an address is written gva:0x1000 (guest-virtual) or gpa:0x1000 "
					 "(guest-physical)",
					 text));
	rest.remove_prefix(4);
	int base = 10;
	if (rest.starts_with("0x") || rest.starts_with("0X")) {
		base = 16;
		rest.remove_prefix(2);
	}
	auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), place.address, base);
	if (error != std::errc() || end != rest.data() + rest.size())
		return Error(fmt::format("{}: no number of 64 bits", text));
	return place;
}

Result<WalkView> walk_place(int vcpu_fd, const Place &place)
{
	WalkView view;
	vmx_x_info info{};
	info.size = sizeof(info);
	if (ioctl(vcpu_fd, VMX_X_INFO, &info) != 0)
		return Error::from_errno(errno, "this is no vCPU of vmx");
	view.backend = info.backend;
	view.walk.address = place.address;
	view.walk.flags = place.physical ? VMX_X_WALK_PHYSICAL : 0;
	if (ioctl(vcpu_fd, VMX_X_WALK, &view.walk) != 0)
		return Error::from_errno(errno, "cannot walk the tables");
	view.walk.nr = std::min<uint32_t>(view.walk.nr, VMX_X_WALK_STEPS);
	return view;
}

std::string walk_text(const WalkView &view)
{
	const vmx_x_walk &walk = view.walk;
	std::string text = fmt::format("VM {}, vCPU {}: {} {:#x}", view.vm_id, view.id, by_tables(walk) ? "gva" : "gpa",
				       walk.address);
	if (by_tables(walk))
		text += fmt::format(", {}, CR3 {:#x}", paging_name(walk.levels), walk.cr3);
	text += walk.space ? ", in system management mode\n" : "\n";
	uint32_t i = 0;
	for (; i < walk.nr && walk.steps[i].tables == VMX_X_TABLES_GUEST; i++)
		text += step_text(walk.steps[i], view);
	if (by_tables(walk))
		text += guest_end(walk);
	for (; i < walk.nr; i++)
		text += step_text(walk.steps[i], view);
	if (has(walk, VMX_X_WALK_HOST))
		text += has(walk, VMX_X_WALK_HIDDEN) ?
				fmt::format("  = a page of {} of the host's\n", page_size_text(walk.host_shift)) :
				fmt::format("  = host-physical {:#x}, in a page of {}\n", walk.host,
					    page_size_text(walk.host_shift));
	else if (has(walk, VMX_X_WALK_SHADOW) && !by_tables(walk) && !walk.nr)
		text += "  on shadow paging a physical address has no tables\n";
	else if (has(walk, VMX_X_WALK_GPA))
		text += "  our tables do not map it now\n";
	return text;
}

std::string walk_json(const WalkView &view)
{
	const vmx_x_walk &walk = view.walk;
	bool hidden = has(walk, VMX_X_WALK_HIDDEN);
	nlohmann::ordered_json out{{"vm", view.vm_id},
				   {"vcpu", view.id},
				   {"kind", by_tables(walk) ? "gva" : "gpa"},
				   {"address", walk.address},
				   {"smm", walk.space != 0},
				   {"shadow", has(walk, VMX_X_WALK_SHADOW)},
				   {"canonical", has(walk, VMX_X_WALK_CANONICAL)},
				   {"hidden", hidden}};
	if (by_tables(walk)) {
		out["paging"] = paging_name(walk.levels);
		out["cr3"] = walk.cr3;
	}
	out["steps"] = nlohmann::ordered_json::array();
	for (uint32_t i = 0; i < walk.nr; i++) {
		const vmx_x_step &step = walk.steps[i];
		nlohmann::ordered_json row{{"tables", tables_name(step.tables)}, {"level", step.level}};
		if (step.tables == VMX_X_TABLES_GUEST || !hidden)
			row["address"] = step.address;
		row["value"] = step.value;
		row["meaning"] = entry_words(step, walk.levels, view.backend);
		if (step.host)
			row["host"] = step.host;
		out["steps"].push_back(std::move(row));
	}
	if (has(walk, VMX_X_WALK_GPA)) {
		out["gpa"] = walk.gpa;
		if (walk.guest_shift) {
			out["page"] = 1ULL << walk.guest_shift;
			out["rights"] = rights(walk);
		}
	}
	if (has(walk, VMX_X_WALK_HOST)) {
		if (!hidden)
			out["host"] = walk.host;
		out["host_page"] = 1ULL << walk.host_shift;
	}
	return out.dump(1, '\t') + "\n";
}

} // namespace vmx
