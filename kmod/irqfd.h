/* SPDX-License-Identifier: GPL-2.0-only */
/* Eventfds that raise interrupts (irqfd.c) and that guest writes signal (ioeventfd.c). */
#ifndef VMX_IRQFD_H
#define VMX_IRQFD_H

struct vm;

int irqfd_vm_create(struct vm *vm);
/* The VM fd is closed: detach all irqfds and ioeventfds; they hold no reference to the VM. May sleep. */
void irqfd_vm_release(struct vm *vm);
void irqfd_vm_destroy(struct vm *vm);
/* IRQFD, IOEVENTFD; -ENOIOCTLCMD: neither. */
long irqfd_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);

#endif /* VMX_IRQFD_H */
