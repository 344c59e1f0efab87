// SPDX-License-Identifier: GPL-2.0-only
/* A vCPU's local APIC: life, reset, INIT and SIPI, IA32_APIC_BASE, ioctls. */
#include <linux/log2.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "irqchip/chip.h"
#include "mmu/mmu.h"
#include "vcpu.h"
#include "x86/x86.h"

static bool vcpu_is_bsp(const struct vcpu *vcpu)
{
	return vcpu->id == vcpu->vm->bsp_vcpu_id;
}

/* ---- life ---- */

int irqchip_vcpu_create(struct vcpu *vcpu)
{
	struct vm_irqchip *chip = vcpu->vm->irqchip;
	struct vcpu_lapic *vl;
	int ret;

	vcpu->apic_base = LAPIC_DEFAULT_BASE | LAPIC_BASE_ENABLE |
			  (vcpu_is_bsp(vcpu) ? LAPIC_BASE_BSP : 0);
	if (!chip)
		return 0;
	ret = apic_map_reserve(chip, vcpu->id);
	if (ret)
		return ret;
	/* A power of two is aligned to itself, and hardware wants that of the posted-interrupt descriptor. */
	vl = kzalloc(roundup_pow_of_two(sizeof(*vl)), GFP_KERNEL_ACCOUNT);
	if (!vl)
		return -ENOMEM;
	vl->model.regs = (u8 *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!vl->model.regs) {
		kfree(vl);
		return -ENOMEM;
	}
	vl->vcpu = vcpu;
	vl->model.id = vcpu->id;
	vl->model.lint0_extint = vcpu_is_bsp(vcpu) &&
				 !(vcpu->vm->disabled_quirks & VMX_X86_QUIRK_LINT0_REENABLED);
	lapic_timer_create(vl);
	lapic_init(&vl->model, vcpu_is_bsp(vcpu));
	vl->extint = &chip->pic.output;
	if (vcpu->vm->split_irqchip) {
		vl->extint = &vl->extint_pending;
		vcpu->run_extras |= VCPU_RUN_SPLIT;
	}
	static_assert(LAPIC_PIR_ANY == IRQ_POSTED);
	vcpu->irq_posted = &vl->post.pi.control;
	vcpu->lapic = vl;
	return 0;
}

void irqchip_vcpu_destroy(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	if (!vl)
		return;
	lapic_timer_destroy(vl);
	vcpu->lapic = NULL;
	free_page((unsigned long)vl->model.regs);
	kfree(vl);
}

void irqchip_vcpu_online(struct vcpu *vcpu)
{
	if (vcpu->lapic)
		apic_map_update(vcpu, true);
}

/* Interrupts on their way to an APIC that was reset are gone, and so are their EOIs. */
static void lapic_drop_posted(struct vcpu_lapic *vl)
{
	vl->pv_eoi_offered = false;
	lapic_pir_clear(&vl->post);
	if (lapic_unwatch_all(&vl->post))
		pit_dev_reset_reinject(vl->vcpu->vm->irqchip);
}

/*
 * IA32_APIC_BASE may have changed. The page that stands for LAPICs is there for all vCPUs or for none: one
 * whose registers are elsewhere would find it at an address where it has something else. It goes before such
 * a vCPU runs, and comes back when the last one has returned. (With a slot there and LAPICs that disagree,
 * who touches the address first decides for all: the tables are the VM's.)
 */
static void lapic_mode_changed(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	struct vm_irqchip *chip = vcpu->vm->irqchip;
	const u64 mask = ~(u64)(LAPIC_BASE_BSP | 0x2ff);
	bool moved = (vl->model.base & mask) != (LAPIC_DEFAULT_BASE | LAPIC_BASE_ENABLE);

	mutex_lock(&chip->map_lock);
	if (moved && !vl->moved && !chip->nr_moved++)
		mmu_lapic_page(vcpu->vm, false);
	backend_call(apic_mode)(vcpu);
	if (!moved && vl->moved && !--chip->nr_moved)
		mmu_lapic_page(vcpu->vm, true);
	vl->moved = moved;
	mutex_unlock(&chip->map_lock);
}

void irqchip_vcpu_reset(struct vcpu *vcpu, bool init)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	/* As the other PV areas: what starts after an INIT may not know of this one. */
	vcpu->pv_eoi_msr = 0;
	vcpu->pv_eoi = false;
	if (!vl) {
		vcpu->mp_state = VMX_MP_STATE_RUNNABLE;
		return;
	}
	lapic_drop_posted(vl);
	vl->extint_pending = false;
	if (init) {
		lapic_effects(vcpu, lapic_reset(&vl->model));
	} else {
		xchg(&vl->events, 0);
		WRITE_ONCE(vl->unhalt, false);
		lapic_init(&vl->model, vcpu_is_bsp(vcpu));
		lapic_effects(vcpu, LAPIC_FX_TIMER | LAPIC_FX_MAP | LAPIC_FX_LINT0);
		lapic_mode_changed(vcpu);
	}
	if (vcpu_is_bsp(vcpu))
		vcpu->mp_state = VMX_MP_STATE_RUNNABLE;
	else
		vcpu->mp_state = init ? VMX_MP_STATE_INIT_RECEIVED : VMX_MP_STATE_UNINITIALIZED;
}

