/* SPDX-License-Identifier: GPL-2.0-only */
/* Coalesced MMIO and PIO: writes that are queued in a ring instead of exiting. */
#ifndef VMX_COALESCED_H
#define VMX_COALESCED_H

struct vm;
struct vm_coalesced;

/* The VM's ring, one page. It lives as long as the VM's buses. */
void *coalesced_ring(struct vm *vm);

/* For iobus.c. create: NULL without memory; may sleep. destroy: after the zones were released. */
struct vm_coalesced *coalesced_create(struct vm *vm);
void coalesced_destroy(struct vm_coalesced *c);

/* (UN)REGISTER_COALESCED_MMIO; -ENOIOCTLCMD: neither. */
long coalesced_vm_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);

#endif /* VMX_COALESCED_H */
