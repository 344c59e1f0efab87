/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ABI of /dev/vmx: structs and constants. The ioctl reference, one paragraph per ioctl
 * with arguments, errors and examples, is vmx_ioctl.h, which this file includes at its end.
 *
 * Numbers and layouts are those of KVM (API version 12, Linux 6.1), so a program that was
 * compiled against <linux/kvm.h> runs unchanged; selftests/abi proves it. Usable from C and
 * from C++, in the kernel and outside.
 *
 *	open("/dev/vmx")  --VMX_CREATE_VM-->  VM fd  --VMX_CREATE_VCPU-->  vCPU fd
 *
 * A vCPU fd is mapped (VMX_GET_VCPU_MMAP_SIZE bytes, MAP_SHARED) to reach its struct vmx_run.
 */
#ifndef UAPI_VMX_H
#define UAPI_VMX_H

#include <linux/ioctl.h>
#include <linux/types.h>

#include "vmx_caps.h"
#include "vmx_x86.h"

#define VMX_API_VERSION 12

/* ---- memory ---- */

/*
 * One slot: guest_phys_addr .. +memory_size shows the caller's memory at userspace_addr.
 * memory_size 0 deletes the slot. Bits 16..31 of slot number the address space: 0, or 1, what vCPUs see in
 * system management mode (VMX_CAP_MULTI_ADDRESS_SPACE is 2).
 */
struct vmx_userspace_memory_region {
	__u32 slot;
	__u32 flags; /* VMX_MEM_* */
	__u64 guest_phys_addr;
	__u64 memory_size;
	__u64 userspace_addr;
};

#define VMX_MEM_LOG_DIRTY_PAGES (1UL << 0)
#define VMX_MEM_READONLY (1UL << 1) /* writes exit as MMIO */

struct vmx_dirty_log {
	__u32 slot;
	__u32 padding1;
	union {
		void *dirty_bitmap; /* one bit per 4K page, rounded up to 64 bits */
		__u64 padding2;
	};
};

struct vmx_clear_dirty_log {
	__u32 slot;
	__u32 num_pages;
	__u64 first_page;
	union {
		void *dirty_bitmap;
		__u64 padding2;
	};
};

#define VMX_DIRTY_LOG_MANUAL_PROTECT_ENABLE (1 << 0)
#define VMX_DIRTY_LOG_INITIALLY_SET (1 << 1)

/*
 * An entry of the per-vCPU dirty ring. The kernel sets F_DIRTY, the VMM (in order, skipping
 * none) replaces it by F_RESET when it has read the entry, VMX_RESET_DIRTY_RINGS frees it.
 */
struct vmx_dirty_gfn {
	__u32 flags;
	__u32 slot; /* address space << 16 | slot */
	__u64 offset;
};

#define VMX_DIRTY_GFN_F_DIRTY (1UL << 0)
#define VMX_DIRTY_GFN_F_RESET (1UL << 1)
#define VMX_DIRTY_GFN_F_MASK 0x3

struct vmx_translation {
	__u64 linear_address; /* in */
	__u64 physical_address;
	__u8 valid;
	__u8 writeable;
	__u8 usermode;
	__u8 pad[5];
};

/* Memory of encrypted guests; only the ioctl numbers are kept. */
struct vmx_enc_region {
	__u64 addr;
	__u64 size;
};

/* ---- coalesced MMIO and PIO: writes that are queued instead of exiting ---- */

struct vmx_coalesced_mmio_zone {
	__u64 addr;
	__u32 size;
	union {
		__u32 pad;
		__u32 pio; /* 1: the zone is in port space */
	};
};

struct vmx_coalesced_mmio {
	__u64 phys_addr;
	__u32 len;
	union {
		__u32 pad;
		__u32 pio;
	};
	__u8 data[8];
};

/* Page VMX_COALESCED_MMIO_PAGE_OFFSET of the vCPU mapping. The kernel moves last, the VMM first. */
struct vmx_coalesced_mmio_ring {
	__u32 first, last;
	struct vmx_coalesced_mmio coalesced_mmio[];
};

