// SPDX-License-Identifier: GPL-2.0-only
// Access rights: every combination, against the rules written down a second time.
#include <gtest/gtest.h>

#include "walk_memory.h"

using namespace bits;

namespace {

struct Case {
	bool page_u, page_w, page_nx;	    // the AND / OR of all levels
	bool wp, smep, smap, nxe, pke, ac;  // the CPU
	unsigned int pkru;		    // two bits: AD, WD of the page's key
	bool user, write, fetch, implicit;  // the access
};

// SDM 3A 4.6.1 and 4.6.2, one sentence per line. Returns allowed; *pk: the key forbids it.
bool allowed(const Case &c, bool *pk)
{
	const bool user_access = c.user && !c.implicit;
	const bool data = !c.fetch;

	*pk = false;
	if (c.pke && c.page_u && data) {
		const bool ad = c.pkru & 1, wd = c.pkru & 2;
		if (ad)
			*pk = true;
		if (wd && c.write && (user_access || c.wp))
			*pk = true;
	}
	if (!user_access) {
		if (data && !c.write) { // supervisor reads
			if (c.page_u && c.smap && (c.implicit || !c.ac))
				return false;
		} else if (data) { // supervisor writes
			if (c.page_u && c.smap && (c.implicit || !c.ac))
				return false;
			if (c.wp && !c.page_w)
				return false;
		} else { // supervisor fetches
			if (c.page_u && c.smep)
				return false;
			if (c.nxe && c.page_nx)
				return false;
		}
	} else {
		if (!c.page_u)
			return false;
		if (data && c.write && !c.page_w)
			return false;
		if (c.fetch && c.nxe && c.page_nx)
			return false;
	}
	return !*pk;
}

void check(const Case &c, unsigned int weak_level)
{
	const u64 gva = 0x7f1234567000ULL;
	const u64 full = P | W | U;
	const u64 own = P | (c.page_w ? W : 0) | (c.page_u ? U : 0) | (c.page_nx ? NX : 0);
	WalkMemory mem;
	walk_mode m = mode_long();

	m.cr0 = PG | (c.wp ? WP : 0);
	m.cr4 = PAE | (c.smep ? SMEP : 0) | (c.smap ? SMAP : 0) | (c.pke ? PKE : 0);
	m.efer = LMA | (c.nxe ? NXE : 0);
	m.ac = c.ac;
	m.pkru = c.pkru << (2 * 5);
	// One level carries the restriction, the others allow all.
	u64 table = 0x1000;
	for (unsigned int l = 4; l; l--) {
		u64 e = (l == weak_level ? own : full) | (l == 1 ? 5ULL << 59 : 0);
		mem.put(table + ((gva >> (12 + 9 * (l - 1))) & 511) * 8, e | (table + 0x1000));
		table += 0x1000;
	}
	const u32 acc = (c.user ? WALK_USER : 0) | (c.write ? WALK_WRITE : 0) |
			(c.fetch ? WALK_FETCH : 0) | (c.implicit ? WALK_IMPLICIT : 0);
	walk_result r = {};
	const int ret = walk_gva(&m, WalkMemory::ops(), &mem, gva, acc, &r);

	bool pk;
	const bool ok = allowed(c, &pk);
	ASSERT_EQ(ret, ok ? 0 : 1);
	if (ok)
		return;
	u32 error = WALK_PF_P;
	if (c.write)
		error |= WALK_PF_W;
	if (c.user && !c.implicit)
		error |= WALK_PF_U;
	if (c.fetch && (c.nxe || c.smep))
		error |= WALK_PF_I;
	if (pk)
		error |= WALK_PF_PK;
	ASSERT_EQ(r.error, error);
}

TEST(WalkRights, EveryCombination)
{
	for (unsigned int bits = 0; bits < (1u << 15); bits++) {
		for (unsigned int kind = 0; kind < 3; kind++) {
			Case c = {};
			c.page_u = bits & 1;
			c.page_w = bits & 2;
			c.page_nx = bits & 4;
			c.wp = bits & 8;
			c.smep = bits & 0x10;
			c.smap = bits & 0x20;
			c.nxe = bits & 0x40;
			c.pke = bits & 0x80;
			c.ac = bits & 0x100;
			c.pkru = (bits >> 9) & 3;
			c.user = bits & 0x800;
			c.implicit = bits & 0x1000;
			c.write = kind == 1;
			c.fetch = kind == 2;
			if (!c.nxe && c.page_nx)
				continue; // a reserved bit: not a matter of rights
			const unsigned int level = 1 + ((bits >> 13) & 3);
			check(c, level);
			if (testing::Test::HasFatalFailure()) {
				ADD_FAILURE() << "bits " << bits << " kind " << kind;
				return;
			}
		}
	}
}

// 32-bit paging has no NX and no keys, whatever CR4 says.
TEST(WalkRights, Legacy32)
{
	WalkMemory mem;
	walk_mode m = mode_32();
	walk_result r = {};

	m.cr4 |= PKE;
	m.pkru = ~0u;
	mem.put(0x1000, 0x2000 | P | W | U);
	mem.put(0x2000, 0x3000 | P | U);
	EXPECT_EQ(walk_gva(&m, WalkMemory::ops(), &mem, 0, WALK_USER, &r), 0);
	EXPECT_EQ(walk_gva(&m, WalkMemory::ops(), &mem, 0, WALK_USER | WALK_FETCH, &r), 0);
	EXPECT_EQ(walk_gva(&m, WalkMemory::ops(), &mem, 0, WALK_WRITE, &r), 1);
	EXPECT_EQ(r.error, u32(WALK_PF_P | WALK_PF_W));
	m.cr0 &= ~WP;
	EXPECT_EQ(walk_gva(&m, WalkMemory::ops(), &mem, 0, WALK_WRITE, &r), 0);
	EXPECT_EQ(walk_gva(&m, WalkMemory::ops(), &mem, 0, WALK_WRITE | WALK_USER, &r), 1);
	// SMEP works here too, and shows in the error code.
	m.cr4 |= SMEP;
	EXPECT_EQ(walk_gva(&m, WalkMemory::ops(), &mem, 0, WALK_FETCH, &r), 1);
	EXPECT_EQ(r.error, u32(WALK_PF_P | WALK_PF_I));
}

} // namespace
