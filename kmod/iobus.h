/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In-kernel devices on the port and memory buses. A bus is an immutable sorted array under
 * vm->srcu and RCU, as the slots are, so that an access may be served with interrupts off.
 */
#ifndef VMX_IOBUS_H
#define VMX_IOBUS_H

#include <linux/list.h>
#include <linux/types.h>

struct vm;
struct vm_coalesced;
struct vcpu;
struct iodev;

enum iobus_kind {
	IOBUS_PIO,
	IOBUS_MMIO,
	IOBUS_NR
};

/*
 * read, write: 0 if served, -EOPNOTSUPP: not this device after all (the VMM gets it).
 * @addr absolute, @len 1 to 8. A device whose @atomic is true may be called with interrupts off.
 */
struct iodev_ops {
	int (*read)(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len, void *val);
	int (*write)(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len, const void *val);
	void (*release)(struct iodev *dev);	/* last reference, after readers are gone; may be NULL */
	bool atomic;
};

struct iodev {
	const struct iodev_ops *ops;
};

int iobus_vm_create(struct vm *vm);
void iobus_vm_destroy(struct vm *vm);	/* releases what is still there */

/*
 * iobus_register() - @len 0: an ioeventfd of any length at @addr. Overlaps are allowed, the first
 * that serves an access wins (that is: the lowest address, then the oldest). -ENOSPC after 1000
 * devices, -ENOMEM, -EINVAL (wraps). May sleep. Caller holds vm->lock. iobus_unregister() cannot fail,
 * waits for accesses in flight and calls release; same lock.
 */
int iobus_register(struct vm *vm, enum iobus_kind kind, u64 addr, u64 len, struct iodev *dev);
void iobus_unregister(struct vm *vm, enum iobus_kind kind, struct iodev *dev);

/*
 * iobus_read(), iobus_write(): 0 if a device served it, else -EOPNOTSUPP. May sleep; take SRCU.
 * The _atomic forms: interrupts off; -EAGAIN if the device there cannot do it so.
 */
int iobus_read(struct vcpu *vcpu, enum iobus_kind kind, u64 addr, int len, void *val);
int iobus_write(struct vcpu *vcpu, enum iobus_kind kind, u64 addr, int len, const void *val);
int iobus_read_atomic(struct vcpu *vcpu, enum iobus_kind kind, u64 addr, int len, void *val);
int iobus_write_atomic(struct vcpu *vcpu, enum iobus_kind kind, u64 addr, int len, const void *val);

struct vm_coalesced *iobus_coalesced(struct vm *vm);	/* coalesced.h */

/* (UN)REGISTER_COALESCED_MMIO; -ENOIOCTLCMD: neither. */
long iobus_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);

#endif /* VMX_IOBUS_H */
