// SPDX-License-Identifier: GPL-2.0-only
/* CPUID over the pure policy: the host's side, the CPUID exit, and the ioctls. */
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <asm/cpufeature.h>
#include <asm/fpu/xcr.h>
#include <asm/msr.h>
#include <asm/processor.h>

#include "backend.h"
#include "irqchip/irqchip.h"
#include "x86/cr.h"
#include "x86/state.h"
#include "x86/x86.h"

struct x86_host x86_host;

/* Leaf registers that the kernel keeps a copy of, without what it has switched off. */
static const struct {
	u32 leaf;
	u8 subleaf;
	u8 word;
	u8 capability; /* index into boot_cpu_data.x86_capability */
} kernel_words[] = {
	{ 1, 0, CPUID_W_EDX, CPUID_1_EDX },
	{ 1, 0, CPUID_W_ECX, CPUID_1_ECX },
	{ 7, 0, CPUID_W_EBX, CPUID_7_0_EBX },
	{ 7, 0, CPUID_W_ECX, CPUID_7_ECX },
	{ 7, 0, CPUID_W_EDX, CPUID_7_EDX },
	{ 7, 1, CPUID_W_EAX, CPUID_7_1_EAX },
	{ 0xd, 1, CPUID_W_EAX, CPUID_D_1_EAX },
	{ 0x80000001, 0, CPUID_W_EDX, CPUID_8000_0001_EDX },
	{ 0x80000001, 0, CPUID_W_ECX, CPUID_8000_0001_ECX },
	{ 0x80000008, 0, CPUID_W_EBX, CPUID_8000_0008_EBX },
};

static void host_cpuid(void *ctx, u32 leaf, u32 subleaf, u32 out[CPUID_W_NR])
{
	u32 la57;
	unsigned int i;

	cpuid_count(leaf, subleaf, &out[CPUID_W_EAX], &out[CPUID_W_EBX], &out[CPUID_W_ECX],
		    &out[CPUID_W_EDX]);
	la57 = out[CPUID_W_ECX] & BIT(16);
	for (i = 0; i < ARRAY_SIZE(kernel_words); i++)
		if (kernel_words[i].leaf == leaf && kernel_words[i].subleaf == subleaf)
			out[kernel_words[i].word] &=
				boot_cpu_data.x86_capability[kernel_words[i].capability];
	/* A kernel built without protection keys leaves the bit there and never sets CR4.PKE. */
	if (leaf == 7 && !subleaf && !boot_cpu_has(X86_FEATURE_OSPKE))
		out[CPUID_W_ECX] &= ~BIT(3);
	/* A guest's paging has as many levels as the CPU can do, whatever the host's kernel was built for. */
	if (leaf == 7 && !subleaf)
		out[CPUID_W_ECX] |= la57;
}

/* Bits of ARCH_CAPABILITIES that describe the CPU and need nothing of us (SDM 4). */
#define ARCH_CAP_PASSED                                                                      \
	(ARCH_CAP_RDCL_NO | ARCH_CAP_IBRS_ALL | ARCH_CAP_RSBA | ARCH_CAP_SSB_NO |            \
	 ARCH_CAP_MDS_NO | ARCH_CAP_TAA_NO | ARCH_CAP_SBDR_SSDP_NO | ARCH_CAP_FBSDP_NO |     \
	 ARCH_CAP_PSDP_NO | ARCH_CAP_FB_CLEAR | ARCH_CAP_RRSBA | ARCH_CAP_BHI_NO |           \
	 ARCH_CAP_PBRSB_NO | ARCH_CAP_GDS_NO)

/*
 * Which bits of SPEC_CTRL a CPU has CPUID tells only of those that one knows, and the world switch writes it
 * where no fault is caught, and a guest that it is passed to writes what it likes: try each bit.
 */
static u64 host_spec_ctrl(void)
{
	u64 was, bits = 0;
	unsigned long flags;
	unsigned int i;

	if (!boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL))
		return 0;
	local_irq_save(flags);
	if (!rdmsrl_safe(MSR_IA32_SPEC_CTRL, &was)) {
		for (i = 0; i < 64; i++)
			if (!wrmsrl_safe(MSR_IA32_SPEC_CTRL, was ^ BIT_ULL(i)))
				bits |= BIT_ULL(i);
		bits |= was;
		wrmsrl(MSR_IA32_SPEC_CTRL, was);
	}
	local_irq_restore(flags);
	return bits;
}

