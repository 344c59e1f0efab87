// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does the host keep its own time by the TSC?
 *
 * That is what the guests' clocks ask before they count by it: Linux takes the TSC for its clocksource only where it
 * holds it for one counter of constant rate on all CPUs, and leaves it when a watchdog or a change of a CPU's
 * frequency (on CPUs without CONSTANT_TSC) proves that wrong. CPUID's bit for a constant rate says less: a machine
 * with several of such counters has it, one that is emulated or told "tsc=reliable" may lack it.
 *
 * The kernel tells at each update of its clock which clocksource it has. When that changes, or the counter is found
 * wanting, each VM gets a new sample of the clock, and with it new pages, also a vCPU that never leaves the guest.
 */
#include <linux/clocksource.h>
#include <linux/irq_work.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pvclock_gtod.h>
#include <linux/timekeeper_internal.h>
#include <linux/workqueue.h>
#include <asm/tsc.h>

#include "vm.h"
#include "x86/state.h"
#include "x86/x86.h"

static DEFINE_MUTEX(host_clock_lock);	/* the list; outside of every vm_x86.clock_lock */
static LIST_HEAD(host_clock_vms);
static bool host_clock_tsc;		/* written by the notifier only */

bool host_clock_is_tsc(void)
{
	return READ_ONCE(host_clock_tsc) && !check_tsc_unstable();
}

static void host_clock_changed(struct work_struct *work)
{
	struct vm *vm;

	mutex_lock(&host_clock_lock);
	list_for_each_entry(vm, &host_clock_vms, clock_link)
		clock_resample(vm);
	mutex_unlock(&host_clock_lock);
}

static DECLARE_WORK(host_clock_work, host_clock_changed);

/* Two steps: what queues work takes locks that the clock's update, under the timekeeper's, must not. */
static void host_clock_irq_work(struct irq_work *work)
{
	schedule_work(&host_clock_work);
}

static DEFINE_IRQ_WORK(host_clock_irq, host_clock_irq_work);

/* Under the timekeeper's lock, interrupts off, at each tick: no clock may be read here. */
static int host_clock_update(struct notifier_block *nb, unsigned long was_set, void *data)
{
	const struct timekeeper *tk = data;
	bool tsc = tk->tkr_mono.clock->vdso_clock_mode == VDSO_CLOCKMODE_TSC && !check_tsc_unstable();

	if (tsc != host_clock_tsc) {
		WRITE_ONCE(host_clock_tsc, tsc);
		irq_work_queue(&host_clock_irq);
	}
	return NOTIFY_OK;
}

static struct notifier_block host_clock_nb = {
	.notifier_call = host_clock_update,
};

void host_clock_add(struct vm *vm)
{
	mutex_lock(&host_clock_lock);
	list_add(&vm->clock_link, &host_clock_vms);
	mutex_unlock(&host_clock_lock);
}

void host_clock_remove(struct vm *vm)
{
	mutex_lock(&host_clock_lock);
	list_del(&vm->clock_link);
	mutex_unlock(&host_clock_lock);
}

int host_clock_init(void)
{
	/* Calls back at once. */
	return pvclock_gtod_register_notifier(&host_clock_nb);
}

void host_clock_exit(void)
{
	pvclock_gtod_unregister_notifier(&host_clock_nb);
	irq_work_sync(&host_clock_irq);
	cancel_work_sync(&host_clock_work);
}
