/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The in-kernel interrupt controllers, as the rest of the module sees them.
 *
 * Two sides. The vCPU's own thread works on its LAPIC's registers. Everyone else (IPIs, MSIs, IOAPIC,
 * timers) only posts: a vector into the 256-bit pending map, or an NMI, INIT or SIPI into a pending
 * word, and kicks. Posting takes no LAPIC lock and works in any context.
 */
#ifndef VMX_IRQCHIP_H
#define VMX_IRQCHIP_H

#include <linux/types.h>

#include "vcpu.h"
#include "vm.h"

struct lapic_pir;	/* pure/lapic_pir.h */

/* ---- life ---- */
/* The VM ends: stop the PIT and all that posts to vCPUs, before they are freed. May sleep. */
void irqchip_vm_quiesce(struct vm *vm);
void irqchip_vm_destroy(struct vm *vm);		/* vm->irqchip may be NULL */
int irqchip_vcpu_create(struct vcpu *vcpu);	/* sets vcpu->lapic if the VM has an irqchip */
void irqchip_vcpu_destroy(struct vcpu *vcpu);
/* The vCPU has been published in vm->vcpus (vm->lock held): put it on the APIC map. */
void irqchip_vcpu_online(struct vcpu *vcpu);
/* After RESET or INIT; sets mp_state too (BSP runnable, others UNINITIALIZED / INIT_RECEIVED). */
void irqchip_vcpu_reset(struct vcpu *vcpu, bool init);

/* ---- ioctls; -ENOIOCTLCMD: not one of these ---- */
/* CREATE_IRQCHIP, CREATE_PIT(2), IRQ_LINE(_STATUS), GET/SET_IRQCHIP, _PIT(2), SET_GSI_ROUTING, SIGNAL_MSI... */
long irqchip_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);
/* GET/SET_LAPIC, GET/SET_MP_STATE, INTERRUPT, NMI; the vCPU loaded */
long irqchip_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);

/* ---- the run loop's questions; own thread; interrupts off is fine, none sleeps ---- */

#define IRQ_POSTED 0x101	/* LAPIC_PIR_ANY */

/* True if something was posted since the last lapic_sync. */
static __always_inline bool lapic_posted(const struct vcpu *vcpu)
{
	return smp_load_acquire(vcpu->irq_posted) & IRQ_POSTED;
}
/* Take what was posted over into the IRR. */
void lapic_sync(struct vcpu *vcpu);
/*
 * The vector that would be delivered now if the CPU allowed it: highest IRR above the PPR, else ExtINT
 * of the PIC if LVT0 lets it through, else the VMM's VMX_INTERRUPT vector. -1: none.
 */
int irqchip_pending_vector(struct vcpu *vcpu);
/* Acknowledge: IRR to ISR, or the PIC's INTA cycle. Returns the vector to inject, -1: gone. */
int irqchip_ack(struct vcpu *vcpu);
/* The same with vcpu->irqs_in_hw, for what remains to be injected: is an ExtINT there, and its acknowledgement. */
bool irqchip_extint_waits(struct vcpu *vcpu);
int irqchip_ack_extint(struct vcpu *vcpu);
/* A vector was acknowledged but could not be delivered for good (reset only); rarely used. */
/* Class of the highest IRR vector that only the TPR holds back, and the TPR; -1: none is. There is a LAPIC. */
int lapic_tpr_blocked_class(struct vcpu *vcpu, int *tpr);

/* Would the vCPU leave HLT: a deliverable interrupt, INIT/SIPI, PV unhalt? NMI: the caller looks. */
bool irqchip_has_wake_event(struct vcpu *vcpu);

/* TPR as CR8 shows it (bits 7:4 of the TPR). */
u64 lapic_get_cr8(struct vcpu *vcpu);
/* CR8 and APIC_BASE for the VMM, in vmx_run; only with an in-kernel LAPIC. */
void lapic_publish(struct vcpu *vcpu);
void lapic_set_cr8(struct vcpu *vcpu, u64 cr8);

/*
 * ---- hardware that knows of local APICs ----
 * Their registers' page, in the architectural layout, for as long as the vCPU lives; NULL: the LAPIC is
 * not in the kernel. The hardware may write the TPR there while it runs the guest; then the backend calls
 * lapic_tpr_changed(), own thread, interrupts off.
 */