/* Entries in a ring that fills a page of page_size bytes. */
#define VMX_COALESCED_MMIO_ENTRIES(page_size)                     \
	(((page_size) - sizeof(struct vmx_coalesced_mmio_ring)) / \
	 sizeof(struct vmx_coalesced_mmio))

/* ---- interrupts ---- */

struct vmx_irq_level {
	union {
		__u32 irq;    /* GSI */
		/* out, IRQ_LINE_STATUS: <0 masked, 0 merged, >0 delivered to so many */
		__s32 status;
	};
	__u32 level;
};

struct vmx_irqchip {
	__u32 chip_id; /* VMX_IRQCHIP_* */
	__u32 pad;
	union {
		char dummy[512];
		struct vmx_pic_state pic;
		struct vmx_ioapic_state ioapic;
	} chip;
};

struct vmx_pit_config {
	__u32 flags; /* VMX_PIT_SPEAKER_DUMMY */
	__u32 pad[15];
};

#define VMX_PIT_SPEAKER_DUMMY 1 /* serve port 0x61 too */

struct vmx_interrupt {
	__u32 irq; /* vector */
};

/* vmx_irq_routing_entry.type */
#define VMX_IRQ_ROUTING_IRQCHIP 1
#define VMX_IRQ_ROUTING_MSI 2
#define VMX_IRQ_ROUTING_HV_SINT 4

struct vmx_irq_routing_irqchip {
	__u32 irqchip; /* VMX_IRQCHIP_* */
	__u32 pin;
};

struct vmx_irq_routing_msi {
	__u32 address_lo;
	__u32 address_hi;
	__u32 data;
	union {
		__u32 pad;
		__u32 devid;
	};
};

struct vmx_irq_routing_hv_sint {
	__u32 vcpu;
	__u32 sint;
};

struct vmx_irq_routing_entry {
	__u32 gsi;
	__u32 type;
	__u32 flags;
	__u32 pad;
	union {
		struct vmx_irq_routing_irqchip irqchip;
		struct vmx_irq_routing_msi msi;
		struct vmx_irq_routing_hv_sint hv_sint;
		__u32 pad[8];
	} u;
};

struct vmx_irq_routing {
	__u32 nr;
	__u32 flags; /* must be 0 */
	struct vmx_irq_routing_entry entries[];
};

struct vmx_irqfd {
	__u32 fd;
	__u32 gsi;
	__u32 flags; /* VMX_IRQFD_FLAG_* */
	__u32 resamplefd;
	__u8 pad[16];
};

#define VMX_IRQFD_FLAG_DEASSIGN (1 << 0)
#define VMX_IRQFD_FLAG_RESAMPLE (1 << 1) /* level: lower on EOI and signal resamplefd */

struct vmx_ioeventfd {
	__u64 datamatch;
	__u64 addr;
	__u32 len; /* 1, 2, 4, 8; 0: any length */
	__s32 fd;
	__u32 flags; /* VMX_IOEVENTFD_FLAG_* */
	__u8 pad[36];
};

#define VMX_IOEVENTFD_FLAG_DATAMATCH (1 << 0)
#define VMX_IOEVENTFD_FLAG_PIO (1 << 1)
#define VMX_IOEVENTFD_FLAG_DEASSIGN (1 << 2)
#define VMX_IOEVENTFD_FLAG_VIRTIO_CCW_NOTIFY (1 << 3) /* not on x86: -EINVAL */
/* Five flag numbers are taken; number 4 is internal and never valid from a program on x86. */
#define VMX_IOEVENTFD_VALID_FLAG_MASK 0x1f

#define VMX_MSI_VALID_DEVID (1U << 0)
struct vmx_msi {
	__u32 address_lo;
	__u32 address_hi;
	__u32 data;
	__u32 flags;
	__u32 devid;
	__u8 pad[12];
};

