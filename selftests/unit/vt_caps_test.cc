// SPDX-License-Identifier: GPL-2.0-only
// From capability MSRs to control words.
#include "vt_caps_host.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Decided {
	std::unique_ptr<vt_controls> c = std::make_unique<vt_controls>();
	unsigned missing;

	explicit Decided(const vt_caps &caps) { missing = vt_caps_decide(&caps, c.get()); }

	// The lack with these words in its control's name, or nullptr.
	const vt_lack *lack(const std::string &name) const
	{
		for (unsigned i = 0; i < c->nr_lacks; i++)
			if (std::string(c->lacks[i].control).find(name) != std::string::npos)
				return &c->lacks[i];
		return nullptr;
	}
};

TEST(VtCaps, Skylake)
{
	const Decided d(skylake_caps());
	EXPECT_EQ(d.missing, 0u);
	EXPECT_EQ(d.c->nr_lacks, 0u) << d.c->lacks[0].control;

	// Bits that must be 1, and those of the table, nothing else.
	EXPECT_EQ(d.c->pin, 0x16u | 1 << 0 | 1 << 3 | 1 << 5);
	EXPECT_EQ(d.c->proc, 0x04006172u | 1 << 3 | 1 << 7 | 1 << 10 | 1 << 11 | 1 << 21 | 1 << 23 |
				     1 << 24 | 1 << 28 | 1 << 29 | 1u << 31);
	EXPECT_EQ(d.c->proc2, 1u << 1 | 1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 10 | 1 << 12 | 1 << 20);
	EXPECT_EQ(d.c->exit, 0x00036dfbu | 1 << 2 | 1 << 9 | 1 << 15 | 15 << 18);
	EXPECT_EQ(d.c->entry, 0x000011fbu | 1 << 2 | 3 << 14);
	EXPECT_EQ(d.c->pin_may, 0x7fu);

	EXPECT_TRUE(d.c->ept && d.c->ept_2m && d.c->ept_1g && d.c->ept_ad && d.c->pml);
	EXPECT_TRUE(d.c->ept_execute_only && d.c->invept_single && d.c->invept_all);
	EXPECT_FALSE(d.c->ept_levels_5);
	EXPECT_TRUE(d.c->vpid && d.c->invvpid_address && d.c->invvpid_single);
	EXPECT_TRUE(d.c->invvpid_all && d.c->invvpid_keep_global);
	EXPECT_TRUE(d.c->unrestricted && d.c->virtual_nmi && d.c->msr_bitmap && d.c->ple);
	EXPECT_TRUE(d.c->load_efer && d.c->save_efer && d.c->load_pat && d.c->save_pat);
	EXPECT_TRUE(d.c->tpr_shadow && d.c->apic_access && d.c->ack_intr && d.c->load_perf_global);
	EXPECT_FALSE(d.c->apic_register || d.c->virtual_intr || d.c->posted_intr);
	EXPECT_FALSE(d.c->tsc_scaling);
	EXPECT_TRUE(d.c->preemption_timer && d.c->save_timer);
	EXPECT_EQ(d.c->timer_shift, 7);
	EXPECT_TRUE(d.c->activity_hlt && d.c->activity_shutdown && d.c->activity_wait_sipi);
	EXPECT_TRUE(d.c->inject_len_0);
	EXPECT_EQ(d.c->max_msr_list, 512);
	EXPECT_EQ(d.c->revision, 4u);
	EXPECT_EQ(d.c->vmcs_bytes, 1024);
}

// Without one of them a guest would change its paging, or flush, unseen.
TEST(VtCaps, ShadowPagingNeedsItsExits)
{
	EXPECT_TRUE(Decided(skylake_caps()).c->shadow);
	for (u32 bit : {VT_PROC_CR3_LOAD, VT_PROC_CR3_STORE, VT_PROC_INVLPG}) {
		vt_caps caps = skylake_caps();
		caps.true_proc &= ~(u64(bit) << 32);
		EXPECT_FALSE(Decided(caps).c->shadow) << bit;
	}
}

