/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries of second-level (nested) page tables, whatever hardware reads them.
 *
 * A struct npte_format says which bits mean what; the mapper combines its masks and never names a
 * bit itself. Two formats share the tree's shape (512 entries of 8 bytes, 9 bits per level):
 *
 *	NPT	AMD: an ordinary long-mode entry whose U bit must be set (APM 2 15.25.5)
 *	EPT	Intel: R, W, X and the memory type in the entry (SDM 3C 29.3.2)
 *
 * Level 1 is the table whose entries map 4 KiB, level 2 maps 2 MiB, level 3 maps 1 GiB.
 */
#ifndef VMX_PURE_PTE_H
#define VMX_PURE_PTE_H

#include "pure/env.h"

#ifdef __cplusplus
extern "C" {
#endif

enum npte_kind {
	PTE_KIND_NPT,
	PTE_KIND_EPT,
};

enum {
	PTE_LEVEL_4K = 1,
	PTE_LEVEL_2M = 2,
	PTE_LEVEL_1G = 3,
	PTE_MAX_LEVELS = 5,
	PTE_ENTRIES = 512,
};

/* Host page attribute table index: bit 0 PWT, bit 1 PCD, bit 2 PAT of the host's entry. */
enum {
	PTE_CACHE_WB = 0,
	PTE_NR_CACHE = 8,
};

struct npte_format {
	u64 present;	   /* hardware uses an entry that has one of these */
	u64 table;	   /* all bits, but the address, of an entry that points to a table */
	u64 table_mask;	   /* above level 1, an entry with these bits ... */
	u64 table_value;   /* ... equal to these points to a table */
	u64 leaf;	   /* a readable, executable leaf that is not writable, not accessed, not dirty */
	u64 huge;	   /* and this, at level 2 and above */
	u64 write;
	u64 accessed;	   /* 0: the hardware does not keep it */
	u64 dirty;	   /* 0: likewise */
	u64 exec_clear;	   /* to forbid execution: clear these ... */
	u64 exec_set;	   /* ... and set these */
	u64 pfn;	   /* address bits */
	u64 special;	   /* software: no page of the host's to be told of accesses and writes */
	u64 mmio;	   /* the entry that marks a device page; 0: this hardware has none */
	u64 cache[PTE_NR_CACHE];      /* memory type of a 4K leaf, by host PAT index */
	u64 cache_huge[PTE_NR_CACHE]; /* of larger leaves */
};

/*
 * npte_format_npt() - @maxphyaddr: of the host CPU (CPUID 8000_0008 EAX 7:0).
 * @c_bit: the memory encryption bit to set in every entry, 0 without SME.
 */
void npte_format_npt(struct npte_format *f, unsigned int maxphyaddr, u64 c_bit);

/* npte_format_ept() - @ad: EPTP bit 6 is used: accessed and dirty flags. */
void npte_format_ept(struct npte_format *f, unsigned int maxphyaddr, bool ad);

static inline unsigned int npte_shift(unsigned int level)
{
	return 9 * (level - 1);
}

/* Pages of 4 KiB that one entry of @level maps. */
static inline u64 npte_pages(unsigned int level)
{
	return 1ULL << npte_shift(level);
}

static inline unsigned int npte_index(u64 gfn, unsigned int level)
{
	return (gfn >> npte_shift(level)) & (PTE_ENTRIES - 1);
}

static inline bool npte_is_mmio(const struct npte_format *f, u64 e)
{
	return f->mmio && e == f->mmio;
}

/* Hardware follows it: a table or a leaf, but no device mark. */
static inline bool npte_is_present(const struct npte_format *f, u64 e)
{
	return (e & f->present) && !npte_is_mmio(f, e);
}

/* For a present entry of @level: a leaf, not a table? */
static inline bool npte_is_leaf(const struct npte_format *f, u64 e, unsigned int level)
{
	return level == PTE_LEVEL_4K || (level <= PTE_LEVEL_1G && (e & f->huge));
}

/* For any entry above level 1 (where there are no device marks): does it point to a table? */
static inline bool npte_is_table(const struct npte_format *f, u64 e)
{
	return (e & f->table_mask) == f->table_value;
}

static inline u64 npte_pa(const struct npte_format *f, u64 e)
{
	return e & f->pfn;
}

static inline u64 npte_make_table(const struct npte_format *f, u64 pa)
{
	return pa | f->table;
}

/*
 * npte_make_leaf() - a leaf at @level for host frame @pfn (aligned to the level's size).
 * @cache: host PAT index, 0 to 7. @bits: any of write, accessed, dirty, special.
 */
static inline u64 npte_make_leaf(const struct npte_format *f, u64 pfn, unsigned int level,
				unsigned int cache, u64 bits)
{
	u64 e = (pfn << 12) | f->leaf | bits;

	cache &= PTE_NR_CACHE - 1;
	if (level == PTE_LEVEL_4K)
		return e | f->cache[cache];
	return e | f->huge | f->cache_huge[cache];
}

/* The same leaf without the right to execute. */
static inline u64 npte_no_exec(const struct npte_format *f, u64 e)
{
	return (e & ~f->exec_clear) | f->exec_set;
}

static inline bool npte_allows(const struct npte_format *f, u64 e, bool write, bool exec)
{
	if (write && !(e & f->write))
		return false;
	if (!exec)
		return true;
	return (e & f->exec_clear) == f->exec_clear && !(e & f->exec_set);
}

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_PTE_H */
