// SPDX-License-Identifier: GPL-2.0-only
/* One vCPU's CPUID: lookup on every CPUID exit, the bits that follow its state, and its limits. */
#include "pure/cpuid.h"
#include "uapi/vmx_para.h"

#define LEAF_HYPER 0x40000000u
#define LEAF_EXT 0x80000000u
#define DEFAULT_PHYS_BITS 36 /* without leaf 0x80000008 (SDM 3A 4.1.4) */

#define LEGACY_XSAVE_SIZE 576u /* legacy region and header (SDM 1 13.4) */

/* CR4 (SDM 3A 2.5) */
#define CR4_UMIP BIT_ULL(11)
#define CR4_LA57 BIT_ULL(12)
#define CR4_FSGSBASE BIT_ULL(16)
#define CR4_PCIDE BIT_ULL(17)
#define CR4_OSXSAVE BIT_ULL(18)
#define CR4_SMEP BIT_ULL(20)
#define CR4_SMAP BIT_ULL(21)
#define CR4_PKE BIT_ULL(22)
/* VME, PVI, TSD, DE, PSE, PAE, MCE, PGE, PCE, OSFXSR, OSXMMEXCPT: whatever CPUID says. */
#define CR4_ALWAYS 0x7ffULL
#define CR4_KNOWN                                                                           \
	(CR4_ALWAYS | CR4_UMIP | CR4_LA57 | CR4_FSGSBASE | CR4_PCIDE | CR4_OSXSAVE |        \
	 CR4_SMEP | CR4_SMAP | CR4_PKE)

/* EFER (APM 2 3.1.7) */
#define EFER_SCE BIT_ULL(0)
#define EFER_LME BIT_ULL(8)
#define EFER_LMA BIT_ULL(10)
#define EFER_NXE BIT_ULL(11)
#define EFER_FFXSR BIT_ULL(14)

static __always_inline unsigned int hash_leaf(u32 leaf)
{
	return (leaf ^ leaf >> 26) % CPUID_HASH_SIZE;
}

const struct cpuid_row *cpuid_find(const struct cpuid_table *t, u32 leaf, u32 subleaf)
{
	unsigned int i = t->hash[hash_leaf(leaf)];

	while (i) {
		const struct cpuid_row *row = &t->rows[i - 1];

		if (row->leaf == leaf && (!row->by_subleaf || row->subleaf == subleaf))
			return row;
		i = row->next;
	}
	return NULL;
}

static u32 leaf_max(const struct cpuid_table *t, u32 leaf)
{
	if (leaf >= LEAF_EXT)
		return t->max_ext;
	/* Hypervisors announce themselves every 0x100 leaves; only the first block is known here. */
	if (leaf >= LEAF_HYPER)
		return t->max_hyper;
	return t->max_basic;
}

/* The paths that are off the exit path: no row for this leaf and subleaf. */
static noinline void query_missing(const struct cpuid_table *t, u32 leaf, u32 subleaf,
				   u32 out[CPUID_W_NR])
{
	const struct cpuid_row *row = NULL;

	memset(out, 0, CPUID_W_NR * sizeof(out[0]));
	if (leaf > leaf_max(t, leaf)) {
		/* AMD reads as zero (APM 3 E.2); Intel repeats the highest basic leaf (SDM 2A). */
		if (t->amd || !t->count)
			return;
		leaf = t->max_basic;
		row = cpuid_find(t, leaf, subleaf);
		if (row) {
			memcpy(out, row->word, sizeof(row->word));
			return;
		}
	}
	/*
	 * An invalid topology level (SDM 2A, leaves 0xb and 0x1f): the level number comes back in cl,
	 * the APIC id is valid all the same.
	 */
	if (leaf == 0xb || leaf == 0x1f) {
		row = cpuid_find(t, leaf, 1);
		if (row) {
			out[CPUID_W_ECX] = subleaf & 0xff;
			out[CPUID_W_EDX] = row->word[CPUID_W_EDX];
		}
	}
}

void cpuid_query(const struct cpuid_table *t, u32 leaf, u32 subleaf, u32 out[CPUID_W_NR])
{
	const struct cpuid_row *row = cpuid_find(t, leaf, subleaf);

	if (likely(row)) {
		out[0] = row->word[0];
		out[1] = row->word[1];
		out[2] = row->word[2];
		out[3] = row->word[3];
		return;
	}
	query_missing(t, leaf, subleaf, out);
}

static u16 row_number(const struct cpuid_table *t, u32 leaf, u32 subleaf)
{
	const struct cpuid_row *row = cpuid_find(t, leaf, subleaf);

	return row ? (u16)(row - t->rows + 1) : 0;
}

static u32 word_of(const struct cpuid_table *t, u32 leaf, u32 subleaf, enum cpuid_word word)
{
	const struct cpuid_row *row = cpuid_find(t, leaf, subleaf);

	return row ? row->word[word] : 0;
}

