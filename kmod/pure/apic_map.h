/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Interrupt messages, and which local APICs a message means.
 *
 * An apic_map is an immutable picture of all local APICs' IDs and modes. Whoever changes one of
 * those builds a new map and publishes it under RCU; senders look up in it without a lock.
 *
 *   physical          by_id[dest]; an APIC in xAPIC mode whose number is beyond 255 has two entries
 *   logical, x2APIC   by_id[cluster * 16 + bit]
 *   logical, xAPIC    flat[bit] or cluster[n][bit]
 *   broadcast, or IDs that clash or are unusual: compare with every entry ("slow")
 */
#ifndef VMX_PURE_APIC_MAP_H
#define VMX_PURE_APIC_MAP_H

#include "pure/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Delivery modes (SDM 3A 11.6.1, 11.11.2). */
enum apic_delivery {
	APIC_FIXED = 0,
	APIC_LOWEST = 1,
	APIC_SMI = 2,
	APIC_REMOTE_READ = 3, /* reserved in newer manuals */
	APIC_NMI = 4,
	APIC_INIT = 5,
	APIC_STARTUP = 6,
	APIC_EXTINT = 7,
};

enum apic_shorthand {
	APIC_TO_DEST = 0,
	APIC_TO_SELF = 1,
	APIC_TO_ALL = 2,
	APIC_TO_OTHERS = 3,
};

#define APIC_DEST_BROADCAST 0xffffffffu

struct apic_msg {
	u32 dest;     /* APIC_DEST_BROADCAST: all */
	u8 vector;
	u8 mode;      /* enum apic_delivery */
	u8 shorthand; /* enum apic_shorthand; only from an ICR */
	bool logical;
	bool level;   /* level triggered */
	bool assert;  /* INIT: not the de-assert message */
};

/* What the map has to know of one local APIC. */
struct apic_entry {
	void *target; /* opaque: the vCPU */
	/*
	 * As it answers to: x2APIC ID or 8-bit xAPIC ID. In xAPIC mode an APIC of a number beyond 255 has no such ID:
	 * it answers to the number, so that a CPU in x2APIC mode can start it, and to what its register shows
	 * (.narrow) if that is nobody else's.
	 */
	u32 id;
	u32 ldr;      /* x2APIC: derived; xAPIC: bits 31:24 of the register, shifted down */
	bool enabled; /* IA32_APIC_BASE */
	bool sw_enabled; /* SVR: takes fixed and lowest-priority interrupts */
	bool x2apic;
	bool cluster; /* xAPIC: DFR says cluster model */
	u8 narrow;
	bool answers_narrow; /* apic_map_build() decides */
};

#define APIC_MAP_NONE 0xffff

struct apic_map {
	u32 nr;     /* entries */
	u32 nr_ids; /* entries of by_id[] */
	bool phys_slow;    /* two APICs answer to one physical ID */
	bool logical_slow; /* an xAPIC logical ID that the tables cannot hold */
	bool any_x2apic;
	bool any_xapic;
	bool cluster_model; /* the xAPICs use the cluster model, else flat */
	u16 flat[8];
	u16 cluster[16][4];
	struct apic_entry *entry; /* [nr] */
	u16 *by_id;               /* [nr_ids]: index into entry[], or APIC_MAP_NONE */
};

/* Bytes to allocate for nr APICs of which the highest ID is max_id (at least 255 is assumed). */
size_t apic_map_size(u32 nr, u32 max_id);

/*
 * Lays out a map in mem (apic_map_size(nr, max_id) bytes, zeroed): the caller then fills entry[0..nr)
 * and calls apic_map_build().
 */
struct apic_map *apic_map_init(void *mem, u32 nr, u32 max_id);
void apic_map_build(struct apic_map *m);

/* Walks over the entries that a message means. */
struct apic_iter {
	u32 kind;
	u32 next;         /* index or bit */
	u32 bits;         /* what is left of a group */
	const u16 *group; /* the table that bits selects from */
	u32 group_len;
};

/* The shorthand is not looked at: self and all-but-self are for the sender to sort out. */
void apic_map_lookup(const struct apic_map *m, const struct apic_msg *msg, struct apic_iter *it);

/* The next entry that takes messages of this mode, or NULL. Bounded by the number of entries. */
const struct apic_entry *apic_map_next(const struct apic_map *m, const struct apic_msg *msg,
				       struct apic_iter *it);

/*
 * The one that gets a lowest-priority message: spread over the candidates by vector. Or NULL.
 * @except: the target of the sender of an all-but-self message; NULL: none.
 */
const struct apic_entry *apic_map_lowest(const struct apic_map *m, const struct apic_msg *msg,
					 const void *except);

/* ---- decoding ---- */

/* From an ICR value (lapic_icr()). */
void apic_msg_from_icr(struct apic_msg *msg, u64 icr, bool x2apic);

/*
 * From an MSI (SDM 3A 11.11). wide: the upper address half carries destination bits 31:8.
 * bcast8: destination 0xff means all also to CPUs in x2APIC mode.
 */
void apic_msg_from_msi(struct apic_msg *msg, u64 address, u32 data, bool wide, bool bcast8);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_APIC_MAP_H */
