// SPDX-License-Identifier: GPL-2.0-only
/* What a guest on this host may be told by CPUID: GET_SUPPORTED_CPUID from the host's CPUID. */
#include "pure/cpuid.h"
#include "uapi/vmx_para.h"

#define MAX_BASIC 0x1fu
#define MAX_EXT 0x80000021u
#define MAX_CACHES 8 /* subleaves of 4 and 0x8000001d */

/* Leaf 4 eax 31:14 and 0x8000001d eax 25:14: how many logical CPUs share the cache. */
#define CACHE_TYPE 0x1fu
#define CACHE_SHARING_4 0xffffc000u
#define CACHE_SHARING_1D 0x03ffc000u
#define LEAF1_CLFLUSH_SIZE 0x0000ff00u
#define XSTATE_FLAG_SUPERVISOR BIT(0)
#define XSTATE_FLAG_ALIGNED BIT(1)

u64 cpuid_supported_xcr0(const struct cpuid_env *env)
{
	u64 xcr0 = env->host_xcr0 & CPUID_XCR0_KNOWN;

	/* The three AVX-512 components come together (SDM 1 13.3). */
	if ((xcr0 & CPUID_XCR0_AVX512) != CPUID_XCR0_AVX512 || !(xcr0 & CPUID_XCR0_YMM))
		xcr0 &= ~CPUID_XCR0_AVX512;
	if (!env->tdp)
		xcr0 &= ~CPUID_XCR0_PKRU;
	return xcr0;
}

static bool condition_holds(const struct cpuid_env *env, u8 condition)
{
	u64 xcr0 = cpuid_supported_xcr0(env);

	switch ((enum cpuid_condition)condition) {
	case CPUID_IF_ANY:
		return true;
	case CPUID_IF_TDP:
		return env->tdp;
	case CPUID_IF_AVX:
		return xcr0 & CPUID_XCR0_YMM;
	case CPUID_IF_AVX512:
		return (xcr0 & CPUID_XCR0_AVX512) == CPUID_XCR0_AVX512;
	case CPUID_IF_LA57:
		return env->la57;
	case CPUID_IF_XSAVE:
		return xcr0 != 0;
	case CPUID_IF_PKU:
		return xcr0 & CPUID_XCR0_PKRU;
	case CPUID_IF_TSC_AUX:
		return env->tsc_aux;
	case CPUID_IF_SPEC:
		return env->spec_ctrl;
	case CPUID_IF_ARCHCAP:
		return env->arch_cap;
	case CPUID_IF_NR:
		break;
	}
	return false;
}

u32 cpuid_mask(const struct cpuid_env *env, u32 leaf, u32 subleaf, enum cpuid_word word)
{
	u32 host[CPUID_W_NR];
	u32 mask = 0;
	unsigned int i;

	env->host(env->ctx, leaf, subleaf, host);
	for (i = 0; i < cpuid_nr_bits; i++) {
		const struct cpuid_bit *b = &cpuid_bits[i];

		if (b->leaf != leaf || b->subleaf != subleaf || b->word != word)
			continue;
		if (!condition_holds(env, b->condition))
			continue;
		if (b->treatment == CPUID_EMULATE)
			mask |= 1u << b->bit;
		else if (b->treatment == CPUID_PASS)
			mask |= host[word] & 1u << b->bit;
	}
	return mask;
}

/* The list under construction. */
struct builder {
	const struct cpuid_env *env;
	struct vmx_cpuid_entry2 *entries;
	unsigned int room;
	unsigned int count;
	bool full;
};

/* A zeroed entry; the last one again when there is no room (the caller then returns -E2BIG). */
static struct vmx_cpuid_entry2 *add(struct builder *b, u32 leaf, u32 subleaf, bool indexed)
{
	struct vmx_cpuid_entry2 *e;

	if (b->count == b->room) {
		b->full = true;
		e = &b->entries[b->room - 1];
	} else {
		e = &b->entries[b->count++];
	}
	memset(e, 0, sizeof(*e));
	e->function = leaf;
	e->index = subleaf;
	e->flags = indexed ? VMX_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
	return e;
}

