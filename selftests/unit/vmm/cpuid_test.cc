// SPDX-License-Identifier: GPL-2.0-only
#include "hv/cpuid.h"

#include <gtest/gtest.h>

namespace vmx::test {
namespace {

vmx_cpuid_entry2 leaf(uint32_t function, uint32_t index, uint32_t eax, uint32_t ebx, uint32_t ecx, uint32_t edx)
{
	vmx_cpuid_entry2 e = {};
	e.function = function;
	e.index = index;
	e.eax = eax;
	e.ebx = ebx;
	e.ecx = ecx;
	e.edx = edx;
	return e;
}

const vmx_cpuid_entry2 amd_leaf0 = leaf(0, 0, 0x10, 0x68747541, 0x444d4163, 0x69746e65);
const vmx_cpuid_entry2 intel_leaf0 = leaf(0, 0, 0x16, 0x756e6547, 0x6c65746e, 0x49656e69);

const vmx_cpuid_entry2 *find(const std::vector<vmx_cpuid_entry2> &list, uint32_t function, uint32_t index = 0)
{
	for (const auto &e : list) {
		if (e.function == function && e.index == index)
			return &e;
	}
	return nullptr;
}

TEST(Cpuid, LeafOne)
{
	auto list = guest_cpuid({amd_leaf0, leaf(1, 0, 0x600f12, 0x00000800, 1u << 24, 0)}, {4, 3, false});
	const auto *e = find(list, 1);
	ASSERT_TRUE(e);
	EXPECT_EQ(e->ebx, 0x03040800u); // APIC id, count, CLFLUSH kept
	EXPECT_TRUE(e->ecx & 1u << 31);
	EXPECT_FALSE(e->ecx & 1u << 24); // no TSC deadline timer
	EXPECT_TRUE(e->edx & 1u << 28);
	list = guest_cpuid({leaf(1, 0, 0, 0, 0, 1u << 28)}, {1, 0, true});
	EXPECT_TRUE(find(list, 1)->ecx & 1u << 24);
	EXPECT_FALSE(find(list, 1)->edx & 1u << 28);
}

TEST(Cpuid, TopologyLeafIsRebuilt)
{
	auto list = guest_cpuid({intel_leaf0, leaf(0xb, 0, 1, 2, 0x100, 9), leaf(0xb, 1, 4, 8, 0x201, 9)}, {6, 5, true});
	EXPECT_EQ(find(list, 0xb, 0)->ebx, 1u);
	EXPECT_EQ(find(list, 0xb, 0)->ecx, 0x100u);
	EXPECT_EQ(find(list, 0xb, 1)->eax, 3u); // six cores need three bits
	EXPECT_EQ(find(list, 0xb, 1)->ebx, 6u);
	EXPECT_EQ(find(list, 0xb, 1)->ecx, 0x201u);
	EXPECT_EQ(find(list, 0xb, 2)->ecx, 2u);
	for (uint32_t i = 0; i < 3; i++) {
		EXPECT_EQ(find(list, 0xb, i)->edx, 5u);
		EXPECT_TRUE(find(list, 0xb, i)->flags & VMX_CPUID_FLAG_SIGNIFCANT_INDEX);
	}
	EXPECT_FALSE(find(list, 0x1f));
	EXPECT_FALSE(find(guest_cpuid({amd_leaf0}, {2, 0, true}), 0xb));
}

TEST(Cpuid, AmdTopology)
{
	auto list = guest_cpuid({amd_leaf0, leaf(0x80000001, 0, 0, 0, 0, 0), leaf(0x80000008, 0, 0x3030, 0, 0x7007, 0),
				 leaf(0x8000001e, 0, 77, 77, 77, 0)}, {4, 2, true});
	EXPECT_EQ(find(list, 0x80000001)->ecx & 2, 2u);
	EXPECT_EQ(find(list, 0x80000008)->ecx, 0x2003u);
	EXPECT_EQ(find(list, 0x80000008)->eax, 0x3030u);
	EXPECT_EQ(find(list, 0x8000001e)->eax, 2u);
	EXPECT_EQ(find(list, 0x8000001e)->ebx, 2u);
	EXPECT_EQ(find(list, 0x8000001e)->ecx, 0u);
	list = guest_cpuid({intel_leaf0, leaf(0x80000008, 0, 0x3030, 0, 0x7007, 0)}, {4, 2, true});
	EXPECT_EQ(find(list, 0x80000008)->ecx, 0x7007u); // reserved on Intel
}

TEST(Cpuid, CacheSharing)
{
	// Level 1 data and level 3 unified, as a host with 16 threads has them.
	auto list = guest_cpuid({intel_leaf0, leaf(4, 0, 0x1c004121, 0, 0, 0), leaf(4, 1, 0x1c03c163, 0, 0, 0),
				 leaf(4, 2, 0, 0, 0, 0)}, {4, 0, true});
	EXPECT_EQ(find(list, 4, 0)->eax >> 14 & 0xfff, 0u);
	EXPECT_EQ(find(list, 4, 1)->eax >> 14 & 0xfff, 3u);
	EXPECT_EQ(find(list, 4, 0)->eax >> 26, 3u);
	EXPECT_EQ(find(list, 4, 0)->eax & 0x3fff, 0x121u);
	EXPECT_EQ(find(list, 4, 2)->eax, 0u);
}

TEST(Cpuid, InvariantTscGoesParavirtualStays)
{
	auto list = guest_cpuid({leaf(0x80000007, 0, 0, 0, 0, 0x108), leaf(0x40000000, 0, 0x40000001, 0x4b4d564b,
										0x564b4d56, 0x4d),
				 leaf(0x40000001, 0, 0x1007afb, 0, 0, 0)}, {2, 1, true});
	EXPECT_EQ(find(list, 0x80000007)->edx, 8u);
	EXPECT_EQ(find(list, 0x40000000)->ebx, 0x4b4d564bu);
	EXPECT_EQ(find(list, 0x40000001)->eax, 0x1007afbu);
}

} // namespace
} // namespace vmx::test