void *lapic_page(struct vcpu *vcpu);
void lapic_tpr_changed(struct vcpu *vcpu);

/*
 * Hardware that delivers the LAPIC's interrupts to the guest and serves its EOIs. While lapic_set_hw() says so
 * (vcpu->irqs_in_hw) the core injects none of them, and the backend calls, all with interrupts on or off:
 *   lapic_hw_may_deliver()  is it enabled by software too? Else it takes no self-IPI, which the hardware ignores
 *   lapic_hw_run()	before each entry; the guest interrupt status to enter with
 *   lapic_hw_ran()	right after the exit; the status that the hardware has left with
 *   lapic_eoi_exits()	the vectors whose EOI must exit (VM_EXIT_LAPIC_EOI): when update_tpr_threshold is called
 *   lapic_posted_descriptor()  if it can take what was posted while the guest runs (caps.post_vector)
 */
void lapic_set_hw(struct vcpu *vcpu, bool on);
bool lapic_hw_may_deliver(struct vcpu *vcpu);
u16 lapic_hw_run(struct vcpu *vcpu);
u16 lapic_hw_ran(struct vcpu *vcpu);
void lapic_eoi_exits(struct vcpu *vcpu, u64 bitmap[4]);
struct lapic_pir *lapic_posted_descriptor(struct vcpu *vcpu);
/* VM_EXIT_LAPIC_EOI: a vector of that set has ended. Interrupts on: it may signal eventfds. */
void lapic_serve_hw_eoi(struct vcpu *vcpu, u8 vector);
/* VM_EXIT_LAPIC_WRITE: the register at this offset was written. 0, or -EAGAIN if @atomic and it has to sleep. */
int lapic_serve_hw_write(struct vcpu *vcpu, u32 reg, bool atomic);

/* REQ_INIT_SIPI: changes mp_state, resets, sets CS:IP for a SIPI. May not be called with interrupts off. */
void lapic_serve_init_sipi(struct vcpu *vcpu);
/* An INIT that has come and not been served, as it is latched in system management mode. */
bool lapic_init_latched(const struct vcpu *vcpu);
void lapic_set_init_latched(struct vcpu *vcpu, bool latched);
/* Restored by the VMM, for the MP state SIPI_RECEIVED. No LAPIC in the kernel: nothing. */
void lapic_set_sipi_vector(struct vcpu *vcpu, u8 vector);
/* REQ_LAPIC_TIMER: the hrtimer fired; sets the IRR bit and rearms a periodic timer. */
void lapic_serve_timer(struct vcpu *vcpu);
/*
 * The thread is about to wait: a timer that only ends runs of the guest would end no wait. _due(): is such a
 * one, which the host's does not replace yet, due? _to_host(): from now on it wakes the thread. Interrupts on.
 */
bool lapic_timer_due(struct vcpu *vcpu);
void lapic_timer_to_host(struct vcpu *vcpu);
/* PV EOI: before entry and after exit; a store or load of one guest word, atomic, only if enabled. */
void pv_eoi_enter(struct vcpu *vcpu);
void pv_eoi_exit(struct vcpu *vcpu);
static __always_inline void lapic_pv_eoi_enter(struct vcpu *vcpu)
{
	if (unlikely(vcpu->pv_eoi))
		pv_eoi_enter(vcpu);
}
static __always_inline void lapic_pv_eoi_exit(struct vcpu *vcpu)
{
	if (unlikely(vcpu->pv_eoi))
		pv_eoi_exit(vcpu);
}

/* ---- register accesses by the guest ---- */

/* IA32_APIC_BASE; set: 0, or 1: #GP. @host: from the VMM, fewer checks on transitions. */
u64 lapic_get_base(struct vcpu *vcpu);
int lapic_set_base(struct vcpu *vcpu, u64 val, bool host);
/*
 * True if @gpa is in this vCPU's xAPIC page. While the page is not enabled it reads as ones and ignores
 * writes (the quirk LAPIC_MMIO_HOLE; disabled, this is false then).
 */
