// SPDX-License-Identifier: GPL-2.0-only
// The table of MSRs: its shape, and what each check lets through.
#include <gtest/gtest.h>

#include <algorithm>

#include "cpuid_host.h"
#include "pure/msr.h"

namespace {

class Msr : public ::testing::Test {
protected:
	// A CPU that has all the policy offers.
	explicit Msr(const char* vendor = "GenuineIntel")
		: host_(vendor), table_(host_.supported())
	{
		guest_.cpuid = table_.get();
		guest_.mc_banks = 10;
		guest_.mcg_cap = 10 | 1 << 8;
		vmm_ = guest_;
		vmm_.host = true;
	}

	static msr_verdict write(const msr_access& a, u32 msr, u64 val, u64* out = nullptr)
	{
		const struct msr_rule* rule = msr_rule(msr);
		if (!rule)
			return MSR_FAULT;
		const msr_verdict v = msr_check_write(rule, &a, msr, &val);
		if (out)
			*out = val;
		return v;
	}

	static msr_verdict read(const msr_access& a, u32 msr)
	{
		const struct msr_rule* rule = msr_rule(msr);
		return rule ? msr_check_read(rule, &a) : MSR_FAULT;
	}

	FakeHost host_;
	Table table_;
	msr_access guest_{};
	msr_access vmm_{};
};

class MsrAmd : public Msr {
protected:
	MsrAmd() : Msr("AuthenticAMD") {}
};

TEST_F(Msr, TableIsSortedAndConsistent)
{
	ASSERT_GT(msr_nr_rules, 80u);
	for (unsigned i = 0; i < msr_nr_rules; i++) {
		const struct msr_rule& r = msr_rules[i];
		EXPECT_LE(r.first, r.last) << r.name;
		if (i) {
			EXPECT_LT(msr_rules[i - 1].last, r.first) << r.name;
		}
		EXPECT_EQ(msr_rule(r.first), &r);
		EXPECT_EQ(msr_rule(r.last), &r);
		if (r.treatment == MSRT_REFUSE) {
			EXPECT_NE(r.why, nullptr) << r.name;
			EXPECT_EQ(r.flags, 0) << r.name;
		}
		// What reaches hardware says how it is switched; the rest does not.
		const bool hardware = r.treatment == MSRT_PASS || r.treatment == MSRT_BACKEND ||
				      r.first == GMSR_EFER;
		EXPECT_EQ(r.switch_svm != MSRW_NONE, hardware) << r.name;
		EXPECT_EQ(r.switch_vt != MSRW_NONE, hardware) << r.name;
	}
	for (u32 unknown : {0x2u, 0x13u, 0x1dau, 0x900u, 0xc0000085u, 0xc0011030u + 0xe, 0xffffffffu})
		EXPECT_EQ(msr_rule(unknown), nullptr) << std::hex << unknown;
}

TEST_F(Msr, ResetValuesAreLegal)
{
	for (unsigned i = 0; i < msr_nr_rules; i++) {
		const struct msr_rule& r = msr_rules[i];
		if (r.treatment != MSRT_STORE && r.treatment != MSRT_BACKEND)
			continue;
		EXPECT_NE(write(vmm_, r.first, r.reset), MSR_FAULT) << r.name;
	}
}

TEST_F(Msr, SaveListRoundTrips)
{
	u32 list[256];
	const unsigned n = msr_list(MSRF_SAVE, nullptr, list, 256);

	ASSERT_GT(n, 50u);
	ASSERT_LE(n, 256u);
	EXPECT_TRUE(std::is_sorted(list, list + n));
	for (unsigned i = 0; i < n; i++) {
		const struct msr_rule* r = msr_rule(list[i]);
		// A VMM that saves everything must be able to read and restore everything.
		EXPECT_EQ(read(vmm_, list[i]), MSR_OK) << r->name;
		EXPECT_NE(write(vmm_, list[i], r->reset), MSR_FAULT) << r->name;
	}
	for (u32 msr : {0x10u, 0x174u, 0x277u, 0xc0000081u, 0xc0000102u, 0x4b564d01u, 0x12u, 0x6e0u})
		EXPECT_TRUE(std::binary_search(list, list + n, msr)) << std::hex << msr;
	EXPECT_EQ(msr_list(MSRF_SAVE, nullptr, nullptr, 0), n);
}

TEST_F(Msr, FilteredList)
{
	u32 list[8];
	const unsigned n = msr_list(
		MSRF_FEATURE, [](u32 msr) { return msr == GMSR_UCODE_REV; }, list, 8);

	ASSERT_EQ(n, 1u);
	EXPECT_EQ(list[0], 0x8bu);
}

TEST_F(Msr, AsyncPageFaults)
{
	EXPECT_EQ(write(guest_, GMSR_PV_ASYNC_PF_EN, 0x1000 | 0xb), MSR_OK);
	// Delivery as an exit (no nesting), and what is reserved
	for (u64 bit : {4u, 0x10u, 0x20u})
		EXPECT_EQ(write(guest_, GMSR_PV_ASYNC_PF_EN, 0x1000 | bit), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_PV_ASYNC_PF_INT, 0xff), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_PV_ASYNC_PF_INT, 0x100), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_PV_ASYNC_PF_ACK, 1), MSR_OK);
}

