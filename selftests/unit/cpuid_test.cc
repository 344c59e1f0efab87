// SPDX-License-Identifier: GPL-2.0-only
// What a guest may be told by CPUID, and what one vCPU is told.
#include <gtest/gtest.h>

#include <tuple>

#include "cpuid_host.h"
#include "uapi/vmx_para.h"

namespace {

const vmx_cpuid_entry2* find(const std::vector<vmx_cpuid_entry2>& list, u32 leaf, u32 sub = 0)
{
	for (const auto& e : list)
		if (e.function == leaf &&
		    (!(e.flags & VMX_CPUID_FLAG_SIGNIFCANT_INDEX) || e.index == sub))
			return &e;
	return nullptr;
}

constexpr u32 bit(int n)
{
	return 1u << n;
}

vmx_cpuid_entry2 entry(u32 leaf, u32 a, u32 b, u32 c, u32 d)
{
	vmx_cpuid_entry2 e{};
	e.function = leaf;
	e.eax = a;
	e.ebx = b;
	e.ecx = c;
	e.edx = d;
	return e;
}

vmx_cpuid_entry2 indexed(u32 leaf, u32 sub, u32 a, u32 b, u32 c, u32 d)
{
	vmx_cpuid_entry2 e = entry(leaf, a, b, c, d);
	e.index = sub;
	e.flags = VMX_CPUID_FLAG_SIGNIFCANT_INDEX;
	return e;
}

// ---- the table of bits ----

TEST(CpuidBits, SortedUniqueAndReasoned)
{
	ASSERT_GT(cpuid_nr_bits, 250u);
	for (unsigned i = 0; i < cpuid_nr_bits; i++) {
		const cpuid_bit& b = cpuid_bits[i];
		EXPECT_LT(b.bit, 32) << b.name;
		EXPECT_LT(b.word, CPUID_W_NR) << b.name;
		EXPECT_LT(b.condition, CPUID_IF_NR) << b.name;
		// A refused bit says why; an offered one has nothing to excuse.
		EXPECT_EQ(b.why != nullptr,
			  b.treatment == CPUID_REFUSE || b.treatment == CPUID_RUNTIME)
			<< b.name;
		if (!i)
			continue;
		const cpuid_bit& p = cpuid_bits[i - 1];
		EXPECT_LT(std::make_tuple(p.leaf, p.subleaf, p.word, p.bit),
			  std::make_tuple(b.leaf, b.subleaf, b.word, b.bit))
			<< b.name;
	}
}

// ---- GET_SUPPORTED_CPUID ----

TEST(CpuidSupported, FitsAndIsOrdered)
{
	FakeHost host("GenuineIntel");
	const auto list = host.supported();

	ASSERT_GT(list.size(), 20u);
	EXPECT_LE(list.size(), static_cast<size_t>(CPUID_MAX_SUPPORTED));
	for (size_t i = 1; i < list.size(); i++)
		EXPECT_LT(std::make_pair(list[i - 1].function, list[i - 1].index),
			  std::make_pair(list[i].function, list[i].index));
	// Every entry is one that the table can hold.
	Table table(list);
	EXPECT_EQ(table.result, 0);
}

TEST(CpuidSupported, TooLittleRoom)
{
	FakeHost host("GenuineIntel");
	const auto list = host.supported();
	std::vector<vmx_cpuid_entry2> small(list.size());
	const auto n = static_cast<unsigned>(list.size());

	EXPECT_EQ(cpuid_supported(&host.env(), small.data(), n), static_cast<int>(n));
	EXPECT_EQ(cpuid_supported(&host.env(), small.data(), n - 1), -E2BIG);
	EXPECT_EQ(cpuid_supported(&host.env(), small.data(), 1), -E2BIG);
	EXPECT_EQ(cpuid_supported(&host.env(), small.data(), 0), -E2BIG);
}

TEST(CpuidSupported, FeaturesOfLeafOne)
{
	FakeHost host("GenuineIntel");
	const auto list = host.supported();
	const auto* e = find(list, 1);

	ASSERT_NE(e, nullptr);
	EXPECT_EQ(e->eax, 0x000306c3u);
	EXPECT_EQ(e->ebx, 0x0800u); // CLFLUSH size only: no APIC id, no count of CPUs
	EXPECT_EQ(e->ecx & (bit(5) | bit(3) | bit(15) | bit(27)), 0u); // VMX, MONITOR, PDCM, OSXSAVE
	EXPECT_EQ(e->ecx & (bit(21) | bit(24) | bit(31) | bit(26)), bit(21) | bit(31) | bit(26));
	EXPECT_EQ(e->edx & (bit(21) | bit(28)), 0u); // DS, HTT
}

TEST(CpuidSupported, EmulatedWithoutTheHost)
{
	FakeHost host("GenuineIntel");
	host.set(1, 0, {0x306c3, 0, 0, 0});
	host.set(7, 0, {0, 0, 0, 0});
	const auto list = host.supported();

	EXPECT_EQ(find(list, 1)->ecx, bit(21) | bit(31));
	EXPECT_EQ(find(list, 1)->edx, bit(9));
	EXPECT_EQ(find(list, 7)->ebx, bit(1)); // TSC_ADJUST
	EXPECT_EQ(find(list, 7, 1), nullptr);  // the host has no subleaf 1
}

TEST(CpuidSupported, HypervisorLeaves)
{
	FakeHost host("AuthenticAMD");
	const auto list = host.supported();
	const auto* sig = find(list, 0x40000000);
	const auto* feat = find(list, 0x40000001);

	ASSERT_NE(sig, nullptr);
	ASSERT_NE(feat, nullptr);
	EXPECT_EQ(sig->eax, 0x40000001u);
	const u32 words[3] = {sig->ebx, sig->ecx, sig->edx};
	EXPECT_EQ(std::memcmp(words, "KVMKVMKVM\0\0\0", 12), 0);
	const u32 expected = bit(VMX_PV_FEATURE_CLOCKSOURCE) | bit(VMX_PV_FEATURE_NOP_IO_DELAY) |
			     bit(VMX_PV_FEATURE_CLOCKSOURCE2) | bit(VMX_PV_FEATURE_STEAL_TIME) |
			     bit(VMX_PV_FEATURE_PV_EOI) | bit(VMX_PV_FEATURE_PV_UNHALT) |
			     bit(VMX_PV_FEATURE_PV_TLB_FLUSH) | bit(VMX_PV_FEATURE_PV_SEND_IPI) |
			     bit(VMX_PV_FEATURE_POLL_CONTROL) | bit(VMX_PV_FEATURE_PV_SCHED_YIELD) |
			     bit(VMX_PV_FEATURE_ASYNC_PF) | bit(VMX_PV_FEATURE_ASYNC_PF_INT) |
			     bit(VMX_PV_FEATURE_CLOCKSOURCE_STABLE);
	EXPECT_EQ(feat->eax, expected);
	EXPECT_EQ(feat->edx, 0u); // hints are the VMM's
}

TEST(CpuidSupported, NoNestingNoPmuNoAmx)
{
	FakeHost host("AuthenticAMD");
	const auto list = host.supported();

	EXPECT_EQ(find(list, 0x80000001)->ecx & bit(2), 0u); // SVM
	EXPECT_EQ(find(list, 0x8000000a), nullptr);
	EXPECT_EQ(find(list, 0xa), nullptr);
	EXPECT_EQ(find(list, 0x1d), nullptr);
	EXPECT_EQ(find(list, 7)->edx & (bit(22) | bit(24) | bit(25)), 0u);
	EXPECT_EQ(find(list, 0x80000007)->edx, 0u); // INVTSC
}

TEST(CpuidSupported, XsaveGeometry)
{
	FakeHost host("GenuineIntel");
	auto list = host.supported();
	const auto* e = find(list, 0xd, 0);

	ASSERT_NE(e, nullptr);
	EXPECT_EQ(e->eax, 0x2e7u); // AMX bits are gone
	EXPECT_EQ(e->edx, 0u);
	EXPECT_EQ(e->ecx, 2696u); // PKRU is the last component
	EXPECT_EQ(find(list, 0xd, 1)->eax, 0xfu); // no XFD
	EXPECT_EQ(find(list, 0xd, 1)->ecx, 0u);	  // no supervisor state
	EXPECT_EQ(find(list, 0xd, 1)->ebx, 576u + 256 + 64 + 512 + 1024 + 8);
	EXPECT_EQ(find(list, 0xd, 18), nullptr);
	ASSERT_NE(find(list, 0xd, 9), nullptr);
	EXPECT_EQ(find(list, 0xd, 9)->ebx, 2688u);

	// Without AVX-512 in the host's XCR0 its features go too.
	host.env().host_xcr0 = 0x7;
	list = host.supported();
	EXPECT_EQ(find(list, 0xd, 0)->eax, 7u);
	EXPECT_EQ(find(list, 0xd, 0)->ecx, 832u);
	EXPECT_EQ(find(list, 7)->ebx & bit(16), 0u);
	EXPECT_NE(find(list, 7)->ebx & bit(5), 0u);
	EXPECT_EQ(find(list, 7)->ecx & bit(3), 0u); // PKU

	// A torn set of AVX-512 components counts as none.
	host.env().host_xcr0 = 0x67;
	EXPECT_EQ(cpuid_supported_xcr0(&host.env()), 7u);

	// No XSAVE at all: no leaf 0xd, no AVX, no XSAVE bit.
	host.env().host_xcr0 = 0;
	list = host.supported();
	EXPECT_EQ(find(list, 0xd, 0), nullptr);
	EXPECT_EQ(find(list, 1)->ecx & (bit(26) | bit(28) | bit(12)), 0u);
}

TEST(CpuidSupported, ShadowPagingTakesBitsAway)
{
	FakeHost host("GenuineIntel");
	host.env().tdp = false;
	const auto list = host.supported();

	EXPECT_EQ(find(list, 1)->ecx & bit(17), 0u);  // PCID
	EXPECT_EQ(find(list, 7)->ebx & bit(10), 0u);  // INVPCID
	EXPECT_EQ(find(list, 7)->ecx & bit(3), 0u);   // PKU
	EXPECT_EQ(find(list, 0xd, 0)->eax & 0x200u, 0u);
}

TEST(CpuidSupported, TopologyIsTheVmms)
{
	FakeHost host("GenuineIntel");
	const auto list = host.supported();

	EXPECT_EQ(find(list, 4, 0)->eax, 0x121u);
	EXPECT_EQ(find(list, 4, 1)->eax, 0x122u);
	EXPECT_EQ(find(list, 4, 2), nullptr);
	EXPECT_EQ(find(list, 0x8000001d, 0)->eax, 0x121u);
	for (u32 leaf : {0xbu, 0x1fu}) {
		ASSERT_NE(find(list, leaf), nullptr);
		EXPECT_EQ(find(list, leaf)->ebx, 0u);
	}
	EXPECT_EQ(find(list, 0x80000008)->eax, 46u | 48u << 8);
	EXPECT_EQ(find(list, 0x80000008)->ecx, 0u);
}

// ---- one vCPU's table ----

std::vector<vmx_cpuid_entry2> small_model(const char* vendor)
{
	u32 v[3];
	std::memcpy(v, vendor, 12);
	return {
		entry(0, 0xd, v[0], v[2], v[1]),
		entry(1, 0x306c3, 0, bit(26) | bit(21) | bit(24), bit(9) | bit(16)),
		indexed(7, 0, 0, bit(1), bit(3), 0),
		indexed(0xb, 0, 0, 1, 0x100, 3),
		indexed(0xb, 1, 4, 4, 0x201, 3),
		indexed(0xd, 0, 7, 0, 832, 0),
		indexed(0xd, 1, 0xf, 0, 0, 0),
		entry(0x40000000, 0x40000001, 1, 2, 3),
		entry(0x40000001, bit(VMX_PV_FEATURE_PV_UNHALT) | 1, 0, 0, 0),
		entry(0x80000000, 0x80000008, 0, 0, 0),
		entry(0x80000001, 0, 0, 0, bit(29) | bit(20)),
		entry(0x80000008, 40 | 48 << 8, 0, 0, 0),
	};
}

TEST(CpuidTable, LookupBySubleaf)
{
	Table t(small_model("GenuineIntel"));

	ASSERT_EQ(t.result, 0);
	EXPECT_EQ(t.query(1, 0)[0], 0x306c3u);
	EXPECT_EQ(t.query(1, 77)[0], 0x306c3u); // ECX does not count
	EXPECT_EQ(t.query(7, 0)[1], bit(1));
	EXPECT_EQ(t.query(7, 1), Words{});
	EXPECT_EQ(t.query(0xd, 1)[0], 0xfu);
	EXPECT_EQ(t.query(5, 0), Words{}); // in range, no row
}

TEST(CpuidTable, TopologyLeafPastTheEnd)
{
	Table t(small_model("GenuineIntel"));

	EXPECT_EQ(t.query(0xb, 2), (Words{0, 0, 2, 3}));
	EXPECT_EQ(t.query(0xb, 0x101), (Words{0, 0, 1, 3}));
	EXPECT_EQ(t.query(0x1f, 2)[3], 0u); // beyond the highest leaf; leaf 0xd has no subleaf 2
}

TEST(CpuidTable, OutOfRange)
{
	Table intel(small_model("GenuineIntel"));
	Table amd(small_model("AuthenticAMD"));

	// SDM 2A: the highest basic leaf (0xd here) with the same subleaf
	EXPECT_EQ(intel.query(0x20, 0), intel.query(0xd, 0));
	EXPECT_EQ(intel.query(0x20, 1), intel.query(0xd, 1));
	EXPECT_EQ(intel.query(0x80000009, 0), intel.query(0xd, 0));
	EXPECT_EQ(intel.query(0x40000002, 0), intel.query(0xd, 0));
	EXPECT_EQ(amd.query(0x20, 0), Words{});
	EXPECT_EQ(amd.query(0x80000009, 0), Words{});
	EXPECT_EQ(amd.query(0xffffffff, 0xffffffff), Words{});
}

TEST(CpuidTable, EmptyTableIsAllZero)
{
	Table t({});

	EXPECT_EQ(t.query(0, 0), Words{});
	EXPECT_EQ(t.query(0x80000001, 0), Words{});
	EXPECT_EQ(t->features, 0u);
	EXPECT_EQ(t->phys_bits, 36);
	// No model yet: everything known may be set.
	EXPECT_EQ(cpuid_cr4_reserved(t.get()) & (1ull << 20 | 1ull << 18), 0u);
	EXPECT_NE(cpuid_cr4_reserved(t.get()) & (1ull << 13), 0u); // VMXE
}

TEST(CpuidTable, FirstOfDuplicatesWins)
{
	Table t({entry(1, 1, 0, 0, 0), entry(1, 2, 0, 0, 0)});

	EXPECT_EQ(t.query(1, 0)[0], 1u);
}

TEST(CpuidTable, EveryEntryIsFoundInAFullTable)
{
	std::vector<vmx_cpuid_entry2> list;
	for (u32 i = 0; i < CPUID_MAX_ENTRIES / 2; i++) {
		list.push_back(indexed(4, i, i + 1, 0, 0, 0));
		list.push_back(indexed(0x80000000 + i, 0, 0, i + 1000, 0, 0));
	}
	Table t(list);

	ASSERT_EQ(t.result, 0);
	for (u32 i = 0; i < CPUID_MAX_ENTRIES / 2; i++) {
		EXPECT_EQ(t.query(4, i)[0], i + 1);
		EXPECT_EQ(t.query(0x80000000 + i, 0)[1], i + 1000);
	}
}

TEST(CpuidTable, AddressBits)
{
	EXPECT_EQ(Table({entry(0x80000008, 46 | 57 << 8, 0, 0, 0)}).result, 0);
	EXPECT_EQ(Table({entry(0x80000008, 46, 0, 0, 0)}).result, 0);
	EXPECT_EQ(Table({entry(0x80000008, 46 | 49 << 8, 0, 0, 0)}).result, -EINVAL);
	EXPECT_EQ(Table({entry(0x80000008, 46 | 48 << 8, 0, 0, 0)})->phys_bits, 46);
	EXPECT_EQ(Table({entry(0x80000008, 255, 0, 0, 0)})->phys_bits, 52);
	EXPECT_EQ(Table({})->phys_bits, 36);
}

TEST(CpuidTable, ExportGivesBack)
{
	const auto model = small_model("GenuineIntel");
	Table t(model);
	std::vector<vmx_cpuid_entry2> out(model.size());

	cpuid_table_export(t.get(), out.data());
	EXPECT_EQ(std::memcmp(out.data(), model.data(), model.size() * sizeof(model[0])), 0);
}

TEST(CpuidTable, RuntimeBits)
{
	FakeHost host("GenuineIntel");
	cpuid_xstate x;
	cpuid_runtime r{};
	Table t(small_model("GenuineIntel"));

	cpuid_xstate_init(&x, host.env().host, host.env().ctx);
	r.cr4 = 1ull << 18 | 1ull << 22;
	r.xcr0 = 3;
	r.has_apic = true;
	cpuid_runtime_update(t.get(), &x, &r);
	EXPECT_NE(t.query(1, 0)[2] & bit(27), 0u);
	EXPECT_NE(t.query(7, 0)[2] & bit(4), 0u);
	EXPECT_EQ(t.query(1, 0)[3] & bit(9), 0u);
	EXPECT_EQ(t.query(0xd, 0)[1], 576u);
	EXPECT_EQ(t.query(0xd, 1)[1], 576u);

	r.cr4 = 0;
	r.xcr0 = 7;
	r.apic_enabled = true;
	r.mwait_follows = true;
	r.mwait = true;
	r.hlt_in_guest = true;
	cpuid_runtime_update(t.get(), &x, &r);
	EXPECT_EQ(t.query(1, 0)[2] & bit(27), 0u);
	EXPECT_EQ(t.query(7, 0)[2] & bit(4), 0u);
	EXPECT_NE(t.query(1, 0)[3] & bit(9), 0u);
	EXPECT_NE(t.query(1, 0)[2] & bit(3), 0u);
	EXPECT_EQ(t.query(0xd, 0)[1], 832u);
	EXPECT_EQ(t.query(0x40000001, 0)[0], 1u);
}

TEST(CpuidTable, OsxsaveNeedsXsave)
{
	auto model = small_model("GenuineIntel");
	model[1].ecx = 0;
	Table t(model);
	cpuid_xstate x{};
	cpuid_runtime r{};

	r.cr4 = 1ull << 18;
	cpuid_runtime_update(t.get(), &x, &r);
	EXPECT_EQ(t.query(1, 0)[2], 0u);
}

// ---- limits ----

TEST(CpuidLimits, Cr4FollowsFeatures)
{
	Table t(small_model("GenuineIntel"));
	const u64 reserved = cpuid_cr4_reserved(t.get());

	EXPECT_EQ(reserved & (1ull << 18), 0u);				 // OSXSAVE: has XSAVE
	EXPECT_EQ(reserved & (1ull << 22), 0u);				 // PKE
	EXPECT_NE(reserved & (1ull << 20), 0u);				 // SMEP
	EXPECT_NE(reserved & (1ull << 17), 0u);				 // PCIDE
	EXPECT_EQ(reserved & 0x7ff, 0u);
	EXPECT_EQ(reserved >> 32, 0xffffffffu);
}

TEST(CpuidLimits, Efer)
{
	Table t(small_model("GenuineIntel"));

	EXPECT_EQ(cpuid_efer_allowed(t.get()), 0xd01u);
	auto model = small_model("GenuineIntel");
	model[10].edx = 0;
	EXPECT_EQ(cpuid_efer_allowed(Table(model).get()), 1u);
}

TEST(CpuidLimits, Xcr0)
{
	FakeHost host("GenuineIntel");
	Table t(host.supported());

	for (u64 good : {0x1ull, 0x3ull, 0x7ull, 0xe7ull, 0x203ull, 0x2e7ull})
		EXPECT_TRUE(cpuid_xcr0_valid(t.get(), good)) << std::hex << good;
	// x87 off, YMM without SSE, torn AVX-512, AVX-512 without YMM, MPX, AMX, bit 63
	for (u64 bad : {0x0ull, 0x2ull, 0x5ull, 0x27ull, 0xe3ull, 0x1full, 0x60007ull, 1ull << 63 | 1})
		EXPECT_FALSE(cpuid_xcr0_valid(t.get(), bad)) << std::hex << bad;

	// A CPU without XSAVE: what it has all the same.
	cpuid_table none{};
	EXPECT_TRUE(cpuid_xcr0_valid(&none, 1));
	for (u64 bad : {0x0ull, 0x2ull, 0x3ull, 0x7ull})
		EXPECT_FALSE(cpuid_xcr0_valid(&none, bad)) << std::hex << bad;
}

TEST(CpuidLimits, Canonical)
{
	EXPECT_TRUE(cpuid_canonical(0x00007fffffffffff, 48));
	EXPECT_TRUE(cpuid_canonical(0xffff800000000000, 48));
	EXPECT_FALSE(cpuid_canonical(0x0000800000000000, 48));
	EXPECT_TRUE(cpuid_canonical(0x0000800000000000, 57));
	EXPECT_FALSE(cpuid_canonical(0x0100000000000000, 57));
}

} // namespace
