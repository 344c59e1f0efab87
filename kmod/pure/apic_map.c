// SPDX-License-Identifier: GPL-2.0-only
/* Interrupt messages and their destinations. See apic_map.h. */
#include "pure/apic_map.h"

enum { ITER_NONE, ITER_ALL, ITER_GROUP };

static u32 apic_map_ids(u32 max_id)
{
	return max(max_id, 255u) + 1;
}

size_t apic_map_size(u32 nr, u32 max_id)
{
	return sizeof(struct apic_map) + (size_t)nr * sizeof(struct apic_entry) +
	       (size_t)apic_map_ids(max_id) * sizeof(u16);
}

struct apic_map *apic_map_init(void *mem, u32 nr, u32 max_id)
{
	struct apic_map *m = mem;

	m->nr = nr;
	m->nr_ids = apic_map_ids(max_id);
	m->entry = (struct apic_entry *)(m + 1);
	m->by_id = (u16 *)(m->entry + nr);
	return m;
}

static void apic_map_add_phys(struct apic_map *m, u32 id, u16 i)
{
	if (id >= m->nr_ids)
		return;
	if (m->by_id[id] != APIC_MAP_NONE)
		m->phys_slow = true;
	m->by_id[id] = i;
}

/* Enters an xAPIC logical ID (SDM 3A 11.6.2.2) in a table, if it is one bit and not taken. */
static void apic_map_add_logical(struct apic_map *m, const struct apic_entry *e, u16 i)
{
	u32 bits = e->cluster ? e->ldr & 0xf : e->ldr & 0xff;
	u16 *slot;

	if (!bits)
		return;
	if (bits & (bits - 1)) {
		m->logical_slow = true;
		return;
	}
	slot = e->cluster ? &m->cluster[e->ldr >> 4 & 0xf][fls(bits) - 1] : &m->flat[fls(bits) - 1];
	if (*slot != APIC_MAP_NONE)
		m->logical_slow = true;
	*slot = i;
}

/* IDs of eight bits that are left go to those whose number is beyond. */
static void apic_map_add_narrow(struct apic_map *m)
{
	u32 i;

	for (i = 0; i < m->nr; i++) {
		struct apic_entry *e = &m->entry[i];

		e->answers_narrow = e->enabled && !e->x2apic && e->id > 0xff && m->by_id[e->narrow] == APIC_MAP_NONE;
		if (e->answers_narrow)
			m->by_id[e->narrow] = (u16)i;
	}
}

void apic_map_build(struct apic_map *m)
{
	bool any_flat = false, any_cluster = false;
	u32 i;

	memset(m->flat, 0xff, sizeof(m->flat));
	memset(m->cluster, 0xff, sizeof(m->cluster));
	memset(m->by_id, 0xff, m->nr_ids * sizeof(u16));
	for (i = 0; i < m->nr; i++) {
		const struct apic_entry *e = &m->entry[i];

		if (!e->enabled)
			continue;
		apic_map_add_phys(m, e->id, (u16)i);
		if (e->x2apic) {
			m->any_x2apic = true;
			continue;
		}
		m->any_xapic = true;
		if (e->cluster)
			any_cluster = true;
		else
			any_flat = true;
		apic_map_add_logical(m, e, (u16)i);
	}
	apic_map_add_narrow(m);
	m->cluster_model = any_cluster;
	/* One message reads differently to each model: no one table answers. */
	if (any_flat + any_cluster + m->any_x2apic > 1 || (m->any_x2apic && m->phys_slow))
		m->logical_slow = true;
}

static bool apic_entry_match(const struct apic_entry *e, const struct apic_msg *msg)
{
	if (!e->enabled)
		return false;
	if (msg->dest == APIC_DEST_BROADCAST)
		return true;
	/* SDM 3A 11.6.2.1: for an xAPIC, eight ones address all. */
	if (!msg->logical)
		return e->id == msg->dest || (msg->dest == 0xff && !e->x2apic) ||
		       (e->answers_narrow && e->narrow == msg->dest);
	if (e->x2apic)
		/* SDM 3A 11.12.10.1 */
		return e->ldr >> 16 == msg->dest >> 16 && (e->ldr & msg->dest & 0xffff);
	if (msg->dest > 0xff)
		return false;
	/* SDM 3A 11.6.2.2 */
	if (e->cluster)
		return (e->ldr >> 4 == msg->dest >> 4 || msg->dest >> 4 == 0xf) &&
		       (e->ldr & msg->dest & 0xf);
	return e->ldr & msg->dest;
}

