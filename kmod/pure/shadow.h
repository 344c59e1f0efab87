/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shadow pager: page tables for the hardware, built from a guest's own.
 *
 *	guest's tables, in guest memory		ours, which the CPU walks
 *	   CR3 -> table -> table -> page	   root -> page -> page -> host's frame
 *
 * A struct shadow_page is one table of ours. It stands for the guest's table in frame gfn as seen in a role
 * (level, mode, rights so far), or, if direct, for a run of frames without any table of the guest's.
 * What can go wrong with such a structure is that its books disagree with its entries. So the books
 * are kept where the entries are, and nothing is ever looked up by what guest memory says *now*:
 *
 *	gpte[i]		the guest's entry that spt[i] was built from: frame and rights follow from this copy
 *	link[i]		spt[i]'s place in a chain: a leaf's, of all leaves of its frame (the reverse map); a pointer's
 *			to another table, of all entries that point to that one (its parents)
 *	present_map	which entries are there
 *
 * Putting an entry in and taking it out are one function each (shadow_rmap.c, shadow_page.c), which do all of this; an
 * entry is always found by the copy, a chain is always hashed by a frame's number and not by a slot, so neither
 * slots nor guest memory can change under the books.
 *
 * A guest's table is write-protected while a page in sync stands for it: writes to it are emulated and told to
 * shadow_written(). A table of the last level may instead go out of sync: it is writable then, and its entries are
 * compared with memory when the guest flushes (shadow_sync.c). All pages of one frame are in sync, or all
 * are of level 1 and out of sync.
 *
 * What writes guest memory past the protection (the VMM, a device) can leave entries that are older than the
 * guest's, as a TLB does. It cannot touch the books.
 *
 * A root is pinned. A pinned page is emptied where others are freed, so what a vCPU runs on is always a
 * valid table.
 *
 * Locks: one per VM, the caller's, around every function here. Hardware sets accessed and dirty flags in spt[] at
 * any time.
 *
 * SDM 3A chapter 4, APM 2 chapter 5.
 */
#ifndef VMX_PURE_SHADOW_H
#define VMX_PURE_SHADOW_H

#include "pure/env.h"
#include "pure/pte.h"
#include "pure/walk.h"

struct vmx_x_range;

