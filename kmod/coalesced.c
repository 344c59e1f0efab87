// SPDX-License-Identifier: GPL-2.0-only
/*
 * Coalesced MMIO and PIO. Each zone is a device on its bus; a write to one goes into the VM's ring as
 * long as there is room, and exits to the VMM when there is none (it drains the ring then).
 */
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/uaccess.h>

#include "coalesced.h"
#include "iobus.h"
#include "vm.h"

#define RING_ENTRIES VMX_COALESCED_MMIO_ENTRIES(PAGE_SIZE)

struct vm_coalesced {
	/* The VMM maps it and may write anything there. */
	struct vmx_coalesced_mmio_ring *ring;
	raw_spinlock_t lock;	/* the ring's last; inside everything */
	struct list_head zones;	/* vm->lock */
};

struct coalesced_zone {
	struct iodev dev;
	struct vm_coalesced *owner;
	struct list_head node;
	struct vmx_coalesced_mmio_zone range;
};

static int zone_read(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len, void *val)
{
	return -EOPNOTSUPP;
}

static int zone_write(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len, const void *val)
{
	struct coalesced_zone *zone = container_of(dev, struct coalesced_zone, dev);
	struct vmx_coalesced_mmio_ring *ring = zone->owner->ring;
	struct vmx_coalesced_mmio *entry;
	unsigned long flags;
	int ret = -EOPNOTSUPP;
	u32 last, next;

	if (len < 0 || len > sizeof(entry->data))
		return -EOPNOTSUPP;
	raw_spin_lock_irqsave(&zone->owner->lock, flags);
	last = READ_ONCE(ring->last);
	if (last >= RING_ENTRIES)
		goto unlock;
	last = array_index_nospec(last, RING_ENTRIES);
	next = (last + 1) % RING_ENTRIES;
	if (next == READ_ONCE(ring->first))
		goto unlock;
	entry = &ring->coalesced_mmio[last];
	entry->phys_addr = addr;
	entry->len = len;
	memcpy(entry->data, val, len);
	entry->pio = zone->range.pio;
	/* The VMM reads last first, then the entries before it. */
	smp_store_release(&ring->last, next);
	ret = 0;
unlock:
	raw_spin_unlock_irqrestore(&zone->owner->lock, flags);
	return ret;
}

static void zone_release(struct iodev *dev)
{
	struct coalesced_zone *zone = container_of(dev, struct coalesced_zone, dev);

	list_del(&zone->node);
	kfree(zone);
}

static const struct iodev_ops zone_ops = {
	.read = zone_read,
	.write = zone_write,
	.release = zone_release,
	.atomic = true,
};

static enum iobus_kind zone_kind(const struct vmx_coalesced_mmio_zone *range)
{
	return range->pio ? IOBUS_PIO : IOBUS_MMIO;
}

static long zone_register(struct vm *vm, const struct vmx_coalesced_mmio_zone *range)
{
	struct vm_coalesced *c = iobus_coalesced(vm);
	struct coalesced_zone *zone;
	long ret;

	/* A zone of no bytes is accepted, as ever, and catches nothing. */
	if (!range->size)
		return 0;
	zone = kzalloc(sizeof(*zone), GFP_KERNEL_ACCOUNT);
	if (!zone)
		return -ENOMEM;
	zone->dev.ops = &zone_ops;
	zone->owner = c;
	zone->range = *range;
	ret = iobus_register(vm, zone_kind(range), range->addr, range->size, &zone->dev);
	if (ret)
		kfree(zone);
	else
		list_add_tail(&zone->node, &c->zones);
	return ret;
}

/* All zones that contain the range. That there is none is no error. */
static long zone_unregister(struct vm *vm, const struct vmx_coalesced_mmio_zone *range)
{
	struct vm_coalesced *c = iobus_coalesced(vm);
	struct coalesced_zone *zone, *next;

	list_for_each_entry_safe(zone, next, &c->zones, node) {
		const struct vmx_coalesced_mmio_zone *z = &zone->range;

		if (z->pio == range->pio && range->addr >= z->addr && range->size <= z->size &&
		    range->addr - z->addr <= z->size - range->size)
			iobus_unregister(vm, zone_kind(z), &zone->dev);
	}
	return 0;
}

long coalesced_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	struct vmx_coalesced_mmio_zone range;
	long ret;

	if (cmd != VMX_REGISTER_COALESCED_MMIO && cmd != VMX_UNREGISTER_COALESCED_MMIO)
		return -ENOIOCTLCMD;
	if (copy_from_user(&range, (void __user *)arg, sizeof(range)))
		return -EFAULT;
	if (range.pio > 1)
		return -EINVAL;
	mutex_lock(&vm->lock);
	ret = cmd == VMX_REGISTER_COALESCED_MMIO ? zone_register(vm, &range) :
						   zone_unregister(vm, &range);
	mutex_unlock(&vm->lock);
	return ret;
}

void *coalesced_ring(struct vm *vm)
{
	return iobus_coalesced(vm)->ring;
}

struct vm_coalesced *coalesced_create(struct vm *vm)
{
	struct vm_coalesced *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return NULL;
	c->ring = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!c->ring) {
		kfree(c);
		return NULL;
	}
	raw_spin_lock_init(&c->lock);
	INIT_LIST_HEAD(&c->zones);
	return c;
}

void coalesced_destroy(struct vm_coalesced *c)
{
	free_page((unsigned long)c->ring);
	kfree(c);
}
