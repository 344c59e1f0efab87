// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/inspect.h"

#include <cerrno>
#include <chrono>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "inspect/decode.h"
#include "inspect/diff.h"
#include "inspect/map.h"
#include "inspect/walk.h"

namespace vmx {

namespace {

constexpr int exit_rule_broken = 3;

const char *block_name(uint32_t backend)
{
	return backend == VMX_X_BACKEND_VT ? "VMCS" : "VMCB";
}

bool shown(const vmx_x_field &field, bool all)
{
	return all || field.value != 0 || (field.flags & VMX_X_FIELD_HIDDEN);
}

// The vCPU that is meant where one is to be looked at.
Result<VcpuHandle> one_vcpu(const InspectOptions &options)
{
	VMX_TRY_ASSIGN(auto vcpus, vcpus_of(options.pid));
	for (VcpuHandle &vcpu : vcpus)
		if (!options.vcpu || *options.vcpu == vcpu.id)
			return std::move(vcpu);
	return Error(fmt::format("process {} has no vCPU {}", options.pid, *options.vcpu));
}

Result<std::string> show_walk(const InspectOptions &options)
{
	VMX_TRY_ASSIGN(auto place, parse_place(options.walk));
	VMX_TRY_ASSIGN(auto vcpu, one_vcpu(options));
	VMX_TRY_ASSIGN(auto view, walk_place(vcpu.fd.get(), place));
	view.vm_id = vcpu.vm_id;
	view.id = vcpu.id;
	return options.json ? walk_json(view) : walk_text(view);
}

Result<std::string> show_map(const InspectOptions &options)
{
	VMX_TRY_ASSIGN(auto vcpu, one_vcpu(options));
	VMX_TRY_ASSIGN(auto view, read_map(vcpu.fd.get()));
	view.vm_id = vcpu.vm_id;
	if (options.html.empty())
		return options.json ? map_json(view) : map_text(view, options.all);
	std::ofstream file(options.html, std::ios::binary | std::ios::trunc);
	file << map_html(view, fmt::format("Guest-physical memory of process {}", options.pid));
	file.close();
	if (!file)
		return Error::from_errno(errno, fmt::format("cannot write {}", options.html));
	return std::string();
}

// 0 after printing it, 1 after saying why not.
int print(const Result<std::string> &text)
{
	if (text.ok())
		fmt::print("{}", text.value());
	else
		fmt::print(stderr, "vmx: {}\n", text.error().text());
	return text.ok() ? 0 : 1;
}

Result<std::vector<VcpuView>> look(const InspectOptions &options)
{
	VMX_TRY_ASSIGN(auto vcpus, vcpus_of(options.pid));
	std::vector<VcpuView> views;
	for (const VcpuHandle &vcpu : vcpus) {
		if (options.vcpu && *options.vcpu != vcpu.id)
			continue;
		VcpuView view;
		view.vm_id = vcpu.vm_id;
		view.id = vcpu.id;
		VMX_TRY_ASSIGN(view.block, read_block(vcpu.fd.get()));
		VMX_TRY_ASSIGN(view.broken, check_block(vcpu.fd.get()));
		views.push_back(std::move(view));
	}
	if (views.empty())
		return Error(fmt::format("process {} has no vCPU {}", options.pid, *options.vcpu));
	return views;
}

// Two looks, and what is different in the second.
Result<std::string> show_diff(const InspectOptions &options)
{
	VMX_TRY_ASSIGN(auto before, look(options));
	std::this_thread::sleep_for(std::chrono::milliseconds(options.diff_ms));
	VMX_TRY_ASSIGN(auto after, look(options));
	return options.json ? diff_json(before, after, options.diff_ms) : diff_text(before, after, options.diff_ms);
}

} // namespace

std::string view_text(const VcpuView &view, bool all)
{
	std::string text = fmt::format("VM {}, vCPU {}: {}\n", view.vm_id, view.id, block_name(view.block.backend));
	for (unsigned kind = VMX_X_FIELD_CONTROL; kind <= VMX_X_FIELD_HOST; kind++) {
		bool titled = false;
		for (const vmx_x_field &field : view.block.fields) {
			if (field.kind != kind || !shown(field, all))
				continue;
			if (!titled)
				text += fmt::format(" {}\n", field_kind(kind));
			titled = true;
			bool hidden = (field.flags & VMX_X_FIELD_HIDDEN) != 0;
			std::string value = hidden ? "hidden" : fmt::format("{:0{}x}", field.value, field.width * 2);
			auto meaning = hidden ? std::vector<std::string>() :
						field_meaning(view.block.backend, field.id, field.value);
			text += fmt::format("  {:04x} {:<40} {:>16}", field.id,
					    field_name(view.block.backend, field.id), value);
			if (!meaning.empty())
				text += fmt::format("  {}", fmt::join(meaning, ", "));
			text += '\n';
		}
	}
	if (view.broken.empty())
		text += " an entry breaks no rule that is known here\n";
	for (const vmx_x_violation &v : view.broken)
		text += fmt::format(" broken rule ({} {}): {} is {:#x}: {}\n",
				    view.block.backend == VMX_X_BACKEND_VT ? "SDM 3C" : "APM 2", v.section,
				    field_name(view.block.backend, v.id), v.value, v.rule);
	return text;
}

std::string views_json(const std::vector<VcpuView> &views, bool all)
{
	nlohmann::ordered_json list = nlohmann::ordered_json::array();
	for (const VcpuView &view : views) {
		nlohmann::ordered_json one;
		one["vm"] = view.vm_id;
		one["vcpu"] = view.id;
		one["block"] = block_name(view.block.backend);
		one["fields"] = nlohmann::ordered_json::array();
		for (const vmx_x_field &field : view.block.fields) {
			if (!shown(field, all))
				continue;
			nlohmann::ordered_json row{{"id", field.id},
						   {"name", field_name(view.block.backend, field.id)},
						   {"kind", field_kind(field.kind)},
						   {"width", field.width}};
			if (field.flags & VMX_X_FIELD_HIDDEN) {
				row["hidden"] = true;
			} else {
				row["value"] = field.value;
				row["meaning"] = field_meaning(view.block.backend, field.id, field.value);
			}
			one["fields"].push_back(std::move(row));
		}
		one["broken"] = nlohmann::ordered_json::array();
		for (const vmx_x_violation &v : view.broken)
			one["broken"].push_back({{"id", v.id},
						 {"name", field_name(view.block.backend, v.id)},
						 {"value", v.value},
						 {"section", v.section},
						 {"rule", v.rule}});
		list.push_back(std::move(one));
	}
	return list.dump(1, '\t') + "\n";
}

int inspect_command(const InspectOptions &options)
{
	if (!options.walk.empty())
		return print(show_walk(options));
	if (options.map)
		return print(show_map(options));
	if (options.diff_ms)
		return print(show_diff(options));
	auto views = look(options);
	if (!views.ok()) {
		fmt::print(stderr, "vmx: {}\n", views.error().text());
		return 1;
	}
	bool broken = false;
	for (const VcpuView &view : views.value()) {
		broken |= !view.broken.empty();
		if (!options.json)
			fmt::print("{}", view_text(view, options.all));
	}
	if (options.json)
		fmt::print("{}", views_json(views.value(), options.all));
	return broken ? exit_rule_broken : 0;
}

} // namespace vmx
