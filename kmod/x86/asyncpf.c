// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous page faults (Documentation/virt/kvm/x86/msr.rst): where the host would have to wait for a page, the
 * guest runs another task meanwhile.
 *
 *	guest touches it --> flags = 1, #PF with CR2 = token ("not present") --> task sleeps
 *	                 \-> work item: the host brings it in
 *	                      \-> token in the guest's area, interrupt ("ready") --> task goes on
 *	                           \-> guest clears token, writes ACK: the next one
 *
 * A work item holds a reference to the VM, so a vCPU outlives its items; of the VMM's address space it takes hold
 * only while it runs, so one that waits for a page does not keep a dead process' memory. What is told of a page
 * that could not be brought in is the same: the guest touches it again, and then waits.
 */
#include <linux/mm.h>
#include <linux/mmap_lock.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include "backend.h"
#include "gmem.h"
#include "irqchip/irqchip.h"
#include "pure/msr.h"
#include "uapi/vmx_para.h"
#include "x86/asyncpf.h"
#include "x86/cr.h"
#include "x86/state.h"
#include "x86/x86.h"

/* Pages of one vCPU that are on their way, or there and not told. */
#define MOST_OUTSTANDING 64
#define TOKEN_ALL (~0U)	/* wakes every task that waits */
#define APF_ON (VMX_PV_ASYNC_PF_ENABLED | VMX_PV_ASYNC_PF_DELIVERY_AS_INT)
#define AREA(field) offsetof(struct vmx_pv_apf_data, field)

static struct workqueue_struct *apf_queue;

struct apf_item {
	struct work_struct work;
	struct list_head node;		/* of running or ready */
	struct vcpu *vcpu;
	unsigned long hva;
	u32 token;
	bool write;
	bool cancelled;
};

struct vcpu_apf {
	u64 enable;			/* MSR ASYNC_PF_EN */
	u8 vector;			/* MSR ASYNC_PF_INT */
	bool wake_all;			/* tasks may wait for tokens that nobody here knows of */
	struct gmem_cache area;
	u32 next;			/* of tokens */
	atomic_t outstanding;
	spinlock_t lock;		/* the lists and .cancelled */
	struct list_head running;
	struct list_head ready;		/* only the vCPU's thread takes from it */
};

static bool apf_on(const struct vcpu_apf *apf)
{
	return (apf->enable & APF_ON) == APF_ON;
}

static void item_free(struct vcpu_apf *apf, struct apf_item *item)
{
	atomic_dec(&apf->outstanding);
	kfree(item);
}

/* ---- the page ---- */

static void bring_in(struct mm_struct *mm, const struct apf_item *item)
{
	unsigned int flags = FAULT_FLAG_REMOTE | (item->write ? FAULT_FLAG_WRITE : 0);
	bool unlocked = false;

	if (!mmget_not_zero(mm))
		return;
	mmap_read_lock(mm);
	fixup_user_fault(mm, item->hva, flags, &unlocked);
	mmap_read_unlock(mm);
	mmput(mm);
}

static void apf_work(struct work_struct *work)
{
	struct apf_item *item = container_of(work, struct apf_item, work);
	struct vcpu *vcpu = item->vcpu;
	struct vm *vm = vcpu->vm;
	struct vcpu_apf *apf = vcpu->x86->apf;
	bool cancelled;

	bring_in(vm->mm, item);
	spin_lock(&apf->lock);
	cancelled = item->cancelled;
	list_del(&item->node);
	if (!cancelled)
		list_add_tail(&item->node, &apf->ready);
	spin_unlock(&apf->lock);
	if (cancelled) {
		item_free(apf, item);
	} else {
		vcpu_request(vcpu, REQ_APF);
		vcpu_kick(vcpu);
	}
	vm_put(vm);
}

/* What is on its way ends by itself, unheard. */
static void cancel_all(struct vcpu_apf *apf)
{
	struct apf_item *item, *next;
	LIST_HEAD(drop);

	spin_lock(&apf->lock);
	list_for_each_entry(item, &apf->running, node)
		item->cancelled = true;
	list_splice_init(&apf->ready, &drop);
	spin_unlock(&apf->lock);
	list_for_each_entry_safe(item, next, &drop, node)
		item_free(apf, item);
	apf->wake_all = false;
}

/* ---- "not present" ---- */

/*
 * May the guest be told in place of this access? It must have asked for it, at this privilege level; have taken
 * note of the last one; and be able to take the interrupt that is to follow: code that has interrupts off cannot
 * let another task run.
 */
static bool may_tell(struct vcpu *vcpu, struct vcpu_apf *apf)
{
	const struct vcpu_events *ev = &vcpu->events;
	u32 flags;

	if (!(apf->enable & VMX_PV_ASYNC_PF_SEND_ALWAYS) && vcpu_cpl(vcpu) != 3)
		return false;
	/* The handler of system management mode knows nothing of this. */
	if (vcpu->smm)
		return false;
	if (vcpu->exit.vectoring.type != VM_EVENT_NONE || ev->injected.type != VM_EVENT_NONE ||
	    ev->exc_pending || !backend_call(irq_allowed)(vcpu))
		return false;
	return !gmem_cache_read_atomic(vcpu->vm, &apf->area, AREA(flags), &flags, sizeof(flags)) && !flags;
}

static u32 next_token(struct vcpu *vcpu, struct vcpu_apf *apf)
{
	u32 token;

	/* Of this vCPU alone; 0 is "none". */
	do
		token = apf->next++ << 12 | vcpu->id;
	while (!token || token == TOKEN_ALL);
	return token;
}

