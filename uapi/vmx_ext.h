/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Extensions: what /dev/vmx offers beyond the ABI that it shares with KVM.
 *
 * They have an ioctl type of their own, so no number can collide with an ioctl that Linux
 * adds later, and a program can tell vmx from another kernel module by one call:
 *
 *	struct vmx_x_info info = { .size = sizeof(info) };
 *	bool is_vmx = ioctl(fd, VMX_X_INFO, &info) == 0;
 *
 * In-tree KVM answers ENOTTY.
 */
#ifndef UAPI_VMX_EXT_H
#define UAPI_VMX_EXT_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VMX_XIO 0xB9

#define VMX_X_VERSION 1

/* vmx_x_info.backend */
#define VMX_X_BACKEND_SVM 1 /* AMD SVM */
#define VMX_X_BACKEND_VT 2  /* Intel VT-x */

/* vmx_x_info.flags */
#define VMX_X_FLAG_TDP (1U << 0)       /* nested paging is used by default */
#define VMX_X_FLAG_DEBUG (1U << 1)     /* debug build with its oracles */
#define VMX_X_FLAG_KVM_NODE (1U << 2)  /* /dev/kvm is served too */

struct vmx_x_info {
	__u32 size;	/* in: sizeof the caller's struct; out: bytes that were filled */
	__u32 version;	/* VMX_X_VERSION */
	__u32 backend;	/* VMX_X_BACKEND_* */
	__u32 flags;	/* VMX_X_FLAG_* */
	__u64 reserved[4];
};

/*
 * VMX_X_INFO (system, VM and vCPU fd): says which module answers and how it runs.
 * At most size bytes are written. Returns 0; -EINVAL if size is below 16; -EFAULT.
 */
#define VMX_X_INFO _IOWR(VMX_XIO, 0x00, struct vmx_x_info)

/*
 * The start of a vCPU's statistics page. nr_counters __u64 follow at counters_offset, and
 * nr_reasons __u64 (exits by neutral reason) at reasons_offset; both from the page's start.
 *
 * seq is odd while the vCPU's thread changes the page. A reader copies and looks again:
 *
 *	do {
 *		seq = atomic_load_acquire(&h->seq);
 *		copy = *page;
 *		fence(acquire);
 *	} while (seq & 1 || seq != h->seq);
 */
struct vmx_x_stats_header {
	__u32 version; /* VMX_X_STATS_VERSION: grows when a meaning changes, not when one is added */
	__u32 size;    /* bytes of the page that are in use */
	__u32 seq;
	__u32 vcpu_id;
	__u32 nr_counters;
	__u32 counters_offset;
	__u32 nr_reasons;
	__u32 reasons_offset;
};

#define VMX_X_STATS_VERSION 1

#endif /* UAPI_VMX_EXT_H */