static bool vendor_is(const struct cpuid_table *t, const char *name)
{
	const struct cpuid_row *row = cpuid_find(t, 0, 0);
	u32 w[3];

	memcpy(w, name, sizeof(w));
	return row && row->word[CPUID_W_EBX] == w[0] && row->word[CPUID_W_EDX] == w[1] &&
	       row->word[CPUID_W_ECX] == w[2];
}

static void summarize(struct cpuid_table *t)
{
	u32 phys, d1;

	t->features = 0;
#define FEATURE(name, leaf, word, bit) \
	t->features |= (u64)(word_of(t, leaf, 0, word) >> (bit) & 1) << CPUID_F_##name;
	CPUID_FEATURES(FEATURE)
#undef FEATURE
	d1 = word_of(t, 0xd, 1, CPUID_W_EAX);
	t->features |= (u64)(d1 >> 1 & 1) << CPUID_F_XSAVEC;
	t->features |= (u64)(d1 >> 3 & 1) << CPUID_F_XSAVES;
	t->features |= (u64)(d1 >> 4 & 1) << CPUID_F_XFD;

	t->max_basic = word_of(t, 0, 0, CPUID_W_EAX);
	t->max_hyper = word_of(t, LEAF_HYPER, 0, CPUID_W_EAX);
	t->max_ext = word_of(t, LEAF_EXT, 0, CPUID_W_EAX);
	t->amd = vendor_is(t, "AuthenticAMD") || vendor_is(t, "HygonGenuine");
	t->intel = vendor_is(t, "GenuineIntel");
	phys = word_of(t, 0x80000008, 0, CPUID_W_EAX) & 0xff;
	/* 52 is the most that a page-table entry holds. */
	t->phys_bits = (u8)(!phys ? DEFAULT_PHYS_BITS : phys > 52 ? 52 : phys);
	t->virt_bits = cpuid_has(t, CPUID_F_LA57) ? 57 : 48;
	t->pv_features = word_of(t, VMX_PV_CPUID_FEATURES, 0, CPUID_W_EAX);
	t->xcr0 = word_of(t, 0xd, 0, CPUID_W_EAX) |
		  (u64)word_of(t, 0xd, 0, CPUID_W_EDX) << 32;
	t->xss = word_of(t, 0xd, 1, CPUID_W_ECX) | (u64)word_of(t, 0xd, 1, CPUID_W_EDX) << 32;
	t->row_1 = row_number(t, 1, 0);
	t->row_7 = row_number(t, 7, 0);
	t->row_d0 = row_number(t, 0xd, 0);
	t->row_d1 = row_number(t, 0xd, 1);
	t->row_pv = row_number(t, VMX_PV_CPUID_FEATURES, 0);
}

int cpuid_table_build(struct cpuid_table *t, const struct vmx_cpuid_entry2 *entries,
		      unsigned int nent)
{
	unsigned int i;

	memset(t, 0, sizeof(*t));
	t->count = nent;
	/* From the last to the first: a chain then begins with the earliest row, which wins. */
	for (i = nent; i-- > 0;) {
		const struct vmx_cpuid_entry2 *e = &entries[i];
		struct cpuid_row *row = &t->rows[i];
		unsigned int h = hash_leaf(e->function);

		row->leaf = e->function;
		row->subleaf = e->index;
		row->by_subleaf = e->flags & VMX_CPUID_FLAG_SIGNIFCANT_INDEX;
		row->flags = (u8)e->flags;
		row->word[CPUID_W_EAX] = e->eax;
		row->word[CPUID_W_EBX] = e->ebx;
		row->word[CPUID_W_ECX] = e->ecx;
		row->word[CPUID_W_EDX] = e->edx;
		row->next = t->hash[h];
		t->hash[h] = (u16)(i + 1);
		/* Canonical checks know 48 and 57 bits only. */
		if (e->function == 0x80000008) {
			u32 virt = e->eax >> 8 & 0xff;

			if (virt != 0 && virt != 48 && virt != 57)
				return -EINVAL;
		}
	}
	summarize(t);
	return 0;
}

void cpuid_table_export(const struct cpuid_table *t, struct vmx_cpuid_entry2 *out)
{
	u32 i;

	for (i = 0; i < t->count; i++) {
		const struct cpuid_row *row = &t->rows[i];

		memset(&out[i], 0, sizeof(out[i]));
		out[i].function = row->leaf;
		out[i].index = row->subleaf;
		out[i].flags = row->flags;
		out[i].eax = row->word[CPUID_W_EAX];
		out[i].ebx = row->word[CPUID_W_EBX];
		out[i].ecx = row->word[CPUID_W_ECX];
		out[i].edx = row->word[CPUID_W_EDX];
	}
}

static void set_bit_of(struct cpuid_table *t, u16 number, enum cpuid_word word, unsigned int bit,
		       bool on)
{
	u32 *w;

	if (!number)
		return;
	w = &t->rows[number - 1].word[word];
	*w = on ? *w | 1u << bit : *w & ~(1u << bit);
}

