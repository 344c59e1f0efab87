// SPDX-License-Identifier: GPL-2.0-only
/* The two formats of nested page-table entries. */
#include "pure/pte.h"

/* Long-mode entry, APM 2 5.3.3; as a nested entry, APM 2 15.25.5. */
enum {
	NPT_P = 1 << 0,
	NPT_W = 1 << 1,
	NPT_U = 1 << 2, /* guest accesses count as user accesses of the nested table */
	NPT_PWT = 1 << 3,
	NPT_PCD = 1 << 4,
	NPT_A = 1 << 5,
	NPT_D = 1 << 6,
	NPT_PS = 1 << 7,
	NPT_PAT_4K = 1 << 7,
	NPT_SOFT0 = 1 << 9,
	NPT_PAT_HUGE = 1 << 12,
};

/* SDM 3C 29.3.2, tables 29-3 to 29-7. */
enum {
	EPT_R = 1 << 0,
	EPT_W = 1 << 1,
	EPT_X = 1 << 2,
	EPT_TYPE_SHIFT = 3,
	EPT_IPAT = 1 << 6,
	EPT_PS = 1 << 7,
	EPT_A = 1 << 8,
	EPT_D = 1 << 9,
	EPT_SOFT0 = 1 << 11,
};

enum { MT_UC = 0, MT_WC = 1, MT_WT = 4, MT_WP = 5, MT_WB = 6 };

static u64 address_bits(unsigned int maxphyaddr)
{
	if (maxphyaddr > 52)
		maxphyaddr = 52;
	return GENMASK_ULL(maxphyaddr - 1, 12);
}

void npte_format_npt(struct npte_format *f, unsigned int maxphyaddr, u64 c_bit)
{
	unsigned int i;
	int bit = 51;

	memset(f, 0, sizeof(*f));
	f->present = NPT_P;
	f->table = NPT_P | NPT_W | NPT_U | NPT_A | c_bit;
	f->leaf = NPT_P | NPT_U | c_bit;
	f->huge = NPT_PS;
	f->table_mask = NPT_P | NPT_PS;
	f->table_value = NPT_P;
	f->write = NPT_W;
	f->accessed = NPT_A;
	f->dirty = NPT_D;
	f->exec_set = BIT_ULL(63);
	f->pfn = address_bits(maxphyaddr) & ~c_bit;
	f->special = NPT_SOFT0;
	/*
	 * A device page: an address bit above MAXPHYADDR makes the walk end with a nested page fault
	 * whose RSVD bit is set (APM 2 15.25.6), and no entry of ours has it otherwise. The
	 * encryption bit is not reserved, wherever it is.
	 */
	if (c_bit == BIT_ULL(bit))
		bit--;
	if ((unsigned int)bit >= maxphyaddr)
		f->mmio = NPT_P | NPT_W | NPT_U | BIT_ULL(bit);
	for (i = 0; i < PTE_NR_CACHE; i++) {
		u64 low = ((i & 1) ? NPT_PWT : 0) | ((i & 2) ? NPT_PCD : 0);

		f->cache[i] = low | ((i & 4) ? NPT_PAT_4K : 0);
		f->cache_huge[i] = low | ((i & 4) ? NPT_PAT_HUGE : 0);
	}
}

void npte_format_ept(struct npte_format *f, unsigned int maxphyaddr, bool ad)
{
	/* The types in the order in which Linux fills its PAT. */
	static const u8 types[PTE_NR_CACHE] = {
		MT_WB, MT_WC, MT_UC, MT_UC, MT_WB, MT_WP, MT_UC, MT_WT,
	};
	unsigned int i;

	memset(f, 0, sizeof(*f));
	f->present = EPT_R | EPT_W | EPT_X;
	f->table = EPT_R | EPT_W | EPT_X | (ad ? EPT_A : 0);
	f->leaf = EPT_R | EPT_X;
	f->huge = EPT_PS;
	f->table_mask = EPT_R | EPT_PS;
	f->table_value = EPT_R;
	f->write = EPT_W;
	f->accessed = ad ? EPT_A : 0;
	f->dirty = ad ? EPT_D : 0;
	f->exec_clear = EPT_X;
	f->pfn = address_bits(maxphyaddr);
	f->special = EPT_SOFT0;
	/* Write and execute without read is a misconfiguration, SDM 3C 29.3.3.1. */
	f->mmio = EPT_W | EPT_X;
	for (i = 0; i < PTE_NR_CACHE; i++) {
		/* Memory keeps its type whatever the guest's PAT says; nothing snoops a device. */
		u64 type = ((u64)types[i] << EPT_TYPE_SHIFT) | (types[i] == MT_WB ? EPT_IPAT : 0);

		f->cache[i] = type;
		f->cache_huge[i] = type;
	}
}