void apic_map_lookup(const struct apic_map *m, const struct apic_msg *msg, struct apic_iter *it)
{
	u32 dest = msg->dest;

	it->kind = ITER_ALL;
	it->next = 0;
	it->bits = 0;
	it->group = NULL;
	it->group_len = 0;
	if (dest == APIC_DEST_BROADCAST)
		return;
	if (!msg->logical) {
		if (m->phys_slow || (dest == 0xff && m->any_xapic))
			return;
		it->kind = ITER_NONE;
		if (dest >= m->nr_ids)
			return;
		it->kind = ITER_GROUP;
		it->group = &m->by_id[array_index_nospec(dest, m->nr_ids)];
		it->group_len = 1;
		it->bits = 1;
		return;
	}
	if (m->logical_slow)
		return;
	it->kind = ITER_GROUP;
	if (m->any_x2apic) {
		u32 first = (dest >> 16) * 16;

		if (dest >> 16 > m->nr_ids / 16 || first >= m->nr_ids) {
			it->kind = ITER_NONE;
			return;
		}
		first = array_index_nospec(first, m->nr_ids);
		it->group = &m->by_id[first];
		it->group_len = min_t(u32, 16, m->nr_ids - first);
		it->bits = dest & 0xffff;
	} else if (dest > 0xff) {
		it->kind = ITER_NONE;
	} else if (!m->cluster_model) {
		it->group = m->flat;
		it->group_len = 8;
		it->bits = dest;
	} else if (dest >> 4 == 0xf) {
		it->kind = ITER_ALL;
	} else {
		it->group = m->cluster[array_index_nospec(dest >> 4, 16)];
		it->group_len = 4;
		it->bits = dest & 0xf;
	}
}

static bool apic_entry_takes(const struct apic_entry *e, const struct apic_msg *msg)
{
	/* SDM 3A 11.4.7.2: software-disabled, an APIC still takes INIT, NMI, SMI and start-up. */
	return e->sw_enabled || msg->mode > APIC_LOWEST;
}

const struct apic_entry *apic_map_next(const struct apic_map *m, const struct apic_msg *msg,
				       struct apic_iter *it)
{
	const struct apic_entry *e;

	if (likely(it->kind == ITER_GROUP)) {
		while (it->bits) {
			u32 bit = (u32)__ffs(it->bits);
			u32 i;

			it->bits &= it->bits - 1;
			if (bit >= it->group_len)
				return NULL;
			i = it->group[array_index_nospec(bit, it->group_len)];
			if (i >= m->nr)
				continue;
			e = &m->entry[array_index_nospec(i, m->nr)];
			if (apic_entry_takes(e, msg))
				return e;
		}
		return NULL;
	}
	if (it->kind == ITER_NONE)
		return NULL;
	while (it->next < m->nr) {
		e = &m->entry[it->next++];
		if (apic_entry_match(e, msg) && apic_entry_takes(e, msg))
			return e;
	}
	return NULL;
}

/* The next candidate. */
static const struct apic_entry *apic_map_next_but(const struct apic_map *m,
						  const struct apic_msg *msg, const void *except,
						  struct apic_iter *it)
{
	const struct apic_entry *e;

	do
		e = apic_map_next(m, msg, it);
	while (e && except && e->target == except);
	return e;
}

const struct apic_entry *apic_map_lowest(const struct apic_map *m, const struct apic_msg *msg,
					 const void *except)
{
	const struct apic_entry *e, *first = NULL;
	struct apic_iter it;
	u32 n = 0, pick;

	/*
	 * SDM 3A 11.6.2.4 leaves the arbitration to the chip set. Spreading by vector keeps each
	 * source on one CPU, whose caches then know its handler.
	 */
	apic_map_lookup(m, msg, &it);
	while ((e = apic_map_next_but(m, msg, except, &it))) {
		if (!first)
			first = e;
		n++;
	}
	if (n <= 1)
		return first;
	pick = msg->vector % n;
	apic_map_lookup(m, msg, &it);
	while ((e = apic_map_next_but(m, msg, except, &it)) && pick--)
		;
	return e;
}

/* ---- decoding ---- */

void apic_msg_from_icr(struct apic_msg *msg, u64 icr, bool x2apic)
{
	msg->vector = (u8)icr;
	msg->mode = icr >> 8 & 7;
	msg->logical = icr >> 11 & 1;
	msg->assert = icr >> 14 & 1;
	msg->level = icr >> 15 & 1;
	msg->shorthand = icr >> 18 & 3;
	msg->dest = (u32)(icr >> (x2apic ? 32 : 56));
}

void apic_msg_from_msi(struct apic_msg *msg, u64 address, u32 data, bool wide, bool bcast8)
{
	msg->vector = (u8)data;
	msg->mode = data >> 8 & 7;
	msg->assert = data >> 14 & 1;
	msg->level = data >> 15 & 1;
	msg->logical = address >> 2 & 1;
	msg->shorthand = APIC_TO_DEST;
	msg->dest = address >> 12 & 0xff;
	/* The redirection hint asks for one CPU of a logical set (SDM 3A 11.11.1). */
	if ((address >> 3 & 1) && msg->logical && msg->mode == APIC_FIXED)
		msg->mode = APIC_LOWEST;
	if (wide)
		msg->dest |= (u32)(address >> 32) & 0xffffff00;
	if (bcast8 && msg->dest == 0xff)
		msg->dest = APIC_DEST_BROADCAST;
}
