// SPDX-License-Identifier: GPL-2.0-only
/*
 * GET_SREGS, SET_SREGS and their second forms; TRANSLATE. The VMM sets a whole state at once, so the checks
 * are on the result, not on transitions (SDM 3A 2.5, 4.1).
 */
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "gmem.h"
#include "mmu/mmu.h"
#include "irqchip/irqchip.h"
#include "memslot.h"
#include "x86/cr.h"
#include "x86/inject.h"
#include "x86/state.h"
#include "x86/x86.h"

/* vmx_sregs2 begins like vmx_sregs: the common part is handled once. */
static_assert(offsetof(struct vmx_sregs, interrupt_bitmap) == offsetof(struct vmx_sregs2, flags));
#define COMMON_SIZE offsetof(struct vmx_sregs, interrupt_bitmap)

static void get_common(struct vcpu *vcpu, struct vmx_sregs *s)
{
	vcpu_get_segment(vcpu, VCPU_SEG_CS, &s->cs);
	vcpu_get_segment(vcpu, VCPU_SEG_DS, &s->ds);
	vcpu_get_segment(vcpu, VCPU_SEG_ES, &s->es);
	vcpu_get_segment(vcpu, VCPU_SEG_FS, &s->fs);
	vcpu_get_segment(vcpu, VCPU_SEG_GS, &s->gs);
	vcpu_get_segment(vcpu, VCPU_SEG_SS, &s->ss);
	vcpu_get_segment(vcpu, VCPU_SEG_TR, &s->tr);
	vcpu_get_segment(vcpu, VCPU_SEG_LDTR, &s->ldt);
	backend_call(get_gdt)(vcpu, &s->gdt);
	backend_call(get_idt)(vcpu, &s->idt);
	s->cr0 = vcpu_cr0(vcpu);
	s->cr2 = vcpu->cr2;
	s->cr3 = vcpu_cr3(vcpu);
	s->cr4 = vcpu_cr4(vcpu);
	s->cr8 = x86_get_cr8(vcpu);
	s->efer = vcpu_efer(vcpu);
	s->apic_base = lapic_get_base(vcpu);
}

bool sregs_state_valid(struct vcpu *vcpu, const struct vmx_sregs *s)
{
	if ((s->efer & EFER_LME) && (s->cr0 & X86_CR0_PG)) {
		if (s->cr3 >> x86_maxphyaddr(vcpu))
			return false;
	} else if (s->cs.l) {
		/* A 64-bit code segment exists in long mode only. */
		return false;
	}
	return x86_cr_state_valid(vcpu, s->cr0, s->cr4, s->efer);
}

void sregs_load(struct vcpu *vcpu, const struct vmx_sregs *s)
{
	backend_call(set_idt)(vcpu, &s->idt);
	backend_call(set_gdt)(vcpu, &s->gdt);
	x86_force_efer(vcpu, s->efer);
	x86_force_cr0(vcpu, s->cr0);
	x86_force_cr4(vcpu, s->cr4);
	x86_force_cr3(vcpu, s->cr3);

	vcpu_set_segment(vcpu, VCPU_SEG_CS, &s->cs);
	vcpu_set_segment(vcpu, VCPU_SEG_DS, &s->ds);
	vcpu_set_segment(vcpu, VCPU_SEG_ES, &s->es);
	vcpu_set_segment(vcpu, VCPU_SEG_FS, &s->fs);
	vcpu_set_segment(vcpu, VCPU_SEG_GS, &s->gs);
	vcpu_set_segment(vcpu, VCPU_SEG_SS, &s->ss);
	vcpu_set_segment(vcpu, VCPU_SEG_TR, &s->tr);
	vcpu_set_segment(vcpu, VCPU_SEG_LDTR, &s->ldt);

	/* Any translation of the old state is void. */
	mmu_guest_flush(vcpu, ~0ULL, false);
	vcpu_request(vcpu, REQ_MMU_RELOAD);
	vcpu_request(vcpu, REQ_TLB_FLUSH);
	vcpu_request(vcpu, REQ_EVENT);
}

/* Returns 0 or -EINVAL; nothing has changed then. */
static long set_common(struct vcpu *vcpu, const struct vmx_sregs *s)
{
	if (!sregs_state_valid(vcpu, s))
		return -EINVAL;
	if (lapic_get_base(vcpu) != s->apic_base && lapic_set_base(vcpu, s->apic_base, true))
		return -EINVAL;

	vcpu->cr2 = s->cr2;
	/* Bits beyond the TPR's four are ignored here, as they always were. */
	x86_set_cr8(vcpu, s->cr8 & 0xf);
	sregs_load(vcpu, s);
	/* Who loads a state has put its memory in place, too, without the pager's knowing. */
	mmu_shadow_forget(vcpu->vm);
	return 0;
}

void sregs_get(struct vcpu *vcpu, struct vmx_sregs *s)
{
	const struct vcpu_events *ev = &vcpu->events;

	memset(s, 0, sizeof(*s));
	get_common(vcpu, s);
	if (ev->injected.type == VM_EVENT_IRQ)
		__set_bit(ev->injected.vector, (unsigned long *)s->interrupt_bitmap);
	else if (ev->irq_pending)
		__set_bit(ev->irq_vector, (unsigned long *)s->interrupt_bitmap);
}

long sregs_set(struct vcpu *vcpu, const struct vmx_sregs *s)
{
	unsigned long vector;
	long r;

	r = set_common(vcpu, s);
	if (r)
		return r;
	vector = find_first_bit((const unsigned long *)s->interrupt_bitmap, VMX_NR_INTERRUPTS);
	if (vector < VMX_NR_INTERRUPTS)
		inject_restore_irq(vcpu, vector);
	return 0;
}