static void host_msrs(struct x86_host *h)
{
	u64 val;

	h->spec_ctrl = host_spec_ctrl();

	if (boot_cpu_has(X86_FEATURE_ARCH_CAPABILITIES)) {
		rdmsrl(MSR_IA32_ARCH_CAPABILITIES, val);
		/* The host flushes L1D and splits huge pages on the guest's behalf. */
		h->arch_cap = (val & ARCH_CAP_PASSED) | ARCH_CAP_SKIP_VMENTRY_L1DFLUSH |
			      ARCH_CAP_PSCHANGE_MC_NO;
		h->env.arch_cap = true;
	}
	if (boot_cpu_has(X86_FEATURE_LFENCE_RDTSC))
		h->de_cfg = BIT_ULL(1);
	if (rdmsrl_safe(MSR_IA32_UCODE_REV, &val))
		val = 0;
	h->ucode_rev = val ? val : msr_rule(GMSR_UCODE_REV)->reset;
}

int cpuid_host_init(void)
{
	struct x86_host *h = &x86_host;
	int n;

	h->env.host = host_cpuid;
	if (boot_cpu_has(X86_FEATURE_XSAVE))
		h->xcr0 = xgetbv(XCR_XFEATURE_ENABLED_MASK);
	if (boot_cpu_has(X86_FEATURE_XSAVES))
		rdmsrl(MSR_IA32_XSS, h->xss);
	h->env.host_xcr0 = h->xcr0;
	h->env.host_phys_bits = boot_cpu_data.x86_phys_bits;
	h->env.tdp = backend_caps->nested_paging;
	h->env.la57 = backend_caps->cr4_allowed & X86_CR4_LA57;
	h->env.tsc_aux = boot_cpu_has(X86_FEATURE_RDTSCP) || boot_cpu_has(X86_FEATURE_RDPID);
	h->env.spec_ctrl = boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL);
	host_msrs(h);
	cpuid_xstate_init(&h->xstate, host_cpuid, NULL);
	h->guest_xcr0 = cpuid_supported_xcr0(&h->env);
	n = cpuid_supported(&h->env, h->supported, ARRAY_SIZE(h->supported));
	if (n < 0)
		return n;
	h->nr_supported = n;
	return 0;
}

/* ---- one vCPU ---- */

static void update_limits(struct vcpu *vcpu)
{
	struct vcpu_x86 *x = vcpu->x86;

	x->cr4_allowed = backend_caps->cr4_allowed & ~cpuid_cr4_reserved(x->cpuid);
	x->efer_allowed = backend_caps->efer_allowed & cpuid_efer_allowed(x->cpuid);
}

int cpuid_vcpu_create(struct vcpu *vcpu)
{
	struct cpuid_table *t = kvzalloc(cpuid_table_size(0), GFP_KERNEL_ACCOUNT);

	if (!t)
		return -ENOMEM;
	cpuid_table_build(t, NULL, 0);
	vcpu->x86->cpuid = t;
	update_limits(vcpu);
	return 0;
}

void cpuid_vcpu_destroy(struct vcpu *vcpu)
{
	kvfree(vcpu->x86->cpuid);
}

static void runtime_state(struct vcpu *vcpu, struct cpuid_runtime *r)
{
	struct vcpu_x86 *x = vcpu->x86;

	r->cr4 = vcpu_cr4(vcpu);
	r->xcr0 = x->xcr0;
	r->xss = x->xss;
	r->has_apic = vcpu->lapic;
	r->apic_enabled = vcpu->lapic && (lapic_get_base(vcpu) & MSR_IA32_APICBASE_ENABLE);
	r->mwait_follows = vcpu->vm->disabled_quirks & VMX_X86_QUIRK_MISC_ENABLE_NO_MWAIT;
	r->mwait = x->misc_enable & MSR_IA32_MISC_ENABLE_MWAIT;
	r->hlt_in_guest = vcpu->vm->disabled_exits & VMX_X86_DISABLE_EXITS_HLT;
}

void cpuid_vcpu_refresh(struct vcpu *vcpu)
{
	struct cpuid_runtime r;

	runtime_state(vcpu, &r);
	cpuid_runtime_update(vcpu->x86->cpuid, &x86_host.xstate, &r);
	fpu_cpuid_changed(vcpu);
}

/*
 * CR4 may change without an exit, and the APIC's enable is the APIC's: these three bits are made
 * when they are asked for. The rest of the run-time bits are in the table.
 */