#ifdef __cplusplus
extern "C" {
#endif

/* Rights of a role or an entry. */
enum {
	SHADOW_W = 1 << 0,
	SHADOW_U = 1 << 1,
	SHADOW_X = 1 << 2,
	SHADOW_ALL = 7,
};

/* Emulated writes to a table that nobody used in between: it is none any more. */
#define SHADOW_FLOOD 4

/* shadow_role.paging */
enum {
	SHADOW_PAGING_OFF,
	SHADOW_PAGING_32,
	SHADOW_PAGING_PAE,
	SHADOW_PAGING_4,
	SHADOW_PAGING_5,
};

/* What, with its frame, tells a page from all others. */
union shadow_role {
	u64 word;
	struct {
		u64 level : 3;
		u64 direct : 1;
		/*
		 * 32-bit paging: a table has 1,024 entries of 4 bytes, ours 512: which half of a page table, or
		 * which quarter of the directory, whose entries take two of ours.
		 */
		u64 part : 2;
		u64 access : 3;		/* that the entries above have left */
		u64 paging : 3;
		u64 wp : 1;		/* CR0.WP */
		u64 smep : 1;		/* of CR4, if WP is clear: else it is the hardware's business */
		u64 smap : 1;
		u64 pke : 1;
		u64 pse : 1;		/* CR4.PSE, 32-bit paging */
		u64 nxe : 1;		/* EFER.NXE */
		u64 pse36 : 1;
		u64 page1g : 1;
		u64 space : 1;		/* enum slot_space */
		u64 phys_bits : 6;	/* the guest's MAXPHYADDR */
		u64 key : 4;		/* direct: the protection key of the guest's larger page */
	};
};

#define SHADOW_ENTRIES PTE_ENTRIES
#define SHADOW_MAP_WORDS (SHADOW_ENTRIES / 64)
#define SHADOW_ROOTS 4
/* Entries are named by number: the page's id and the index. 0: none. */
#define SHADOW_MAX_ID (1u << 18)
#define SHADOW_CHUNK 512

struct shadow_link {
	u32 next;
	u32 prev;	/* 0: the first of its chain */
};

struct shadow_page {
	u64 *spt;			/* what the hardware walks */
	u64 *gpte;			/* not of direct pages */
	struct shadow_link *link;
	u64 pa;				/* of spt */
	union shadow_role role;
	u64 gfn;
	u32 id;				/* the caller's, 1 to SHADOW_MAX_ID - 1; constant */
	u32 hash_next, hash_prev;	/* ids */
	u32 age_next, age_prev;		/* ids */
	u32 parents;			/* the first entry that points here */
	u32 pins;
	u16 nr;				/* entries that are there */
	u16 unsync_below;		/* bits in unsync_map */
	u8 flood;			/* emulated writes since it was last of use */
	u8 quiet;			/* comparisons since one found a difference */
	bool unsync;
	bool used;			/* since it was last looked at for reclaim */
	u64 present_map[SHADOW_MAP_WORDS];
	u64 unsync_map[SHADOW_MAP_WORDS];	/* children that are, or have below them, pages out of sync */
	void *owner;			/* the caller's */
};

/* The host's frame for one of the guest's. */
struct shadow_frame {
	u64 pfn;	/* of the 4K page */
	u8 level;	/* the largest at which it can be mapped around this frame */
	u8 cache;	/* host PAT index */
	bool writable;	/* now: the host's entry allows it, and no log has to see the write first */
	bool special;	/* npte_format.special */
};

enum shadow_frame_result {
	SHADOW_FRAME_OK,
	SHADOW_FRAME_MMIO,	/* no memory, or a write to memory that is read-only */
	SHADOW_FRAME_ABSENT,	/* the host has to bring it in, or to make it writable */
	SHADOW_FRAME_BUSY,	/* the host is changing it */
};

struct shadow;

struct shadow_ops {
	/* walk_gva() in the vCPU's present mode, without sleeping. */
	int (*walk)(void *vcpu, u64 gva, u32 acc, struct walk_result *r);
	/* @len bytes (4 to 512, within a page) of guest memory, in units of the tables' entries. 0, or < 0: not now. */
	int (*load)(void *vcpu, unsigned int space, u64 gpa, void *buf, unsigned int len);
	enum shadow_frame_result (*frame)(void *vcpu, unsigned int space, u64 gfn, bool write,
					  struct shadow_frame *f);
	/*
	 * What the host has behind the @n frames from @gfn on, in one look: ordinary small pages, not to be written
	 * where a log waits. Fills in pfn and writable. Returns a bit for each that is there. @n: at most 32.
	 */
	u32 (*around)(void *vcpu, unsigned int space, u64 gfn, unsigned int n, struct shadow_frame *f);
	/* A page from what is at hand, its tables zeroed; NULL: none. @direct: without gpte. */
	struct shadow_page *(*alloc)(void *vcpu, bool direct);
	/* The page whose spt is at @pa. */
	struct shadow_page *(*table)(const struct shadow *s, u64 pa);
	/* It is in no table any more, but may be in a TLB. */
	void (*retire)(struct shadow *s, struct shadow_page *sp);
	/* All vCPUs have dropped what they had cached when this returns true. False: not possible now. */
	bool (*flush)(struct shadow *s, void *vcpu);
	/* A leaf was taken or lost flags: what it says of the host's page. */
	void (*taken)(struct shadow *s, u64 spte);
	/* The guest may write to this frame from now on. */
	void (*written)(void *vcpu, unsigned int space, u64 gfn);
};

struct shadow_stats {
	u64 faults, built, linked, created, zapped, reclaimed, flooded, prefetched;
	u64 unsynced, verified, resynced, emulated, dropped;
};

/* All that a VM has of it. The caller fills in what is above the line, zeroes the rest, and calls shadow_init(). */
struct shadow {
	const struct shadow_ops *ops;
	const struct npte_format *format;	/* npte_format_npt(): that of ordinary tables */
	bool small_code;			/* larger pages than 4K are not for executing */
	void *owner;
	u32 limit;				/* pages; changed under the lock */
	struct shadow_page **chunk[SHADOW_MAX_ID / SHADOW_CHUNK];	/* by id; set before an id is used */
	u64 *leaves[PTE_LEVEL_2M + 1];		/* by level, counts of the caller's: changed atomically */
	u32 *page_hash;				/* all of these zeroed; of 1 << the bits */
	u32 *leaf_hash;
	u32 *large_hash;
	u32 *region;				/* indirect pages by 2 MiB of guest memory, hashed */
	u8 page_bits, leaf_bits, large_bits, region_bits;

	/* ---- */
	u32 nr;
	u32 age_first, age_last;	/* ids; the oldest first */
	u64 nr_leaves;
	bool logged;			/* shadow_protect() has taken a right at some time */
	bool must_flush;		/* rights were taken from tables that are to be read: first flush() */
	/*
	 * stale counts the takings of entries and rights; who has had all vCPUs flush sets flushed to what stale was
	 * before. Where the two differ a TLB may hold what the tables do not.
	 */
	u64 stale, flushed;
	/* Counts writes to pinned pages that look like tables no more: shadow_root_flooded(). */
	u64 flooded_roots;
	struct shadow_stats stat;
};

/* A vCPU, as the pager sees it. */
struct shadow_cpu {
	void *vcpu;
	union shadow_role role;		/* of the mode; level, part, direct, access: 0 */
	u8 root_level;			/* 2, 4, 5 */
	struct shadow_page *root[SHADOW_ROOTS];	/* of level 2: by bits 31:30 of the address; else the first alone */
};

enum shadow_result {
	SHADOW_RETRY,		/* built, or somebody else did: enter again */
	SHADOW_GUEST_FAULT,	/* #PF is the guest's: out->walk.error */
	SHADOW_MMIO,		/* out->walk.gpa has no memory, or not for writing */
	SHADOW_EMULATE,		/* the write is to a table that a page in sync stands for, or not to be mapped */
	SHADOW_ABSENT,		/* the host's page has to be brought in: out->walk.gpa */
	SHADOW_WALK_ABSENT,	/* a page of the guest's tables has to */
	SHADOW_BUSY,
	SHADOW_AGAIN,		/* it needs a flush, or pages: not now */
	SHADOW_ROOT_CHANGED,	/* PAE: a PDPTE in memory is not the one of the root */
};

struct shadow_out {
	struct walk_result walk;
	bool flush_gva;		/* an entry that the vCPU may have cached has been replaced */
};

/* Pages that one fault can need, and which alloc() should have at hand. */
#define SHADOW_FAULT_PAGES 5

/* ---- life ---- */
void shadow_init(struct shadow *s);
/* Empty all pages, and retire those that are not pinned. */
void shadow_zap_all(struct shadow *s);
/* Retire pages until at most @want are left, roots aside. Returns how many. */
u32 shadow_shrink(struct shadow *s, u32 want);

/* Before up to @n roots are made: shadow_fault() does it for itself. */
void shadow_make_room(struct shadow *s, u32 n);

/* ---- roots ---- */
/* The role of a mode. @mode: the vCPU's; its PKRU and AC do not matter. */
union shadow_role shadow_mode_role(const struct walk_mode *mode, unsigned int space);
/*
 * shadow_root() - a page to begin a walk at, pinned.
 * @gfn: of the guest's table; without paging the first that is mapped. @part: 32-bit paging: which quarter.
 * NULL: none at hand.
 */
struct shadow_page *shadow_root(struct shadow *s, struct shadow_cpu *cpu, u64 gfn, unsigned int level,
				unsigned int part);
void shadow_unpin(struct shadow_page *sp);
/*
 * Has the guest written to the table again and again since a vCPU used it? Most often it is none any more: who only keeps
 * the root should let go of it, since until then each write to that frame is emulated.
 */
bool shadow_root_flooded(const struct shadow_page *sp);

/* ---- the vCPU ---- */
/*
 * The first thing at a write fault on what is present, if @s->logged: true if nothing but the dirty log was in the way.
 * Without the lock; but no page that is retired from now on comes back before it returns.
 */
bool shadow_fault_logged(const struct shadow *s, const struct shadow_cpu *cpu, u64 gva);
/* A page fault at @gva of the kind @acc (WALK_*). */
enum shadow_result shadow_fault(struct shadow *s, struct shadow_cpu *cpu, u64 gva, u32 acc,
				struct shadow_out *out);
/*
 * The guest flushes one address. The caller flushes the hardware's copy: all of it if this returns true, as what
 * the TLB has may be parts of a larger page of the guest's.
 */
bool shadow_invlpg(struct shadow *s, struct shadow_cpu *cpu, u64 gva);
/*
 * The guest flushes all of an address space: pages out of sync below its roots are compared with memory. @all: those
 * in sync, too. What cannot be, as memory is not at hand, is dropped.
 */
void shadow_flush(struct shadow *s, struct shadow_cpu *cpu, bool all);
/* @len bytes at @gpa were written on behalf of the guest, by the emulator or the module. @cpu may be NULL. */
void shadow_written(struct shadow *s, struct shadow_cpu *cpu, unsigned int space, u64 gpa, unsigned int len);
/* May it, without the lock? False: it does not, as far as this CPU can see. */
bool shadow_may_be_table(const struct shadow *s, u64 gfn);
/* Does a page stand for the guest's table in this frame? */
bool shadow_is_table(const struct shadow *s, unsigned int space, u64 gfn);
/* Let go of all pages that stand for it. False: one is pinned. */
bool shadow_untrack(struct shadow *s, unsigned int space, u64 gfn);
/*
 * The guest is about to write to the frame all over, so many entries that it would look like a table no more: let go of
 * the pages now. False: one is pinned, and all stay; shadow_root_flooded() says so of it.
 */
bool shadow_untrack_filled(struct shadow *s, unsigned int space, u64 gfn);

/* ---- the host ---- */
/* Take all leaves of the frames from @gfn up to @end. True if there were any. */
bool shadow_zap_frames(struct shadow *s, unsigned int space, u64 gfn, u64 end);
/* The same for larger leaves alone. */
bool shadow_zap_large(struct shadow *s, unsigned int space, u64 gfn, u64 end);
/* Clear write rights of the leaves of one frame, for the dirty log. True if there were any. */
bool shadow_protect(struct shadow *s, unsigned int space, u64 gfn);
/* Any accessed flag in the leaves of the frame? @clear: and take them. */
bool shadow_young(struct shadow *s, unsigned int space, u64 gfn, bool clear);

/* ---- to look at ---- */
struct shadow_page *shadow_by_id(const struct shadow *s, u32 id);
/* The page in use with the lowest id that is not below @id; NULL: there is none. */
struct shadow_page *shadow_used_from(const struct shadow *s, u32 id);
/* Entry @i as what a lister shows: false: it maps no page. @r: all but id, space. */
bool shadow_show_leaf(const struct shadow *s, const struct shadow_page *sp, unsigned int i, struct vmx_x_range *r);
struct shadow_audit_ops {
	/* A rule is broken. */
	void (*broken)(void *ctx, const char *rule, const struct shadow_page *sp, unsigned int index);
	/* What only the caller can say of a leaf: the host's mapping, slots, dirty log. May be NULL. */
	void (*leaf)(void *ctx, const struct shadow_page *sp, unsigned int index, u64 gfn, u64 spte);
	void *ctx;
};
/* Prove the books: every rule of this file, every entry. Returns how many are broken. */
unsigned int shadow_audit(const struct shadow *s, const struct shadow_audit_ops *ops);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_SHADOW_H */
