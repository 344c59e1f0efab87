// SPDX-License-Identifier: GPL-2.0-only
// Walks over arbitrary tables in arbitrary modes. What must hold whatever the tables say is checked.
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "pure/walk.h"

namespace {

// Memory is the input's words, repeated for ever, so that most pointers lead to a table; on top of
// it lies what the walk wrote.
struct Guest {
	const u8 *data;
	size_t words;
	int changes; // how many compare-and-exchanges find something else
	int reads;
	int nr_written;
	struct {
		u64 word, value;
	} written[64];

	u64 get(u64 word) const
	{
		u64 v = 0;
		for (int i = nr_written; i-- > 0;)
			if (written[i].word == word)
				return written[i].value;
		if (words)
			memcpy(&v, data + word % words * 8, 8);
		return v;
	}
};

int guest_read(void *opaque, u64 gpa, unsigned int size, u64 *val)
{
	auto *g = static_cast<Guest *>(opaque);
	g->reads++;
	*val = g->get(gpa / 8);
	if (size == 4)
		*val = (*val >> (gpa & 4) * 8) & 0xffffffff;
	return 0;
}

int guest_cmpxchg(void *opaque, u64 gpa, unsigned int size, u64 old, u64 new_)
{
	auto *g = static_cast<Guest *>(opaque);
	const u64 word = g->get(gpa / 8);
	const unsigned int shift = size == 4 ? (gpa & 4) * 8 : 0;
	const u64 mask = (size == 4 ? 0xffffffffULL : ~0ULL) << shift;
	if (g->changes > 0) {
		g->changes--;
		return 1;
	}
	if (((word & mask) >> shift) != old || g->nr_written == 64)
		return 1;
	g->written[g->nr_written++] = {gpa / 8, (word & ~mask) | (new_ << shift)};
	return 0;
}

void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "does not hold: %s\n", what);
	abort();
}

struct Header {
	u64 gva, cr3;
	u32 cr4, pkru;
	u16 efer;
	u8 maxphyaddr, acc, flags, changes;
	u8 pad[2];
};

const walk_ops ops = {guest_read, guest_cmpxchg};

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Guest g = {};
	Header h;

	if (size < sizeof(h))
		return 0;
	memcpy(&h, data, sizeof(h));
	data += sizeof(h);
	size -= sizeof(h);
	g.data = data;
	g.words = size / 8;
	g.changes = h.changes % 12;

	walk_mode m = {};
	m.cr0 = (h.flags & 1 ? 1ULL << 31 : 0) | (h.flags & 2 ? 1 << 16 : 0);
	m.cr3 = h.cr3;
	m.cr4 = h.cr4;
	m.efer = h.efer;
	m.pkru = h.pkru;
	m.maxphyaddr = 32 + h.maxphyaddr % 21;
	m.ac = h.flags & 4;
	m.pse36 = h.flags & 8;
	m.page1g = h.flags & 16;
	const u32 acc = h.acc & 0x1f;

	walk_result r, again;
	const int ret = walk_gva(&m, &ops, &g, h.gva, acc, &r);
	must(ret == 0 || ret == 1 || ret == -EAGAIN, "result is one of three");
	must(g.reads <= 8 * WALK_MAX_LEVELS, "reads are bounded");
	if (ret == 1) {
		must(!(r.error & ~0x3fu), "no unknown error bits");
		must(!(r.error & WALK_PF_RSVD) || (r.error & WALK_PF_P), "RSVD implies P");
		must(!(r.error & WALK_PF_PK) || (r.error & WALK_PF_P), "PK implies P");
		must(!(r.error & WALK_PF_I) || (acc & WALK_FETCH), "I only for fetches");
		must(!(r.error & WALK_PF_W) == !(acc & WALK_WRITE), "W as the access");
	}
	if (ret)
		return 0;
	must((r.gpa & 0xfff) == (h.gva & 0xfff), "offset within the page is kept");
	must(r.gpa < 1ULL << 52, "physical address fits");
	must(r.nr <= WALK_MAX_LEVELS, "levels");
	if (!r.level)
		return 0;
	// Reserved bits were refused; a 4M page alone can name 40 bits whatever MAXPHYADDR is.
	must(r.gpa < 1ULL << (m.maxphyaddr > 40 ? m.maxphyaddr : 40), "within MAXPHYADDR");
	// A second look finds the same and needs to set nothing.
	g.changes = 0;
	if (!(acc & WALK_PEEK)) {
		// The PDPTE of PAE paging has none.
		const bool pae = !(m.efer & 1 << 10) && (m.cr4 & 1 << 5);
		for (int i = pae; i < r.nr; i++)
			must(r.ptes[i] & 0x20, "accessed flags are set");
		must(!(acc & WALK_WRITE) || (r.ptes[r.nr - 1] & 0x40), "dirty flag is set");
	}
	const int written = g.nr_written;
	const int ret2 = walk_gva(&m, &ops, &g, h.gva, acc | WALK_PEEK, &again);
	must(written == g.nr_written, "a peek writes nothing");
	// A table that is its own child: setting a flag can change the path. Otherwise all is the same.
	bool overlap = false;
	for (int i = 0; i < r.nr; i++)
		for (int j = 0; j < i; j++)
			overlap |= r.pte_gpas[i] / 8 == r.pte_gpas[j] / 8;
	if (!overlap) {
		must(ret2 == 0, "what was allowed stays allowed");
		must(again.gpa == r.gpa, "and leads to the same place");
	}
	return 0;
}
