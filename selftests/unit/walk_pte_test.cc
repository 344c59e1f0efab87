// SPDX-License-Identifier: GPL-2.0-only
// Formats of nested entries, checked against literal values from the manuals.
#include <gtest/gtest.h>

#include "pure/pte.h"

namespace {

TEST(NestedPte, Npt)
{
	npte_format f;
	npte_format_npt(&f, 40, 0);

	// P, R/W, U/S (APM 2 15.25.5: guest accesses are user accesses), A.
	EXPECT_EQ(npte_make_table(&f, 0x12345000), 0x12345027u);
	EXPECT_EQ(npte_make_leaf(&f, 0x12345, 1, PTE_CACHE_WB, 0), 0x12345005u);
	EXPECT_EQ(npte_make_leaf(&f, 0x12345, 1, PTE_CACHE_WB, f.write | f.accessed | f.dirty),
		  0x12345067u);
	// PAT stands in bit 7 of a small leaf and in bit 12 of a large one.
	EXPECT_EQ(npte_make_leaf(&f, 0x200, 1, 7, 0), 0x20009du);
	EXPECT_EQ(npte_make_leaf(&f, 0x200, 2, 7, 0), 0x20109du);
	EXPECT_EQ(npte_make_leaf(&f, 0x40000, 3, 0, f.write), 0x40000087u);

	const u64 leaf = npte_make_leaf(&f, 0x12345, 1, 0, 0);
	EXPECT_TRUE(npte_is_present(&f, leaf));
	EXPECT_TRUE(npte_is_leaf(&f, leaf, 1));
	EXPECT_FALSE(npte_is_leaf(&f, npte_make_table(&f, 0x1000), 2));
	EXPECT_TRUE(npte_is_leaf(&f, npte_make_leaf(&f, 0x200, 2, 0, 0), 2));
	EXPECT_TRUE(npte_allows(&f, leaf, false, true));
	EXPECT_FALSE(npte_allows(&f, leaf, true, false));
	EXPECT_TRUE(npte_allows(&f, leaf | f.write, true, true));
	EXPECT_EQ(npte_no_exec(&f, leaf), leaf | 1ULL << 63);
	EXPECT_FALSE(npte_allows(&f, npte_no_exec(&f, leaf), false, true));
}

TEST(NestedPte, NptMmioMark)
{
	npte_format f;
	npte_format_npt(&f, 48, 0);
	EXPECT_EQ(f.mmio, (1ULL << 51) | 7);
	EXPECT_FALSE(npte_is_present(&f, f.mmio));
	EXPECT_TRUE(npte_is_mmio(&f, f.mmio));
	EXPECT_EQ(f.mmio & f.pfn, 0u);
	// No reserved bit is left: no mark, and zero is not one.
	npte_format_npt(&f, 52, 0);
	EXPECT_EQ(f.mmio, 0u);
	EXPECT_FALSE(npte_is_mmio(&f, 0));
	// The encryption bit is no reserved bit, and stands in every entry.
	npte_format_npt(&f, 48, 1ULL << 51);
	EXPECT_EQ(f.mmio, (1ULL << 50) | 7);
	EXPECT_EQ(npte_make_table(&f, 0x1000), (1ULL << 51) | 0x1027);
	EXPECT_EQ(npte_pa(&f, npte_make_leaf(&f, 5, 1, 0, 0)), 0x5000u);
	npte_format_npt(&f, 48, 1ULL << 47);
	EXPECT_EQ(f.mmio, (1ULL << 51) | 7);
	EXPECT_EQ(npte_pa(&f, npte_make_leaf(&f, 5, 1, 0, 0)), 0x5000u);
}

TEST(NestedPte, Ept)
{
	npte_format f;
	npte_format_ept(&f, 46, true);

	EXPECT_EQ(npte_make_table(&f, 0x12345000), 0x12345107u);
	// Write-back (6 << 3) with IPAT, read and execute.
	EXPECT_EQ(npte_make_leaf(&f, 0x12345, 1, PTE_CACHE_WB, 0), 0x12345075u);
	EXPECT_EQ(npte_make_leaf(&f, 0x200, 2, PTE_CACHE_WB, f.write | f.accessed | f.dirty),
		  0x2003f7u);
	// Linux's PAT: 1 WC, 2 UC-, 3 UC, 5 WP, 7 WT.
	EXPECT_EQ(npte_make_leaf(&f, 0x200, 1, 1, 0), 0x20000du);
	EXPECT_EQ(npte_make_leaf(&f, 0x200, 1, 3, 0), 0x200005u);
	EXPECT_EQ(npte_make_leaf(&f, 0x200, 1, 5, 0), 0x20002du);
	EXPECT_EQ(npte_make_leaf(&f, 0x200, 1, 7, 0), 0x200025u);
	EXPECT_EQ(f.mmio, 6u);
	EXPECT_FALSE(npte_is_present(&f, f.mmio));
	const u64 leaf = npte_make_leaf(&f, 0x200, 1, 0, 0);
	EXPECT_EQ(npte_no_exec(&f, leaf), leaf & ~4ULL);
	EXPECT_FALSE(npte_allows(&f, npte_no_exec(&f, leaf), false, true));

	npte_format_ept(&f, 46, false);
	EXPECT_EQ(f.accessed, 0u);
	EXPECT_EQ(f.dirty, 0u);
	EXPECT_EQ(npte_make_table(&f, 0x1000), 0x1007u);
}

// What software keeps in an entry must not be what hardware reads, in any format.
TEST(NestedPte, NoBitHasTwoMeanings)
{
	npte_format all[4];
	npte_format_npt(&all[0], 40, 0);
	npte_format_npt(&all[1], 52, 1ULL << 47);
	npte_format_ept(&all[2], 46, true);
	npte_format_ept(&all[3], 52, false);
	for (const npte_format &f : all) {
		const u64 single[] = {f.write, f.accessed, f.dirty, f.special,
				      f.pfn | f.cache_huge[7] | f.cache_huge[5], f.huge};
		u64 seen = 0;
		for (u64 bit : single) {
			EXPECT_EQ(seen & bit, 0u);
			seen |= bit;
		}
		for (u64 c : f.cache)
			EXPECT_EQ(c & (f.write | f.accessed | f.dirty | f.special | f.pfn), 0u);
		for (u64 c : f.cache_huge)
			EXPECT_EQ(c & (f.write | f.accessed | f.dirty | f.special | f.huge), 0u);
		EXPECT_EQ(f.leaf & (f.special | f.write), 0u);
		EXPECT_EQ(f.table & (f.special), 0u);
		EXPECT_TRUE(npte_is_table(&f, npte_make_table(&f, 0x1000)));
		EXPECT_FALSE(npte_is_table(&f, npte_make_leaf(&f, 0x40000, 2, 0, f.write)));
		EXPECT_FALSE(npte_is_table(&f, 0));
	}
}

TEST(NestedPte, Geometry)
{
	EXPECT_EQ(npte_pages(1), 1u);
	EXPECT_EQ(npte_pages(2), 512u);
	EXPECT_EQ(npte_pages(3), 262144u);
	EXPECT_EQ(npte_index(0x123456789ULL, 1), 0x189u);
	EXPECT_EQ(npte_index(0x123456789ULL, 2), 0xb3u);
	EXPECT_EQ(npte_index(0x123456789ULL, 3), 0xd1u);
	EXPECT_EQ(npte_index(0x123456789ULL, 4), 0x24u);
}

} // namespace