/* ---- INIT and SIPI ---- */

/* SDM 3A 9.4.4.1: the vector is the page at which the CPU starts, in real mode. */
static void lapic_start_at(struct vcpu *vcpu, u8 vector)
{
	struct vmx_segment cs;

	vcpu_get_segment(vcpu, VCPU_SEG_CS, &cs);
	cs.selector = vector << 8;
	cs.base = (u64)vector << 12;
	vcpu_set_segment(vcpu, VCPU_SEG_CS, &cs);
	vcpu_set_reg(vcpu, VCPU_RIP, 0);
	vcpu->mp_state = VMX_MP_STATE_RUNNABLE;
}

void lapic_set_sipi_vector(struct vcpu *vcpu, u8 vector)
{
	if (vcpu->lapic)
		WRITE_ONCE(vcpu->lapic->sipi_vector, vector);
}

void lapic_serve_init_sipi(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	unsigned long events;

	if (!vl)
		return;
	if (unlikely(vcpu->smm)) {
		/* INIT is latched until RSM (SDM 3C 31.3.2), which asks again; nobody waits for a SIPI. */
		clear_bit(LAPIC_EVENT_SIPI, &vl->events);
		return;
	}
	events = xchg(&vl->events, 0);
	if (events & BIT(LAPIC_EVENT_INIT))
		vcpu_reset(vcpu, true);
	/* A start-up message to a CPU that does not wait for one is lost (SDM 3A 9.4.2). */
	if ((events & BIT(LAPIC_EVENT_SIPI)) && vcpu->mp_state == VMX_MP_STATE_INIT_RECEIVED)
		lapic_start_at(vcpu, READ_ONCE(vl->sipi_vector));
	vcpu->event_check = true;
}

bool lapic_init_latched(const struct vcpu *vcpu)
{
	return vcpu->lapic && test_bit(LAPIC_EVENT_INIT, &vcpu->lapic->events);
}

void lapic_set_init_latched(struct vcpu *vcpu, bool latched)
{
	if (!vcpu->lapic)
		return;
	if (latched) {
		set_bit(LAPIC_EVENT_INIT, &vcpu->lapic->events);
		vcpu_request(vcpu, REQ_INIT_SIPI);
	} else {
		clear_bit(LAPIC_EVENT_INIT, &vcpu->lapic->events);
	}
}

/* ---- IA32_APIC_BASE ---- */

u64 lapic_get_base(struct vcpu *vcpu)
{
	return vcpu->lapic ? vcpu->lapic->model.base : vcpu->apic_base;
}

int lapic_set_base(struct vcpu *vcpu, u64 val, bool host)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	u32 eax = 1, ebx = 0, ecx = 0, edx = 0;
	u64 old = lapic_get_base(vcpu);
	u64 reserved;

	if (val == old)
		return 0;
	x86_cpuid(vcpu, &eax, &ebx, &ecx, &edx);
	reserved = ~GENMASK_ULL(x86_maxphyaddr(vcpu) - 1, 0);
	/* CPUID.01H:ECX[21]: x2APIC. */
	if (lapic_base_check(old, val, host, ecx & BIT(21), reserved))
		return 1;
	if (!vl) {
		vcpu->apic_base = val;
		return 0;
	}
	lapic_pv_eoi_settle(vl);
	if ((old & LAPIC_BASE_ENABLE) && !(val & LAPIC_BASE_ENABLE))
		lapic_drop_posted(vl);
	lapic_effects(vcpu, lapic_base_set(&vl->model, val));
	lapic_mode_changed(vcpu);
	return 0;
}

/* ---- ioctls ---- */

static long lapic_ioctl_get(struct vcpu *vcpu, void __user *argp)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	struct vmx_lapic_state *s;
	long ret = 0;

	if (!vl)
		return -EINVAL;
	s = kmalloc(sizeof(*s), GFP_KERNEL);
	if (!s)
		return -ENOMEM;
	lapic_sync(vcpu);
	vcpu->event_check = true;
	/* A timer that ran out while the vCPU did not run: its interrupt is requested, in IRR. */
	lapic_serve_timer(vcpu);
	lapic_pv_eoi_settle(vl);
	vl->model.wide_ids = irq_wide_ids(vcpu->vm);
	lapic_get_state(&vl->model, s, ktime_get_ns());
	if (copy_to_user(argp, s, sizeof(*s)))
		ret = -EFAULT;
	kfree(s);
	return ret;
}