/*
 * VMX_CAP_X2APIC_API: flags for args[0] of ENABLE_CAP on the VM; each stays on. An unknown one: -EINVAL.
 *
 * USE_32BIT_IDS: in x2APIC mode GET_LAPIC and SET_LAPIC carry all 32 bits of the ID (else bits 31:24 have the
 * low eight; SET_LAPIC with another ID than the vCPU's: -EINVAL). MSIs, by SIGNAL_MSI or by SET_GSI_ROUTING, have
 * bits 31:8 of the destination in bits 31:8 of address_hi, whose low bits must be 0 (-EINVAL).
 * DISABLE_BROADCAST_QUIRK: the destination 0xff of an MSI or IOAPIC pin is all CPUs in xAPIC mode, and for those in
 * x2APIC mode an ID like others (else all CPUs).
 */
#define VMX_X2APIC_API_USE_32BIT_IDS (1ULL << 0)
#define VMX_X2APIC_API_DISABLE_BROADCAST_QUIRK (1ULL << 1)

/* ---- Hyper-V enlightenments ---- */

#define VMX_EXIT_HYPERV_SYNIC 1
#define VMX_EXIT_HYPERV_HCALL 2
#define VMX_EXIT_HYPERV_SYNDBG 3

struct vmx_hyperv_exit {
	__u32 type;
	__u32 pad1;
	union {
		struct {
			__u32 msr;
			__u32 pad2;
			__u64 control;
			__u64 evt_page;
			__u64 msg_page;
		} synic;
		struct {
			__u64 input;
			__u64 result;
			__u64 params[2];
		} hcall;
		struct {
			__u32 msr;
			__u32 pad2;
			__u64 control;
			__u64 status;
			__u64 send_page;
			__u64 recv_page;
			__u64 pending_page;
		} syndbg;
	} u;
};

struct vmx_hyperv_eventfd {
	__u32 conn_id;
	__s32 fd;
	__u32 flags;
	__u32 padding[3];
};

#define VMX_HYPERV_CONN_ID_MASK 0x00ffffff
#define VMX_HYPERV_EVENTFD_DEASSIGN (1 << 0)

/* ---- running ---- */

/* vmx_run.exit_reason; the gaps belong to other architectures. */
#define VMX_EXIT_UNKNOWN 0
#define VMX_EXIT_EXCEPTION 1
#define VMX_EXIT_IO 2
#define VMX_EXIT_HYPERCALL 3
#define VMX_EXIT_DEBUG 4
#define VMX_EXIT_HLT 5
#define VMX_EXIT_MMIO 6
#define VMX_EXIT_IRQ_WINDOW_OPEN 7
#define VMX_EXIT_SHUTDOWN 8
#define VMX_EXIT_FAIL_ENTRY 9
#define VMX_EXIT_INTR 10
#define VMX_EXIT_SET_TPR 11
#define VMX_EXIT_TPR_ACCESS 12
#define VMX_EXIT_NMI 16
#define VMX_EXIT_INTERNAL_ERROR 17
#define VMX_EXIT_WATCHDOG 21
#define VMX_EXIT_SYSTEM_EVENT 24
#define VMX_EXIT_IOAPIC_EOI 26
#define VMX_EXIT_HYPERV 27
#define VMX_EXIT_X86_RDMSR 29
#define VMX_EXIT_X86_WRMSR 30
#define VMX_EXIT_DIRTY_RING_FULL 31
#define VMX_EXIT_AP_RESET_HOLD 32
#define VMX_EXIT_X86_BUS_LOCK 33
#define VMX_EXIT_NOTIFY 37

/* vmx_run.internal.suberror */
#define VMX_INTERNAL_ERROR_EMULATION 1 /* no such instruction in the emulator */
#define VMX_INTERNAL_ERROR_SIMUL_EX 2
#define VMX_INTERNAL_ERROR_DELIVERY_EV 3 /* exit while an event was being delivered */
#define VMX_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON 4

/* vmx_run.emulation_failure.flags */
#define VMX_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES (1ULL << 0)

