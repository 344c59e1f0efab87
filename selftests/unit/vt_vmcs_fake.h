// SPDX-License-Identifier: GPL-2.0-only
// A VMCS in a map, with a 64-bit guest and a 64-bit host that pass all checks.
#ifndef SELFTESTS_UNIT_VT_VMCS_FAKE_H
#define SELFTESTS_UNIT_VT_VMCS_FAKE_H

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pure/vt_check.h"
#include "vt_caps_host.h"

struct FakeVmcs {
	struct Report {
		u32 field;
		u64 value;
		std::string rule, section;
	};

	vt_caps caps = server_caps();
	std::map<u32, u64> f;
	std::vector<Report> reports;
	unsigned maxphyaddr = 46, linear_bits = 48;
	int vtpr = -1;
	u64 cr3_high = 0, perf_global_reserved = 0;

	FakeVmcs();

	// A Skylake with a server's APIC virtualisation, and all newer controls.
	static vt_caps server_caps()
	{
		vt_caps c = skylake_caps();
		c.true_pin |= u64(VT_PIN_POSTED_INTR) << 32;
		c.proc2 |= 0xffffffffULL << 32;
		c.true_exit |= 0x7fffffffULL << 32; // no secondary exit controls
		c.true_entry |= 0xffffffffULL << 32;
		return c;
	}

	u64 &operator[](u32 field) { return f[field]; }

	unsigned check()
	{
		vt_check_env env = environment();

		reports.clear();
		return vt_check_entry(&env);
	}

	unsigned check_restricted()
	{
		vt_check_env env = environment();

		env.report = nullptr;
		return vt_check_restricted(&env);
	}

	vt_check_env environment()
	{
		vt_check_env env{};
		env.read = [](void *ctx, u32 field) {
			auto &map = static_cast<FakeVmcs *>(ctx)->f;
			const auto it = map.find(field);
			return it == map.end() ? u64(0) : it->second;
		};
		env.report = [](void *ctx, const vt_violation *v) {
			static_cast<FakeVmcs *>(ctx)->reports.push_back(
				{v->field, v->value, v->rule, v->section});
		};
		env.ctx = this;
		env.caps = &caps;
		env.maxphyaddr = u8(maxphyaddr);
		env.linear_bits = u8(linear_bits);
		env.vtpr = vtpr;
		env.cr3_high = cr3_high;
		env.perf_global_reserved = perf_global_reserved;
		return env;
	}

	std::string words() const
	{
		std::string s;
		for (const Report &r : reports)
			s += std::string(vmcs_field_name(r.field)) + ": " + r.rule + " (" + r.section + ")\n";
		return s;
	}

	void inject(u32 type, u32 vector, bool error = false)
	{
		f[VMCS_ENTRY_INTR_INFO] = VT_INTR_VALID | type << 8 | vector | (error ? 1 << 11 : 0);
	}

	// Real mode, as after reset.
	void real_mode();
	// Protected mode without paging: the modes between are made from this.
	void protected_mode();
	void v86_mode();
};

