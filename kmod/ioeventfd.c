// SPDX-License-Identifier: GPL-2.0-only
/* Eventfds that a guest's write to a port or an address signals: devices on the buses. */
#include <linux/eventfd.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "compat.h"
#include "iobus.h"
#include "irqfd.h"
#include "uapi/vmx.h"
#include "vm.h"

struct ioeventfd {
	struct iodev dev;
	struct list_head link;		/* of vm_irqfds.ioeventfds; vm->lock */
	struct eventfd_ctx *eventfd;
	enum iobus_kind bus;
	u64 addr;
	u32 len;			/* 0: any */
	bool wildcard;			/* any value */
	u64 datamatch;
};

static bool ioeventfd_matches(const struct ioeventfd *p, u64 addr, int len, const void *val)
{
	u64 data;

	if (addr != p->addr)
		return false;
	if (!p->len)
		return true;
	if (len != p->len)
		return false;
	if (p->wildcard)
		return true;
	switch (len) {
	case 1:
		data = *(const u8 *)val;
		break;
	case 2:
		data = get_unaligned((const u16 *)val);
		break;
	case 4:
		data = get_unaligned((const u32 *)val);
		break;
	case 8:
		data = get_unaligned((const u64 *)val);
		break;
	default:
		return false;
	}
	return data == p->datamatch;
}

static int ioeventfd_read(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len, void *val)
{
	return -EOPNOTSUPP; /* reads are the VMM's */
}

static int ioeventfd_write(struct iodev *dev, struct vcpu *vcpu, u64 addr, int len,
			   const void *val)
{
	struct ioeventfd *p = container_of(dev, struct ioeventfd, dev);

	if (!ioeventfd_matches(p, addr, len, val))
		return -EOPNOTSUPP;
	compat_eventfd_signal(p->eventfd);
	return 0;
}

/* The bus let go of it, and nobody uses it any more. */
static void ioeventfd_free(struct iodev *dev)
{
	struct ioeventfd *p = container_of(dev, struct ioeventfd, dev);

	eventfd_ctx_put(p->eventfd);
	kfree(p);
}

static const struct iodev_ops ioeventfd_ops = {
	.read = ioeventfd_read,
	.write = ioeventfd_write,
	.release = ioeventfd_free,
};

/* Would a write that signals one also signal the other? */
static bool ioeventfd_collides(struct vm *vm, const struct ioeventfd *p)
{
	const struct ioeventfd *q;

	lockdep_assert_held(&vm->lock);
	list_for_each_entry(q, &vm->irqfds->ioeventfds, link)
		if (q->bus == p->bus && q->addr == p->addr &&
		    (!q->len || !p->len ||
		     (q->len == p->len &&
		      (q->wildcard || p->wildcard || q->datamatch == p->datamatch))))
			return true;
	return false;
}

/* IOEVENTFD's arguments, apart from the fd. */
static int ioeventfd_check(const struct vmx_ioeventfd *args)
{
	if (args->flags & ~(VMX_IOEVENTFD_FLAG_DATAMATCH | VMX_IOEVENTFD_FLAG_PIO |
			    VMX_IOEVENTFD_FLAG_DEASSIGN))
		return -EINVAL;
	switch (args->len) {
	case 0:
		/* No length, no value to compare. */
		if (args->flags & VMX_IOEVENTFD_FLAG_DATAMATCH)
			return -EINVAL;
		break;
	case 1:
	case 2:
	case 4:
	case 8:
		break;
	default:
		return -EINVAL;
	}
	if (args->addr + args->len < args->addr)
		return -EINVAL;
	return 0;
}

static long ioeventfd_assign(struct vm *vm, const struct vmx_ioeventfd *args)
{
	struct ioeventfd *p;
	long ret;

	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return -ENOMEM;
	p->dev.ops = &ioeventfd_ops;
	p->bus = args->flags & VMX_IOEVENTFD_FLAG_PIO ? IOBUS_PIO : IOBUS_MMIO;
	p->addr = args->addr;
	p->len = args->len;
	p->wildcard = !(args->flags & VMX_IOEVENTFD_FLAG_DATAMATCH);
	p->datamatch = p->wildcard ? 0 : args->datamatch;
	p->eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(p->eventfd)) {
		ret = PTR_ERR(p->eventfd);
		goto free;
	}
	mutex_lock(&vm->lock);
	ret = -EEXIST;
	if (ioeventfd_collides(vm, p))
		goto unlock;
	ret = iobus_register(vm, p->bus, p->addr, p->len, &p->dev);
	if (ret)
		goto unlock;
	list_add_tail(&p->link, &vm->irqfds->ioeventfds);
	mutex_unlock(&vm->lock);
	return 0;

unlock:
	mutex_unlock(&vm->lock);
	eventfd_ctx_put(p->eventfd);
free:
	kfree(p);
	return ret;
}

static long ioeventfd_deassign(struct vm *vm, const struct vmx_ioeventfd *args)
{
	bool wildcard = !(args->flags & VMX_IOEVENTFD_FLAG_DATAMATCH);
	enum iobus_kind bus = args->flags & VMX_IOEVENTFD_FLAG_PIO ? IOBUS_PIO : IOBUS_MMIO;
	struct eventfd_ctx *eventfd;
	struct ioeventfd *p;
	long ret = -ENOENT;

	eventfd = eventfd_ctx_fdget(args->fd);
	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	mutex_lock(&vm->lock);
	list_for_each_entry(p, &vm->irqfds->ioeventfds, link) {
		if (p->bus != bus || p->eventfd != eventfd || p->addr != args->addr ||
		    p->len != args->len || p->wildcard != wildcard)
			continue;
		if (!wildcard && p->datamatch != args->datamatch)
			continue;
		list_del(&p->link);
		iobus_unregister(vm, bus, &p->dev); /* frees it */
		ret = 0;
		break;
	}
	mutex_unlock(&vm->lock);
	eventfd_ctx_put(eventfd);
	return ret;
}

long ioeventfd_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	struct vmx_ioeventfd args;
	int ret;

	if (cmd != VMX_IOEVENTFD)
		return -ENOIOCTLCMD;
	if (copy_from_user(&args, (void __user *)arg, sizeof(args)))
		return -EFAULT;
	if (args.flags & VMX_IOEVENTFD_FLAG_DEASSIGN)
		return ioeventfd_deassign(vm, &args);
	ret = ioeventfd_check(&args);
	return ret ? ret : ioeventfd_assign(vm, &args);
}

void ioeventfd_vm_destroy(struct vm *vm, struct vm_irqfds *fds)
{
	struct ioeventfd *p, *next;

	mutex_lock(&vm->lock);
	list_for_each_entry_safe(p, next, &fds->ioeventfds, link) {
		list_del(&p->link);
		iobus_unregister(vm, p->bus, &p->dev);
	}
	mutex_unlock(&vm->lock);
}
