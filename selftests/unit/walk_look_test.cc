// SPDX-License-Identifier: GPL-2.0-only
// pure/look.h: that every entry on the way is noted, and how a way ends. What the walker finds is the measure.
#include <gtest/gtest.h>

#include "pure/look.h"
#include "walk_memory.h"

using namespace bits;

namespace {

struct Look : ::testing::Test {
	WalkMemory mem;
	vmx_x_walk w = {};

	static look_read read(void *opaque, u64 address, unsigned int size, u64 *value)
	{
		auto *m = static_cast<WalkMemory *>(opaque);
		if (address >= m->fail_from)
			return m->fail_with == -EAGAIN ? LOOK_READ_NOT_HERE : LOOK_READ_NO_SLOT;
		WalkMemory::read(m, address, size, value);
		return LOOK_READ_OK;
	}

	bool go(const walk_mode &m, u64 gva)
	{
		w = {};
		w.address = gva;
		bool found = look_guest(&m, read, &mem, &w);
		walk_result r = {};
		int same = walk_gva(&m, WalkMemory::ops(), &mem, gva, WALK_READ | WALK_PEEK, &r);
		EXPECT_EQ(mem.writes, 0);
		if (mem.fail_from != ~0ULL || !(w.result & VMX_X_WALK_CANONICAL))
			return found;
		EXPECT_EQ(found, same == 0);
		if (!found || same)
			return found;
		EXPECT_EQ(w.gpa, r.gpa);
		EXPECT_EQ(w.nr, r.nr);
		for (u32 i = 0; i < w.nr; i++) {
			EXPECT_EQ(w.steps[i].address, r.pte_gpas[i]);
			EXPECT_EQ(w.steps[i].value, r.ptes[i]);
		}
		EXPECT_EQ(!!(w.result & VMX_X_WALK_WRITE), r.write);
		EXPECT_EQ(!!(w.result & VMX_X_WALK_USER), r.user);
		EXPECT_EQ(!(w.result & VMX_X_WALK_EXEC), r.nx);
		return found;
	}
};

TEST_F(Look, LongModeSizes)
{
	const u64 gva = 0x00007f1234567abcULL;
	map_long(mem, mode_long(), gva, 1, 0x7654321000ULL | P | W | NX);
	ASSERT_TRUE(go(mode_long(), gva));
	EXPECT_EQ(w.levels, 4);
	EXPECT_EQ(w.guest_shift, 12);
	EXPECT_EQ(w.steps[3].flags, VMX_X_STEP_LEAF);
	EXPECT_EQ(w.steps[2].flags, 0u);
	mem = {};
	map_long(mem, mode_long(), gva, 2, 0x40000000ULL | P | PS | U);
	ASSERT_TRUE(go(mode_long(), gva));
	EXPECT_EQ(w.guest_shift, 21);
	mem = {};
	map_long(mem, mode_long(), gva, 3, 0x40000000ULL | P | PS);
	ASSERT_TRUE(go(mode_long(), gva));
	EXPECT_EQ(w.guest_shift, 30);
}

TEST_F(Look, FiveLevelsAndCanonical)
{
	walk_mode m = mode_long();
	m.cr4 |= LA57;
	const u64 gva = 0x00ab7f1234567abcULL;
	map_long(mem, m, gva, 1, 0x9000 | P);
	ASSERT_TRUE(go(m, gva));
	EXPECT_EQ(w.nr, 5u);
	EXPECT_FALSE(go(mode_long(), gva));
	EXPECT_FALSE(w.result & VMX_X_WALK_CANONICAL);
	EXPECT_EQ(w.nr, 0u);
	EXPECT_FALSE(go(m, 1ULL << 56));
	EXPECT_FALSE(w.result & VMX_X_WALK_CANONICAL);
	go(m, ~0ULL);
	EXPECT_TRUE(w.result & VMX_X_WALK_CANONICAL);
}

TEST_F(Look, OtherModes)
{
	walk_mode m = mode_32();
	mem.put(0x1000 + 4 * 1, 0x2000 | P | W | U);
	mem.put(0x2000 + 4 * 5, 0x77000 | P);
	ASSERT_TRUE(go(m, 0xffffffff00405678));
	EXPECT_EQ(w.levels, 2);
	EXPECT_EQ(w.steps[1].size, 4);
	mem.put(0x1000 + 4 * 1, 0x12400000 | 1 << 13 | P | PS);
	ASSERT_TRUE(go(m, 0x405678));
	EXPECT_EQ(w.guest_shift, 22);
	EXPECT_EQ(w.gpa, 0x112405678u);
	mem = {};
	mem.put(0x1020 + 8, 0x3000 | P);
	mem.put(0x3000 + 8 * 2, 0x600000 | P | PS | W);
	ASSERT_TRUE(go(mode_pae(), 0x40412345));
	EXPECT_EQ(w.levels, 3);
	EXPECT_EQ(w.guest_shift, 21);
	m.cr0 = 0;
	m.cr4 = 0;
	ASSERT_TRUE(go(m, 0x7000001234));
	EXPECT_EQ(w.levels, 0);
	EXPECT_EQ(w.gpa, 0x1234u);
}

TEST_F(Look, Ends)
{
	const u64 gva = 0x00007f1234567abcULL;
	u64 leaf = map_long(mem, mode_long(), gva, 1, 0xabc00);
	EXPECT_FALSE(go(mode_long(), gva));
	EXPECT_EQ(w.nr, 4u);
	EXPECT_EQ(w.steps[3].flags, VMX_X_STEP_ABSENT);
	EXPECT_EQ(w.steps[3].value, 0xabc00u);
	mem.put(leaf, P | 1ULL << 45);
	EXPECT_FALSE(go(mode_long(), gva));
	EXPECT_EQ(w.steps[3].flags, VMX_X_STEP_RESERVED);
	mem.fail_from = 0x3000;
	EXPECT_FALSE(go(mode_long(), gva));
	EXPECT_EQ(w.nr, 3u);
	EXPECT_EQ(w.steps[2].flags, VMX_X_STEP_NO_SLOT);
	mem.fail_with = -EAGAIN;
	EXPECT_FALSE(go(mode_long(), gva));
	EXPECT_EQ(w.steps[2].flags, VMX_X_STEP_NOT_HERE);
}

TEST_F(Look, OursOfBothFormats)
{
	for (bool ept : {false, true}) {
		npte_format f;
		if (ept)
			npte_format_ept(&f, 40, true);
		else
			npte_format_npt(&f, 40, 0);
		mem = {};
		mem.put(0x1000, npte_make_table(&f, 0x2000));
		mem.put(0x2000 + 8, npte_make_table(&f, 0x3000));
		mem.put(0x3000 + 8 * 3, npte_make_leaf(&f, 0x80200, 2, 0, f.write));
		mem.put(0x3000 + 8 * 4, npte_make_table(&f, 0x4000));
		if (f.mmio)
			mem.put(0x4000 + 8 * 5, f.mmio);
		w = {};
		ASSERT_TRUE(look_ours(&f, VMX_X_TABLES_NESTED, 0x1000, 4, 0x40612345, read, &mem, &w));
		EXPECT_EQ(w.nr, 3u);
		EXPECT_EQ(w.host, 0x80200000u + 0x12345);
		EXPECT_EQ(w.host_shift, 21);
		EXPECT_EQ(w.steps[2].address, 0x3018u);
		u64 value = w.steps[2].value;
		look_hide(&f, &f, &w);
		EXPECT_EQ(w.host, 0u);
		EXPECT_EQ(w.steps[2].address, 0u);
		EXPECT_EQ(w.steps[2].value, value & ~f.pfn);
		EXPECT_EQ(w.steps[0].value & f.pfn, 0u);
		w = {};
		EXPECT_FALSE(look_ours(&f, VMX_X_TABLES_NESTED, 0x1000, 4, 0x40805000, read, &mem, &w));
		EXPECT_EQ(w.steps[3].flags, f.mmio ? VMX_X_STEP_DEVICE : VMX_X_STEP_ABSENT);
		w = {};
		EXPECT_FALSE(look_ours(&f, VMX_X_TABLES_NESTED, 0x1000, 4, 0x8000000000, read, &mem, &w));
		EXPECT_EQ(w.nr, 1u);
	}
}

TEST_F(Look, NoMoreStepsThanThereIsRoomFor)
{
	for (unsigned i = 0; i < 40; i++)
		look_note(&w, VMX_X_TABLES_GUEST, i, 0, 1, 8, 0);
	EXPECT_EQ(w.nr, static_cast<u32>(VMX_X_WALK_STEPS));
}

} // namespace