static long lapic_ioctl_set(struct vcpu *vcpu, const void __user *argp)
{
	struct vcpu_lapic *vl = vcpu->lapic;
	struct vmx_lapic_state *s;
	long ret;
	u32 fx;

	if (!vl)
		return -EINVAL;
	s = memdup_user(argp, sizeof(*s));
	if (IS_ERR(s))
		return PTR_ERR(s);
	vl->model.wide_ids = irq_wide_ids(vcpu->vm);
	lapic_drop_posted(vl);
	ret = lapic_set_state(&vl->model, s, ktime_get_ns(), &fx);
	if (!ret) {
		lapic_effects(vcpu, fx);
		vcpu->event_check = true;
	}
	kfree(s);
	return ret;
}

static long mp_state_get(struct vcpu *vcpu, void __user *argp)
{
	struct vmx_mp_state s;

	if (vcpu_take_request(vcpu, REQ_INIT_SIPI))
		lapic_serve_init_sipi(vcpu);
	s.mp_state = vcpu->mp_state;
	/* A PV kick that came after HLT: nothing to wait for any more. */
	if (s.mp_state == VMX_MP_STATE_HALTED && vcpu->lapic && READ_ONCE(vcpu->lapic->unhalt))
		s.mp_state = VMX_MP_STATE_RUNNABLE;
	return copy_to_user(argp, &s, sizeof(s)) ? -EFAULT : 0;
}

static long mp_state_set(struct vcpu *vcpu, const void __user *argp)
{
	struct vmx_mp_state s;

	if (copy_from_user(&s, argp, sizeof(s)))
		return -EFAULT;
	switch (s.mp_state) {
	case VMX_MP_STATE_RUNNABLE:
		break;
	case VMX_MP_STATE_INIT_RECEIVED:
	case VMX_MP_STATE_SIPI_RECEIVED:
		/* INIT is latched there. */
		if (vcpu->smm)
			return -EINVAL;
		fallthrough;
	case VMX_MP_STATE_UNINITIALIZED:
	case VMX_MP_STATE_HALTED:
	case VMX_MP_STATE_AP_RESET_HOLD:
		if (!vcpu->lapic)
			return -EINVAL;
		break;
	default:
		return -EINVAL;
	}
	if (s.mp_state == VMX_MP_STATE_SIPI_RECEIVED) {
		vcpu->mp_state = VMX_MP_STATE_INIT_RECEIVED;
		set_bit(LAPIC_EVENT_SIPI, &vcpu->lapic->events);
		vcpu_request(vcpu, REQ_INIT_SIPI);
	} else {
		vcpu->mp_state = s.mp_state;
	}
	vcpu->event_check = true;
	return 0;
}

static long vcpu_interrupt(struct vcpu *vcpu, const void __user *argp)
{
	struct vmx_interrupt irq;

	if (copy_from_user(&irq, argp, sizeof(irq)))
		return -EFAULT;
	if (irq.irq >= VMX_NR_INTERRUPTS)
		return -EINVAL;
	if (vcpu->lapic && !vcpu->vm->split_irqchip)
		return -ENXIO;
	if (vcpu->lapic) {
		/* ExtINT, for when LINT0 lets it through. */
		if (vcpu->lapic->extint_pending)
			return -EEXIST;
		vcpu->lapic->extint_vector = irq.irq;
		vcpu->lapic->extint_pending = true;
		vcpu_request(vcpu, REQ_EVENT);
		return 0;
	}
	vcpu->events.irq_pending = true;
	vcpu->events.irq_vector = irq.irq;
	vcpu->event_check = true;
	return 0;
}

/* There is no page to share the TPR in (VMX_CAP_VAPIC is absent); not to want one is fine. */
static long vapic_addr_set(struct vcpu *vcpu, const void __user *argp)
{
	struct vmx_vapic_addr v;

	if (!vcpu->lapic)
		return -EINVAL;
	if (copy_from_user(&v, argp, sizeof(v)))
		return -EFAULT;
	return v.vapic_addr ? -EINVAL : 0;
}

long irqchip_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg)
{
	void __user *argp = (void __user *)arg;

	switch (cmd) {
	case VMX_GET_LAPIC:
		return lapic_ioctl_get(vcpu, argp);
	case VMX_SET_LAPIC:
		return lapic_ioctl_set(vcpu, argp);
	case VMX_GET_MP_STATE:
		return mp_state_get(vcpu, argp);
	case VMX_SET_MP_STATE:
		return mp_state_set(vcpu, argp);
	case VMX_SET_VAPIC_ADDR:
		return vapic_addr_set(vcpu, argp);
	case VMX_INTERRUPT:
		return vcpu_interrupt(vcpu, argp);
	case VMX_NMI:
		vcpu_queue_nmi(vcpu);
		return 0;
	default:
		return -ENOIOCTLCMD;
	}
}