// A server CPU has what APIC virtualisation needs.
TEST(VtCaps, PostedInterruptsNeedTheWholeChain)
{
	vt_caps caps = skylake_caps();
	caps.true_pin |= 1ULL << (32 + 7);
	caps.proc2 |= (1ULL << (32 + 8)) | (1ULL << (32 + 9)) | (1ULL << (32 + 25));
	{
		const Decided d(caps);
		EXPECT_TRUE(d.c->apic_register && d.c->virtual_intr && d.c->posted_intr);
		EXPECT_TRUE(d.c->tsc_scaling);
		EXPECT_EQ(d.c->pin & VT_PIN_POSTED_INTR, 0u); // switched on later
		EXPECT_EQ(d.c->proc2 & (VT_PROC2_VIRTUAL_INTR | VT_PROC2_TSC_SCALING), 0u);
	}
	vt_caps no_ack = caps;
	no_ack.true_exit &= ~(1ULL << (32 + 15));
	const Decided without_ack(no_ack);
	EXPECT_EQ(without_ack.missing, 0u);
	EXPECT_TRUE(without_ack.c->virtual_intr);
	EXPECT_FALSE(without_ack.c->posted_intr || without_ack.c->ack_intr);
	EXPECT_NE(without_ack.lack("acknowledge interrupt"), nullptr);

	vt_caps no_tpr = caps;
	no_tpr.true_proc &= ~(1ULL << (32 + 21));
	const Decided without_tpr(no_tpr);
	EXPECT_EQ(without_tpr.missing, 0u);
	EXPECT_FALSE(without_tpr.c->virtual_intr || without_tpr.c->apic_access);
	const u32 cr8 = VT_PROC_CR8_LOAD | VT_PROC_CR8_STORE;
	EXPECT_EQ(without_tpr.c->proc & cr8, cr8);
	EXPECT_EQ(Decided(caps).c->proc & cr8, 0u); // switched on where the VMM has the LAPIC

	no_tpr.true_proc &= ~(1ULL << (32 + 19));
	const Decided nothing(no_tpr);
	EXPECT_EQ(nothing.missing, 1u);
	ASSERT_NE(nothing.lack("CR8-load"), nullptr);
	EXPECT_TRUE(nothing.lack("CR8-load")->fatal);
}

TEST(VtCaps, TimersWithErrata)
{
	EXPECT_TRUE(vt_timer_is_broken(0x106a5));
	EXPECT_TRUE(vt_timer_is_broken(0x306a8));
	EXPECT_TRUE(vt_timer_is_broken(0x106a5 | 1 << 12)); // the type does not matter
	EXPECT_FALSE(vt_timer_is_broken(0x306a9));
	EXPECT_FALSE(vt_timer_is_broken(0x50654));
}

struct Word {
	u64 vt_caps::*plain, vt_caps::*exact;
};
const Word PIN{&vt_caps::pin, &vt_caps::true_pin}, PROC{&vt_caps::proc, &vt_caps::true_proc},
	PROC2{&vt_caps::proc2, &vt_caps::proc2}, EXIT{&vt_caps::exit, &vt_caps::true_exit},
	ENTRY{&vt_caps::entry, &vt_caps::true_entry};

struct Row {
	const char *name;
	Word word;
	u8 bit; // of the control
	bool fatal;
};

class VtCapsLack : public testing::TestWithParam<Row> {};