/* vmx_run.io.direction */
#define VMX_EXIT_IO_IN 0
#define VMX_EXIT_IO_OUT 1

/* vmx_run.system_event.type */
#define VMX_SYSTEM_EVENT_SHUTDOWN 1
#define VMX_SYSTEM_EVENT_RESET 2
#define VMX_SYSTEM_EVENT_CRASH 3
#define VMX_SYSTEM_EVENT_WAKEUP 4
#define VMX_SYSTEM_EVENT_SUSPEND 5
#define VMX_SYSTEM_EVENT_SEV_TERM 6

/* vmx_run.msr.reason, and the mask that VMX_CAP_X86_USER_SPACE_MSR takes */
#define VMX_MSR_EXIT_REASON_INVAL (1 << 0)
#define VMX_MSR_EXIT_REASON_UNKNOWN (1 << 1)
#define VMX_MSR_EXIT_REASON_FILTER (1 << 2)

/* vmx_run.notify.flags */
#define VMX_NOTIFY_CONTEXT_INVALID (1 << 0)

#define VMX_SYNC_REGS_SIZE_BYTES 2048

/*
 * The page that the kernel and the VMM share per vCPU. What the exit reason says picks the
 * member of the union. The page is writable by every thread of the VMM at any time: the
 * kernel reads a field once and trusts nothing in it.
 */
struct vmx_run {
	/* in */
	__u8 request_interrupt_window; /* exit when the vCPU can take an interrupt */
	__u8 immediate_exit;	       /* RUN completes what is pending and returns -EINTR */
	__u8 padding1[6];

	/* out */
	__u32 exit_reason;
	__u8 ready_for_interrupt_injection;
	__u8 if_flag;
	__u16 flags; /* VMX_RUN_X86_* */

	/* in and out, without an in-kernel APIC; else out */
	__u64 cr8;
	__u64 apic_base;

	union {
		struct { /* EXIT_UNKNOWN */
			__u64 hardware_exit_reason;
		} hw;
		struct { /* EXIT_FAIL_ENTRY */
			__u64 hardware_entry_failure_reason;
			__u32 cpu;
		} fail_entry;
		struct { /* EXIT_EXCEPTION */
			__u32 exception;
			__u32 error_code;
		} ex;
		struct { /* EXIT_IO: count items of size bytes, at vmx_run + data_offset */
			__u8 direction;
			__u8 size;
			__u16 port;
			__u32 count;
			__u64 data_offset;
		} io;
		struct { /* EXIT_DEBUG */
			struct vmx_debug_exit_arch arch;
		} debug;
		struct { /* EXIT_MMIO: for a read the VMM fills data before the next RUN */
			__u64 phys_addr;
			__u8 data[8];
			__u32 len;
			__u8 is_write;
		} mmio;
		struct { /* EXIT_HYPERCALL */
			__u64 nr;
			__u64 args[6];
			__u64 ret; /* in */
			__u32 longmode;
			__u32 pad;
		} hypercall;
		struct { /* EXIT_TPR_ACCESS */
			__u64 rip;
			__u32 is_write;
			__u32 pad;
		} tpr_access;
		struct { /* EXIT_INTERNAL_ERROR */
			__u32 suberror;
			__u32 ndata;
			__u64 data[16];
		} internal;
		struct { /* the same with suberror EMULATION: flags is data[0] */
			__u32 suberror;
			__u32 ndata;
			__u64 flags;
			union {
				struct {
					__u8 insn_size;
					__u8 insn_bytes[15];
				};
			};
		} emulation_failure;
		struct { /* EXIT_SYSTEM_EVENT */
			__u32 type;
			__u32 ndata;
			union {
				__u64 flags;
				__u64 data[16];
			};
		} system_event;
		struct { /* EXIT_IOAPIC_EOI */
			__u8 vector;
		} eoi;
		struct vmx_hyperv_exit hyperv; /* EXIT_HYPERV */
		struct { /* EXIT_X86_RDMSR, EXIT_X86_WRMSR */
			__u8 error; /* in: nonzero injects #GP */
			__u8 pad[7];
			__u32 reason;
			__u32 index;
			__u64 data; /* RDMSR: in */
		} msr;
		struct { /* EXIT_NOTIFY */
			__u32 flags;
		} notify;
		char padding[256];
	};