enum apf_result apf_fault(struct vcpu *vcpu, unsigned long hva, bool write)
{
	struct vcpu_apf *apf = vcpu->x86->apf;
	const u32 flags = VMX_PV_REASON_PAGE_NOT_PRESENT;
	struct apf_item *item;
	struct page *page;
	long n;

	if (likely(!apf_on(apf)) || !may_tell(vcpu, apf))
		return APF_NO;
	n = get_user_pages_unlocked(hva, 1, &page, FOLL_NOWAIT | (write ? FOLL_WRITE : 0));
	if (n == 1) {
		put_page(page);
		return APF_PRESENT;
	}
	/* An error is for the one who waits to report. */
	if (n < 0 || atomic_read(&apf->outstanding) >= MOST_OUTSTANDING)
		return APF_NO;
	item = kzalloc(sizeof(*item), GFP_KERNEL_ACCOUNT);
	if (!item)
		return APF_NO;
	if (gmem_cache_write_atomic(vcpu->vm, &apf->area, AREA(flags), &flags, sizeof(flags))) {
		kfree(item);
		return APF_NO;
	}
	INIT_WORK(&item->work, apf_work);
	item->vcpu = vcpu;
	item->hva = hva;
	item->write = write;
	item->token = next_token(vcpu, apf);
	atomic_inc(&apf->outstanding);
	spin_lock(&apf->lock);
	list_add_tail(&item->node, &apf->running);
	spin_unlock(&apf->lock);
	vcpu_raise_pf(vcpu, item->token, 0);
	vm_get(vcpu->vm);
	queue_work(apf_queue, &item->work);
	return APF_TOLD;
}

/* ---- "ready" ---- */

void apf_serve(struct vcpu *vcpu)
{
	struct vcpu_apf *apf = vcpu->x86->apf;
	struct apf_item *item;
	u32 token;

	if (!apf_on(apf))
		return;
	spin_lock(&apf->lock);
	item = list_first_entry_or_null(&apf->ready, struct apf_item, node);
	spin_unlock(&apf->lock);
	if (!item && !apf->wake_all)
		return;
	/* Until it has taken note of the last one; then it writes ACK. */
	if (gmem_cache_read(vcpu->vm, &apf->area, AREA(token), &token, sizeof(token)) || token)
		return;
	token = apf->wake_all ? TOKEN_ALL : item->token;
	if (gmem_cache_write(vcpu->vm, &apf->area, AREA(token), &token, sizeof(token)))
		return;
	if (apf->wake_all) {
		apf->wake_all = false;
	} else {
		spin_lock(&apf->lock);
		list_del(&item->node);
		spin_unlock(&apf->lock);
		item_free(apf, item);
	}
	lapic_post(vcpu, apf->vector, false);
}

/* ---- MSRs ---- */

static int write_enable(struct vcpu *vcpu, u64 val)
{
	struct vcpu_apf *apf = vcpu->x86->apf;

	/* Interrupts come from a LAPIC of ours. */
	if (!vcpu->lapic)
		return val ? 1 : 0;
	if ((val & VMX_PV_ASYNC_PF_ENABLED) &&
	    gmem_cache_init(vcpu->vm, &apf->area, val & ~63ULL, AREA(token) + sizeof(u32)))
		return 1;
	apf->enable = val;
	if (!apf_on(apf)) {
		cancel_all(apf);
		return 0;
	}
	/* Has the guest come from another host, where pages were outstanding? Who waits for one looks again. */
	apf->wake_all = true;
	vcpu_request(vcpu, REQ_APF);
	return 0;
}

u64 apf_msr_read(struct vcpu *vcpu, u32 msr)
{
	const struct vcpu_apf *apf = vcpu->x86->apf;

	switch (msr) {
	case GMSR_PV_ASYNC_PF_EN:
		return apf->enable;
	case GMSR_PV_ASYNC_PF_INT:
		return apf->vector;
	default:
		return 0;
	}
}

int apf_msr_write(struct vcpu *vcpu, u32 msr, u64 val)
{
	switch (msr) {
	case GMSR_PV_ASYNC_PF_EN:
		return write_enable(vcpu, val);
	case GMSR_PV_ASYNC_PF_INT:
		vcpu->x86->apf->vector = val;
		return 0;
	default:
		if (val & 1)
			vcpu_request(vcpu, REQ_APF);
		return 0;
	}
}

/* ---- life ---- */

int apf_vcpu_create(struct vcpu *vcpu)
{
	struct vcpu_apf *apf = kzalloc(sizeof(*apf), GFP_KERNEL_ACCOUNT);

	if (!apf)
		return -ENOMEM;
	spin_lock_init(&apf->lock);
	INIT_LIST_HEAD(&apf->running);
	INIT_LIST_HEAD(&apf->ready);
	vcpu->x86->apf = apf;
	return 0;
}

void apf_vcpu_destroy(struct vcpu *vcpu)
{
	/* None is running: each holds on to the VM. */
	cancel_all(vcpu->x86->apf);
	kfree(vcpu->x86->apf);
}

void apf_vcpu_reset(struct vcpu *vcpu)
{
	struct vcpu_apf *apf = vcpu->x86->apf;

	apf->enable = 0;
	apf->vector = 0;
	cancel_all(apf);
}

int apf_module_init(void)
{
	/* Items wait for pages: the more are on their way at once, the better. */
	apf_queue = alloc_workqueue("vmx_apf", WQ_UNBOUND, 0);
	return apf_queue ? 0 : -ENOMEM;
}

void apf_module_exit(void)
{
	destroy_workqueue(apf_queue);
}