// Each control alone taken away, on CPUs with and without the TRUE MSRs.
TEST_P(VtCapsLack, IsTold)
{
	const Row &row = GetParam();
	for (bool exact : {true, false}) {
		vt_caps caps = skylake_caps();
		if (!exact)
			caps.basic &= ~VT_BASIC_TRUE;
		const Decided before(caps);
		caps.*(exact ? row.word.exact : row.word.plain) &= ~(1ULL << (32 + row.bit));
		const Decided d(caps);
		EXPECT_EQ(before.missing, 0u);
		EXPECT_EQ(d.missing, row.fatal ? 1u : 0u);
		EXPECT_EQ(d.c->nr_lacks, before.c->nr_lacks + 1);
		const vt_lack *lack = d.lack(row.name);
		ASSERT_NE(lack, nullptr);
		EXPECT_EQ(lack->fatal, row.fatal);
		EXPECT_EQ(lack->bit, 32 + row.bit);
		EXPECT_STRNE(lack->without, "");
		const bool says_true = std::string(lack->msr).find("TRUE") != std::string::npos;
		EXPECT_EQ(says_true, exact && row.word.exact != row.word.plain);
	}
}

INSTANTIATE_TEST_SUITE_P(Controls, VtCapsLack, testing::Values(
	Row{"external-interrupt exiting", PIN, 0, true},
	Row{"NMI exiting", PIN, 3, true},
	Row{"virtual NMIs", PIN, 5, true},
	Row{"interrupt-window", PROC, 2, true},
	Row{"TSC offsetting", PROC, 3, true},
	Row{"HLT exiting", PROC, 7, true},
	Row{"MWAIT exiting", PROC, 10, true},
	Row{"RDPMC exiting", PROC, 11, true},
	Row{"CR8-load", PROC, 19, true},
	Row{"CR8-store", PROC, 20, true},
	Row{"TPR shadow", PROC, 21, false},
	Row{"NMI-window", PROC, 22, true},
	Row{"MOV-DR", PROC, 23, true},
	Row{"unconditional I/O", PROC, 24, true},
	Row{"MSR bitmaps", PROC, 28, true},
	Row{"MONITOR", PROC, 29, true},
	Row{"secondary controls", PROC, 31, true},
	Row{"enable EPT", PROC2, 1, true},
	Row{"RDTSCP", PROC2, 3, false},
	Row{"VPID", PROC2, 5, false},
	Row{"WBINVD", PROC2, 6, false},
	Row{"unrestricted guest", PROC2, 7, true},
	Row{"PAUSE-loop", PROC2, 10, false},
	Row{"INVPCID", PROC2, 12, false},
	Row{"XSAVES", PROC2, 20, false},
	Row{"save debug", EXIT, 2, true},
	Row{"host address-space", EXIT, 9, true},
	Row{"acknowledge interrupt", EXIT, 15, false},
	Row{"save IA32_PAT", EXIT, 18, true},
	Row{"load IA32_PAT at exits", EXIT, 19, true},
	Row{"save IA32_EFER", EXIT, 20, true},
	Row{"load IA32_EFER at exits", EXIT, 21, true},
	Row{"load debug", ENTRY, 2, true},
	Row{"IA-32e mode guest", ENTRY, 9, true},
	Row{"load IA32_PAT at entries", ENTRY, 14, true},
	Row{"load IA32_EFER at entries", ENTRY, 15, true}));

TEST(VtCaps, ExitsThatCannotBeSwitchedOff)
{
	vt_caps caps = skylake_caps();
	caps.basic &= ~VT_BASIC_TRUE; // CR3 exits then count as required
	const Decided d(caps);
	EXPECT_EQ(d.missing, 0u);
	EXPECT_EQ(d.c->nr_lacks, 2u);
	ASSERT_NE(d.lack("CR3-load"), nullptr);
	EXPECT_EQ(d.lack("CR3-load")->bit, 15);
	EXPECT_NE(d.lack("CR3-store"), nullptr);
	EXPECT_TRUE(d.c->proc & VT_PROC_CR3_LOAD);
}