bool lapic_owns_gpa(struct vcpu *vcpu, u64 gpa);
/* xAPIC page; any length 1 to 16. 0, or -EAGAIN when @atomic and it needs to sleep. */
int lapic_mmio_read(struct vcpu *vcpu, u64 gpa, int len, void *val, bool atomic);
int lapic_mmio_write(struct vcpu *vcpu, u64 gpa, int len, const void *val, bool atomic);
/* MSRs 800h-8ffh in x2APIC mode: 0, 1: #GP, -EAGAIN as above. */
int lapic_msr_read(struct vcpu *vcpu, u32 msr, u64 *val, bool atomic);
int lapic_msr_write(struct vcpu *vcpu, u32 msr, u64 val, bool atomic);
/* IA32_TSC_DEADLINE: callable with interrupts off. */
u64 lapic_get_tsc_deadline(struct vcpu *vcpu);
void lapic_set_tsc_deadline(struct vcpu *vcpu, u64 val);
/* The guest's TSC offset or rate changed: timers armed from it must be armed anew. */
void lapic_tsc_changed(struct vcpu *vcpu);

/* ---- senders; any context ---- */

/* Post a fixed interrupt. @level: what EOI must tell the IOAPIC. */
void lapic_post(struct vcpu *vcpu, u8 vector, bool level);
/* Likewise an edge of a route's: 0 it was pending already, 1 new. Its end goes to whoever resamples the route. */
int lapic_post_watched(struct vcpu *vcpu, u8 vector);
/*
 * Synthetic interrupt sources (bit mask) of virtual processor @vp ended: tell those who resample their routes. Any
 * context.
 */
void irqchip_sints_ended(struct vm *vm, u32 vp, u32 sints);
/* PV: MSR_KVM_PV_EOI_EN's address (0: off); KVM_HC_SEND_IPI; KVM_HC_KICK_CPU. */
int lapic_set_pv_eoi(struct vcpu *vcpu, u64 val);	/* 0, or 1: #GP */
u64 lapic_get_pv_eoi(struct vcpu *vcpu);
long irqchip_pv_send_ipi(struct vcpu *vcpu, u64 low, u64 high, u32 min_apic_id, u32 icr, int width);
void irqchip_pv_kick(struct vcpu *vcpu, u32 apic_id);
/*
 * Own thread, the vCPU halts or is halted: did a PV kick come since this was asked last? A kick that came
 * before the HLT counts too. Forgets it.
 */
bool irqchip_take_unhalt(struct vcpu *vcpu);

/* By APIC id, through the map; NULL: none. RCU. */
struct vcpu *irqchip_vcpu_by_apic_id(struct vm *vm, u32 apic_id);

/* Raise or lower a GSI; @line_status: report coalescing. -1 no routing, 0 coalesced, >0 delivered. */
int irqchip_set_irq(struct vm *vm, int source, u32 gsi, int level);
/* Raises the line that the GSI's resampling irqfds share; its end goes to irqfd_resample(). Any context. */
void irqchip_raise_resampled(struct vm *vm, u32 gsi);

/*
 * The VMM has PICs and IOAPICs, local APICs are here. request_interrupt_window then is about ExtINT.
 * irqchip_extint_wanted() - own thread: would the LAPIC take one now, with none waiting?
 */
bool irqchip_extint_wanted(struct vcpu *vcpu);
/* REQ_IOAPIC_EOI: fills the exit in. */
int irqchip_serve_ioapic_eoi(struct vcpu *vcpu);
/* ENABLE_CAP: @gsis: how many of the first GSIs are pins of the VMM's IOAPICs. 0, -EINVAL, -EEXIST, -ENOMEM. */
long irqchip_create_split(struct vm *vm, u64 gsis);

/* False also for no PIC of anybody's that we know of: without an irqchip. */
static inline bool irqchip_pic_in_kernel(const struct vm *vm)
{
	return smp_load_acquire(&vm->irqchip) != NULL && !vm->split_irqchip;
}

static inline bool irqchip_in_kernel(const struct vm *vm)
{
	return smp_load_acquire(&vm->irqchip) != NULL;
}

#endif /* VMX_IRQCHIP_H */
