// SPDX-License-Identifier: GPL-2.0-only
// Guest-physical memory for walker tests: what was put there, and nothing else.
#pragma once

#include <functional>
#include <map>

#include "pure/walk.h"

class WalkMemory {
public:
	// Builds tables on demand for one address: each level's entry gets @table_bits, the last one @leaf.
	void put(u64 gpa, u64 value) { words_[gpa] = value; }
	u64 get(u64 gpa) const
	{
		auto it = words_.find(gpa);
		return it == words_.end() ? 0 : it->second;
	}
	bool has(u64 gpa) const { return words_.count(gpa) != 0; }

	// Called before each compare-and-exchange with the address; may change memory.
	std::function<void(u64)> before_cmpxchg;
	// Reads from this address on fail with @fail_with.
	u64 fail_from = ~0ULL;
	int fail_with = -EFAULT;
	int reads = 0, writes = 0;

	static int read(void *opaque, u64 gpa, unsigned int size, u64 *val)
	{
		auto *m = static_cast<WalkMemory *>(opaque);
		m->reads++;
		if (gpa >= m->fail_from)
			return m->fail_with;
		*val = m->get(gpa);
		if (size == 4)
			*val &= 0xffffffff;
		return 0;
	}

	static int cmpxchg(void *opaque, u64 gpa, unsigned int size, u64 old, u64 new_)
	{
		auto *m = static_cast<WalkMemory *>(opaque);
		(void)size;
		if (m->before_cmpxchg)
			m->before_cmpxchg(gpa);
		if (m->get(gpa) != old)
			return 1;
		m->writes++;
		m->put(gpa, new_);
		return 0;
	}

	static const walk_ops *ops()
	{
		static const walk_ops o = {read, cmpxchg};
		return &o;
	}

private:
	std::map<u64, u64> words_;
};

namespace bits {
constexpr u64 P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, NX = 1ULL << 63;
constexpr u64 PG = 1ULL << 31, WP = 1 << 16;
constexpr u64 PSE = 1 << 4, PAE = 1 << 5, LA57 = 1 << 12, SMEP = 1 << 20, SMAP = 1 << 21, PKE = 1 << 22;
constexpr u64 LMA = 1 << 10, NXE = 1 << 11;
} // namespace bits

inline walk_mode mode_long()
{
	walk_mode m = {};
	m.cr0 = bits::PG | bits::WP;
	m.cr3 = 0x1000;
	m.cr4 = bits::PAE;
	m.efer = bits::LMA | bits::NXE;
	m.maxphyaddr = 40;
	m.pse36 = true;
	m.page1g = true;
	return m;
}

inline walk_mode mode_32()
{
	walk_mode m = mode_long();
	m.cr4 = bits::PSE;
	m.efer = 0;
	return m;
}

inline walk_mode mode_pae()
{
	walk_mode m = mode_long();
	m.efer = bits::NXE;
	m.cr3 = 0x1020; // 32-byte aligned is enough
	return m;
}

// Tables at 0x1000 (root), 0x2000, 0x3000 ... for @gva, down to the level of @leaf.
// @upper: bits of the entries above; returns the address of the leaf entry.
inline u64 map_long(WalkMemory &mem, const walk_mode &m, u64 gva, unsigned int leaf_level, u64 leaf,
		    u64 upper = bits::P | bits::W | bits::U)
{
	u64 table = m.cr3 & ~0xfffULL;
	for (unsigned int l = (m.cr4 & bits::LA57) ? 5 : 4;; l--) {
		u64 gpa = table + ((gva >> (12 + 9 * (l - 1))) & 511) * 8;
		if (l == leaf_level) {
			mem.put(gpa, leaf);
			return gpa;
		}
		table += 0x1000;
		mem.put(gpa, table | upper);
	}
}
