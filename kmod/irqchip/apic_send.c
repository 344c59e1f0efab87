// SPDX-License-Identifier: GPL-2.0-only
/* Interrupt messages to local APICs, and the map that tells which. */
#include <linux/slab.h>

#include "backend.h"
#include "irqchip/chip.h"
#include "vcpu.h"

/* ---- delivery; any context ---- */

static __always_inline int lapic_posted_as(struct vcpu *vcpu, enum lapic_post_result result,
					   void (*notify)(struct vcpu *))
{
	if (result == LAPIC_POST_COALESCED)
		return 0;
	if (result == LAPIC_POST_NOTIFY)
		notify(vcpu);
	return 1;
}

static int lapic_deliver_fixed(struct vcpu *vcpu, const struct apic_msg *msg, struct vcpu *self,
			       u32 flags)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	if (unlikely(flags & IRQ_WATCH_EOI))
		lapic_watch(&vl->post, msg->vector);
	if (vcpu == self) {
		if (msg->vector >= 16 && !lapic_set_irr(&vl->model, msg->vector, msg->level))
			return 0;
		vcpu->event_check = true;
		return 1;
	}
	if (!backend_caps->post_vector)
		return lapic_posted_as(vcpu, lapic_pir_post(&vl->post, msg->vector, msg->level), vcpu_kick);
	/* The hardware takes edges whose end concerns nobody. */
	if (unlikely(msg->level || (flags & IRQ_WATCH_EOI)))
		return lapic_posted_as(vcpu, lapic_pir_hold(&vl->post, msg->vector, msg->level), vcpu_kick);
	return lapic_posted_as(vcpu, lapic_pir_post(&vl->post, msg->vector, false), vcpu_notify_posted);
}

static int lapic_deliver(struct vcpu *vcpu, const struct apic_msg *msg, struct vcpu *self,
			 u32 flags)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	switch (msg->mode) {
	case APIC_FIXED:
	case APIC_LOWEST:
		return lapic_deliver_fixed(vcpu, msg, self, flags);
	case APIC_NMI:
		vcpu_queue_nmi(vcpu);
		return 1;
	case APIC_INIT:
		/* SDM 3A 11.6.1: the level de-assert message only synchronised arbitration IDs. */
		if (msg->level && !msg->assert)
			return 1;
		/* A start-up message that came before no longer counts. */
		xchg(&vl->events, BIT(LAPIC_EVENT_INIT));
		vcpu_request(vcpu, REQ_INIT_SIPI);
		vcpu_kick(vcpu);
		return 1;
	case APIC_STARTUP:
		WRITE_ONCE(vl->sipi_vector, msg->vector);
		/* Pairs with the barrier of the xchg() that takes the events. */
		smp_wmb();
		set_bit(LAPIC_EVENT_SIPI, &vl->events);
		vcpu_request(vcpu, REQ_INIT_SIPI);
		vcpu_kick(vcpu);
		return 1;
	case APIC_SMI:
		vcpu_queue_smi(vcpu);
		return 1;
	default:
		/* ExtINT comes by the PIC's output; remote read no processor has any more. */
		return 1;
	}
}

static int irq_deliver_add(int sum, int r)
{
	return r < 0 ? sum : r + max(sum, 0);
}

int irq_deliver(struct vm_irqchip *chip, const struct apic_msg *msg, struct vcpu *self, u32 flags)
{
	const struct apic_entry *e;
	struct apic_map_rcu *map;
	struct apic_iter it;
	int sum = -1;

	rcu_read_lock();
	map = rcu_dereference(chip->map);
	if (unlikely(!map))
		goto out;
	if (msg->mode == APIC_LOWEST) {
		e = apic_map_lowest(map->map, msg,
				    msg->shorthand == APIC_TO_OTHERS ? self : NULL);
		if (e)
			sum = lapic_deliver(e->target, msg, self, flags);
		goto out;
	}
	apic_map_lookup(map->map, msg, &it);
	while ((e = apic_map_next(map->map, msg, &it))) {
		if (msg->shorthand == APIC_TO_OTHERS && e->target == self)
			continue;
		sum = irq_deliver_add(sum, lapic_deliver(e->target, msg, self, flags));
	}
out:
	rcu_read_unlock();
	return sum;
}

