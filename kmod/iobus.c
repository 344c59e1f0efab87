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
 * bucket of addresses: the first entry that has one of them, n if none has.
 */
struct bus {
	u32 n;
	u32 shift;	/* a bucket is (address >> shift) % BUS_BUCKETS */
	u16 first[BUS_BUCKETS];
	struct bus_entry e[];
};

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
	new = kmalloc(struct_size(new, e, old->n + 1), GFP_KERNEL_ACCOUNT);
	if (!new)
		return -ENOMEM;
	for (at = 0; at < old->n && old->e[at].addr <= addr; at++)
		;
	for (i = 0; i < old->n; i++)
		new->e[i < at ? i : i + 1] = old->e[i];
	new->e[at] = (struct bus_entry){ .addr = addr, .len = len, .dev = dev };
	new->n = old->n + 1;
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
	new = kmalloc(struct_size(new, e, old->n - 1), GFP_KERNEL_ACCOUNT);
	if (new) {
		for (i = 0; i + 1 < old->n; i++)
			new->e[i] = old->e[i < at ? i : i + 1];
		new->n = old->n - 1;
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

/* In a readers' section: the bus, and in *i the first entry that may have @addr; false: none has. */
static __always_inline bool bus_find(const struct bus *bus, u64 addr, u32 *i)
{
	*i = bus->first[(addr >> bus->shift) % BUS_BUCKETS];
	return *i < bus->n && bus->e[*i].addr <= addr;
}

static __always_inline const struct bus *bus_of(struct vcpu *vcpu, enum iobus_kind kind)
{
	return rcu_dereference_raw(vcpu->vm->buses->bus[kind]);
}

/* From entry @i on. @atomic: -EAGAIN at the first device that needs more. */
static __always_inline int bus_access(struct vcpu *vcpu, const struct bus *bus, u32 i, u64 addr,
				      int len, void *val, bool write, bool atomic)
{
	for (; i < bus->n && bus->e[i].addr <= addr; i++) {
		struct iodev *dev = READ_ONCE(bus->e[i].dev);
		int ret;

		if (!entry_covers(&bus->e[i], addr, len))
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
	int idx = srcu_read_lock(&vcpu->vm->srcu), ret = -EOPNOTSUPP;
	const struct bus *bus = bus_of(vcpu, kind);
	u32 i;

	if (bus_find(bus, addr, &i))
		ret = bus_access(vcpu, bus, i, addr, len, val, write, false);
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

/* With a device: out of line, so that finding none needs no frame. */
static noinline int read_atomic(struct vcpu *vcpu, const struct bus *bus, u32 i, u64 addr, int len,
				void *val)
{
	return bus_access(vcpu, bus, i, addr, len, val, false, true);
}

static noinline int write_atomic(struct vcpu *vcpu, const struct bus *bus, u32 i, u64 addr, int len,
				 void *val)
{
	return bus_access(vcpu, bus, i, addr, len, val, true, true);
}

int iobus_read_atomic(struct vcpu *vcpu, enum iobus_kind kind, u64 addr, int len, void *val)
{
	const struct bus *bus = bus_of(vcpu, kind);
	u32 i;

	lockdep_assert_irqs_disabled();
	if (!bus_find(bus, addr, &i))
		return -EOPNOTSUPP;
	return read_atomic(vcpu, bus, i, addr, len, val);
}

int iobus_write_atomic(struct vcpu *vcpu, enum iobus_kind kind, u64 addr, int len, const void *val)
{
	const struct bus *bus = bus_of(vcpu, kind);
	u32 i;

	lockdep_assert_irqs_disabled();
	if (!bus_find(bus, addr, &i))
		return -EOPNOTSUPP;
	return write_atomic(vcpu, bus, i, addr, len, (void *)val);
}

/* ---- life, ioctls ---- */

int iobus_vm_create(struct vm *vm)
{
	struct vm_iobus *buses = kzalloc(sizeof(*buses), GFP_KERNEL_ACCOUNT);
	int kind, ret = -ENOMEM;

	if (!buses)
		return -ENOMEM;
	for (kind = 0; kind < IOBUS_NR; kind++) {
		struct bus *bus = kzalloc(sizeof(*bus), GFP_KERNEL_ACCOUNT);

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