TEST_F(Msr, RefusedIsRefusedToAll)
{
	for (u32 msr : {0x480u, 0x10bu, 0x345u, 0x4b564d08u, 0xc0010114u}) {
		EXPECT_EQ(read(guest_, msr), MSR_FAULT) << std::hex << msr;
		EXPECT_EQ(write(guest_, msr, 0), MSR_FAULT);
		EXPECT_EQ(read(vmm_, msr), MSR_FAULT);
		EXPECT_EQ(write(vmm_, msr, 0), MSR_FAULT);
	}
}

TEST_F(Msr, ReadOnlyForTheGuest)
{
	for (u32 msr : {static_cast<u32>(GMSR_MTRR_CAP), static_cast<u32>(GMSR_PLATFORM_INFO),
			static_cast<u32>(GMSR_MCG_CAP)}) {
		EXPECT_EQ(read(guest_, msr), MSR_OK);
		EXPECT_EQ(write(guest_, msr, 0), MSR_FAULT);
	}
	EXPECT_EQ(write(vmm_, GMSR_PLATFORM_INFO, 0xff00), MSR_OK);
	// CPUID faulting is not done.
	EXPECT_EQ(write(vmm_, GMSR_PLATFORM_INFO, 1ull << 31), MSR_FAULT);
	// The guest's write before CPUID(1), as the SDM asks for, goes nowhere.
	EXPECT_EQ(write(guest_, GMSR_UCODE_REV, 0), MSR_DROP);
	EXPECT_EQ(write(vmm_, GMSR_UCODE_REV, 5ull << 32), MSR_OK);
}

TEST_F(Msr, Canonical)
{
	for (u32 msr : {0x175u, 0x176u, 0xc0000082u, 0xc0000083u, 0xc0000100u, 0xc0000101u, 0xc0000102u}) {
		EXPECT_EQ(write(guest_, msr, 0xffff800000000000), MSR_OK);
		EXPECT_EQ(write(guest_, msr, 0x0000800000000000), MSR_FAULT) << std::hex << msr;
		EXPECT_EQ(write(vmm_, msr, 0x0000800000000000), MSR_FAULT);
	}
}

TEST_F(Msr, Pat)
{
	EXPECT_EQ(write(guest_, GMSR_PAT, 0x0007040600070406), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_PAT, 0x0007040600070402), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_PAT, 0x0300000000000000), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_PAT, 0x0000000000000008), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_PAT, 0x0105040706000101), MSR_OK);
}