void irq_send_icr(struct vcpu *vcpu, u64 icr)
{
	struct vm_irqchip *chip = vcpu->vm->irqchip;
	struct lapic *l = &vcpu->lapic->model;
	struct apic_msg msg;

	apic_msg_from_icr(&msg, icr, lapic_x2apic(l));
	switch (msg.shorthand) {
	case APIC_TO_SELF:
		/*
		 * SDM 3A table 11-3: only a fixed interrupt can be sent to oneself so. In KVM an SMI can too, and
		 * guests that were written for it do.
		 */
		if (msg.mode == APIC_SMI || (msg.mode == APIC_FIXED && lapic_sw_enabled(l)))
			lapic_deliver(vcpu, &msg, vcpu, 0);
		return;
	case APIC_TO_ALL:
	case APIC_TO_OTHERS:
		msg.dest = APIC_DEST_BROADCAST;
		break;
	}
	irq_deliver(chip, &msg, vcpu, 0);
}

void lapic_post(struct vcpu *vcpu, u8 vector, bool level)
{
	struct apic_msg msg = { .vector = vector, .mode = APIC_FIXED, .level = level };

	if (vcpu->lapic)
		lapic_deliver_fixed(vcpu, &msg, NULL, 0);
}

int lapic_post_watched(struct vcpu *vcpu, u8 vector)
{
	struct apic_msg msg = { .vector = vector, .mode = APIC_FIXED };

	return vcpu->lapic ? lapic_deliver_fixed(vcpu, &msg, NULL, IRQ_WATCH_EOI) : -1;
}

/* ---- PV ---- */

/* The guest ABI's own error numbers. */
#define PV_IPI_EINVAL (-22)
#define PV_IPI_ENOSYS (-1000)

static long pv_ipi_word(struct vm_irqchip *chip, struct vcpu *self, const struct apic_map *map,
			struct apic_msg *msg, u64 bits, u64 first, int width)
{
	const struct apic_entry *e;
	struct apic_iter it;
	long sent = 0;

	if (width == 32)
		bits = (u32)bits;
	while (bits) {
		u64 id = first + __ffs(bits);

		bits &= bits - 1;
		if (id >= map->nr_ids)
			break;
		msg->dest = id;
		apic_map_lookup(map, msg, &it);
		while ((e = apic_map_next(map, msg, &it)))
			sent += lapic_deliver(e->target, msg, self, 0) > 0;
	}
	return sent;
}

long irqchip_pv_send_ipi(struct vcpu *vcpu, u64 low, u64 high, u32 min_apic_id, u32 icr, int width)
{
	struct vm_irqchip *chip = vcpu->vm->irqchip;
	struct apic_map_rcu *map;
	struct apic_msg msg;
	long sent;

	if (!vcpu->lapic)
		return PV_IPI_ENOSYS;
	apic_msg_from_icr(&msg, icr, true);
	if (msg.shorthand != APIC_TO_DEST || msg.logical ||
	    (msg.mode != APIC_FIXED && msg.mode != APIC_NMI))
		return PV_IPI_EINVAL;
	rcu_read_lock();
	map = rcu_dereference(chip->map);
	if (!map) {
		rcu_read_unlock();
		return PV_IPI_ENOSYS;
	}
	sent = pv_ipi_word(chip, vcpu, map->map, &msg, low, min_apic_id, width);
	sent += pv_ipi_word(chip, vcpu, map->map, &msg, high, (u64)min_apic_id + width, width);
	rcu_read_unlock();
	return sent;
}

struct vcpu *irqchip_vcpu_by_apic_id(struct vm *vm, u32 apic_id)
{
	struct vm_irqchip *chip = smp_load_acquire(&vm->irqchip);
	const struct apic_entry *e = NULL;
	struct apic_msg msg = { .dest = apic_id, .mode = APIC_NMI };
	struct apic_map_rcu *map;
	struct apic_iter it;

	if (!chip || apic_id == APIC_DEST_BROADCAST)
		return NULL;
	rcu_read_lock();
	map = rcu_dereference(chip->map);
	if (map) {
		apic_map_lookup(map->map, &msg, &it);
		e = apic_map_next(map->map, &msg, &it);
	}
	rcu_read_unlock();
	/* vCPUs live as long as the VM, so the pointer outlives the map. */
	return e ? e->target : NULL;
}

void irqchip_pv_kick(struct vcpu *vcpu, u32 apic_id)
{
	struct vcpu *target = irqchip_vcpu_by_apic_id(vcpu->vm, apic_id);

	if (!target)
		return;
	/* Running, it will see this when it halts next; only a sleeper must be told. */
	WRITE_ONCE(target->lapic->unhalt, true);
	vcpu_wake(target);
}

bool irqchip_take_unhalt(struct vcpu *vcpu)
{
	struct vcpu_lapic *vl = vcpu->lapic;

	return vl && READ_ONCE(vl->unhalt) && xchg(&vl->unhalt, false);
}

/* ---- the map ---- */