	/* Registers that come with an exit / go with an entry: VMX_SYNC_X86_* */
	__u64 vmx_valid_regs; /* in: fill these on exit */
	__u64 vmx_dirty_regs; /* in: load these before entry */
	union {
		struct vmx_sync_regs regs;
		char padding[VMX_SYNC_REGS_SIZE_BYTES];
	} s;
};

struct vmx_signal_mask {
	__u32 len; /* bytes of sigset: 8 */
	__u8 sigset[];
};

struct vmx_tpr_access_ctl {
	__u32 enabled;
	__u32 flags;
	__u32 reserved[8];
};

struct vmx_vapic_addr {
	__u64 vapic_addr;
};

#define VMX_MP_STATE_RUNNABLE 0
#define VMX_MP_STATE_UNINITIALIZED 1
#define VMX_MP_STATE_INIT_RECEIVED 2
#define VMX_MP_STATE_HALTED 3
#define VMX_MP_STATE_SIPI_RECEIVED 4
#define VMX_MP_STATE_STOPPED 5
#define VMX_MP_STATE_CHECK_STOP 6
#define VMX_MP_STATE_OPERATING 7
#define VMX_MP_STATE_LOAD 8
#define VMX_MP_STATE_AP_RESET_HOLD 9
#define VMX_MP_STATE_SUSPENDED 10

struct vmx_mp_state {
	__u32 mp_state;
};

#define VMX_GUESTDBG_ENABLE 0x00000001
#define VMX_GUESTDBG_SINGLESTEP 0x00000002

struct vmx_guest_debug {
	__u32 control; /* VMX_GUESTDBG_* */
	__u32 pad;
	struct vmx_guest_debug_arch arch;
};

/* ---- time ---- */

/* vmx_clock_data.flags */
#define VMX_CLOCK_TSC_STABLE 2 /* out: every vCPU reads the same clock */
#define VMX_CLOCK_REALTIME (1 << 2)
#define VMX_CLOCK_HOST_TSC (1 << 3)

struct vmx_clock_data {
	__u64 clock; /* ns, what the guest's kvmclock shows */
	__u32 flags;
	__u32 pad0;
	__u64 realtime; /* ns since 1970 at the same instant, with FLAG REALTIME */
	__u64 host_tsc; /* TSC at the same instant, with HOST_TSC */
	__u32 pad[4];
};

/* ---- enabling, devices, attributes ---- */

struct vmx_enable_cap {
	__u32 cap;
	__u32 flags; /* must be 0 */
	__u64 args[4];
	__u8 pad[64];
};

#define VMX_X86_DISABLE_EXITS_MWAIT (1 << 0)
#define VMX_X86_DISABLE_EXITS_HLT (1 << 1)
#define VMX_X86_DISABLE_EXITS_PAUSE (1 << 2)
#define VMX_X86_DISABLE_EXITS_CSTATE (1 << 3)
#define VMX_X86_DISABLE_VALID_EXITS                                   \
	(VMX_X86_DISABLE_EXITS_MWAIT | VMX_X86_DISABLE_EXITS_HLT | \
	 VMX_X86_DISABLE_EXITS_PAUSE | VMX_X86_DISABLE_EXITS_CSTATE)

#define VMX_BUS_LOCK_DETECTION_OFF (1 << 0)
#define VMX_BUS_LOCK_DETECTION_EXIT (1 << 1)

#define VMX_PMU_CAP_DISABLE (1 << 0)

#define VMX_X86_NOTIFY_VMEXIT_ENABLED (1ULL << 0)
#define VMX_X86_NOTIFY_VMEXIT_USER (1ULL << 1)

