/* SPDX-License-Identifier: GPL-2.0-only */
/* The host's CPUs: who has virtualisation switched on, and when it must be off. */
#ifndef VMX_HOST_H
#define VMX_HOST_H

#include <linux/percpu.h>
#include <linux/types.h>

/*
 * host_init() - claim the hooks for hotplug, suspend and reboot. -EBUSY, with the reason printed, if
 * in-tree KVM holds them. May sleep. host_exit() gives them back.
 */
int host_init(void);
void host_exit(void);

/*
 * host_get() - a VM comes: with the first, switch virtualisation on everywhere. 0, or -EBUSY/-EIO
 * if a CPU refused. host_put() - a VM has gone. May sleep.
 */
int host_get(void);
void host_put(void);

/*
 * Whether this CPU may enter a guest. Interrupts off; it stays so until they are on again, since the
 * flag falls in an IPI, a hotplug callback, or with the machine going down.
 */
DECLARE_PER_CPU(bool, host_cpu_on);

static inline bool host_this_cpu_on(void)
{
	return this_cpu_read(host_cpu_on);
}

/* Pending work of the thread, signals aside, that must be done before it runs a guest; hostwork.c. */
int hostwork_init(void);
void hostwork_exit(void);
/* 0, or -EINTR: a signal is pending. May sleep. */
int hostwork_handle(void);

#endif /* VMX_HOST_H */