static bool pae_paging(u64 cr0, u64 cr4, u64 efer)
{
	return (cr0 & X86_CR0_PG) && (cr4 & X86_CR4_PAE) && !(efer & EFER_LMA);
}

/* Present entries: bits 2:1, 8:5 and those above the address are reserved (SDM 3A 4.4.1). */
static bool pdptes_valid(struct vcpu *vcpu, const u64 pdptes[4])
{
	unsigned int i;

	for (i = 0; i < 4; i++)
		if ((pdptes[i] & 1) && (pdptes[i] & (0x1e6ULL | ~0ULL << x86_maxphyaddr(vcpu))))
			return false;
	return true;
}

/* Where guest memory has them: bits 31:5 of CR3 (SDM 3A 4.4.1). */
static int read_pdptes(struct vcpu *vcpu, u64 cr3, u64 pdptes[4])
{
	return gmem_vcpu_read(vcpu, cr3 & GENMASK_ULL(31, 5), pdptes, 4 * sizeof(pdptes[0]));
}

bool x86_pdptes_refused(struct vcpu *vcpu, u64 cr0, u64 cr3, u64 cr4)
{
	u64 pdptes[4];

	/* LMA is LME's, once paging is on. */
	if (!mmu_shadow_vm(vcpu->vm) || !pae_paging(cr0, cr4, vcpu_efer(vcpu)) || (vcpu_efer(vcpu) & EFER_LME))
		return false;
	return !read_pdptes(vcpu, cr3, pdptes) && !pdptes_valid(vcpu, pdptes);
}

void x86_load_pdptes(struct vcpu *vcpu)
{
	u64 pdptes[4];

	if (!pae_paging(vcpu_cr0(vcpu), vcpu_cr4(vcpu), vcpu_efer(vcpu)))
		return;
	/* Nothing there, or what the CPU would refuse to enter with: no page is present then. */
	if (read_pdptes(vcpu, vcpu_cr3(vcpu), pdptes) || !pdptes_valid(vcpu, pdptes))
		memset(pdptes, 0, sizeof(pdptes));
	backend_call(set_pdptes)(vcpu, pdptes);
}

/*
 * Where the CPU takes the PDPTEs from guest memory (APM 2 15.25.10), reading them there shows what it
 * uses.
 */
static long get_sregs2(struct vcpu *vcpu, struct vmx_sregs2 *s)
{
	memset(s, 0, sizeof(*s));
	get_common(vcpu, (struct vmx_sregs *)s);
	if (!pae_paging(s->cr0, s->cr4, s->efer))
		return 0;
	if (backend_caps->holds_pdptes && !(READ_ONCE(vcpu->requests) & BIT(REQ_LOAD_PDPTES)))
		backend_call(get_pdptes)(vcpu, s->pdptrs);
	else if (read_pdptes(vcpu, vcpu_cr3(vcpu), s->pdptrs))
		return 0;
	s->flags = VMX_SREGS2_FLAGS_PDPTRS_VALID;
	return 0;
}

static long set_sregs2(struct vcpu *vcpu, const struct vmx_sregs2 *s)
{
	bool given = s->flags & VMX_SREGS2_FLAGS_PDPTRS_VALID;
	long r;

	if (s->flags & ~(u64)VMX_SREGS2_FLAGS_PDPTRS_VALID)
		return -EINVAL;
	if (given && (!pae_paging(s->cr0, s->cr4, s->efer) || !pdptes_valid(vcpu, s->pdptrs)))
		return -EINVAL;
	r = set_common(vcpu, (const struct vmx_sregs *)s);
	if (r || !given || !backend_caps->holds_pdptes)
		return r;
	backend_call(set_pdptes)(vcpu, s->pdptrs);
	vcpu_take_request(vcpu, REQ_LOAD_PDPTES);
	return 0;
}

static long translate(struct vcpu *vcpu, void __user *argp)
{
	struct vmx_translation t;

	if (copy_from_user(&t, argp, sizeof(t)))
		return -EFAULT;
	t.physical_address = GPA_INVALID;
	t.valid = gva_peek(vcpu, t.linear_address, &t.physical_address);
	/* What the entries allow has never been told here. */
	t.writeable = 1;
	t.usermode = 0;
	return copy_to_user(argp, &t, sizeof(t)) ? -EFAULT : 0;
}

/* Both structs fit; the heap, since the stack is not for 320 bytes more in this call chain. */
union any_sregs {
	struct vmx_sregs one;
	struct vmx_sregs2 two;
};

long sregs_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;
	union any_sregs *s;
	long r = 0;

	if (cmd == VMX_TRANSLATE)
		return translate(vcpu, argp);
	if (cmd != VMX_GET_SREGS && cmd != VMX_SET_SREGS && cmd != VMX_GET_SREGS2 &&
	    cmd != VMX_SET_SREGS2)
		return -ENOIOCTLCMD;
	s = kzalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	switch (cmd) {
	case VMX_GET_SREGS:
		sregs_get(vcpu, &s->one);
		if (copy_to_user(argp, &s->one, sizeof(s->one)))
			r = -EFAULT;
		break;
	case VMX_SET_SREGS:
		r = copy_from_user(&s->one, argp, sizeof(s->one)) ? -EFAULT :
								     sregs_set(vcpu, &s->one);
		break;
	case VMX_GET_SREGS2:
		r = get_sregs2(vcpu, &s->two);
		if (!r && copy_to_user(argp, &s->two, sizeof(s->two)))
			r = -EFAULT;
		break;
	case VMX_SET_SREGS2:
		r = copy_from_user(&s->two, argp, sizeof(s->two)) ? -EFAULT :
								     set_sregs2(vcpu, &s->two);
		break;
	}
	kfree(s);
	return r;
}