static noinline void cpuid_live_bits(struct vcpu *vcpu, const struct cpuid_table *t, u32 leaf, u32 *ecx,
				     u32 *edx)
{
	if (leaf == 1) {
		if (cpuid_has(t, CPUID_F_XSAVE)) {
			*ecx &= ~BIT(27);
			if (vcpu_cr4(vcpu) & X86_CR4_OSXSAVE)
				*ecx |= BIT(27);
		}
		if (vcpu->lapic) {
			*edx &= ~BIT(9);
			if (lapic_get_base(vcpu) & MSR_IA32_APICBASE_ENABLE)
				*edx |= BIT(9);
		}
	} else if (leaf == 7 && cpuid_has(t, CPUID_F_PKU)) {
		*ecx &= ~BIT(4);
		if (vcpu_cr4(vcpu) & X86_CR4_PKE)
			*ecx |= BIT(4);
	}
}

void x86_cpuid(struct vcpu *vcpu, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx)
{
	const struct cpuid_table *t = vcpu->x86->cpuid;
	u32 leaf = *eax, subleaf = *ecx, w[CPUID_W_NR];

	if (unlikely(leaf == 0xd))
		fpu_read_xcr0(vcpu);
	cpuid_query(t, leaf, subleaf, w);
	if (leaf == 1 || (leaf == 7 && !subleaf))
		cpuid_live_bits(vcpu, t, leaf, &w[CPUID_W_ECX], &w[CPUID_W_EDX]);
	*eax = w[CPUID_W_EAX];
	*ebx = w[CPUID_W_EBX];
	*ecx = w[CPUID_W_ECX];
	*edx = w[CPUID_W_EDX];
}

static noinline void cpuid_exec_slow(struct vcpu *vcpu)
{
	u32 eax = vcpu->regs[VCPU_RAX], ecx = vcpu->regs[VCPU_RCX], ebx, edx;

	x86_cpuid(vcpu, &eax, &ebx, &ecx, &edx);
	vcpu->regs[VCPU_RAX] = eax;
	vcpu->regs[VCPU_RBX] = ebx;
	vcpu->regs[VCPU_RCX] = ecx;
	vcpu->regs[VCPU_RDX] = edx;
}

/* Leaves that show state: looked up and then changed. */
#define CPUID_LIVE_LEAVES (BIT(1) | BIT(7) | BIT(0xd))

void x86_cpuid_exec(struct vcpu *vcpu)
{
	u32 leaf = vcpu->regs[VCPU_RAX];
	const struct cpuid_row *row;

	vcpu->regs_dirty |= BIT(VCPU_RAX);
	row = cpuid_find(vcpu->x86->cpuid, leaf, vcpu->regs[VCPU_RCX]);
	if (unlikely(!row || (leaf < 32 && (CPUID_LIVE_LEAVES >> leaf & 1)))) {
		cpuid_exec_slow(vcpu);
		return;
	}
	vcpu->regs[VCPU_RAX] = row->word[CPUID_W_EAX];
	vcpu->regs[VCPU_RBX] = row->word[CPUID_W_EBX];
	vcpu->regs[VCPU_RCX] = row->word[CPUID_W_ECX];
	vcpu->regs[VCPU_RDX] = row->word[CPUID_W_EDX];
}

u64 x86_cr4_guest_allowed(struct vcpu *vcpu)
{
	return vcpu->x86->cr4_allowed;
}

u64 x86_efer_guest_allowed(struct vcpu *vcpu)
{
	return vcpu->x86->efer_allowed;
}

u64 x86_xcr0_guest_allowed(struct vcpu *vcpu)
{
	return vcpu->x86->cpuid->xcr0 & x86_host.guest_xcr0;
}

unsigned int x86_maxphyaddr(struct vcpu *vcpu)
{
	return vcpu->x86->cpuid->phys_bits;
}

/* ---- ioctls ---- */

/* Same values, runtime bits included? Once the guest has run its model is fixed. */
static bool same_table(const struct cpuid_table *a, const struct cpuid_table *b)
{
	u32 i;

	if (a->count != b->count)
		return false;
	for (i = 0; i < a->count; i++) {
		const struct cpuid_row *p = &a->rows[i], *q = &b->rows[i];

		if (p->leaf != q->leaf || p->subleaf != q->subleaf || p->flags != q->flags ||
		    memcmp(p->word, q->word, sizeof(p->word)))
			return false;
	}
	return true;
}

