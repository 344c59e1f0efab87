// SPDX-License-Identifier: GPL-2.0-only
#include "explain/explain.h"

#include <cerrno>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>
#include <sys/ioctl.h>
#include <vector>

#include "inspect/decode.h"
#include "inspect/target.h"
#include "uapi/vmx.h"
#include "uapi/vmx_ioctl.h"

namespace vmx {

namespace {

constexpr int exit_failed = 3;

struct Setter {
	uint32_t cmd;
	const char *name;
};

constexpr Setter setters[] = {
	{VMX_SET_REGS, "SET_REGS"},
	{VMX_SET_SREGS, "SET_SREGS"},
	{VMX_SET_SREGS2, "SET_SREGS2"},
	{VMX_SET_MSRS, "SET_MSRS"},
	{VMX_SET_VCPU_EVENTS, "SET_VCPU_EVENTS"},
	{VMX_SET_DEBUGREGS, "SET_DEBUGREGS"},
	{VMX_SET_FPU, "SET_FPU"},
	{VMX_SET_XSAVE, "SET_XSAVE"},
	{VMX_SET_XCRS, "SET_XCRS"},
	{VMX_SET_LAPIC, "SET_LAPIC"},
	{VMX_SET_CPUID2, "SET_CPUID2"},
	{VMX_SET_MP_STATE, "SET_MP_STATE"},
	{VMX_SET_GUEST_DEBUG, "SET_GUEST_DEBUG"},
	{VMX_X_SET_FIELD, "X_SET_FIELD"},
};

std::string setter_name(uint32_t cmd)
{
	for (const Setter &s : setters)
		if (s.cmd == cmd)
			return s.name;
	return fmt::format("ioctl {:#x}", cmd);
}

bool ends_with_any(const std::string &name, const std::vector<const char *> &endings)
{
	for (const std::string ending : endings)
		if (name.size() >= ending.size() &&
		    name.compare(name.size() - ending.size(), ending.size(), ending) == 0)
			return true;
	return false;
}

// The ioctls, by name, that set what this field shows; the names are those of pure/vmcs.c and pure/svm_fields.c.
std::vector<uint32_t> setting_ioctls(uint32_t backend, uint32_t field)
{
	std::string name = field_name(backend, field);
	std::vector<uint32_t> found = {VMX_X_SET_FIELD};
	if (backend == VMX_X_BACKEND_SVM ? field < 0x400 : (field >> 10 & 3) != VMX_X_FIELD_GUEST)
		return found; // a control: vmx' own
	if (ends_with_any(name, {"RIP", "RSP", "RFLAGS", "RAX"}) && !ends_with_any(name, {"SSP"}))
		found.push_back(VMX_SET_REGS);
	else if (ends_with_any(name, {"DR6", "DR7", "pending debug exceptions"}))
		found.push_back(VMX_SET_DEBUGREGS);
	else if (ends_with_any(name, {"interruptibility state", "activity state"}))
		found.insert(found.end(), {VMX_SET_VCPU_EVENTS, VMX_SET_MP_STATE});
	else if (ends_with_any(name, {"selector", "limit", "base", "attributes", "access rights", "CR0", "CR2", "CR3",
				      "CR4", "EFER", "CPL"}))
		found.insert(found.end(), {VMX_SET_SREGS, VMX_SET_SREGS2});
	else
		found.push_back(VMX_SET_MSRS);
	return found;
}

double ms(const vmx_x_failure &f, uint64_t ticks)
{
	return f.tsc_khz ? static_cast<double>(ticks) / f.tsc_khz : 0;
}

uint32_t nr_writes(const vmx_x_failure &f)
{
	return std::min<uint32_t>(f.nr_writes, VMX_X_FAILURE_WRITES);
}

// The last of these writes before the failure; NULL: none.
const vmx_x_failure_write *last_write(const vmx_x_failure &f, uint32_t mask)
{
	const vmx_x_failure_write *last = nullptr;
	for (uint32_t i = 0; i < nr_writes(f); i++) {
		const vmx_x_failure_write &w = f.writes[i];
		if ((mask >> i & 1) && w.count && w.tsc <= f.tsc && (!last || w.tsc > last->tsc))
			last = &w;
	}
	return last;
}

std::string thread_name(const vmx_x_failure_write &w)
{
	return {w.comm, strnlen(w.comm, sizeof(w.comm))};
}

std::string written_text(const vmx_x_failure &f, uint32_t mask)
{
	const vmx_x_failure_write *w = last_write(f, mask);
	if (!w)
		return mask & (mask - 1) ? "no ioctl has set it: it is of the reset, or the guest's own" :
					   "no ioctl sets it: vmx itself does";
	return fmt::format(
		"last set by {} of thread {} ({}), {:.3f} ms and {} exits before; since then by none but the guest",
		setter_name(w->cmd), w->tid, thread_name(*w), ms(f, f.tsc - w->tsc), f.exits - w->exits);
}

const char *suberror_text(uint32_t suberror)
{
	switch (suberror) {
	case VMX_INTERNAL_ERROR_EMULATION:
		return "an instruction could not be emulated";
	case VMX_INTERNAL_ERROR_DELIVERY_EV:
		return "the delivery of an event met a device, or tables that no guest can have";
	case VMX_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON:
		return "the CPU gave a reason of exit that it was not asked for";
	default:
		return "unknown suberror";
	}
}

// What the VMM was given with an instruction that could not be emulated: its bytes, if they could be read.
std::vector<uint8_t> instruction(const vmx_x_failure &f)
{
	std::vector<uint8_t> bytes;
	if (f.suberror != VMX_INTERNAL_ERROR_EMULATION || f.nr_data < 3 ||
	    !(f.data[0] & VMX_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		return bytes;
	const auto *raw = reinterpret_cast<const uint8_t *>(&f.data[1]);
	bytes.assign(raw + 1, raw + 1 + std::min<unsigned>(raw[0], 15));
	return bytes;
}

std::string what_text(const vmx_x_failure &f)
{
	if (f.exit_reason == VMX_EXIT_FAIL_ENTRY)
		return fmt::format("the CPU refused to enter the guest (hardware's reason {:#x})", f.hw_reason);
	return fmt::format("internal error {}: {}", f.suberror, suberror_text(f.suberror));
}

std::string details_text(const vmx_x_failure &f)
{
	std::string text;
	if (f.exit_reason == VMX_EXIT_FAIL_ENTRY)
		return text;
	std::vector<uint8_t> insn = instruction(f);
	if (!insn.empty())
		text += fmt::format(" the instruction begins with the bytes {:02x}\n", fmt::join(insn, " "));
	else if (f.suberror == VMX_INTERNAL_ERROR_EMULATION)
		text += " its bytes could not be read: there is no memory where it should be\n";
	else
		text += fmt::format(" last exit: hardware's reason {:#x}; data {:#x}\n", f.hw_reason,
				    fmt::join(f.data, f.data + std::min<uint32_t>(f.nr_data, VMX_X_FAILURE_DATA), " "));
	return text;
}

std::string rules_text(const vmx_x_failure &f, uint32_t backend)
{
	std::string text;
	if (f.exit_reason != VMX_EXIT_FAIL_ENTRY)
		return text;
	for (uint32_t i = 0; i < std::min<uint32_t>(f.nr_rules, VMX_X_FAILURE_RULES); i++) {
		const vmx_x_violation &v = f.rules[i];
		text += fmt::format(" broken rule ({} {}): {} is {:#x}: {}\n",
				    backend == VMX_X_BACKEND_VT ? "SDM 3C" : "APM 2", v.section,
				    field_name(backend, v.id), v.value, v.rule);
		text += fmt::format("  {}\n", written_text(f, setters_of(f, backend, v.id)));
	}
	if (f.nr_rules > VMX_X_FAILURE_RULES)
		text += fmt::format(" and {} more\n", f.nr_rules - VMX_X_FAILURE_RULES);
	if (!f.nr_rules)
		text += " none of the rules that are known here is broken\n";
	return text;
}

nlohmann::ordered_json failure_json(const vmx_x_failure &f, uint32_t backend, const VcpuHandle &vcpu)
{
	nlohmann::ordered_json one{{"vm", vcpu.vm_id}, {"vcpu", vcpu.id}, {"failures", f.count}};
	one["writes"] = nlohmann::ordered_json::array();
	for (uint32_t i = 0; i < nr_writes(f); i++)
		if (f.writes[i].count)
			one["writes"].push_back({{"ioctl", setter_name(f.writes[i].cmd)},
						 {"count", f.writes[i].count},
						 {"tid", f.writes[i].tid},
						 {"thread", thread_name(f.writes[i])},
						 {"exits", f.writes[i].exits},
						 {"ms_ago", ms(f, f.now - f.writes[i].tsc)}});
	if (!f.count)
		return one;
	one["what"] = what_text(f);
	one["exit_reason"] = f.exit_reason;
	one["hw_reason"] = f.hw_reason;
	one["suberror"] = f.suberror;
	one["ms_ago"] = ms(f, f.now - f.tsc);
	one["exits"] = f.exits;
	one["rip"] = f.rip;
	one["instruction"] = instruction(f);
	one["broken"] = nlohmann::ordered_json::array();
	for (uint32_t i = 0; i < std::min<uint32_t>(f.nr_rules, VMX_X_FAILURE_RULES); i++)
		one["broken"].push_back({{"id", f.rules[i].id},
					 {"name", field_name(backend, f.rules[i].id)},
					 {"value", f.rules[i].value},
					 {"section", f.rules[i].section},
					 {"rule", f.rules[i].rule},
					 {"written", written_text(f, setters_of(f, backend, f.rules[i].id))}});
	return one;
}

} // namespace

Result<vmx_x_failure> read_failure(int vcpu_fd)
{
	vmx_x_failure failure{};
	if (ioctl(vcpu_fd, VMX_X_GET_FAILURE, &failure) != 0)
		return Error::from_errno(errno, "cannot ask a vCPU what went wrong");
	return failure;
}

uint32_t setters_of(const vmx_x_failure &failure, uint32_t backend, uint32_t field)
{
	uint32_t mask = 0;
	for (uint32_t cmd : setting_ioctls(backend, field))
		for (uint32_t i = 0; i < nr_writes(failure); i++)
			if (failure.writes[i].cmd == cmd)
				mask |= 1U << i;
	return mask;
}

std::string failure_text(const vmx_x_failure &f, uint32_t backend, uint32_t vm_id, uint32_t vcpu_id)
{
	std::string text = fmt::format("VM {}, vCPU {}: ", vm_id, vcpu_id);
	if (!f.count)
		return text + "nothing went wrong\n";
	text += fmt::format("{}\n {:.3f} ms ago, after {} exits{}\n", what_text(f), ms(f, f.now - f.tsc), f.exits,
			    f.count > 1 ? fmt::format("; the last of {}", f.count) : "");
	text += fmt::format(" {} code at RIP {:#x}, CS base {:#x}, RFLAGS {:#x}\n",
			    f.long_code ? "64-bit" :
			    f.code32	? "32-bit" :
					  "16-bit",
			    f.rip, f.cs_base, f.rflags);
	text += fmt::format(" CR0 {:#x}, CR3 {:#x}, CR4 {:#x}, EFER {:#x}\n", f.cr0, f.cr3, f.cr4, f.efer);
	text += details_text(f) + rules_text(f, backend);
	text += " the VMM's ioctls that set state:\n";
	for (uint32_t i = 0; i < nr_writes(f); i++) {
		const vmx_x_failure_write &w = f.writes[i];
		if (w.count)
			text += fmt::format("  {:<16} {:>6} times, last by thread {} ({}), {:.3f} ms {} the failure\n",
					    setter_name(w.cmd), w.count, w.tid, thread_name(w),
					    ms(f, w.tsc <= f.tsc ? f.tsc - w.tsc : w.tsc - f.tsc),
					    w.tsc <= f.tsc ? "before" : "after");
	}
	return text;
}

int explain_command(const ExplainOptions &options)
{
	auto vcpus = vcpus_of(options.pid);
	if (!vcpus.ok()) {
		fmt::print(stderr, "vmx: {}\n", vcpus.error().text());
		return 1;
	}
	nlohmann::ordered_json list = nlohmann::ordered_json::array();
	bool looked = false, failed = false;
	for (const VcpuHandle &vcpu : vcpus.value()) {
		if (options.vcpu && *options.vcpu != vcpu.id)
			continue;
		vmx_x_info info{};
		info.size = sizeof(info);
		auto failure = read_failure(vcpu.fd.get());
		if (!failure.ok() || ioctl(vcpu.fd.get(), VMX_X_INFO, &info) != 0) {
			fmt::print(stderr, "vmx: vCPU {}: {}\n", vcpu.id,
				   failure.ok() ? "it is none of vmx" : failure.error().text());
			return 1;
		}
		looked = true;
		failed |= failure.value().count != 0;
		if (options.json)
			list.push_back(failure_json(failure.value(), info.backend, vcpu));
		else
			fmt::print("{}", failure_text(failure.value(), info.backend, vcpu.vm_id, vcpu.id));
	}
	if (!looked) {
		fmt::print(stderr, "vmx: process {} has no vCPU {}\n", options.pid, *options.vcpu);
		return 1;
	}
	if (options.json)
		fmt::print("{}\n", list.dump(1, '\t'));
	return failed ? exit_failed : 0;
}

} // namespace vmx