#define VMX_CREATE_DEVICE_TEST 1

struct vmx_create_device {
	__u32 type; /* VMX_DEV_TYPE_* */
	__u32 fd;   /* out */
	__u32 flags;
};

#define VMX_DEV_TYPE_VFIO 4 /* the only device type that x86 has */

struct vmx_device_attr {
	__u32 flags; /* must be 0 */
	__u32 group;
	__u64 attr;
	__u64 addr; /* of the attribute's value in the caller's memory */
};

#define VMX_DEV_VFIO_GROUP 1
#define VMX_DEV_VFIO_GROUP_ADD 1
#define VMX_DEV_VFIO_GROUP_DEL 2

struct vmx_reg_list {
	__u64 n;
	__u64 reg[];
};

struct vmx_one_reg {
	__u64 id;
	__u64 addr;
};

/* ---- statistics file (VMX_GET_STATS_FD) ---- */

/*
 * File layout: this header, at id_offset a name of the VM or vCPU, at desc_offset num_desc
 * descriptors of sizeof(struct vmx_stats_desc) + name_size bytes each, at data_offset the
 * values. All offsets are from the start of the file.
 */
struct vmx_stats_header {
	__u32 flags;
	__u32 name_size;
	__u32 num_desc;
	__u32 id_offset;
	__u32 desc_offset;
	__u32 data_offset;
};

/* vmx_stats_desc.flags: three four-bit fields */
#define VMX_STATS_TYPE_SHIFT 0
#define VMX_STATS_TYPE_MASK (0xF << VMX_STATS_TYPE_SHIFT)
#define VMX_STATS_TYPE_CUMULATIVE (0x0 << VMX_STATS_TYPE_SHIFT)
#define VMX_STATS_TYPE_INSTANT (0x1 << VMX_STATS_TYPE_SHIFT)
#define VMX_STATS_TYPE_PEAK (0x2 << VMX_STATS_TYPE_SHIFT)
#define VMX_STATS_TYPE_LINEAR_HIST (0x3 << VMX_STATS_TYPE_SHIFT)
#define VMX_STATS_TYPE_LOG_HIST (0x4 << VMX_STATS_TYPE_SHIFT)
#define VMX_STATS_TYPE_MAX VMX_STATS_TYPE_LOG_HIST

#define VMX_STATS_UNIT_SHIFT 4
#define VMX_STATS_UNIT_MASK (0xF << VMX_STATS_UNIT_SHIFT)
#define VMX_STATS_UNIT_NONE (0x0 << VMX_STATS_UNIT_SHIFT)
#define VMX_STATS_UNIT_BYTES (0x1 << VMX_STATS_UNIT_SHIFT)
#define VMX_STATS_UNIT_SECONDS (0x2 << VMX_STATS_UNIT_SHIFT)
#define VMX_STATS_UNIT_CYCLES (0x3 << VMX_STATS_UNIT_SHIFT)
#define VMX_STATS_UNIT_BOOLEAN (0x4 << VMX_STATS_UNIT_SHIFT)
#define VMX_STATS_UNIT_MAX VMX_STATS_UNIT_BOOLEAN

#define VMX_STATS_BASE_SHIFT 8
#define VMX_STATS_BASE_MASK (0xF << VMX_STATS_BASE_SHIFT)
#define VMX_STATS_BASE_POW10 (0x0 << VMX_STATS_BASE_SHIFT)
#define VMX_STATS_BASE_POW2 (0x1 << VMX_STATS_BASE_SHIFT)
#define VMX_STATS_BASE_MAX VMX_STATS_BASE_POW2

struct vmx_stats_desc {
	__u32 flags;
	__s16 exponent; /* of the base: value * base ^ exponent is in the unit */
	__u16 size;	/* number of __u64 values; more than 1 for histograms */
	__u32 offset;	/* from data_offset */
	__u32 bucket_size;
	char name[];
};

#include "vmx_ioctl.h"

#endif /* UAPI_VMX_H */
