// SPDX-License-Identifier: GPL-2.0-only
#include "pure/walk_inline.h"

int walk_gva(const struct walk_mode *m, const struct walk_ops *ops, void *opaque, u64 gva, u32 acc,
	     struct walk_result *r)
{
	struct walk_shape s;

	if (!(m->cr0 & WALK_CR0_PG)) {
		r->error = 0;
		r->gpa = gva & 0xffffffff;
		r->level = 0;
		r->nr = 0;
		r->write = true;
		r->user = true;
		r->nx = false;
		return 0;
	}
	s = walk_shape(m);
	return walk_as(m, &s, ops->read, ops->cmpxchg, opaque, s.lma ? gva : gva & 0xffffffff, acc, r);
}
