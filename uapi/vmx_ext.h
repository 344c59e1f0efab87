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
 * VMX_X_STATS_FD (vCPU fd): a read-only file descriptor of the vCPU's statistics, to be mapped or read by any
 * process that holds it; see "exit statistics" below. It outlives the vCPU: the counts stay. Works from any process.
 * Returns the fd, or -EMFILE, -ENFILE, -ENOMEM.
 */
#define VMX_X_STATS_FD _IO(VMX_XIO, 0x01)

/*
 * VMX_X_SET_PAGING (VM fd): how guest-physical memory is reached. Before the first vCPU.
 *
 *	VMX_X_PAGING_AUTO	as the module's parameter paging= says; without it nested where the CPU can
 *	VMX_X_PAGING_NESTED	by tables of its own that the CPU walks beside the guest's
 *	VMX_X_PAGING_SHADOW	by tables that are built from the guest's own
 *
 * Returns 0; -EINVAL: none of these; -EBUSY: there is a vCPU; -EOPNOTSUPP: not on this CPU; -ENOMEM; -EFAULT.
 *
 * VMX_X_GET_PAGING (VM fd): which of the last two it is. Returns 0, or -EFAULT.
 *
 * VMX_X_AUDIT (VM fd): proves that the shadow pager's books, its tables, the slots, the dirty log and the
 * VMM's own mappings agree. Returns how many rules are broken, each of which is in the kernel's log; 0 is what it
 * should be, also for a VM without shadow paging. The VM may run; its faults wait meanwhile.
 */
#define VMX_X_SET_PAGING _IOW(VMX_XIO, 0x02, __u32)
#define VMX_X_GET_PAGING _IOR(VMX_XIO, 0x03, __u32)
#define VMX_X_AUDIT _IO(VMX_XIO, 0x04)

#define VMX_X_PAGING_AUTO 0
#define VMX_X_PAGING_NESTED 1
#define VMX_X_PAGING_SHADOW 2

/*
 * ---- the control block ----
 *
 * What reads here, and in the two sections after, never changes anything, and works from any process that holds the fd:
 * pidfd_getfd(2) gets it from a VMM, if ptrace would be allowed. A control block is shown as the next entry will use it. A vCPU
 * that runs is stopped for the moment that it takes; one that sleeps, in HLT or before its SIPI, is not disturbed otherwise.
 *
 * Without CAP_SYS_ADMIN the host's addresses (its RIP, RSP, tables; pages that the control block names) read as
 * zero, with VMX_X_FIELD_HIDDEN.
 */

/* vmx_x_field.kind: as bits 11:10 of a VMCS encoding */
#define VMX_X_FIELD_CONTROL 0
#define VMX_X_FIELD_EXIT 1	/* read-only: what the last exit says */
#define VMX_X_FIELD_GUEST 2
#define VMX_X_FIELD_HOST 3

/* vmx_x_field.flags */
#define VMX_X_FIELD_HIDDEN (1U << 0)	/* the value is not shown */

struct vmx_x_field {
	__u32 id;	/* VMX_X_BACKEND_VT: the encoding (SDM 3D appendix B); SVM: offset in the VMCB (APM 2 appendix B) */
	__u8 width;	/* bytes: 1, 2, 4, 8 */
	__u8 kind;	/* VMX_X_FIELD_* */
	__u16 flags;
	__u64 value;	/* zero-extended */
};

struct vmx_x_block {
	__u32 nr;	/* in: room for so many; out: how many there are */
	__u32 reserved;	/* 0 */
	__u64 fields;	/* address of struct vmx_x_field[] */
};

/*
 * VMX_X_GET_BLOCK (vCPU fd): all fields that this CPU's VMCS has, or all defined ones of the VMCB, in ascending order
 * of id. Reserved parts of a VMCB are left out. Returns 0; -E2BIG with nr set if the room is too small, then
 * nothing else is written; -EINVAL (reserved); -EIO (the VM is dead); -EINTR (a signal, while it waited for the
 * vCPU); -ENOMEM; -EFAULT.
 */