void cpuid_runtime_update(struct cpuid_table *t, const struct cpuid_xstate *x,
			  const struct cpuid_runtime *r)
{
	/* OSXSAVE and OSPKE mirror CR4 only where the feature itself exists. */
	if (cpuid_has(t, CPUID_F_XSAVE))
		set_bit_of(t, t->row_1, CPUID_W_ECX, 27, r->cr4 & CR4_OSXSAVE);
	if (cpuid_has(t, CPUID_F_PKU))
		set_bit_of(t, t->row_7, CPUID_W_ECX, 4, r->cr4 & CR4_PKE);
	if (r->has_apic)
		set_bit_of(t, t->row_1, CPUID_W_EDX, 9, r->apic_enabled);
	if (r->mwait_follows)
		set_bit_of(t, t->row_1, CPUID_W_ECX, 3, r->mwait);
	if (t->row_d0)
		t->rows[t->row_d0 - 1].word[CPUID_W_EBX] = cpuid_xsave_size(x, r->xcr0, false);
	if (t->row_d1 && (cpuid_has(t, CPUID_F_XSAVES) || cpuid_has(t, CPUID_F_XSAVEC)))
		t->rows[t->row_d1 - 1].word[CPUID_W_EBX] =
			cpuid_xsave_size(x, r->xcr0 | r->xss, true);
	/* A guest that halts without an exit can be woken by an interrupt only. */
	if (r->hlt_in_guest)
		set_bit_of(t, t->row_pv, CPUID_W_EAX, VMX_PV_FEATURE_PV_UNHALT, false);
}

void cpuid_xstate_init(struct cpuid_xstate *x, cpuid_host_fn host, void *ctx)
{
	u32 w[CPUID_W_NR];
	unsigned int i;

	memset(x, 0, sizeof(*x));
	host(ctx, 0, 0, w);
	if (w[CPUID_W_EAX] < 0xd)
		return;
	for (i = 2; i < 63; i++) {
		host(ctx, 0xd, i, w);
		x->size[i] = w[CPUID_W_EAX];
		x->offset[i] = w[CPUID_W_EBX];
		if (w[CPUID_W_ECX] & BIT(1))
			x->aligned |= 1ULL << i;
	}
}

u32 cpuid_xsave_size(const struct cpuid_xstate *x, u64 mask, bool compacted)
{
	u32 end = LEGACY_XSAVE_SIZE;
	unsigned int i;

	for (i = 2; i < 63; i++) {
		u32 start;

		if (!(mask >> i & 1) || !x->size[i])
			continue;
		if (!compacted)
			start = x->offset[i];
		else if (x->aligned >> i & 1)
			start = (end + 63) & ~63u;
		else
			start = end;
		if (start + x->size[i] > end)
			end = start + x->size[i];
	}
	return end;
}

u64 cpuid_cr4_reserved(const struct cpuid_table *t)
{
	static const struct {
		u64 cr4;
		enum cpuid_feature feature;
	} rules[] = {
		{ CR4_UMIP, CPUID_F_UMIP },	    { CR4_LA57, CPUID_F_LA57 },
		{ CR4_FSGSBASE, CPUID_F_FSGSBASE }, { CR4_PCIDE, CPUID_F_PCID },
		{ CR4_OSXSAVE, CPUID_F_XSAVE },	    { CR4_SMEP, CPUID_F_SMEP },
		{ CR4_SMAP, CPUID_F_SMAP },	    { CR4_PKE, CPUID_F_PKU },
	};
	u64 reserved = ~CR4_KNOWN;
	unsigned int i;

	/* Before SET_CPUID2 the vCPU has no model yet: what the host can do is legal. */
	if (!t->count)
		return reserved;
	for (i = 0; i < ARRAY_SIZE(rules); i++)
		if (!cpuid_has(t, rules[i].feature))
			reserved |= rules[i].cr4;
	return reserved;
}

u64 cpuid_efer_allowed(const struct cpuid_table *t)
{
	u64 allowed = EFER_SCE;

	if (!t->count || cpuid_has(t, CPUID_F_LM))
		allowed |= EFER_LME | EFER_LMA;
	if (!t->count || cpuid_has(t, CPUID_F_NX))
		allowed |= EFER_NXE;
	if (cpuid_has(t, CPUID_F_FXSR_OPT))
		allowed |= EFER_FFXSR;
	return allowed;
}

bool cpuid_xcr0_valid(const struct cpuid_table *t, u64 xcr0)
{
	u64 zmm = xcr0 & CPUID_XCR0_AVX512;

	if (!(xcr0 & CPUID_XCR0_X87))
		return false;
	if ((xcr0 & CPUID_XCR0_YMM) && !(xcr0 & CPUID_XCR0_SSE))
		return false;
	if (zmm && (zmm != CPUID_XCR0_AVX512 || !(xcr0 & CPUID_XCR0_YMM)))
		return false;
	/* The x87's bit is set in whatever CPU: VMMs load it also where there is no XSAVE. */
	return !(xcr0 & ~((t->xcr0 & CPUID_XCR0_KNOWN) | CPUID_XCR0_X87));
}
