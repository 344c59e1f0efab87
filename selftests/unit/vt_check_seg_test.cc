// SPDX-License-Identifier: GPL-2.0-only
// The VM-entry checker's rules on segment registers: each register, each rule alone.
#include "vt_vmcs_fake.h"

#include <gtest/gtest.h>

namespace {

enum { ES, CS, SS, DS, FS, GS, LDTR, TR };

const char *const names[] = {"ES", "CS", "SS", "DS", "FS", "GS", "LDTR", "TR"};

// Exactly one violation, of this field, and of a rule with these words.
void expect_one(FakeVmcs &v, u32 field, const std::string &rule, const std::string &what)
{
	EXPECT_EQ(v.check(), 1u) << what << "\n" << v.words();
	if (v.reports.size() != 1)
		return;
	EXPECT_EQ(v.reports[0].field, field) << what << "\n" << v.words();
	EXPECT_EQ(v.reports[0].section, "26.3.1.2") << what;
	EXPECT_NE(v.reports[0].rule.find(rule), std::string::npos) << what << "\n" << v.words();
	EXPECT_EQ(v.reports[0].value, v[field]) << what;
}

// A VMCS in which also LDTR is in use.
FakeVmcs with_ldt()
{
	FakeVmcs v;
	v[VMCS_GUEST_LDTR_SELECTOR] = 0x48;
	v[VMCS_GUEST_LDTR_AR] = 0x82;
	v[VMCS_GUEST_LDTR_LIMIT] = 0xfff;
	EXPECT_EQ(v.check(), 0u) << v.words();
	return v;
}

// Rules that hold for every register in use.
TEST(VtCheckSeg, CommonRules)
{
	const struct {
		u32 set, clear;
		const char *rule;
	} rows[] = {
		{0, 0x80, "present"},
		{0x100, 0, "11:8"},
		{0x800, 0, "11:8"},
		{0x20000, 0, "31:17"},
		{1u << 31, 0, "31:17"},
	};
	for (u32 seg = ES; seg <= TR; seg++)
		for (const auto &row : rows) {
			FakeVmcs v = with_ldt();
			v[vmcs_guest_ar(seg)] = (v[vmcs_guest_ar(seg)] | row.set) & ~row.clear;
			expect_one(v, vmcs_guest_ar(seg), row.rule, names[seg]);
		}
}

TEST(VtCheckSeg, Granularity)
{
	for (u32 seg = ES; seg <= TR; seg++) {
		FakeVmcs v = with_ldt();
		v[vmcs_guest_ar(seg)] |= 0x8000;
		v[vmcs_guest_limit(seg)] = 0x10fff;
		EXPECT_EQ(v.check(), 0u) << v.words();
		v[vmcs_guest_limit(seg)] = 0x10ffe;
		expect_one(v, vmcs_guest_ar(seg), "G must be 0", names[seg]);
		v[vmcs_guest_ar(seg)] &= ~0x8000ULL;
		v[vmcs_guest_limit(seg)] = 0xfffff;
		EXPECT_EQ(v.check(), 0u) << v.words();
		v[vmcs_guest_limit(seg)] = 0x100fff;
		expect_one(v, vmcs_guest_ar(seg), "G must be 1", names[seg]);
	}
}

TEST(VtCheckSeg, SystemBit)
{
	for (u32 seg = ES; seg <= TR; seg++) {
		FakeVmcs v = with_ldt();
		v[vmcs_guest_ar(seg)] ^= 0x10;
		expect_one(v, vmcs_guest_ar(seg), seg <= GS ? "S must be 1" : "S must be 0", names[seg]);
	}
}

// Nothing of an unusable register is looked at, but for what the manual names.
TEST(VtCheckSeg, Unusable)
{
	for (u32 seg : {ES, DS, FS, GS, LDTR}) {
		FakeVmcs v = with_ldt();
		v[vmcs_guest_ar(seg)] = 0xffffffff;
		v[vmcs_guest_limit(seg)] = 0x12345678;
		EXPECT_EQ(v.check(), 0u) << v.words();
		v[vmcs_guest_base(seg)] = 0x0000800000000000;
		if (seg == FS || seg == GS)
			expect_one(v, vmcs_guest_base(seg), "canonical", names[seg]);
		else
			EXPECT_EQ(v.check(), 0u) << v.words();
	}
	FakeVmcs v;
	v[VMCS_GUEST_SS_AR] = 0x10060; // its DPL remains the CPL
	expect_one(v, VMCS_GUEST_CS_AR, "that of SS", "SS");
	v = FakeVmcs();
	v[VMCS_GUEST_TR_AR] |= 0x10000;
	expect_one(v, VMCS_GUEST_TR_AR, "unusable", "TR");
}

TEST(VtCheckSeg, Selectors)
{
	FakeVmcs v = with_ldt();
	v[VMCS_GUEST_TR_SELECTOR] |= 4;
	expect_one(v, VMCS_GUEST_TR_SELECTOR, "table indicator", "TR");
	v = with_ldt();
	v[VMCS_GUEST_LDTR_SELECTOR] |= 4;
	expect_one(v, VMCS_GUEST_LDTR_SELECTOR, "table indicator", "LDTR");
	v[VMCS_GUEST_LDTR_AR] = 0x10000;
	EXPECT_EQ(v.check(), 0u) << v.words();
}

TEST(VtCheckSeg, Bases)
{
	for (u32 seg = ES; seg <= TR; seg++) {
		FakeVmcs v = with_ldt();
		const bool wide = seg >= FS;
		v[vmcs_guest_base(seg)] = wide ? 0x0000800000000000 : 0x100000000;
		expect_one(v, vmcs_guest_base(seg), wide ? "canonical" : "63:32", names[seg]);
		v[vmcs_guest_base(seg)] = wide ? 0xffff800000000000 : 0xffffffff;
		EXPECT_EQ(v.check(), 0u) << v.words();
	}
}

// Every type for every register, against the lists in the manual.
TEST(VtCheckSeg, Types)
{
	const u32 allowed[] = {
		[ES] = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 11 | 1 << 15,
		[CS] = 1 << 3 | 1 << 9 | 1 << 11 | 1 << 13 | 1 << 15,
		[SS] = 1 << 3 | 1 << 7,
		[DS] = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 11 | 1 << 15,
		[FS] = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 11 | 1 << 15,
		[GS] = 1 << 1 | 1 << 3 | 1 << 5 | 1 << 7 | 1 << 11 | 1 << 15,
		[LDTR] = 1 << 2,
		[TR] = 1 << 11,
	};
	for (u32 seg = ES; seg <= TR; seg++)
		for (u32 type = 0; type < 16; type++) {
			FakeVmcs v = with_ldt();
			v[vmcs_guest_ar(seg)] = (v[vmcs_guest_ar(seg)] & ~0xfULL) | type;
			const unsigned found = v.check();
			EXPECT_EQ(found == 0, bool(allowed[seg] >> type & 1))
				<< names[seg] << " type " << type << "\n" << v.words();
			for (const auto &r : v.reports)
				EXPECT_EQ(r.field, vmcs_guest_ar(seg)) << v.words();
		}
}

TEST(VtCheckSeg, TypesByMode)
{
	FakeVmcs v;
	v.protected_mode();
	v[VMCS_GUEST_TR_AR] = 0x83; // a 16-bit TSS
	EXPECT_EQ(v.check(), 0u) << v.words();
	v[VMCS_GUEST_TR_AR] = 0x89; // not busy
	expect_one(v, VMCS_GUEST_TR_AR, "busy", "TR");

	// Without unrestricted guest, CS is code.
	v = FakeVmcs();
	v[VMCS_GUEST_CS_AR] = 0xa093;
	EXPECT_EQ(v.check(), 0u) << v.words();
	v[VMCS_PROC2_CONTROLS] &= ~u64(VT_PROC2_UNRESTRICTED);
	expect_one(v, VMCS_GUEST_CS_AR, "accessed code", "CS");

	// D and L together; only an IA-32e mode guest has L.
	v = FakeVmcs();
	v[VMCS_GUEST_CS_AR] |= 0x4000;
	expect_one(v, VMCS_GUEST_CS_AR, "D must be 0", "CS");
	v.protected_mode();
	v[VMCS_GUEST_CS_AR] |= 0x6000;
	EXPECT_EQ(v.check(), 0u) << v.words();
}

TEST(VtCheckSeg, PrivilegeOfCs)
{
	const struct {
		u32 type, cs_dpl, ss_dpl;
		const char *rule; // nullptr: legal
	} rows[] = {
		{11, 0, 0, nullptr},	{11, 3, 3, nullptr},	 {11, 0, 3, "non-conforming"},
		{9, 3, 0, "non-conforming"}, {15, 0, 3, nullptr}, {15, 3, 3, nullptr},
		{13, 3, 2, "not be above"}, {3, 0, 0, nullptr},	 {3, 1, 0, "type 3"},
	};
	for (const auto &row : rows) {
		FakeVmcs v;
		v[VMCS_GUEST_CS_AR] = 0xa090 | row.type | row.cs_dpl << 5;
		v[VMCS_GUEST_SS_AR] = 0xc093 | row.ss_dpl << 5;
		const std::string what = "type " + std::to_string(row.type);
		if (row.rule)
			expect_one(v, VMCS_GUEST_CS_AR, row.rule, what);
		else
			EXPECT_EQ(v.check(), 0u) << what << v.words();
	}
}

TEST(VtCheckSeg, PrivilegeOfSs)
{
	FakeVmcs v;
	v[VMCS_GUEST_CS_AR] = 0xa093;
	v[VMCS_GUEST_SS_AR] = 0xc0f3;
	expect_one(v, VMCS_GUEST_SS_AR, "DPL must be 0", "CS of type 3");
	v.real_mode();
	v[VMCS_GUEST_CS_AR] = 0x9f; // conforming: its own rule is content
	v[VMCS_GUEST_SS_AR] = 0xf3;
	expect_one(v, VMCS_GUEST_SS_AR, "DPL must be 0", "real mode");
}

// The rules that only a guest with restrictions has: RPLs count.
TEST(VtCheckSeg, Restricted)
{
	FakeVmcs good;
	good[VMCS_PROC2_CONTROLS] &= ~u64(VT_PROC2_UNRESTRICTED);
	EXPECT_EQ(good.check(), 0u) << good.words();

	FakeVmcs v = good;
	v[VMCS_GUEST_CS_SELECTOR] |= 3;
	expect_one(v, VMCS_GUEST_SS_SELECTOR, "that of CS", "RPL of SS");
	v[VMCS_GUEST_SS_SELECTOR] |= 3;
	expect_one(v, VMCS_GUEST_SS_AR, "the RPL", "DPL of SS");
	for (u32 seg : {ES, DS, FS, GS}) {
		v = good;
		v[vmcs_guest_selector(seg)] |= 1;
		expect_one(v, vmcs_guest_ar(seg), "below RPL", names[seg]);
		v[vmcs_guest_ar(seg)] = 0xc09f; // conforming code may be used from any level
		EXPECT_EQ(v.check(), 0u) << v.words();
		v[VMCS_PROC2_CONTROLS] |= VT_PROC2_UNRESTRICTED;
		v[vmcs_guest_ar(seg)] = 0xc093;
		EXPECT_EQ(v.check(), 0u) << v.words();
	}
}

// The same asked of a guest that still has none of them.
TEST(VtCheckSeg, WouldBeRestricted)
{
	FakeVmcs v;
	EXPECT_EQ(v.check_restricted(), 0u);
	for (u32 seg : {ES, DS, FS, GS}) {
		FakeVmcs w;
		w[vmcs_guest_selector(seg)] |= 3;
		EXPECT_EQ(w.check(), 0u) << w.words();
		EXPECT_EQ(w.check_restricted(), 1u) << names[seg];
		EXPECT_EQ(w.check(), 0u) << "it has changed something";
	}
	// What else would be refused is not its business.
	FakeVmcs other;
	other[VMCS_GUEST_CR0] &= ~(u64(1) << 31);
	other[VMCS_HOST_RIP] = 1ULL << 60;
	EXPECT_EQ(other.check_restricted(), 0u);

	// As a CPU leaves its reset, but for CS, which has a type of data there.
	v.real_mode();
	v[VMCS_GUEST_CS_AR] = 0x93;
	EXPECT_EQ(v.check(), 0u) << v.words();
	EXPECT_EQ(v.check_restricted(), 1u);
	v[VMCS_GUEST_CS_AR] = 0x9b;
	EXPECT_EQ(v.check_restricted(), 0u);
}

TEST(VtCheckSeg, Virtual8086)
{
	for (u32 seg = ES; seg <= GS; seg++) {
		FakeVmcs v;
		v.v86_mode();
		v[vmcs_guest_base(seg)] += 16;
		expect_one(v, vmcs_guest_base(seg), "16 times", names[seg]);
		v.v86_mode();
		v[vmcs_guest_limit(seg)] = 0xfffff;
		expect_one(v, vmcs_guest_limit(seg), "0xffff", names[seg]);
		v.v86_mode();
		v[vmcs_guest_ar(seg)] = 0x93;
		expect_one(v, vmcs_guest_ar(seg), "0xf3", names[seg]);
	}
	// RPLs are bits of a segment number there.
	FakeVmcs v;
	v.v86_mode();
	v[VMCS_GUEST_CR0] |= 0x80000000;
	v[VMCS_PROC2_CONTROLS] &= ~u64(VT_PROC2_UNRESTRICTED);
	EXPECT_EQ(v.check(), 0u) << v.words();
}

} // namespace