#define VMX_X_GET_BLOCK _IOWR(VMX_XIO, 0x05, struct vmx_x_block)

struct vmx_x_violation {
	__u32 id;		/* of a field that breaks the rule */
	__u32 reserved;
	__u64 value;		/* 0 if it is hidden */
	char section[16];	/* "26.3.1.2": of SDM 3C; "15.5.1": of APM 2 */
	char rule[96];		/* what should be so, or is not, in words */
};

struct vmx_x_check {
	__u32 nr;	/* in: room for so many; out: how many rules are broken */
	__u32 reserved;	/* 0 */
	__u64 violations; /* address of struct vmx_x_violation[] */
};

#define VMX_X_CHECK_MAX 64	/* more are only counted */

/*
 * VMX_X_CHECK_BLOCK (vCPU fd): the manual's consistency checks of an entry against the block, each rule that is
 * broken by name. An entry that breaks one is refused by the CPU. Returns 0 (also with rules broken; those for
 * which there is no room are only counted), or as VMX_X_GET_BLOCK but -E2BIG.
 */
#define VMX_X_CHECK_BLOCK _IOWR(VMX_XIO, 0x06, struct vmx_x_check)

/*
 * VMX_X_SET_FIELD (vCPU fd, of the VM's owner alone): one field of the control block. A field of guest state goes the
 * way of the state that it shows: what SET_REGS, SET_SREGS, SET_MSRS or SET_DEBUGREGS would refuse is refused, and a
 * VM on shadow tables has the guest's CR3. CR0, CR4 and EFER are the guest's own, without what the host needs there.
 * Fields that belong to no such state, and any field with VMX_X_SET_FIELD_RAW, are written as they are, unchecked,
 * if the module was loaded with unsafe_control_writes=1 and the caller has CAP_SYS_ADMIN: it taints the kernel, and a
 * wrong one lets the guest have the host. What vmx keeps beside the block it may write again at any time.
 *
 * Returns 0; -ENOENT (no such field); -EINVAL (the width is another, the value does not fit or is refused, flags);
 * -EROFS (the CPU writes it); -EPERM (to be written as it is, and that is not allowed); -EIO (this CPU has no such
 * field, or the VM is dead or another process'); -ENOMEM; -EFAULT.
 */
struct vmx_x_set_field {
	__u32 id;	/* as in struct vmx_x_field */
	__u16 width;
	__u16 flags;	/* VMX_X_SET_FIELD_RAW or 0 */
	__u64 value;
};

#define VMX_X_SET_FIELD_RAW 1
#define VMX_X_SET_FIELD _IOW(VMX_XIO, 0x0b, struct vmx_x_set_field)

/*
 * ---- what went wrong ----
 *
 * VMX_X_GET_FAILURE (vCPU fd): the last entry that the CPU refused, or internal error, as it was when the VMM was told,
 * and which ioctl set which part of the vCPU's state last. Works from any process that holds the fd, and while the
 * vCPU runs. Values that are addresses of the host's read as zero without CAP_SYS_ADMIN. Returns 0 (also with nothing
 * wrong yet: count is 0); -ENOMEM; -EFAULT; -EIO (the VM is dead).
 */
#define VMX_X_FAILURE_RULES 8
#define VMX_X_FAILURE_DATA 16
#define VMX_X_FAILURE_WRITES 16

struct vmx_x_failure_write {
	__u32 cmd;	/* the ioctl: VMX_SET_REGS ...; what VMX_RUN takes by SYNC_REGS counts as the ioctl for it */
	__u32 tid;	/* the thread that did it last */
	__u64 count;	/* how often; 0: never */
	__u64 tsc;	/* the host's, when */
	__u64 exits;	/* exits of the vCPU up to then */
	char comm[16];	/* the thread's name */
};

