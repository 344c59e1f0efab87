// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/diff.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "inspect/decode.h"

namespace vmx {

namespace {

using Words = std::vector<std::string>;

// Those of @a that @b has not.
Words without(const Words &a, const Words &b)
{
	Words rest;
	for (const std::string &word : a)
		if (std::find(b.begin(), b.end(), word) == b.end())
			rest.push_back(word);
	return rest;
}

const VcpuView *same_vcpu(const std::vector<VcpuView> &views, const VcpuView &like)
{
	for (const VcpuView &view : views)
		if (view.vm_id == like.vm_id && view.id == like.id)
			return &view;
	return nullptr;
}

std::string change_text(const FieldChange &c, uint32_t backend)
{
	int digits = c.width * 2;
	std::string text =
		fmt::format("  {:04x} {:<40} {:>16} -> {:>16}", c.id, field_name(backend, c.id),
			    fmt::format("{:0{}x}", c.before, digits), fmt::format("{:0{}x}", c.after, digits));
	std::string words;
	for (const std::string &word : c.gone)
		words += fmt::format("{}-{}", words.empty() ? "" : ", ", word);
	for (const std::string &word : c.come)
		words += fmt::format("{}+{}", words.empty() ? "" : ", ", word);
	return text + (words.empty() ? "" : "  ") + words + "\n";
}

std::string vcpu_text(const VcpuView &before, const VcpuView &after, unsigned ms)
{
	auto all = changes(before.block, after.block);
	std::string text = fmt::format("VM {}, vCPU {}, within {} ms:\n", after.vm_id, after.id, ms);
	if (all.empty())
		return text + " no field has changed\n";
	for (unsigned kind = VMX_X_FIELD_CONTROL; kind <= VMX_X_FIELD_HOST; kind++) {
		bool titled = false;
		for (const FieldChange &c : all) {
			if (c.kind != kind)
				continue;
			if (!titled)
				text += fmt::format(" {}\n", field_kind(kind));
			titled = true;
			text += change_text(c, after.block.backend);
		}
	}
	return text;
}

} // namespace

std::vector<FieldChange> changes(const Block &before, const Block &after)
{
	std::vector<FieldChange> found;
	for (const vmx_x_field &now : after.fields) {
		for (const vmx_x_field &was : before.fields) {
			if (was.id != now.id || was.value == now.value ||
			    ((was.flags | now.flags) & VMX_X_FIELD_HIDDEN))
				continue;
			FieldChange c{.id = now.id,
				      .kind = now.kind,
				      .width = now.width,
				      .before = was.value,
				      .after = now.value,
				      .gone = {},
				      .come = {}};
			Words old = field_meaning(before.backend, was.id, was.value);
			Words fresh = field_meaning(after.backend, now.id, now.value);
			c.gone = without(old, fresh);
			c.come = without(fresh, old);
			found.push_back(std::move(c));
		}
	}
	return found;
}

std::string diff_text(const std::vector<VcpuView> &before, const std::vector<VcpuView> &after, unsigned ms)
{
	std::string text;
	for (const VcpuView &now : after) {
		const VcpuView *was = same_vcpu(before, now);
		text += was ? vcpu_text(*was, now, ms) : fmt::format("VM {}, vCPU {}: is new\n", now.vm_id, now.id);
	}
	for (const VcpuView &was : before)
		if (!same_vcpu(after, was))
			text += fmt::format("VM {}, vCPU {}: is gone\n", was.vm_id, was.id);
	return text;
}

std::string diff_json(const std::vector<VcpuView> &before, const std::vector<VcpuView> &after, unsigned ms)
{
	nlohmann::ordered_json list = nlohmann::ordered_json::array();
	for (const VcpuView &now : after) {
		const VcpuView *was = same_vcpu(before, now);
		nlohmann::ordered_json one{{"vm", now.vm_id}, {"vcpu", now.id}, {"ms", ms}};
		if (!was) {
			one["new"] = true;
			list.push_back(std::move(one));
			continue;
		}
		one["changes"] = nlohmann::ordered_json::array();
		for (const FieldChange &c : changes(was->block, now.block))
			one["changes"].push_back({{"id", c.id},
						  {"name", field_name(now.block.backend, c.id)},
						  {"kind", field_kind(c.kind)},
						  {"before", c.before},
						  {"after", c.after},
						  {"gone", c.gone},
						  {"come", c.come}});
		list.push_back(std::move(one));
	}
	for (const VcpuView &was : before)
		if (!same_vcpu(after, was))
			list.push_back({{"vm", was.vm_id}, {"vcpu", was.id}, {"ms", ms}, {"gone", true}});
	return list.dump(1, '\t') + "\n";
}

} // namespace vmx
