/* SPDX-License-Identifier: GPL-2.0-only */
/* Coalesced MMIO and PIO: writes that are queued in a ring instead of exiting. */
#ifndef VMX_COALESCED_H
#define VMX_COALESCED_H

struct vm;

/* The VM's ring, one page, or NULL. It lives as long as the VM. */
void *coalesced_ring(struct vm *vm);

#endif /* VMX_COALESCED_H */