inline FakeVmcs::FakeVmcs()
{
	auto c = std::make_unique<vt_controls>();
	vt_caps_decide(&caps, c.get());
	f[VMCS_PIN_CONTROLS] = c->pin;
	f[VMCS_PROC_CONTROLS] = c->proc;
	f[VMCS_PROC2_CONTROLS] = c->proc2;
	f[VMCS_EXIT_CONTROLS] = c->exit;
	f[VMCS_ENTRY_CONTROLS] = c->entry | VT_ENTRYC_GUEST_64;
	f[VMCS_VPID] = 1;
	f[VMCS_EPT_POINTER] = 0x10000 | 6 | 3 << 3 | 1 << 6;
	f[VMCS_MSR_BITMAP] = 0x11000;
	f[VMCS_VIRTUAL_APIC] = 0x12000;
	f[VMCS_LINK_POINTER] = ~0ULL;

	for (u32 seg : {0, 2, 3, 4, 5}) {
		f[vmcs_guest_selector(seg)] = 0x18;
		f[vmcs_guest_limit(seg)] = 0xffffffff;
		f[vmcs_guest_ar(seg)] = 0xc093;
	}
	f[VMCS_GUEST_CS_SELECTOR] = 0x10;
	f[VMCS_GUEST_CS_LIMIT] = 0xffffffff;
	f[VMCS_GUEST_CS_AR] = 0xa09b;
	f[VMCS_GUEST_FS_BASE] = 0x00007fffdeadb000;
	f[VMCS_GUEST_GS_BASE] = 0xffff888000000000;
	f[VMCS_GUEST_TR_SELECTOR] = 0x40;
	f[VMCS_GUEST_TR_BASE] = 0xfffffe0000003000;
	f[VMCS_GUEST_TR_LIMIT] = 0x206f;
	f[VMCS_GUEST_TR_AR] = 0x8b;
	f[VMCS_GUEST_LDTR_AR] = 0x10000;
	f[VMCS_GUEST_GDTR_BASE] = 0xfffffe0000001000;
	f[VMCS_GUEST_GDTR_LIMIT] = 0x7f;
	f[VMCS_GUEST_IDTR_BASE] = 0xfffffe0000000000;
	f[VMCS_GUEST_IDTR_LIMIT] = 0xfff;
	f[VMCS_GUEST_CR0] = 0x80050033;
	f[VMCS_GUEST_CR3] = 0x1000;
	f[VMCS_GUEST_CR4] = 0x26b0;
	f[VMCS_GUEST_EFER] = 0xd01;
	f[VMCS_GUEST_PAT] = 0x0407050600070106;
	f[VMCS_GUEST_DR7] = 0x400;
	f[VMCS_GUEST_RFLAGS] = 0x202;
	f[VMCS_GUEST_RIP] = 0xffffffff81000000;
	f[VMCS_GUEST_SYSENTER_EIP] = 0xffffffff81001000;

	f[VMCS_HOST_CR0] = 0x80050033;
	f[VMCS_HOST_CR3] = 0x2000;
	f[VMCS_HOST_CR4] = 0x26b0;
	f[VMCS_HOST_EFER] = 0xd01;
	f[VMCS_HOST_PAT] = 0x0407050600070106;
	f[VMCS_HOST_CS_SELECTOR] = 0x10;
	f[VMCS_HOST_SS_SELECTOR] = 0x18;
	f[VMCS_HOST_TR_SELECTOR] = 0x40;
	f[VMCS_HOST_GS_BASE] = 0xffff888000000000;
	f[VMCS_HOST_TR_BASE] = 0xfffffe0000003000;
	f[VMCS_HOST_GDTR_BASE] = 0xfffffe0000001000;
	f[VMCS_HOST_IDTR_BASE] = 0xfffffe0000000000;
	f[VMCS_HOST_SYSENTER_EIP] = 0xffffffff81001000;
	f[VMCS_HOST_RIP] = 0xffffffffc0001000;
}

inline void FakeVmcs::protected_mode()
{
	f[VMCS_ENTRY_CONTROLS] &= ~u64(VT_ENTRYC_GUEST_64);
	f[VMCS_GUEST_CR0] = 0x31;
	f[VMCS_GUEST_CR4] = 0x2000;
	f[VMCS_GUEST_EFER] = 0;
	f[VMCS_GUEST_CS_AR] = 0xc09b;
	f[VMCS_GUEST_RIP] = 0x100000;
	f[VMCS_GUEST_RFLAGS] = 2;
	for (u32 seg = 0; seg < 8; seg++)
		f[vmcs_guest_base(seg)] = 0;
	f[VMCS_GUEST_GDTR_BASE] = 0;
	f[VMCS_GUEST_IDTR_BASE] = 0;
}

inline void FakeVmcs::real_mode()
{
	protected_mode();
	f[VMCS_GUEST_CR0] = 0x60000030;
	f[VMCS_GUEST_RIP] = 0xfff0;
	for (u32 seg = 0; seg < 6; seg++) {
		f[vmcs_guest_selector(seg)] = 0;
		f[vmcs_guest_limit(seg)] = 0xffff;
		f[vmcs_guest_ar(seg)] = seg == 1 ? 0x9b : 0x93;
	}
	f[VMCS_GUEST_CS_SELECTOR] = 0xf000;
	f[VMCS_GUEST_CS_BASE] = 0xffff0000;
	f[VMCS_GUEST_TR_SELECTOR] = 0;
	f[VMCS_GUEST_TR_LIMIT] = 0xffff;
	f[VMCS_GUEST_LDTR_AR] = 0x82;
	f[VMCS_GUEST_LDTR_LIMIT] = 0xffff;
}

inline void FakeVmcs::v86_mode()
{
	protected_mode();
	f[VMCS_GUEST_RFLAGS] = 0x20002;
	f[VMCS_GUEST_RIP] = 0x100;
	for (u32 seg = 0; seg < 6; seg++) {
		f[vmcs_guest_selector(seg)] = 0x1234 + seg;
		f[vmcs_guest_base(seg)] = (0x1234 + seg) << 4;
		f[vmcs_guest_limit(seg)] = 0xffff;
		f[vmcs_guest_ar(seg)] = 0xf3;
	}
}

#endif // SELFTESTS_UNIT_VT_VMCS_FAKE_H