static long install(struct vcpu *vcpu, const struct vmx_cpuid_entry2 *entries, u32 nent)
{
	struct vcpu_x86 *x = vcpu->x86;
	struct cpuid_runtime runtime;
	struct cpuid_table *t;
	long r;

	t = kvzalloc(cpuid_table_size(nent), GFP_KERNEL_ACCOUNT);
	if (!t)
		return -ENOMEM;
	r = cpuid_table_build(t, entries, nent);
	if (r)
		goto free_table;
	runtime_state(vcpu, &runtime);
	cpuid_runtime_update(t, &x86_host.xstate, &runtime);
	if (x->ran) {
		cpuid_vcpu_refresh(vcpu);
		if (!same_table(t, x->cpuid))
			r = -EINVAL;
		goto free_table;
	}
	r = hv_cpuid_changed(vcpu, t);
	if (r)
		goto free_table;
	swap(t, x->cpuid);
	update_limits(vcpu);
	backend_call(vcpu_update_policy)(vcpu);
	vcpu_request(vcpu, REQ_MMU_RELOAD);
free_table:
	kvfree(t);
	return r;
}

static long set_cpuid2(struct vcpu *vcpu, struct vmx_cpuid2 __user *argp)
{
	struct vmx_cpuid_entry2 *entries = NULL;
	struct vmx_cpuid2 head;
	long r;

	if (copy_from_user(&head, argp, sizeof(head)))
		return -EFAULT;
	if (head.nent > CPUID_MAX_ENTRIES)
		return -E2BIG;
	if (head.nent) {
		entries = vmemdup_user(argp->entries, head.nent * sizeof(*entries));
		if (IS_ERR(entries))
			return PTR_ERR(entries);
	}
	r = install(vcpu, entries, head.nent);
	kvfree(entries);
	return r;
}

/* The old form: no subleaves. */
static long set_cpuid(struct vcpu *vcpu, struct vmx_cpuid __user *argp)
{
	struct vmx_cpuid_entry2 *entries;
	struct vmx_cpuid_entry *old = NULL;
	struct vmx_cpuid head;
	long r;
	u32 i;

	if (copy_from_user(&head, argp, sizeof(head)))
		return -EFAULT;
	if (head.nent > CPUID_MAX_ENTRIES)
		return -E2BIG;
	if (head.nent) {
		old = vmemdup_user(argp->entries, head.nent * sizeof(*old));
		if (IS_ERR(old))
			return PTR_ERR(old);
	}
	entries = kvcalloc(head.nent, sizeof(*entries), GFP_KERNEL_ACCOUNT);
	if (!entries && head.nent) {
		r = -ENOMEM;
		goto free_old;
	}
	for (i = 0; i < head.nent; i++) {
		entries[i].function = old[i].function;
		entries[i].eax = old[i].eax;
		entries[i].ebx = old[i].ebx;
		entries[i].ecx = old[i].ecx;
		entries[i].edx = old[i].edx;
	}
	r = install(vcpu, entries, head.nent);
	kvfree(entries);
free_old:
	kvfree(old);
	return r;
}

long cpuid_copy_list(struct vmx_cpuid2 __user *argp, const struct vmx_cpuid_entry2 *entries,
		     u32 nent)
{
	struct vmx_cpuid2 head;

	if (copy_from_user(&head, argp, sizeof(head)))
		return -EFAULT;
	if (head.nent < nent)
		return -E2BIG;
	head.nent = nent;
	if (copy_to_user(argp, &head, sizeof(head)) ||
	    copy_to_user(argp->entries, entries, nent * sizeof(*entries)))
		return -EFAULT;
	return 0;
}

static long get_cpuid2(struct vcpu *vcpu, struct vmx_cpuid2 __user *argp)
{
	struct cpuid_table *t = vcpu->x86->cpuid;
	struct vmx_cpuid_entry2 *entries;
	long r;

	entries = kvcalloc(t->count + 1, sizeof(*entries), GFP_KERNEL);
	if (!entries)
		return -ENOMEM;
	cpuid_vcpu_refresh(vcpu);
	cpuid_table_export(t, entries);
	r = cpuid_copy_list(argp, entries, t->count);
	kvfree(entries);
	return r;
}

long cpuid_dev_ioctl(unsigned int cmd, unsigned long arg)
{
	struct vmx_cpuid_entry2 emulated[1];

	switch (cmd) {
	case VMX_GET_SUPPORTED_CPUID:
		return cpuid_copy_list((void __user *)arg, x86_host.supported, x86_host.nr_supported);
	case VMX_GET_EMULATED_CPUID:
		return cpuid_copy_list((void __user *)arg, emulated,
				       cpuid_emulated(emulated, ARRAY_SIZE(emulated)));
	default:
		return -ENOIOCTLCMD;
	}
}

long cpuid_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VMX_SET_CPUID2:
		return set_cpuid2(vcpu, (void __user *)arg);
	case VMX_GET_CPUID2:
		return get_cpuid2(vcpu, (void __user *)arg);
	case VMX_SET_CPUID:
		return set_cpuid(vcpu, (void __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}