static void set_words(struct vmx_cpuid_entry2 *e, const u32 w[CPUID_W_NR])
{
	e->eax = w[CPUID_W_EAX];
	e->ebx = w[CPUID_W_EBX];
	e->ecx = w[CPUID_W_ECX];
	e->edx = w[CPUID_W_EDX];
}

static void host_words(const struct builder *b, u32 leaf, u32 subleaf, u32 w[CPUID_W_NR])
{
	b->env->host(b->env->ctx, leaf, subleaf, w);
}

/* A leaf that describes the host's CPU and nothing that software could break. */
static void add_host(struct builder *b, u32 leaf)
{
	u32 w[CPUID_W_NR];

	host_words(b, leaf, 0, w);
	if (w[0] | w[1] | w[2] | w[3])
		set_words(add(b, leaf, 0, false), w);
}

/* All four registers by the table of bits. */
static struct vmx_cpuid_entry2 *add_masked(struct builder *b, u32 leaf, u32 subleaf, bool indexed)
{
	struct vmx_cpuid_entry2 *e = add(b, leaf, subleaf, indexed);

	e->eax = cpuid_mask(b->env, leaf, subleaf, CPUID_W_EAX);
	e->ebx = cpuid_mask(b->env, leaf, subleaf, CPUID_W_EBX);
	e->ecx = cpuid_mask(b->env, leaf, subleaf, CPUID_W_ECX);
	e->edx = cpuid_mask(b->env, leaf, subleaf, CPUID_W_EDX);
	return e;
}

static void add_caches(struct builder *b, u32 leaf, u32 sharing)
{
	u32 w[CPUID_W_NR];
	u32 i;

	for (i = 0; i < MAX_CACHES; i++) {
		host_words(b, leaf, i, w);
		if (!(w[CPUID_W_EAX] & CACHE_TYPE))
			break;
		w[CPUID_W_EAX] &= ~sharing;
		set_words(add(b, leaf, i, true), w);
	}
}

static void add_leaf7(struct builder *b)
{
	u32 w[CPUID_W_NR];
	struct vmx_cpuid_entry2 *e;
	u32 max, i;

	host_words(b, 7, 0, w);
	max = w[CPUID_W_EAX] < 2 ? w[CPUID_W_EAX] : 2;
	e = add_masked(b, 7, 0, true);
	e->eax = max;
	for (i = 1; i <= max; i++)
		add_masked(b, 7, i, true);
}

/* Leaf 0xd (SDM 1 13.2): the components offered, their geometry as the host has it. */
static void add_xstate(struct builder *b)
{
	u64 xcr0 = cpuid_supported_xcr0(b->env);
	struct cpuid_xstate x;
	struct vmx_cpuid_entry2 *e;
	u32 w[CPUID_W_NR];
	u32 i;

	if (!xcr0)
		return;
	cpuid_xstate_init(&x, b->env->host, b->env->ctx);
	e = add(b, 0xd, 0, true);
	e->eax = (u32)xcr0;
	e->edx = (u32)(xcr0 >> 32);
	e->ebx = cpuid_xsave_size(&x, xcr0, false);
	e->ecx = e->ebx;

	e = add(b, 0xd, 1, true);
	e->eax = cpuid_mask(b->env, 0xd, 1, CPUID_W_EAX);
	/* No supervisor component is offered, so IA32_XSS can only be 0. */
	if (e->eax & (BIT(1) | BIT(3)))
		e->ebx = cpuid_xsave_size(&x, xcr0, true);

	for (i = 2; i < 63; i++) {
		if (!(xcr0 >> i & 1))
			continue;
		host_words(b, 0xd, i, w);
		w[CPUID_W_ECX] &= XSTATE_FLAG_SUPERVISOR | XSTATE_FLAG_ALIGNED;
		w[CPUID_W_EDX] = 0;
		set_words(add(b, 0xd, i, true), w);
	}
}