TEST(VtCaps, EptCapabilities)
{
	const struct {
		u64 clear;
		const char *name;
		bool fatal;
		u8 bit;
	} rows[] = {
		{1ULL << 6, "4 levels", true, 6},
		{1ULL << 14, "write-back", true, 14},
		{1ULL << 20, "INVEPT", true, 20},
		{3ULL << 25, "INVEPT of one or all", true, 26},
		{1ULL << 16, "2 MiB", false, 16},
		{1ULL << 17, "1 GiB", false, 17},
		{1ULL << 21, "accessed and dirty", false, 21},
		{1ULL << 32, "INVVPID", false, 41},
		{3ULL << 41, "INVVPID", false, 41},
	};
	for (const auto &row : rows) {
		vt_caps caps = skylake_caps();
		caps.ept_vpid &= ~row.clear;
		const Decided d(caps);
		EXPECT_EQ(d.missing, row.fatal ? 1u : 0u) << row.name;
		EXPECT_EQ(d.c->nr_lacks, 1u) << row.name;
		ASSERT_NE(d.lack(row.name), nullptr);
		EXPECT_EQ(d.lack(row.name)->bit, row.bit) << row.name;
		if (row.bit == 41) {
			EXPECT_FALSE(d.c->vpid || d.c->invvpid_address);
			EXPECT_EQ(d.c->proc2 & VT_PROC2_VPID, 0u);
		}
		if (row.bit == 21) {
			EXPECT_FALSE(d.c->pml);
		}
	}
	// One of the two kinds of INVEPT is enough.
	vt_caps caps = skylake_caps();
	caps.ept_vpid &= ~(1ULL << 25);
	EXPECT_EQ(Decided(caps).missing, 0u);
	caps = skylake_caps();
	caps.basic |= VT_BASIC_ADDRESS_32;
	EXPECT_EQ(Decided(caps).missing, 1u);
}

// A CPU with nothing at all: no crash, and the list holds what fits.
TEST(VtCaps, Nothing)
{
	const Decided d(vt_caps{});
	EXPECT_GT(d.missing, 25u);
	EXPECT_LE(d.c->nr_lacks, unsigned(VT_MAX_LACKS));
	EXPECT_GE(d.c->nr_lacks, d.missing);
}

struct Msrs {
	std::map<u32, u64> values;
	std::vector<u32> asked;

	static u64 read(void *ctx, u32 msr)
	{
		auto *m = static_cast<Msrs *>(ctx);
		m->asked.push_back(msr);
		return m->values.at(msr); // throws where the real one faults
	}
};

TEST(VtCaps, ReadsOnlyWhatExists)
{
	// The first CPUs: 0x480 to 0x48a, neither TRUE MSRs nor secondary controls.
	Msrs old;
	for (u32 msr = 0x480; msr <= 0x48a; msr++)
		old.values[msr] = 0;
	old.values[0x480] = 0x0018040000000007;
	vt_caps caps;
	vt_caps_read(&caps, Msrs::read, &old);
	EXPECT_EQ(old.asked.size(), 11u);
	EXPECT_EQ(caps.basic, 0x0018040000000007u);

	Msrs all;
	const vt_caps sky = skylake_caps();
#define VALUE(member, msr) all.values[msr] = sky.member;
	VT_CAPS_MSRS(VALUE)
#undef VALUE
	vt_caps_read(&caps, Msrs::read, &all);
	EXPECT_EQ(all.asked.size(), 18u); // all but 0x492 and 0x493
	EXPECT_EQ(vt_caps_difference(&caps, &sky), 0u);
	caps.ept_vpid ^= 1;
	EXPECT_EQ(vt_caps_difference(&caps, &sky), u32(VT_MSR_EPT_VPID));

	// The newest ones.
	all.values[0x482] |= 1ULL << (32 + 17);
	all.values[0x483] |= 1ULL << 63;
	all.values[0x492] = 0x10;
	all.values[0x493] = 0x1;
	all.asked.clear();
	vt_caps_read(&caps, Msrs::read, &all);
	EXPECT_EQ(all.asked.size(), 20u);
	EXPECT_EQ(caps.proc3, 0x10u);
	EXPECT_EQ(caps.exit2, 1u);
}

} // namespace