struct vmx_x_failure {
	__u64 count;		/* failures so far; 0: the rest up to tsc_khz means nothing */
	__u64 tsc;		/* the host's, at the last */
	__u64 exits;		/* exits of the vCPU up to then */
	__u32 exit_reason;	/* VMX_EXIT_FAIL_ENTRY, VMX_EXIT_INTERNAL_ERROR */
	__u32 hw_reason;	/* EXITCODE, exit reason or VM-instruction error */
	__u32 suberror;		/* of an internal error: VMX_INTERNAL_ERROR_* */
	__u32 nr_data;
	__u64 data[VMX_X_FAILURE_DATA];
	__u64 rip;
	__u64 cs_base;
	__u64 rflags;
	__u64 cr0;
	__u64 cr3;
	__u64 cr4;
	__u64 efer;
	__u8 long_code;		/* it was 64-bit code */
	__u8 code32;		/* else: 32-bit code */
	__u8 reserved[2];
	__u32 nr_rules;		/* that the block broke; the first VMX_X_FAILURE_RULES of them are in rules[] */
	struct vmx_x_violation rules[VMX_X_FAILURE_RULES];
	__u32 tsc_khz;
	__u32 nr_writes;
	__u64 now;		/* the TSC, now */
	struct vmx_x_failure_write writes[VMX_X_FAILURE_WRITES];
};

#define VMX_X_GET_FAILURE _IOR(VMX_XIO, 0x0c, struct vmx_x_failure)

/*
 * ---- a walk ----
 *
 * One step is one entry of a page table, as it is at this moment. No accessed or dirty flag is set, and no page of the
 * VMM's is brought in. Without CAP_SYS_ADMIN host addresses read as zero, those in entries too, with HIDDEN.
 */

/* vmx_x_step.tables */
#define VMX_X_TABLES_GUEST 1	/* the guest's own */
#define VMX_X_TABLES_NESTED 2	/* ours, by guest-physical address */
#define VMX_X_TABLES_SHADOW 3	/* ours, by the guest's linear address */

/* vmx_x_step.flags */
#define VMX_X_STEP_LEAF (1U << 0)	/* it maps a page */
#define VMX_X_STEP_ABSENT (1U << 1)	/* it is not present: the walk ends */
#define VMX_X_STEP_RESERVED (1U << 2)	/* guest: a reserved bit is set; ends */
#define VMX_X_STEP_DEVICE (1U << 3)	/* nested: the mark of a page without memory; ends */
#define VMX_X_STEP_NO_SLOT (1U << 4)	/* guest: no memory is at that address, value is 0; ends */
#define VMX_X_STEP_NOT_HERE (1U << 5)	/* guest: the VMM's page is not present now, value is 0; ends */
#define VMX_X_STEP_HIDDEN (1U << 6)	/* addresses are left out */

struct vmx_x_step {
	__u64 address;	/* of the entry: guest-physical; of ours host-physical */
	__u64 value;
	__u64 host;	/* guest, on nested tables: host-physical address of the entry; 0: not mapped now */
	__u32 flags;	/* VMX_X_STEP_* */
	__u8 tables;	/* VMX_X_TABLES_* */
	__u8 level;	/* 1: its leaf is 4 KiB; 2: 2 MiB, or 4 MiB; 3: 1 GiB; 4, 5 */
	__u8 size;	/* bytes: 4, 8 */
	__u8 reserved;
};

/* vmx_x_walk.flags */
#define VMX_X_WALK_PHYSICAL (1U << 0)	/* address is guest-physical: the guest's tables are left out */

