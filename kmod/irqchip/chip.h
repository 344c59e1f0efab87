/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interrupt controllers' own state: locks, timers and delivery around the pure models.
 *
 * Locks (raw, taken with interrupts off, since hrtimers and eventfds come from interrupt context):
 *   pic_lock, ioapic_lock, pit->lock    each its own model; none is held while another is taken,
 *                                       and none while something is delivered
 *   map_lock, routes_lock (mutexes)     who builds a new APIC map or routing table
 * LAPICs have no lock: each belongs to its vCPU's thread, others post (pure/lapic_pir.h).
 *
 *   GSI --routes--> PIC line, IOAPIC pin --(message)--> irq_deliver() --map--> lapic_pir_post(), kick
 *          \-----> MSI ------------------------------/
 */
#ifndef VMX_IRQCHIP_CHIP_H
#define VMX_IRQCHIP_CHIP_H

#include <linux/hrtimer.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>

#include "gmem.h"
#include "iobus.h"
#include "irqchip/irqchip.h"
#include "pure/apic_map.h"
#include "pure/ioapic.h"
#include "pure/irq_route.h"
#include "pure/lapic.h"
#include "pure/lapic_hw.h"
#include "pure/lapic_pir.h"
#include "pure/pic.h"
#include "pure/pit.h"

/* Who drives a line: the models take the OR of their sources. */
enum irq_source {
	IRQ_SOURCE_USER = 0,	/* IRQ_LINE and irqfds without resampling */
	IRQ_SOURCE_RESAMPLE = 1, /* irqfds that are lowered by the EOI */
	IRQ_SOURCE_PIT = 2,
};

/* Pending besides vectors; set by anyone, taken by the vCPU's thread. */
enum lapic_event {
	LAPIC_EVENT_INIT,
	LAPIC_EVENT_SIPI,
};

struct vcpu_lapic {
	struct lapic model;		/* the owner's */
	struct vcpu *vcpu;
	struct lapic_hw hw;		/* while vcpu->irqs_in_hw */
	bool pv_eoi_offered;		/* the guest's bit is set: it may end the interrupt there */
	struct gmem_cache pv_eoi;

	struct lapic_post post;		/* anyone's */
	unsigned long events;		/* bits of enum lapic_event */
	u8 sipi_vector;
	bool unhalt;			/* a PV kick that no HLT has consumed yet */
	bool accepts_pic;		/* published by the owner: LINT0 lets the PIC through */
	/* ExtINT: the output of the in-kernel PICs, or whether the VMM's have one here (VMX_INTERRUPT). */
	const bool *extint;
	bool extint_pending;
	u8 extint_vector;
	u8 ended_vector;		/* REQ_IOAPIC_EOI */
	struct hrtimer timer;
	bool timer_in_guest;		/* the timer is the backend's, and the host's is not armed */
	u64 timer_tsc;			/* then: when, by the host's TSC */
	struct apic_entry entry;	/* map_lock: what the map holds of this APIC */
	bool online;			/* map_lock: its vCPU is published */
	bool moved;			/* map_lock: counted in nr_moved */
};

struct apic_map_rcu {
	struct rcu_head rcu;
	struct apic_map *map;		/* in mem[] */
	size_t size;			/* of mem[] */
	u64 mem[];
};

struct irq_routes_rcu {
	struct rcu_head rcu;
	struct irq_routes routes;	/* flexible array at its end */
};

struct vm_pit {
	raw_spinlock_t lock;
	struct pit model;
	struct hrtimer timer;
	struct vm *vm;
	struct iodev ports;
	struct iodev speaker;
	bool stopped;			/* the VM ends: arm no more */
};

struct vm_irqchip {
	struct vm *vm;
	u32 nr_ioapic_gsis;		/* split: GSIs that are pins of the VMM's IOAPICs */

	struct apic_map_rcu __rcu *map;
	struct apic_map_rcu *spare;	/* map_lock: for when memory is short; as large as map */
	struct apic_map_rcu *grown;	/* map_lock: for the vCPU that comes online next */
	struct mutex map_lock;
	u32 nr_online;			/* map_lock: vCPUs on the map */
	u32 max_online_id;		/* map_lock: the highest of their IDs */
	unsigned int nr_moved;		/* map_lock: LAPICs that are not xAPICs at the default address */

	struct irq_routes_rcu __rcu *routes;
	struct mutex routes_lock;

	raw_spinlock_t pic_lock ____cacheline_aligned_in_smp;
	struct pic pic;
	struct iodev pic_master;
	struct iodev pic_slave;
	struct iodev pic_elcr;

	raw_spinlock_t ioapic_lock ____cacheline_aligned_in_smp;
	struct ioapic ioapic;
	struct iodev ioapic_dev;

	struct vm_pit *pit;		/* set once, with release */
};

/* ---- apic_send.c ---- */

enum irq_deliver_flags {
	IRQ_WATCH_EOI = 1 << 0,		/* somebody wants to hear of the EOI: the PIT */
	IRQ_WATCH_EDGE = 1 << 1,	/* the same if it is an edge of an IOAPIC pin; of levels all hear */
};

/*
 * Sends to whom the map says. @self: the vCPU whose own thread this is, or NULL: it may set its own IRR.
 * Returns the number of APICs in which the interrupt is new; 0: merged with one that was pending;
 * -1: no APIC takes it. Any context.
 */
int irq_deliver(struct vm_irqchip *chip, const struct apic_msg *msg, struct vcpu *self, u32 flags);