TEST_F(Msr, Efer)
{
	u64 out = 0;

	EXPECT_EQ(write(guest_, GMSR_EFER, 0xd01, &out), MSR_OK);
	EXPECT_EQ(out, 0x901u); // LMA is not the guest's to set
	EXPECT_EQ(write(guest_, GMSR_EFER, 1 << 12), MSR_FAULT); // SVME
	guest_.paging = true;
	guest_.efer = 0xd01;
	EXPECT_EQ(write(guest_, GMSR_EFER, 0x901, &out), MSR_OK);
	EXPECT_EQ(out, 0xd01u);
	EXPECT_EQ(write(guest_, GMSR_EFER, 0x801), MSR_FAULT); // LME under paging
}

TEST_F(Msr, SpecCtrlNeedsItsFeatures)
{
	EXPECT_EQ(write(guest_, GMSR_SPEC_CTRL, 7), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_SPEC_CTRL, 0x400), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_PRED_CMD, 1), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_PRED_CMD, 0), MSR_DROP);
	EXPECT_EQ(write(guest_, GMSR_PRED_CMD, 2), MSR_FAULT);
	EXPECT_EQ(read(guest_, GMSR_PRED_CMD), MSR_FAULT);

	/* what may pass without an exit is held against this */
	EXPECT_EQ(msr_spec_ctrl_allowed(guest_.cpuid), 0x87u);

	host_.env().spec_ctrl = false;
	Table without(host_.supported());
	guest_.cpuid = without.get();
	EXPECT_EQ(read(guest_, GMSR_SPEC_CTRL), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_SPEC_CTRL, 0), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_PRED_CMD, 1), MSR_FAULT);
	EXPECT_EQ(msr_spec_ctrl_allowed(guest_.cpuid), 0u);
}

TEST_F(Msr, TscAux)
{
	EXPECT_EQ(write(guest_, GMSR_TSC_AUX, 0xffffffff), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_TSC_AUX, 1ull << 32), MSR_FAULT);
}

TEST_F(MsrAmd, TscAuxDropsTheUpperHalf)
{
	u64 out = 0;

	EXPECT_EQ(write(guest_, GMSR_TSC_AUX, 5ull << 32 | 7, &out), MSR_OK);
	EXPECT_EQ(out, 7u);
}

TEST_F(Msr, Mtrr)
{
	EXPECT_EQ(write(guest_, 0x200, 0xc0000006), MSR_OK);
	EXPECT_EQ(write(guest_, 0x200, 0xc0000002), MSR_FAULT); // type 2
	EXPECT_EQ(write(guest_, 0x200, 0xc0000106), MSR_FAULT); // reserved bit
	EXPECT_EQ(write(guest_, 0x200, 1ull << 46), MSR_FAULT); // beyond MAXPHYADDR
	EXPECT_EQ(write(guest_, 0x201, 0x3fffc0000800), MSR_OK);
	EXPECT_EQ(write(guest_, 0x201, 0x3fffc0000400), MSR_FAULT);
	EXPECT_EQ(write(guest_, 0x2ff, 0xc06), MSR_OK);
	EXPECT_EQ(write(guest_, 0x2ff, 0x1c06), MSR_FAULT);
	EXPECT_EQ(write(guest_, 0x250, 0x0606060606060606), MSR_OK);
	EXPECT_EQ(write(guest_, 0x26f, 0x0606060606060602), MSR_FAULT);
	EXPECT_EQ(msr_rule(0x210), nullptr); // a ninth pair

	std::vector<bool> seen(MSR_MTRR_COUNT);
	for (u32 msr = 0x200; msr <= 0x2ff; msr++) {
		const int i = msr_mtrr_index(msr);
		if (i < 0)
			continue;
		ASSERT_LT(i, MSR_MTRR_COUNT);
		EXPECT_FALSE(seen[i]) << std::hex << msr;
		seen[i] = true;
		EXPECT_EQ(msr_rule(msr)->check, MSRC_MTRR);
	}
	EXPECT_EQ(std::count(seen.begin(), seen.end(), true), MSR_MTRR_COUNT);
}