/* vmx_x_walk.result */
#define VMX_X_WALK_GPA (1U << 0)	/* gpa is valid: the guest's tables lead there */
#define VMX_X_WALK_HOST (1U << 1)	/* ours lead to a page of the host's */
#define VMX_X_WALK_WRITE (1U << 2)	/* what all of the guest's entries allow: to write, */
#define VMX_X_WALK_USER (1U << 3)	/* to the user, */
#define VMX_X_WALK_EXEC (1U << 4)	/* to execute */
#define VMX_X_WALK_CANONICAL (1U << 5)	/* address is; if not there are no steps */
#define VMX_X_WALK_SHADOW (1U << 6)	/* the vCPU is on shadow tables: a physical address has no steps */
#define VMX_X_WALK_HIDDEN (1U << 7)

#define VMX_X_WALK_STEPS 16

struct vmx_x_walk {
	__u64 address;	/* in */
	__u32 flags;	/* in: VMX_X_WALK_PHYSICAL */
	__u32 reserved;	/* in: 0 */
	__u32 result;	/* from here on out */
	__u32 nr;	/* of steps */
	__u64 gpa;
	__u64 host;	/* host-physical address, with VMX_X_WALK_HOST */
	__u64 cr3;	/* the guest's */
	__u8 levels;	/* of the guest's tables: 0 (no paging), 2, 3, 4, 5 */
	__u8 guest_shift;	/* log2 of the guest's page, with VMX_X_WALK_GPA; 0: no paging */
	__u8 host_shift;	/* of ours, with VMX_X_WALK_HOST */
	__u8 space;	/* 1: the vCPU is in system management mode */
	__u32 reserved2;
	struct vmx_x_step steps[VMX_X_WALK_STEPS];
};

/*
 * VMX_X_WALK (vCPU fd): an address through the guest's tables in the vCPU's present mode, and then through ours: nested
 * ones for the guest-physical address, shadow ones for the linear address. On shadow tables a physical address has no
 * steps, but where the guest has no paging. Registers and shadow tables are of one moment; the guest's tables and
 * nested ones are looked at right after it, entry by entry. PDPTEs of PAE paging are those in memory.
 *
 *	struct vmx_x_walk walk = { .address = 0xffffffff81000000 };
 *	ioctl(vcpu_fd, VMX_X_WALK, &walk);
 *
 * Any process, as above. Returns 0, also where the walk ends early; -EINVAL (flags, reserved); -EIO (the VM is dead);
 * -EINTR; -ENOMEM; -EFAULT.
 */
#define VMX_X_WALK _IOWR(VMX_XIO, 0x07, struct vmx_x_walk)

/* ---- lists of what is mapped ---- */

/* vmx_x_tables.what */
#define VMX_X_LIST_SLOTS 0	/* the VMM's memory slots, of both address spaces */
#define VMX_X_LIST_PAGES 1	/* leaves of our tables; nested: of the space that the vCPU sees; shadow: of all pages */
#define VMX_X_LIST_SHADOWED 2	/* frames of the guest's tables that shadow pages stand for, one for each of these */

/* vmx_x_range.flags */
#define VMX_X_RANGE_WRITE (1U << 0)	/* the guest may write at this moment */
#define VMX_X_RANGE_EXEC (1U << 1)
#define VMX_X_RANGE_USER (1U << 2)	/* shadow: to the user */
#define VMX_X_RANGE_ACCESSED (1U << 3)	/* the entry's flags; 0 where the hardware keeps none */
#define VMX_X_RANGE_DIRTY (1U << 4)
#define VMX_X_RANGE_DEVICE (1U << 5)	/* nested: marked as a page without memory */
#define VMX_X_RANGE_LOGGED (1U << 6)	/* shadow: the next write is the dirty log's to see; slot: has a dirty log */
#define VMX_X_RANGE_UNSYNC (1U << 7)	/* shadowed: the guest may write to the table */
#define VMX_X_RANGE_READONLY (1U << 8)	/* slot */