static void apic_entry_fill(struct apic_entry *e, struct vcpu_lapic *vl)
{
	const struct lapic *l = &vl->model;

	memset(e, 0, sizeof(*e));
	e->target = vl->vcpu;
	e->enabled = lapic_enabled(l);
	e->sw_enabled = lapic_sw_enabled(l);
	e->x2apic = lapic_x2apic(l);
	if (e->x2apic) {
		e->id = l->id;
		e->ldr = lapic_x2apic_ldr(l->id);
	} else {
		e->narrow = lapic_reg(l, LAPIC_ID) >> 24;
		e->id = l->id > 0xff ? l->id : e->narrow;
		e->ldr = lapic_reg(l, LAPIC_LDR) >> 24;
		e->cluster = lapic_reg(l, LAPIC_DFR) >> 28 == 0;
	}
}

static struct apic_map_rcu *apic_map_alloc(u32 nr, u32 max_id, gfp_t gfp)
{
	size_t size = apic_map_size(nr, max_id);
	struct apic_map_rcu *m = kvzalloc(struct_size(m, mem, DIV_ROUND_UP(size, 8)), gfp);

	if (m)
		m->size = size;
	return m;
}

int apic_map_reserve(struct vm_irqchip *chip, u32 id)
{
	u32 max_id, nr;
	size_t size;

	mutex_lock(&chip->map_lock);
	nr = chip->nr_online + 1;
	max_id = max(chip->max_online_id, id);
	size = apic_map_size(nr, max_id);
	if (!chip->spare || chip->spare->size < size) {
		kvfree(chip->spare);
		chip->spare = apic_map_alloc(nr, max_id, GFP_KERNEL_ACCOUNT);
	}
	if (!chip->grown || chip->grown->size < size) {
		kvfree(chip->grown);
		chip->grown = apic_map_alloc(nr, max_id, GFP_KERNEL_ACCOUNT);
	}
	mutex_unlock(&chip->map_lock);
	return chip->spare && chip->grown ? 0 : -ENOMEM;
}

/*
 * Memory for the next map. A guest's register write cannot fail for want of it, so there is a spare
 * of the right size; and a vCPU that comes online brings its own.
 */
static struct apic_map_rcu *apic_map_take(struct vm_irqchip *chip, u32 nr, u32 max_id, bool online)
{
	struct apic_map_rcu *m;

	if (online) {
		m = chip->grown;
		chip->grown = NULL;
		return m;
	}
	m = apic_map_alloc(nr, max_id, GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!m) {
		m = chip->spare;
		chip->spare = NULL;
		memset(m->mem, 0, m->size);
	}
	return m;
}

static void apic_map_rebuild(struct vm_irqchip *chip, bool online)
{
	struct vm *vm = chip->vm;
	struct apic_map_rcu *m, *old;
	struct vcpu *vcpu;
	unsigned long i;
	u32 nr = chip->nr_online, n = 0;

	lockdep_assert_held(&chip->map_lock);
	m = apic_map_take(chip, nr, chip->max_online_id, online);
	m->map = apic_map_init(m->mem, nr, chip->max_online_id);
	vm_for_each_vcpu(i, vcpu, vm)
		if (vcpu->lapic->online && n < nr)
			m->map->entry[n++] = vcpu->lapic->entry;
	m->map->nr = n;
	apic_map_build(m->map);

	old = rcu_replace_pointer(chip->map, m, lockdep_is_held(&chip->map_lock));
	if (!old)
		return;
	if (chip->spare && chip->spare->size >= old->size) {
		kvfree_rcu(old, rcu);
		return;
	}
	/*
	 * The spare went into use: the old map becomes it, once nobody reads it. It may be too small for a vCPU
	 * that memory was reserved for, and is on its way; so the larger of the two is kept whenever there
	 * are two, and what was reserved is the spare again by the time that vCPU counts.
	 */
	synchronize_rcu();
	kvfree(chip->spare);
	chip->spare = old;
}

void apic_map_update(struct vcpu *vcpu, bool online)
{
	struct vm_irqchip *chip = vcpu->vm->irqchip;
	struct vcpu_lapic *vl = vcpu->lapic;
	struct apic_entry e;

	apic_entry_fill(&e, vl);
	mutex_lock(&chip->map_lock);
	if (online) {
		vl->entry = e;
		vl->online = true;
		chip->nr_online++;
		chip->max_online_id = max(chip->max_online_id, vcpu->id);
		apic_map_rebuild(chip, true);
	} else if (memcmp(&e, &vl->entry, sizeof(e))) {
		vl->entry = e;
		if (vl->online)
			apic_map_rebuild(chip, false);
	}
	mutex_unlock(&chip->map_lock);
}

void apic_map_destroy(struct vm_irqchip *chip)
{
	kvfree(rcu_dereference_protected(chip->map, true));
	kvfree(chip->spare);
	kvfree(chip->grown);
}