TEST_F(Msr, MachineCheck)
{
	EXPECT_EQ(write(guest_, 0x400, ~0ull), MSR_OK);
	EXPECT_EQ(write(guest_, 0x400, 0), MSR_OK);
	EXPECT_EQ(write(guest_, 0x400, ~0ull & ~(1ull << 10)), MSR_OK);
	EXPECT_EQ(write(guest_, 0x400, 5), MSR_FAULT);
	EXPECT_EQ(write(guest_, 0x401, 1), MSR_FAULT);
	EXPECT_EQ(write(guest_, 0x401, 0), MSR_OK);
	EXPECT_EQ(write(vmm_, 0x401, 1), MSR_OK);
	guest_.hwcr_mc_write = true;
	EXPECT_EQ(write(guest_, 0x401, 1), MSR_OK);
	EXPECT_EQ(write(guest_, 0x400 + 4 * 10, 0), MSR_FAULT); // one bank too far
	EXPECT_EQ(write(guest_, GMSR_MCG_STATUS, 8), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_MCG_CTL, ~0ull), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_MCG_CTL, 1), MSR_FAULT);
	guest_.mcg_cap = 10;
	EXPECT_EQ(write(guest_, GMSR_MCG_CTL, 0), MSR_FAULT);
	EXPECT_EQ(read(guest_, GMSR_MCG_CTL), MSR_FAULT);
	vmm_.mcg_cap = 10; // a VMM that goes by the list reads and writes it all the same
	EXPECT_EQ(read(vmm_, GMSR_MCG_CTL), MSR_OK);
	EXPECT_EQ(write(vmm_, GMSR_MCG_CTL, 0), MSR_DROP);
}

TEST_F(Msr, XssOnlyZero)
{
	EXPECT_EQ(write(guest_, GMSR_XSS, 0), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_XSS, 0x100), MSR_FAULT);
	EXPECT_EQ(write(vmm_, GMSR_XSS, 0x100), MSR_FAULT);
}

TEST_F(Msr, PvAreas)
{
	EXPECT_EQ(write(guest_, GMSR_PV_STEAL_TIME, 0x1001), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_PV_STEAL_TIME, 0x1003), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_PV_EOI_EN, 0x1005), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_PV_EOI_EN, 0x1003), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_PV_POLL_CONTROL, 2), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_PV_SYSTEM_TIME, ~0ull), MSR_OK);
}

TEST_F(Msr, MiscEnableKeepsWhatHardwareKeeps)
{
	u64 out = 0;

	EXPECT_EQ(write(vmm_, GMSR_MISC_ENABLE, 1, &out), MSR_OK);
	EXPECT_EQ(out, 1u); // the VMM's word is kept
	guest_.misc_enable = 0x1801;
	EXPECT_EQ(write(guest_, GMSR_MISC_ENABLE, 1, &out), MSR_OK);
	EXPECT_EQ(out, 0x1801u);
	EXPECT_EQ(write(guest_, GMSR_MISC_ENABLE, 1 << 7, &out), MSR_OK);
	EXPECT_EQ(out, 0x1800u);
	guest_.misc_enable = 1; // as a VMM may have it
	EXPECT_EQ(write(guest_, GMSR_MISC_ENABLE, 0x1880, &out), MSR_OK);
	EXPECT_EQ(out, 0u);
}

TEST_F(Msr, DebugctlDropsBtf)
{
	EXPECT_EQ(write(guest_, GMSR_DEBUGCTL, 0), MSR_DROP);
	EXPECT_EQ(write(guest_, GMSR_DEBUGCTL, 3), MSR_DROP);
	EXPECT_EQ(write(guest_, GMSR_DEBUGCTL, 1 << 6), MSR_FAULT);
}

TEST_F(Msr, ZeroRows)
{
	EXPECT_EQ(write(guest_, GMSR_P6_EVNTSEL0, 0), MSR_DROP);
	EXPECT_EQ(write(guest_, GMSR_P6_EVNTSEL0, 1), MSR_FAULT);
	EXPECT_EQ(read(guest_, GMSR_P6_EVNTSEL0), MSR_OK);
}

