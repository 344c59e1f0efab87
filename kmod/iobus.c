// SPDX-License-Identifier: GPL-2.0-only
/* The port and memory buses of in-kernel devices. */
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/srcu.h>

#include "coalesced.h"
#include "iobus.h"
#include "memslot.h"
#include "vcpu.h"
#include "vm.h"

#define IOBUS_MAX_DEVICES 1000	/* per bus, the ABI's limit */

struct bus_entry {
	u64 addr;
	u64 len;	/* 0: any access that begins at addr */
	struct iodev *dev;
};

#define BUS_BUCKETS 64

/*
 * By addr; among equals by age. Never changes once published, but for dev (see detach()). For each
 * bucket of addresses: the first entry that has one of them, n if none has. Behind the last is one
 * more, whose address is BUS_END.
 */
struct bus {
	u32 n;
	u32 shift;	/* a bucket is (address >> shift) % BUS_BUCKETS */
	u16 first[BUS_BUCKETS];
	struct bus_entry e[];
};

#define BUS_END U64_MAX	/* above each address that is accessed */

struct vm_iobus {
	struct bus __rcu *bus[IOBUS_NR];
	struct vm_coalesced *coalesced;
};

/* Stands in for a device that went while there was no memory for a new array. */
static int gone_read(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len, void *val)
{
	return -EOPNOTSUPP;
}

static int gone_write(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len, const void *val)
{
	return -EOPNOTSUPP;
}

static const struct iodev_ops gone_ops = {
	.read = gone_read,
	.write = gone_write,
	.atomic = true,
};

static struct iodev gone_dev = { .ops = &gone_ops };

/* ---- changes: vm->lock held ---- */

static struct bus *bus_locked(struct vm *vm, enum iobus_kind kind)
{
	return rcu_dereference_protected(vm->buses->bus[kind], lockdep_is_held(&vm->lock));
}

static u64 entry_last(const struct bus_entry *e)
{
	return e->len ? e->addr + e->len - 1 : e->addr;
}

static struct bus *bus_alloc(u32 n)
{
	struct bus *bus = kzalloc(struct_size(bus, e, n + 1), GFP_KERNEL_ACCOUNT);

	if (bus) {
		bus->n = n;
		bus->e[n].addr = BUS_END;
	}
	return bus;
}

static void bus_fill_buckets(struct bus *bus, enum iobus_kind kind)
{
	u64 b, last;
	u32 i;

	static_assert(IOBUS_MAX_DEVICES < U16_MAX);
	/* Device memory lies in pages, ports lie close together. */
	bus->shift = kind == IOBUS_MMIO ? PAGE_SHIFT : 0;
	for (b = 0; b < BUS_BUCKETS; b++)
		bus->first[b] = bus->n;
	for (i = bus->n; i-- > 0;) {
		b = bus->e[i].addr >> bus->shift;
		last = entry_last(&bus->e[i]) >> bus->shift;
		last = min(last, b + BUS_BUCKETS - 1);
		for (; b <= last; b++)
			bus->first[b % BUS_BUCKETS] = i;
	}
}

static void bus_publish(struct vm *vm, enum iobus_kind kind, struct bus *new, struct bus *old)
{
	rcu_assign_pointer(vm->buses->bus[kind], new);
	slots_synchronize(vm);
	kfree(old);
}

int iobus_register(struct vm *vm, enum iobus_kind kind, u64 addr, u64 len, struct iodev *dev)
{
	struct bus *old = bus_locked(vm, kind), *new;
	u32 i, at;

	if (addr + len < addr)
		return -EINVAL;
	if (old->n >= IOBUS_MAX_DEVICES)
		return -ENOSPC;
	new = bus_alloc(old->n + 1);
	if (!new)
		return -ENOMEM;
	for (at = 0; at < old->n && old->e[at].addr <= addr; at++)
		;
	for (i = 0; i < old->n; i++)
		new->e[i < at ? i : i + 1] = old->e[i];
	new->e[at] = (struct bus_entry){ .addr = addr, .len = len, .dev = dev };
	bus_fill_buckets(new, kind);
	bus_publish(vm, kind, new, old);
	return 0;
}

static void release(struct iodev *dev)
{
	if (dev->ops->release)
		dev->ops->release(dev);
}

/* No memory: leave the entry, but make nothing of it. Cannot fail, as nobody could act on it. */
static void detach(struct vm *vm, struct bus *bus, u32 at)
{
	WRITE_ONCE(bus->e[at].dev, &gone_dev);
	slots_synchronize(vm);
}

void iobus_unregister(struct vm *vm, enum iobus_kind kind, struct iodev *dev)
{
	struct bus *old = bus_locked(vm, kind), *new;
	u32 i, at;

	for (at = 0; at < old->n && old->e[at].dev != dev; at++)
		;
	if (at == old->n)
		return;
	new = bus_alloc(old->n - 1);
	if (new) {
		for (i = 0; i + 1 < old->n; i++)
			new->e[i] = old->e[i < at ? i : i + 1];
		bus_fill_buckets(new, kind);
		bus_publish(vm, kind, new, old);
	} else {
		detach(vm, old, at);
	}
	release(dev);
}

/* ---- accesses ---- */

static __always_inline bool entry_covers(const struct bus_entry *e, u64 addr, int len)
{
	if (!e->len)
		return addr == e->addr;
	return addr >= e->addr && len <= e->len && addr - e->addr <= e->len - len;
}

