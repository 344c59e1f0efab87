// SPDX-License-Identifier: GPL-2.0-only
/*
 * Virtualisation is on (EFER.SVME, VMXON) on every online CPU while there is at least one VM, and
 * off otherwise, so that a host with the module merely loaded is as if it were not.
 *
 *   host_get/host_put  first and last VM: an IPI to all CPUs
 *   cpuhp callbacks    a CPU comes or goes
 *   syscore            suspend to RAM and resume, on the boot CPU (the others go by hotplug)
 *   reboot notifier    orderly reboot, kexec
 *   emergency callback crash: NMI shoot-down before kdump
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/syscore_ops.h>
#include <asm/reboot.h>

#include "backend.h"
#include "compat.h"
#include "host.h"

DEFINE_PER_CPU(bool, host_cpu_on);

static DEFINE_MUTEX(host_lock);	/* inside cpus_read_lock() */
static unsigned int host_users;	/* VMs; written under host_lock */
static bool host_down;		/* the machine is going down: nothing is switched on any more */

/* Interrupts off, on the CPU in question. */
static int host_cpu_enable(void)
{
	int r;

	if (this_cpu_read(host_cpu_on))
		return 0;
	r = backend_call(cpu_enable)();
	if (!r)
		this_cpu_write(host_cpu_on, true);
	return r;
}

static void host_cpu_disable(void)
{
	if (!this_cpu_read(host_cpu_on))
		return;
	this_cpu_write(host_cpu_on, false);
	backend_call(cpu_disable)();
}

static void host_enable_ipi(void *failures)
{
	if (host_cpu_enable())
		atomic_inc(failures);
}

static void host_disable_ipi(void *unused)
{
	host_cpu_disable();
}

/* A crash: other CPUs are being stopped by NMI, nothing may be locked or waited for. */
static void host_emergency(void)
{
	if (this_cpu_read(host_cpu_on))
		backend->cpu_emergency_disable();
}

int host_get(void)
{
	atomic_t failures = ATOMIC_INIT(0);
	int r = 0;

	cpus_read_lock();
	mutex_lock(&host_lock);
	if (host_down) {
		r = -EBUSY;
	} else if (host_users++ == 0) {
		compat_emergency_register(host_emergency);
		on_each_cpu(host_enable_ipi, &failures, 1);
		if (atomic_read(&failures)) {
			pr_err("%d CPUs refused to switch virtualisation on\n",
			       atomic_read(&failures));
			on_each_cpu(host_disable_ipi, NULL, 1);
			compat_emergency_unregister(host_emergency);
			host_users = 0;
			r = -EBUSY;
		}
	}
	mutex_unlock(&host_lock);
	cpus_read_unlock();
	return r;
}

void host_put(void)
{
	cpus_read_lock();
	mutex_lock(&host_lock);
	if (!WARN_ON_ONCE(!host_users) && --host_users == 0) {
		on_each_cpu(host_disable_ipi, NULL, 1);
		compat_emergency_unregister(host_emergency);
	}
	mutex_unlock(&host_lock);
	cpus_read_unlock();
}

/*
 * The hotplug callbacks run either in the STARTING section, on the CPU with interrupts off, or in the
 * ONLINE section, in its hotplug thread, according to what the kernel has for KVM. host_users is
 * stable: its writers hold cpus_read_lock().
 */
static int host_cpu_up(unsigned int cpu)
{
	unsigned long flags;
	int r = 0;

	local_irq_save(flags);
	if (host_users && !host_down)
		r = host_cpu_enable();
	local_irq_restore(flags);
	if (r)
		pr_err("CPU %u refused to switch virtualisation on (%d): it will run no guest\n", cpu, r);
	return COMPAT_CPUHP_IS_STARTING ? 0 : r;
}

static int host_cpu_down(unsigned int cpu)
{
	unsigned long flags;

	local_irq_save(flags);
	host_cpu_disable();
	local_irq_restore(flags);
	return 0;
}

static int host_suspend(void)
{
	host_cpu_disable();
	return 0;
}

static void host_resume(void)
{
	if (host_users && host_cpu_enable())
		pr_err("virtualisation could not be switched on after resume\n");
}

static int host_reboot(struct notifier_block *nb, unsigned long action, void *data)
{
	mutex_lock(&host_lock);
	host_down = true;
	mutex_unlock(&host_lock);
	/* A vCPU that would enter now finds host_cpu_on false; see run.c. */
	on_each_cpu(host_disable_ipi, NULL, 1);
	return NOTIFY_OK;
}

static struct notifier_block host_reboot_nb = {
	.notifier_call = host_reboot,
};

static void host_shutdown(void)
{
	host_cpu_disable();
}

COMPAT_SYSCORE(host_syscore, host_suspend, host_resume, host_shutdown);

int host_init(void)
{
	int r;

	r = hostwork_init();
	if (r)
		return r;
	r = cpuhp_setup_state_nocalls(COMPAT_CPUHP_STATE, "virt/vmx:online", host_cpu_up,
				      host_cpu_down);
	if (r) {
		if (r == -EBUSY)
			pr_err("%s is loaded and holds the virtualisation hooks: rmmod %s\n", backend->rival,
			       backend->rival);
		hostwork_exit();
		return r;
	}
	compat_syscore_register(&host_syscore);
	register_reboot_notifier(&host_reboot_nb);
	return 0;
}

void host_exit(void)
{
	unregister_reboot_notifier(&host_reboot_nb);
	compat_syscore_unregister(&host_syscore);
	cpuhp_remove_state_nocalls(COMPAT_CPUHP_STATE);
	hostwork_exit();
}
