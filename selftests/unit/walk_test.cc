// SPDX-License-Identifier: GPL-2.0-only
// The shape of walks: modes, page sizes, reserved bits, accessed and dirty flags.
#include <gtest/gtest.h>

#include "walk_memory.h"

using namespace bits;

namespace {

struct Walk : ::testing::Test {
	WalkMemory mem;
	walk_result r = {};

	int go(const walk_mode &m, u64 gva, u32 acc = WALK_READ)
	{
		r = {};
		return walk_gva(&m, WalkMemory::ops(), &mem, gva, acc, &r);
	}
};

TEST_F(Walk, NoPaging)
{
	walk_mode m = mode_long();
	m.cr0 = 0;
	m.efer = 0;
	ASSERT_EQ(go(m, 0x1234567890, WALK_WRITE | WALK_USER), 0);
	EXPECT_EQ(r.gpa, 0x34567890u);
	EXPECT_EQ(r.level, 0);
	EXPECT_EQ(mem.reads, 0);
}

TEST_F(Walk, FourLevels4K)
{
	walk_mode m = mode_long();
	const u64 gva = 0xffff912345678abcULL;
	map_long(mem, m, gva, 1, 0x7654321000ULL | P | W);
	ASSERT_EQ(go(m, gva), 0);
	EXPECT_EQ(r.gpa, 0x7654321abcULL);
	EXPECT_EQ(r.level, 1);
	EXPECT_EQ(r.nr, 4);
	EXPECT_FALSE(r.user);
	EXPECT_TRUE(r.write);
	EXPECT_EQ(mem.reads, 4);
}

TEST_F(Walk, LargePages)
{
	walk_mode m = mode_long();
	const u64 gva = 0x00007f1234567abcULL;
	map_long(mem, m, gva, 2, 0x8000200000ULL | P | W | U | PS | (1 << 12)); // bit 12 is PAT
	ASSERT_EQ(go(m, gva, WALK_USER | WALK_WRITE), 0);
	EXPECT_EQ(r.gpa, 0x8000200000ULL | (gva & 0x1fffff));
	EXPECT_EQ(r.level, 2);

	mem = {};
	map_long(mem, m, gva, 3, 0xc0000000ULL | P | PS);
	ASSERT_EQ(go(m, gva), 0);
	EXPECT_EQ(r.gpa, 0xc0000000ULL | (gva & 0x3fffffff));
	EXPECT_EQ(r.level, 3);
	EXPECT_EQ(r.nr, 2);
}

TEST_F(Walk, FiveLevels)
{
	walk_mode m = mode_long();
	m.cr4 |= LA57;
	const u64 gva = 0x00ab7f1234567abcULL;
	map_long(mem, m, gva, 1, 0x9000 | P);
	ASSERT_EQ(go(m, gva), 0);
	EXPECT_EQ(r.gpa, 0x9abcu);
	EXPECT_EQ(r.nr, 5);
	// The same tables with four levels lead elsewhere.
	m.cr4 &= ~LA57;
	EXPECT_EQ(go(m, gva), 1);
}

TEST_F(Walk, NotPresentAtEachLevel)
{
	walk_mode m = mode_long();
	const u64 gva = 0x7f1234567000ULL;
	for (unsigned int level = 1; level <= 4; level++) {
		mem = {};
		map_long(mem, m, gva, level, ~P); // every other bit set: none is looked at
		EXPECT_EQ(go(m, gva), 1);
		EXPECT_EQ(r.error, 0u) << level;
		EXPECT_EQ(go(m, gva, WALK_WRITE | WALK_USER), 1);
		EXPECT_EQ(r.error, u32(WALK_PF_W | WALK_PF_U));
		EXPECT_EQ(go(m, gva, WALK_FETCH), 1);
		EXPECT_EQ(r.error, u32(WALK_PF_I));
		EXPECT_EQ(mem.writes, 0);
	}
}

TEST_F(Walk, ReservedBitsLong)
{
	walk_mode m = mode_long();
	const u64 gva = 0x7f1234567000ULL;
	// For each level and size, the set of bits that fault, found by trying each.
	auto reserved = [&](unsigned int level, u64 base) {
		u64 set = 0;
		for (unsigned int b = 0; b < 64; b++) {
			if (b == 0 || ((base >> b) & 1))
				continue;
			WalkMemory save = mem;
			map_long(mem, m, gva, level, base | (1ULL << b));
			int ret = go(m, gva, WALK_PEEK);
			if (ret == 1 && (r.error & WALK_PF_RSVD)) {
				EXPECT_TRUE(r.error & WALK_PF_P);
				set |= 1ULL << b;
			}
			mem = save;
		}
		return set;
	};
	const u64 high = GENMASK_ULL(51, 40);
	EXPECT_EQ(reserved(1, P | W | U), high);
	EXPECT_EQ(reserved(2, P | W | U | PS), high | GENMASK_ULL(20, 13));
	EXPECT_EQ(reserved(3, P | W | U | PS), high | GENMASK_ULL(29, 13));
	EXPECT_EQ(reserved(4, P | W | U), high | PS);

	m.efer &= ~NXE;
	EXPECT_EQ(reserved(1, P), high | NX);
	m.maxphyaddr = 52;
	EXPECT_EQ(reserved(1, P), NX);
	// A 1G page that the CPU does not know.
	m = mode_long();
	m.page1g = false;
	map_long(mem, m, gva, 3, P | PS);
	EXPECT_EQ(go(m, gva, WALK_WRITE), 1);
	EXPECT_EQ(r.error, u32(WALK_PF_P | WALK_PF_RSVD | WALK_PF_W));
}

TEST_F(Walk, Legacy32)
{
	walk_mode m = mode_32();
	const u64 gva = 0xffffffff80401234ULL; // upper half is ignored
	mem.put(0x1000 + 0x201 * 4, 0x2000 | P | W | U);
	mem.put(0x2000 + 1 * 4, 0xabcde000 | P | W | U);
	ASSERT_EQ(go(m, gva, WALK_USER | WALK_WRITE), 0);
	EXPECT_EQ(r.gpa, 0xabcde234u);
	EXPECT_EQ(r.nr, 2);

	// PS: a 4M page, with address bits 39:32 in 20:13.
	mem.put(0x1000 + 0x201 * 4, 0xc0000000 | (0x5aULL << 13) | P | PS);
	m.maxphyaddr = 40;
	ASSERT_EQ(go(m, gva), 0);
	EXPECT_EQ(r.gpa, 0x5ac0000000ULL | (gva & 0x3fffff));
	EXPECT_EQ(r.level, 2);
	// As many of them as MAXPHYADDR says.
	m.maxphyaddr = 36;
	EXPECT_EQ(go(m, gva), 1);
	EXPECT_EQ(r.error, u32(WALK_PF_P | WALK_PF_RSVD));
	m.pse36 = false;
	m.maxphyaddr = 40;
	EXPECT_EQ(go(m, gva), 1);
	// Bit 21 always is reserved.
	m.pse36 = true;
	mem.put(0x1000 + 0x201 * 4, (1 << 21) | P | PS);
	EXPECT_EQ(go(m, gva), 1);
	EXPECT_EQ(r.error, u32(WALK_PF_P | WALK_PF_RSVD));
	// Without CR4.PSE the PS bit means nothing.
	m.cr4 = 0;
	mem.put(0x1000 + 0x201 * 4, 0x2000 | P | W | U | PS);
	ASSERT_EQ(go(m, gva), 0);
	EXPECT_EQ(r.gpa, 0xabcde234u);
	// No reserved bits in the small entries, no I flag without NX and SMEP.
	EXPECT_EQ(go(m, gva + 0x1000, WALK_FETCH), 1);
	EXPECT_EQ(r.error, 0u);
}

TEST_F(Walk, Pae)
{
	walk_mode m = mode_pae();
	const u64 gva = 0xc0603456;
	const u64 pdpte = 0x1020 + 3 * 8;
	mem.put(pdpte, 0x5000 | P);
	mem.put(0x5000 + 3 * 8, 0x6000 | P | W | U);
	mem.put(0x6000 + 3 * 8, 0x123456789000ULL % (1ULL << 40) | P | W | U | NX);
	ASSERT_EQ(go(m, gva, WALK_USER | WALK_WRITE), 0);
	EXPECT_EQ(r.gpa, (0x123456789000ULL % (1ULL << 40)) | 0x456);
	EXPECT_EQ(r.nr, 3);
	EXPECT_TRUE(r.user);
	EXPECT_TRUE(r.nx);
	// The PDPTE has no accessed flag.
	EXPECT_EQ(mem.get(pdpte), 0x5000 | P);
	EXPECT_EQ(mem.get(0x5000 + 3 * 8), 0x6000 | P | W | U | A);
	EXPECT_EQ(go(m, gva, WALK_FETCH), 1);
	EXPECT_EQ(r.error, u32(WALK_PF_P | WALK_PF_I));
	// 2M page.
	mem.put(0x5000 + 3 * 8, 0x40000000 | P | PS);
	ASSERT_EQ(go(m, gva), 0);
	EXPECT_EQ(r.gpa, 0x40000000u | (gva & 0x1fffff));
	// Reserved bits: W and U of a PDPTE, the high ones of a PDE.
	mem.put(pdpte, 0x5000 | P | W);
	EXPECT_EQ(go(m, gva), 1);
	EXPECT_EQ(r.error, u32(WALK_PF_P | WALK_PF_RSVD));
	mem.put(pdpte, 0x5000 | P);
	mem.put(0x5000 + 3 * 8, P | PS | (1ULL << 52));
	EXPECT_EQ(go(m, gva), 1);
	EXPECT_EQ(r.error, u32(WALK_PF_P | WALK_PF_RSVD));
}

TEST_F(Walk, AccessedAndDirty)
{
	walk_mode m = mode_long();
	const u64 gva = 0x7f1234567000ULL;
	const u64 leaf = map_long(mem, m, gva, 1, 0x9000 | P | W | U);
	ASSERT_EQ(go(m, gva, WALK_PEEK | WALK_WRITE), 0);
	EXPECT_EQ(mem.writes, 0);
	ASSERT_EQ(go(m, gva), 0);
	EXPECT_EQ(mem.writes, 4);
	EXPECT_EQ(mem.get(leaf), 0x9000 | P | W | U | A);
	ASSERT_EQ(go(m, gva), 0);
	EXPECT_EQ(mem.writes, 4);
	ASSERT_EQ(go(m, gva, WALK_WRITE), 0);
	EXPECT_EQ(mem.writes, 5);
	EXPECT_EQ(mem.get(leaf), 0x9000 | P | W | U | A | D);
	EXPECT_EQ(r.ptes[3], 0x9000 | P | W | U | A | D);
	EXPECT_EQ(r.pte_gpas[3], leaf);
	for (int i = 0; i < 3; i++)
		EXPECT_TRUE(r.ptes[i] & A);
	// A refused access leaves no mark.
	const u64 other = gva + 0x1000;
	const u64 ro = map_long(mem, m, other, 1, 0xa000 | P);
	EXPECT_EQ(go(m, other, WALK_WRITE), 1);
	EXPECT_EQ(mem.get(ro), 0xa000 | P);
}

TEST_F(Walk, EntryChangesUnderTheWalk)
{
	walk_mode m = mode_long();
	const u64 gva = 0x7f1234567000ULL;
	const u64 leaf = map_long(mem, m, gva, 1, 0x9000 | P | W | U);
	int changes = 0;
	mem.before_cmpxchg = [&](u64 gpa) {
		if (gpa == leaf && !changes++)
			mem.put(leaf, 0xb000 | P | W | U);
	};
	ASSERT_EQ(go(m, gva), 0);
	EXPECT_EQ(r.gpa, 0xb000u);
	// It goes away: then the fault is that of the new state.
	mem.put(leaf, 0x9000 | P);
	mem.before_cmpxchg = [&](u64 gpa) {
		if (gpa == leaf)
			mem.put(leaf, 0);
	};
	EXPECT_EQ(go(m, gva), 1);
	EXPECT_EQ(r.error, 0u);
	// Again and again: the walk gives up.
	u64 next = 0;
	mem.put(leaf, 0x9000 | P);
	mem.before_cmpxchg = [&](u64 gpa) {
		if (gpa == leaf)
			mem.put(leaf, (next += 0x1000) | P);
	};
	EXPECT_EQ(go(m, gva), -EAGAIN);
}

TEST_F(Walk, MemoryErrorsArePassedOn)
{
	walk_mode m = mode_long();
	const u64 gva = 0x7f1234567000ULL;
	map_long(mem, m, gva, 1, 0x9000 | P);
	for (u64 from : {0x1000, 0x2000, 0x3000, 0x4000}) {
		mem.fail_from = from;
		EXPECT_EQ(go(m, gva), -EFAULT);
	}
	mem.fail_from = 0x5000;
	EXPECT_EQ(go(m, gva), 0);
}

} // namespace
