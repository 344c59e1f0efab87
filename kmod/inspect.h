/* SPDX-License-Identifier: GPL-2.0-only */
/* Looking at a vCPU from outside: the read-only ioctls of uapi/vmx_ext.h. */
#ifndef VMX_INSPECT_H
#define VMX_INSPECT_H

#include <linux/list.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

struct vcpu;
struct vmx_x_tables;
struct vmx_x_walk;

/* Part of struct vcpu: who waits to look. */
struct vcpu_inspections {
	spinlock_t lock;
	struct list_head waiting;
	wait_queue_head_t done;
};

void inspect_vcpu_init(struct vcpu *vcpu);

/*
 * vcpu_inspect() - calls fn(vcpu, ctx) while the vCPU is loaded and outside of the guest: in the thread that runs
 * it, between two entries, or here if none does. @fn must not sleep. Any process; may sleep; no locks held.
 * Returns 0, or -EINTR: a signal came first, and fn was not called.
 */
int vcpu_inspect(struct vcpu *vcpu, void (*fn)(struct vcpu *vcpu, void *ctx), void *ctx);

/* REQ_INSPECT: the vCPU's own thread, loaded. */
void inspect_serve(struct vcpu *vcpu);

/*
 * The ioctls that only read, and that need not be the VM's owner's: VMX_X_GET_BLOCK, VMX_X_CHECK_BLOCK,
 * VMX_X_WALK, VMX_X_TABLES, VMX_X_STATS_FD, VMX_X_TRACE_FD, VMX_X_GET_FAILURE, VMX_X_INFO. Without vcpu->mutex.
 * -ENOIOCTLCMD: another one.
 */
long inspect_vcpu_ioctl(struct vcpu *vcpu, unsigned int cmd, unsigned long arg);

/* VMX_X_WALK (inspect_walk.c). */
long inspect_walk(struct vcpu *vcpu, struct vmx_x_walk __user *argp);
/* VMX_X_TABLES (inspect_tables.c). */
long inspect_tables(struct vcpu *vcpu, struct vmx_x_tables __user *argp);

#endif /* VMX_INSPECT_H */