struct vmx_x_range {
	__u64 gpa;
	__u64 pages;	/* of 4 KiB */
	__u64 target;	/* pages: host-physical; slots: the VMM's address; shadowed: 0 */
	__u32 id;	/* slots: number, with its space in bits 31:16; else 0 */
	__u16 flags;	/* VMX_X_RANGE_* */
	__u8 level;	/* pages: of each entry; shadowed: of the table; slots: 0 */
	__u8 space;	/* 1: system management mode's */
};

/* vmx_x_tables.result */
#define VMX_X_TABLES_ON_SHADOW (1U << 0)	/* the VM is on shadow paging */
#define VMX_X_TABLES_HIDDEN (1U << 1)		/* host-physical addresses are left out */
#define VMX_X_TABLES_END (1U << 2)		/* nothing follows */

struct vmx_x_tables {
	__u32 what;	/* in: VMX_X_LIST_* */
	__u32 nr;	/* in: room for so many, at least 1; out: how many there are */
	__u64 cursor;	/* in: 0 at first, then what the call before gave */
	__u64 ranges;	/* in: address of struct vmx_x_range[] */
	__u32 result;	/* out: VMX_X_TABLES_* */
	__u32 reserved;	/* 0 */
};

/*
 * VMX_X_TABLES (vCPU fd): the next part of a list; without VMX_X_TABLES_END the caller asks again with the cursor, also
 * where nr is 0. Each call is of one moment, for which it holds the lock; between two of them the VM goes on. Slots and
 * nested pages come by ascending address; neighbours that are alike are one range.
 *
 * Any process, as above; the vCPU is not stopped. Returns 0; -EINVAL (what, nr, reserved); -EIO (the VM is dead);
 * -ENOMEM; -EFAULT.
 */
#define VMX_X_TABLES _IOWR(VMX_XIO, 0x08, struct vmx_x_tables)

/*
 * ---- exit statistics ----
 *
 * The file of VMX_X_STATS_FD describes itself. read(2) its header, then map header.size bytes from offset 0:
 *
 *	counters_offset		nr_counters	__u64				counters
 *	reasons_offset		nr_reasons	__u64				exits by reason
 *	times_offset		nr_reasons	struct vmx_x_stats_time		where the time of these exits went
 *	names_offset		nr_counters + nr_reasons char[VMX_X_STATS_NAME]	their names, NUL-terminated
 *
 * Times are in ticks of the host's TSC, of which there are tsc_khz in a millisecond. An exit's time begins when the
 * guest has stopped, and ends when it is about to go on, or with the return to the VMM; it is entered at the next
 * exit or that return. So while the vCPU is outside of the run ioctl, the sum of a histogram is the count of the
 * reason; in a guest that runs, the last exit's is still to come. The last "reason", run_ioctl, is none: it counts run
 * ioctls, and their time until the guest is entered. Three counters are times, too:
 *
 *	guest_cycles	in the guest, with the CPU's own work of entry and exit
 *	vmm_cycles	between two run ioctls, from the making of the vCPU on
 *	halt_cycles	waiting in HLT or for a SIPI; it is part of the time of an exit, mostly hlt
 *
 * The sum of all times of reasons, guest_cycles and vmm_cycles is the time since the vCPU was made. With the module's
 * parameter exit_times=0 no time is taken, and these are zero.
 *
 * One thread writes. A reader copies what it wants between two reads of seq, and takes the copy if both were equal and
 * even; without that, each value for itself is right.
 */
#define VMX_X_STATS_VERSION 2
#define VMX_X_STATS_NAME 32
#define VMX_X_STATS_BUCKETS 62
#define VMX_X_STATS_SHIFT 2

struct vmx_x_stats_header {
	__u32 version;		/* VMX_X_STATS_VERSION */
	__u32 seq;		/* odd while the counters change */
	__u32 counters_offset;	/* bytes from the start */
	__u32 nr_counters;
	__u32 reasons_offset;
	__u32 nr_reasons;
	__u32 vcpu_id;
	__u32 vm_id;
	__u32 size;		/* of the whole, bytes */
	__u32 times_offset;
	__u32 names_offset;
	__u32 tsc_khz;
	__u64 reserved[2];
};