/* In a readers' section: the first entry that may have @addr; its own is above @addr if none has. */
static __always_inline const struct bus_entry *bus_find(struct vcpu *vcpu, enum iobus_kind kind,
							u64 addr)
{
	const struct bus *bus = rcu_dereference_raw(vcpu->vm->buses->bus[kind]);

	return &bus->e[bus->first[(addr >> bus->shift) % BUS_BUCKETS]];
}

/* From @e on. @atomic: -EAGAIN at the first device that needs more. */
static __always_inline int bus_access(struct vcpu *vcpu, const struct bus_entry *e, u64 addr, int len,
				      void *val, bool write, bool atomic)
{
	for (; e->addr <= addr; e++) {
		struct iodev *dev = READ_ONCE(e->dev);
		int ret;

		if (!entry_covers(e, addr, len))
			continue;
		if (atomic && !dev->ops->atomic)
			return -EAGAIN;
		ret = write ? dev->ops->write(dev, vcpu, addr, len, val) :
			      dev->ops->read(dev, vcpu, addr, len, val);
		if (ret != -EOPNOTSUPP)
			return ret;
	}
	return -EOPNOTSUPP;
}

static noinline int access_srcu(struct vcpu *vcpu, enum iobus_kind kind, u64 addr, int len, void *val,
		       bool write)
{
	int idx = srcu_read_lock(&vcpu->vm->srcu);
	int ret = bus_access(vcpu, bus_find(vcpu, kind, addr), addr, len, val, write, false);

	srcu_read_unlock(&vcpu->vm->srcu, idx);
	return ret;
}

int iobus_read(struct vcpu *vcpu, enum iobus_kind kind, u64 addr, int len, void *val)
{
	return access_srcu(vcpu, kind, addr, len, val, false);
}

int iobus_write(struct vcpu *vcpu, enum iobus_kind kind, u64 addr, int len, const void *val)
{
	return access_srcu(vcpu, kind, addr, len, (void *)val, true);
}

/* More than one device has a say: out of line, so that the usual cases need no frame. */
static noinline int read_atomic(struct vcpu *vcpu, const struct bus_entry *e, u64 addr, int len,
				void *val)
{
	return bus_access(vcpu, e, addr, len, val, false, true);
}

static noinline int write_atomic(struct vcpu *vcpu, const struct bus_entry *e, u64 addr, int len,
				 const void *val)
{
	return bus_access(vcpu, e, addr, len, (void *)val, true, true);
}

/* @e, and no other, has all of the access. */
static __always_inline bool bus_sole(const struct bus_entry *e, u64 addr, u32 len)
{
	/* No wrap-around: addresses have 52 bits at most. */
	return addr + len <= e->addr + e->len && e[1].addr > addr;
}

int iobus_read_atomic(struct vcpu *vcpu, enum iobus_kind kind, u64 addr, int len, void *val)
{
	const struct bus_entry *e = bus_find(vcpu, kind, addr);
	struct iodev *dev;

	lockdep_assert_irqs_disabled();
	if (e->addr > addr)
		return -EOPNOTSUPP;
	if (unlikely(!bus_sole(e, addr, len)))
		return read_atomic(vcpu, e, addr, len, val);
	dev = READ_ONCE(e->dev);
	return dev->ops->atomic ? dev->ops->read(dev, vcpu, addr, len, val) : -EAGAIN;
}

int iobus_write_atomic(struct vcpu *vcpu, enum iobus_kind kind, u64 addr, int len, const void *val)
{
	const struct bus_entry *e = bus_find(vcpu, kind, addr);
	struct iodev *dev;

	lockdep_assert_irqs_disabled();
	if (e->addr > addr)
		return -EOPNOTSUPP;
	if (unlikely(!bus_sole(e, addr, len)))
		return write_atomic(vcpu, e, addr, len, val);
	dev = READ_ONCE(e->dev);
	return dev->ops->atomic ? dev->ops->write(dev, vcpu, addr, len, val) : -EAGAIN;
}

/* ---- life, ioctls ---- */

int iobus_vm_create(struct vm *vm)
{
	struct vm_iobus *buses = kzalloc(sizeof(*buses), GFP_KERNEL_ACCOUNT);
	int kind, ret = -ENOMEM;

	if (!buses)
		return -ENOMEM;
	for (kind = 0; kind < IOBUS_NR; kind++) {
		struct bus *bus = bus_alloc(0);

		if (!bus)
			goto free_buses;
		rcu_assign_pointer(buses->bus[kind], bus);
	}
	buses->coalesced = coalesced_create(vm);
	if (!buses->coalesced)
		goto free_buses;
	vm->buses = buses;
	return 0;

free_buses:
	for (kind = 0; kind < IOBUS_NR; kind++)
		kfree(rcu_dereference_protected(buses->bus[kind], true));
	kfree(buses);
	return ret;
}

void iobus_vm_destroy(struct vm *vm)
{
	struct vm_iobus *buses = vm->buses;
	int kind;
	u32 i;

	if (!buses)
		return;
	for (kind = 0; kind < IOBUS_NR; kind++) {
		/* No vCPU runs any more. */
		struct bus *bus = rcu_dereference_protected(buses->bus[kind], true);

		for (i = 0; i < bus->n; i++)
			release(bus->e[i].dev);
		kfree(bus);
	}
	coalesced_destroy(buses->coalesced);
	kfree(buses);
	vm->buses = NULL;
}

struct vm_coalesced *iobus_coalesced(struct vm *vm)
{
	return vm->buses->coalesced;
}

long iobus_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	return coalesced_vm_ioctl(vm, cmd, arg);
}