static void add_basic(struct builder *b)
{
	u32 w[CPUID_W_NR];
	struct vmx_cpuid_entry2 *e;
	u32 max;

	host_words(b, 0, 0, w);
	max = w[CPUID_W_EAX] < MAX_BASIC ? w[CPUID_W_EAX] : MAX_BASIC;
	w[CPUID_W_EAX] = max;
	set_words(add(b, 0, 0, false), w);
	if (max < 1)
		return;

	host_words(b, 1, 0, w);
	e = add_masked(b, 1, 0, false);
	e->eax = w[CPUID_W_EAX];
	e->ebx = w[CPUID_W_EBX] & LEAF1_CLFLUSH_SIZE; /* no APIC id, no logical CPU count */
	if (max >= 2)
		add_host(b, 2);
	if (max >= 4)
		add_caches(b, 4, CACHE_SHARING_4);
	if (max >= 6)
		add_masked(b, 6, 0, false);
	if (max >= 7)
		add_leaf7(b);
	/* Subleaf 0 with a zero level count: "no topology here", until the VMM fills it in. */
	if (max >= 0xb)
		add(b, 0xb, 0, true);
	if (max >= 0xd)
		add_xstate(b);
	if (max >= 0x1f)
		add(b, 0x1f, 0, true);
}

static void add_hypervisor(struct builder *b)
{
	struct vmx_cpuid_entry2 *e;

	e = add(b, VMX_PV_CPUID_SIGNATURE, 0, false);
	e->eax = VMX_PV_CPUID_FEATURES;
	e->ebx = VMX_PV_SIGNATURE_EBX;
	e->ecx = VMX_PV_SIGNATURE_ECX;
	e->edx = VMX_PV_SIGNATURE_EDX;
	add_masked(b, VMX_PV_CPUID_FEATURES, 0, false);
}

static void add_extended(struct builder *b)
{
	u32 w[CPUID_W_NR];
	struct vmx_cpuid_entry2 *e;
	u32 max, leaf, virt;

	host_words(b, 0x80000000, 0, w);
	if (w[CPUID_W_EAX] < 0x80000001 || w[CPUID_W_EAX] > 0x8000ffff)
		return;
	max = w[CPUID_W_EAX] < MAX_EXT ? w[CPUID_W_EAX] : MAX_EXT;
	w[CPUID_W_EAX] = max;
	set_words(add(b, 0x80000000, 0, false), w);

	host_words(b, 0x80000001, 0, w);
	add_masked(b, 0x80000001, 0, false)->eax = w[CPUID_W_EAX];
	for (leaf = 0x80000002; leaf <= 0x80000006 && leaf <= max; leaf++)
		add_host(b, leaf);
	if (max >= 0x80000007)
		add_masked(b, 0x80000007, 0, false);
	if (max >= 0x80000008) {
		host_words(b, 0x80000008, 0, w);
		virt = w[CPUID_W_EAX] >> 8 & 0xff;
		if (virt != 48 && !(virt == 57 && b->env->la57))
			virt = 48;
		e = add_masked(b, 0x80000008, 0, false);
		e->eax = b->env->host_phys_bits | virt << 8;
	}
	if (max >= 0x80000019)
		add_host(b, 0x80000019);
	if (max >= 0x8000001a)
		add_masked(b, 0x8000001a, 0, false);
	if (max >= 0x8000001d)
		add_caches(b, 0x8000001d, CACHE_SHARING_1D);
	if (max >= 0x8000001e)
		add(b, 0x8000001e, 0, false);
	if (max >= 0x80000021)
		add_masked(b, 0x80000021, 0, false);
}

int cpuid_supported(const struct cpuid_env *env, struct vmx_cpuid_entry2 *entries,
		    unsigned int room)
{
	struct builder b = { .env = env, .entries = entries, .room = room };

	if (!room)
		return -E2BIG;
	add_basic(&b);
	add_hypervisor(&b);
	add_extended(&b);
	return b.full ? -E2BIG : (int)b.count;
}

int cpuid_emulated(struct vmx_cpuid_entry2 *entries, unsigned int room)
{
	struct builder b = { .entries = entries, .room = room };

	if (room < 1)
		return -E2BIG;
	/* The decoder knows MOVBE whatever the host's CPU has (leaf 1 ecx 22). */
	add(&b, 1, 0, false)->ecx = BIT(22);
	return (int)b.count;
}
