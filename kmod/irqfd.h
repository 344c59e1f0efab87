/* SPDX-License-Identifier: GPL-2.0-only */
/* Eventfds that raise interrupts (irqfd.c) and that guest writes signal (ioeventfd.c). */
#ifndef VMX_IRQFD_H
#define VMX_IRQFD_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct vm;
struct vm_irqfds;

int irqfd_vm_create(struct vm *vm);
/* The VM fd is closed: detach all irqfds, which hold no reference to the VM. May sleep. */
void irqfd_vm_release(struct vm *vm);
/* Nor do ioeventfds, but they are the guest's devices as long as a vCPU can run. May sleep. */
void irqfd_vm_destroy(struct vm *vm);
/* IRQFD, IOEVENTFD; -ENOIOCTLCMD: neither. */
long irqfd_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);

/*
 * The interrupt of a GSI ended: lower the resampling irqfds' line and signal their resamplefds. False: it
 * has none. Any context, no lock of an interrupt controller held.
 */
bool irqfd_resample(struct vm *vm, unsigned int gsi);

/* ---- ioeventfd.c, for irqfd.c ---- */

long ioeventfd_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);
void ioeventfd_vm_destroy(struct vm *vm, struct vm_irqfds *fds);

struct vm_irqfds {
	struct mutex ioctl_lock;	/* IRQFD, one at a time */
	spinlock_t lock;		/* irqfds; taken under an eventfd's wait queue lock */
	struct list_head irqfds;
	struct list_head dead;		/* irqfds whose eventfd went away: dead_work ends them */
	struct work_struct dead_work;
	bool released;			/* the VM fd is closed: no new ones */

	struct mutex resample_lock;
	struct list_head resamplers;	/* RCU, changed under resample_lock */
	atomic_t nr_resamplers;

	struct list_head ioeventfds;	/* vm->lock */
};

#endif /* VMX_IRQFD_H */
