// SPDX-License-Identifier: GPL-2.0-only
/*
 * Work that the kernel wants done before a thread goes on: rescheduling, task work, rseq.
 *
 * xfer_to_guest_mode_handle_work() does it, but it was made for in-tree KVM: on a pending signal it
 * writes an exit reason and a counter through its argument, a struct kvm_vcpu. It is given one that
 * nobody reads. This is the only file that includes kvm_host.h, for the size of that struct; it uses
 * no symbol of kvm.ko.
 */
#include <linux/entry-kvm.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <linux/slab.h>

int hostwork_init(void);
void hostwork_exit(void);
int hostwork_handle(void);

static struct kvm_vcpu *hostwork_dummy;

int hostwork_init(void)
{
	hostwork_dummy = kvzalloc(sizeof(*hostwork_dummy), GFP_KERNEL);
	if (!hostwork_dummy)
		return -ENOMEM;
	hostwork_dummy->run = kzalloc(sizeof(*hostwork_dummy->run), GFP_KERNEL);
	if (!hostwork_dummy->run) {
		kvfree(hostwork_dummy);
		return -ENOMEM;
	}
	return 0;
}

void hostwork_exit(void)
{
	kfree(hostwork_dummy->run);
	kvfree(hostwork_dummy);
}

int hostwork_handle(void)
{
	return xfer_to_guest_mode_handle_work(hostwork_dummy);
}