TEST_F(Msr, AmdRowsAreNotIntels)
{
	EXPECT_EQ(read(guest_, GMSR_AMD_SYSCFG), MSR_FAULT);
	EXPECT_EQ(read(vmm_, GMSR_AMD_SYSCFG), MSR_OK);
	EXPECT_EQ(read(guest_, GMSR_SMI_COUNT), MSR_OK);
}

TEST_F(MsrAmd, WhatLinuxTouches)
{
	EXPECT_EQ(read(guest_, GMSR_AMD_SYSCFG), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_AMD_SYSCFG, 1 << 21), MSR_DROP);
	/* As every KVM: whatever the vendor. SMBASE is no guest's. */
	EXPECT_EQ(read(guest_, GMSR_SMI_COUNT), MSR_OK);
	EXPECT_EQ(read(guest_, GMSR_SMBASE), MSR_FAULT);
	EXPECT_EQ(read(vmm_, GMSR_SMBASE), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_AMD_LS_CFG, 1ull << 10), MSR_DROP);
	EXPECT_EQ(write(guest_, GMSR_AMD_DE_CFG, 2), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_AMD_DE_CFG, 4), MSR_FAULT);
	EXPECT_EQ(write(guest_, GMSR_K7_EVNTSEL0, 0x530076), MSR_DROP);
}

TEST_F(MsrAmd, Hwcr)
{
	u64 out = 0;

	EXPECT_EQ(write(guest_, GMSR_AMD_HWCR, 1 << 3 | 1 << 6 | 1 << 18, &out), MSR_OK);
	EXPECT_EQ(out, 1u << 18);
	EXPECT_EQ(write(guest_, GMSR_AMD_HWCR, 1 << 24), MSR_OK);
	EXPECT_EQ(write(guest_, GMSR_AMD_HWCR, 1 << 0), MSR_FAULT);
	EXPECT_NE(msr_rule(GMSR_AMD_HWCR)->reset & 1u << 24, 0u);
}

TEST_F(Msr, WithoutTheFeature)
{
	Table bare({});
	guest_.cpuid = bare.get();

	for (u32 msr : {0x3bu, 0x6e0u, 0xda0u, 0x200u, 0x277u, 0xc0000103u, 0xc0000082u, 0x48u}) {
		EXPECT_EQ(read(guest_, msr), MSR_FAULT) << std::hex << msr;
		vmm_.cpuid = bare.get();
		EXPECT_EQ(read(vmm_, msr), MSR_OK) << std::hex << msr;
	}
}

TEST_F(Msr, PassThroughOnlyWhatExists)
{
	Table bare({});

	EXPECT_TRUE(msr_passes(msr_rule(0xc0000082), table_.get()));
	EXPECT_FALSE(msr_passes(msr_rule(0xc0000082), bare.get()));
	EXPECT_TRUE(msr_passes(msr_rule(0x174), bare.get()));
	EXPECT_FALSE(msr_passes(msr_rule(0xc0000080), table_.get())); // EFER exits
	EXPECT_FALSE(msr_passes(msr_rule(0x10), table_.get()));
}

// No value and no number may do harm: under the sanitizers.
TEST_F(Msr, AnyWriteIsHandled)
{
	u64 state = 88172645463325252ull;
	auto next = [&state] {
		state ^= state << 13;
		state ^= state >> 7;
		return state ^= state << 17;
	};
	unsigned ok = 0;

	for (int i = 0; i < 200000; i++) {
		const struct msr_rule& r = msr_rules[next() % msr_nr_rules];
		const u32 msr = r.first + static_cast<u32>(next() % (r.last - r.first + 1));
		u64 val = next() >> (next() % 64);
		u64 out = val;
		const msr_verdict v = write(next() & 1 ? guest_ : vmm_, msr, val, &out);
		if (v != MSR_OK)
			continue;
		ok++;
		// What is stored can be stored again, unchanged.
		u64 again = out;
		EXPECT_EQ(write(vmm_, msr, out, &again), MSR_OK) << r.name << std::hex << out;
		EXPECT_EQ(again, out) << r.name;
	}
	EXPECT_GT(ok, 1000u);
}

} // namespace