/* What an ICR write asks for; the own thread; interrupts may be off. */
void irq_send_icr(struct vcpu *vcpu, u64 icr);

/*
 * The own APIC's identity or mode may have changed: publish it and build a new map if so. May sleep.
 * @online: the vCPU is new among the published ones.
 */
void apic_map_update(struct vcpu *vcpu, bool online);
/* Memory for one vCPU more, of that ID: 0 or -ENOMEM. vm->lock held. May sleep. */
int apic_map_reserve(struct vm_irqchip *chip, u32 id);
void apic_map_destroy(struct vm_irqchip *chip);

static inline bool irq_wide_ids(const struct vm *vm)
{
	return READ_ONCE(vm->x2apic_api) & VMX_X2APIC_API_USE_32BIT_IDS;
}

/* 8-bit broadcasts reach x2APICs too, unless the VMM knows better. */
static inline bool irq_bcast8(const struct vm *vm)
{
	return !(READ_ONCE(vm->x2apic_api) & VMX_X2APIC_API_DISABLE_BROADCAST_QUIRK);
}

/* ---- gsi.c ---- */

/* Split: does a level-triggered pin of the VMM's IOAPICs have this vector? Any context. */
bool irq_vmm_awaits_eoi(struct vm_irqchip *chip, u8 vector);

/* As irqchip_set_irq(), with enum irq_deliver_flags. Any context. */
int irq_set_gsi(struct vm_irqchip *chip, int source, u32 gsi, int level, u32 flags);
/* A source lets go of a GSI's lines and says so to nobody. */
int irq_set_default_routes(struct vm_irqchip *chip);
int irq_set_no_routes(struct vm_irqchip *chip);
long irq_ioctl_set_routing(struct vm *vm, void __user *argp);
long irq_ioctl_signal_msi(struct vm *vm, void __user *argp);
/*
 * An interrupt on an IOAPIC pin (bit mask) or a PIC line ended: tell those who resample, and the PIT. False:
 * none of them waited for one of these pins.
 */
bool irq_pins_ended(struct vm_irqchip *chip, u32 pins);
void irq_lines_ended(struct vm_irqchip *chip, u16 lines);
/* An edge interrupt that was watched (IRQ_WATCH_*) ended in a local APIC. */
void irq_watched_ended(struct vm_irqchip *chip, u8 vector);

/* ---- ioapic_dev.c, pic_dev.c, pit_dev.c ---- */

int ioapic_dev_create(struct vm_irqchip *chip);	/* vm->lock held; so the next */
void ioapic_dev_destroy(struct vm_irqchip *chip);
int ioapic_dev_set_line(struct vm_irqchip *chip, u32 pin, u32 source, bool level, u32 flags);
/* A level interrupt of this vector ended in a local APIC. */
void ioapic_dev_eoi(struct vm_irqchip *chip, u8 vector);
/* The pins that have this vector, as a bit mask. */
u32 ioapic_dev_pins(struct vm_irqchip *chip, u8 vector);
void ioapic_dev_get(struct vm_irqchip *chip, struct vmx_ioapic_state *s);
void ioapic_dev_set(struct vm_irqchip *chip, const struct vmx_ioapic_state *s);

int pic_dev_create(struct vm_irqchip *chip);
void pic_dev_destroy(struct vm_irqchip *chip);
int pic_dev_set_line(struct vm_irqchip *chip, u32 line, u32 source, bool level);
int pic_dev_ack(struct vm_irqchip *chip);
void pic_dev_get(struct vm_irqchip *chip, u32 which, struct vmx_pic_state *s);
void pic_dev_set(struct vm_irqchip *chip, u32 which, const struct vmx_pic_state *s);

/* PIT ioctls; -ENOIOCTLCMD: none of these. May sleep. */
long pit_dev_ioctl(struct vm *vm, unsigned int cmd, void __user *argp);
void pit_dev_stop(struct vm_irqchip *chip);
void pit_dev_destroy(struct vm_irqchip *chip);
/* GSI 0's interrupt ended. Any context. */
void pit_dev_ack(struct vm_irqchip *chip);
/* Who was to end it was reset, or its route changed. Any context. */
void pit_dev_reset_reinject(struct vm_irqchip *chip);

/* ---- lapic_access.c ---- */

/* Carries out LAPIC_FX_*; @atomic: interrupts are off, and the caller made sure that none needs sleep. */
void lapic_effects(struct vcpu *vcpu, u32 fx);
/* If the guest was offered to end its interrupt in memory: has it? Takes the offer back. */
void lapic_pv_eoi_settle(struct vcpu_lapic *vl);
void lapic_pv_eoi_offer(struct vcpu_lapic *vl);
/* Does the guest end interrupts in memory? It wants to, and the hardware does not serve its EOI anyway. */
void lapic_pv_eoi_gate(struct vcpu_lapic *vl);
/* Would a write to this register have to sleep, or signal an eventfd? */
bool lapic_write_sleeps(struct vcpu_lapic *vl, u32 reg);
/* The time, if an access to this register looks at it. */
u64 lapic_access_time(struct vcpu *vcpu, u32 reg);

/* ---- lapic_timer.c ---- */

void lapic_timer_create(struct vcpu_lapic *vl);
void lapic_timer_destroy(struct vcpu_lapic *vl);
/* Arms the host's timer as the model wants it. Interrupts may be off. */
void lapic_timer_arm(struct vcpu *vcpu);

#endif /* VMX_IRQCHIP_CHIP_H */
