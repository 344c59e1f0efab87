/* SPDX-License-Identifier: GPL-2.0-only */
/* Asynchronous page faults; asyncpf.c has the picture. */
#ifndef VMX_X86_ASYNCPF_H
#define VMX_X86_ASYNCPF_H

#include <linux/types.h>

struct vcpu;

int apf_module_init(void);	/* 0 or -ENOMEM */
void apf_module_exit(void);	/* waits for what is on its way out; no VM is left */
int apf_vcpu_create(struct vcpu *vcpu);
void apf_vcpu_destroy(struct vcpu *vcpu);
void apf_vcpu_reset(struct vcpu *vcpu);	/* off; what is outstanding is never told */

enum apf_result {
	APF_NO,		/* not this one: wait for the page */
	APF_PRESENT,	/* no need to wait for it: look again */
	APF_TOLD,	/* the guest will be told, now and when it is there: enter */
};

/*
 * apf_fault() - the guest faulted on @hva, which the host has not mapped (@write: not to be written). From the exit's
 * handler, before anything else is done for the exit. May sleep, but not for the page.
 */
enum apf_result apf_fault(struct vcpu *vcpu, unsigned long hva, bool write);

/* REQ_APF: tell the guest of a page that has arrived, if it can take that. Own thread; may sleep. */
void apf_serve(struct vcpu *vcpu);

/* The three MSRs. Write: 0, 1: #GP. */
u64 apf_msr_read(struct vcpu *vcpu, u32 msr);
int apf_msr_write(struct vcpu *vcpu, u32 msr, u64 val);

#endif /* VMX_X86_ASYNCPF_H */