struct vmx_x_stats_time {
	__u64 total;
	__u64 max;
	__u64 histogram[VMX_X_STATS_BUCKETS];	/* [i]: less than 2^(i+3) ticks, and not less than 2^(i+2) if i is not 0 */
};

/*
 * ---- exit trace ----
 *
 * VMX_X_TRACE_FD (vCPU fd): a ring of records, one of each exit, as a read-only file descriptor that is mapped from
 * offset 0: a page with struct vmx_x_trace_header, then @records of struct vmx_x_trace_record. One at a time for a vCPU;
 * it ends with the last descriptor and mapping. Works from any process that holds the vCPU's fd.
 *
 * VMX_X_TRACE_ENABLE (the fd of a ring): 1 begins to record, 0 stops; exits in between are not lost but not
 * recorded. It is off at first.
 *
 * The record of exit number n (from 0) is at n modulo nr_records, and is whole when head, read with acquire, is above
 * n. The kernel never waits for a reader: the ring holds the last nr_records - 1 of them. A reader that is at n copies
 * record n, reads head again, and has the record if head - n < nr_records; else those from n up to head - nr_records
 * are lost, and it knows their number exactly.
 *
 * Returns the fd, 0; -EINVAL (size, records no power of two from 64 to 2^20, reserved; enable neither 0 nor 1),
 * -EBUSY (someone traces this vCPU), -ENOMEM, -EMFILE, -ENFILE, -EFAULT.
 */
struct vmx_x_trace {
	__u32 size;		/* sizeof(struct vmx_x_trace) */
	__u32 records;		/* a power of two, 64 to 2^20 */
	__u64 reasons;		/* bit per reason, numbered as in the statistics: which are recorded; 0: all */
	__u64 reserved[2];	/* 0 */
};

#define VMX_X_TRACE_FD _IOW(VMX_XIO, 0x09, struct vmx_x_trace)
#define VMX_X_TRACE_ENABLE _IO(VMX_XIO, 0x0a)

#define VMX_X_TRACE_VERSION 1

struct vmx_x_trace_header {
	__u32 version;		/* VMX_X_TRACE_VERSION */
	__u32 enabled;
	__u32 header_size;	/* offset of the records, bytes */
	__u32 record_size;
	__u32 nr_records;
	__u32 vcpu_id;
	__u32 vm_id;
	__u32 tsc_khz;
	__u64 head;		/* how many were recorded */
	__u64 reserved[3];
};

/* vmx_x_trace_record.result: who served the exit */
#define VMX_X_TRACE_FAST 0	/* the inner loop alone, with interrupts off */
#define VMX_X_TRACE_KERNEL 1	/* the kernel */
#define VMX_X_TRACE_VMM 2	/* it went to the VMM: vmx_run.exit_reason in .detail */
#define VMX_X_TRACE_ERROR 3	/* the run ioctl failed: errno in .detail */

struct vmx_x_trace_record {
	__u64 tsc;		/* the host's, at the exit */
	__u64 rip;		/* of the guest, at the exit */
	__u64 cr3;
	__u64 info1;		/* SVM: EXITINFO1; VT-x: the exit qualification */
	__u64 info2;		/* SVM: EXITINFO2; VT-x: the guest-physical address */
	__u64 in_guest;		/* TSC ticks in the guest before it */
	__u64 in_kernel;	/* TSC ticks until the guest was about to go on, or the VMM was */
	__u16 reason;		/* numbered as in the statistics */
	__u8 result;		/* VMX_X_TRACE_* */
	__u8 detail;
	__u32 hw_reason;	/* SVM: EXITCODE; VT-x: the exit reason */
};

#endif /* UAPI_VMX_EXT_H */
