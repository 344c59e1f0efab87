/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The x86 half of the /dev/vmx ABI: register sets, CPUID and MSR lists, in-kernel
 * interrupt controllers, the PIT, nested state. Layouts are those that KVM programs are
 * compiled against (Linux 6.1); the numbers cannot change, the names are ours.
 *
 * Include "uapi/vmx.h", which includes this and holds the ioctl reference.
 */
#ifndef UAPI_VMX_X86_H
#define UAPI_VMX_X86_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Page offsets (times 4096) at which a vCPU fd is mapped; page 0 is struct vmx_run. */
#define VMX_PIO_PAGE_OFFSET 1
#define VMX_COALESCED_MMIO_PAGE_OFFSET 2
#define VMX_DIRTY_LOG_PAGE_OFFSET 64

/* Interrupt vectors per vCPU. */
#define VMX_NR_INTERRUPTS 256

/* ---- general registers ---- */

struct vmx_regs {
	__u64 rax, rbx, rcx, rdx;
	__u64 rsi, rdi, rsp, rbp;
	__u64 r8, r9, r10, r11;
	__u64 r12, r13, r14, r15;
	__u64 rip, rflags;
};

/*
 * One segment register with its hidden part. limit is in bytes, already scaled by the
 * granularity bit g. type, s, dpl, present ... are the descriptor's fields, one per byte.
 * unusable says that a null selector was loaded (SDM 3C 25.4.1, "segment unusable").
 */
struct vmx_segment {
	__u64 base;
	__u32 limit;
	__u16 selector;
	__u8 type;
	__u8 present, dpl, db, s, l, g, avl;
	__u8 unusable;
	__u8 padding;
};

struct vmx_dtable {
	__u64 base;
	__u16 limit;
	__u16 padding[3];
};

/*
 * System registers. interrupt_bitmap has at most one bit set: a vector that was accepted
 * from an external interrupt controller and is not injected yet.
 */
struct vmx_sregs {
	struct vmx_segment cs, ds, es, fs, gs, ss;
	struct vmx_segment tr, ldt;
	struct vmx_dtable gdt, idt;
	__u64 cr0, cr2, cr3, cr4, cr8;
	__u64 efer;
	__u64 apic_base;
	__u64 interrupt_bitmap[(VMX_NR_INTERRUPTS + 63) / 64];
};

/* As vmx_sregs, with the PAE page-directory pointers and without the pending vector. */
struct vmx_sregs2 {
	struct vmx_segment cs, ds, es, fs, gs, ss;
	struct vmx_segment tr, ldt;
	struct vmx_dtable gdt, idt;
	__u64 cr0, cr2, cr3, cr4, cr8;
	__u64 efer;
	__u64 apic_base;
	__u64 flags; /* VMX_SREGS2_FLAGS_* */
	__u64 pdptrs[4];
};
#define VMX_SREGS2_FLAGS_PDPTRS_VALID 1

/* ---- floating point, extended state ---- */

struct vmx_fpu {
	__u8 fpr[8][16]; /* 80-bit registers in 16-byte cells */
	__u16 fcw;
	__u16 fsw;
	__u8 ftwx; /* abridged tag word, one bit per register, as FXSAVE writes it */
	__u8 pad1;
	__u16 last_opcode;
	__u64 last_ip;
	__u64 last_dp;
	__u8 xmm[16][16];
	__u32 mxcsr;
	__u32 pad2;
};

/*
 * An XSAVE area in the standard (not compacted) format of the host's CPUID leaf 0xd.
 * VMX_GET_XSAVE moves the 4096 bytes of region; GET_XSAVE2 and SET_XSAVE move the size
 * that VMX_CHECK_EXTENSION(VMX_CAP_XSAVE2) returns on the VM fd.
 */
struct vmx_xsave {
	__u32 region[1024];
	__u32 extra[];
};

#define VMX_MAX_XCRS 16

struct vmx_xcr {
	__u32 xcr;
	__u32 reserved;
	__u64 value;
};

struct vmx_xcrs {
	__u32 nr_xcrs;
	__u32 flags; /* must be 0 */
	struct vmx_xcr xcrs[VMX_MAX_XCRS];
	__u64 padding[16];
};

/* ---- MSRs ---- */

/* The kernel's asm/vmx.h owns the name vmx_msr_entry, so this one has an s more. */
struct vmx_msrs_entry {
	__u32 index;
	__u32 reserved;
	__u64 data;
};

struct vmx_msrs {
	__u32 nmsrs;
	__u32 pad;
	struct vmx_msrs_entry entries[];
};

struct vmx_msr_list {
	__u32 nmsrs; /* in: room in indices[]; out: how many there are */
	__u32 indices[];
};

/* MSR filter: up to 16 ranges, each a bitmap in which a 1 allows and a 0 denies. */
#define VMX_MSR_FILTER_MAX_BITMAP_SIZE 0x600
#define VMX_MSR_FILTER_READ (1 << 0)
#define VMX_MSR_FILTER_WRITE (1 << 1)
#define VMX_MSR_FILTER_MAX_RANGES 16
#define VMX_MSR_FILTER_DEFAULT_ALLOW (0 << 0)
#define VMX_MSR_FILTER_DEFAULT_DENY (1 << 0)

struct vmx_msr_filter_range {
	__u32 flags; /* VMX_MSR_FILTER_READ and/or _WRITE */
	__u32 nmsrs; /* bits in the bitmap */
	__u32 base;  /* MSR that bit 0 stands for */
	__u8 *bitmap;
};

struct vmx_msr_filter {
	__u32 flags; /* what applies outside all ranges */
	struct vmx_msr_filter_range ranges[VMX_MSR_FILTER_MAX_RANGES];
};

/* ---- CPUID ---- */

struct vmx_cpuid_entry {
	__u32 function;
	__u32 eax;
	__u32 ebx;
	__u32 ecx;
	__u32 edx;
	__u32 padding;
};

struct vmx_cpuid {
	__u32 nent;
	__u32 padding;
	struct vmx_cpuid_entry entries[];
};

struct vmx_cpuid_entry2 {
	__u32 function;
	__u32 index; /* ECX on input; counts only with FLAG_SIGNIFCANT_INDEX */
	__u32 flags;
	__u32 eax;
	__u32 ebx;
	__u32 ecx;
	__u32 edx;
	__u32 padding[3];
};

/* The spelling is the ABI's. The two others are accepted and without effect. */
#define VMX_CPUID_FLAG_SIGNIFCANT_INDEX (1 << 0)
#define VMX_CPUID_FLAG_STATEFUL_FUNC (1 << 1)
#define VMX_CPUID_FLAG_STATE_READ_NEXT (1 << 2)

struct vmx_cpuid2 {
	__u32 nent;
	__u32 padding;
	struct vmx_cpuid_entry2 entries[];
};

/* ---- events and debugging ---- */

/* vmx_vcpu_events.flags: which parts are meaningful. */
#define VMX_VCPUEVENT_VALID_NMI_PENDING 0x00000001
#define VMX_VCPUEVENT_VALID_SIPI_VECTOR 0x00000002
#define VMX_VCPUEVENT_VALID_SHADOW 0x00000004
#define VMX_VCPUEVENT_VALID_SMM 0x00000008
#define VMX_VCPUEVENT_VALID_PAYLOAD 0x00000010
#define VMX_VCPUEVENT_VALID_TRIPLE_FAULT 0x00000020

/* vmx_vcpu_events.interrupt.shadow */
#define VMX_X86_SHADOW_INT_MOV_SS 0x01
#define VMX_X86_SHADOW_INT_STI 0x02

/*
 * Events on their way into the vCPU. "injected" events were handed to the CPU and come
 * again if delivery was interrupted; "pending" ones still pass through the priority and
 * double-fault rules.
 */
struct vmx_vcpu_events {
	struct {
		__u8 injected;
		__u8 nr;
		__u8 has_error_code;
		__u8 pending;
		__u32 error_code;
	} exception;
	struct {
		__u8 injected;
		__u8 nr;
		__u8 soft; /* raised by INT n, not by a controller */
		__u8 shadow;
	} interrupt;
	struct {
		__u8 injected;
		__u8 pending;
		__u8 masked; /* inside an NMI handler, before its IRET */
		__u8 pad;
	} nmi;
	__u32 sipi_vector;
	__u32 flags;
	struct {
		__u8 smm;
		__u8 pending;
		__u8 smm_inside_nmi;
		__u8 latched_init;
	} smi;
	struct {
		__u8 pending;
	} triple_fault;
	__u8 reserved[26];
	__u8 exception_has_payload;
	__u64 exception_payload; /* CR2 of a #PF, new DR6 bits of a #DB */
};

struct vmx_debugregs {
	__u64 db[4];
	__u64 dr6;
	__u64 dr7;
	__u64 flags; /* must be 0 */
	__u64 reserved[9];
};

struct vmx_debug_exit_arch {
	__u32 exception; /* vector: 1 (#DB) or 3 (#BP) */
	__u32 pad;
	__u64 pc;
	__u64 dr6;
	__u64 dr7;
};

/* x86 bits of vmx_guest_debug.control */
#define VMX_GUESTDBG_USE_SW_BP 0x00010000
#define VMX_GUESTDBG_USE_HW_BP 0x00020000
#define VMX_GUESTDBG_INJECT_DB 0x00040000
#define VMX_GUESTDBG_INJECT_BP 0x00080000
#define VMX_GUESTDBG_BLOCKIRQ 0x00100000

struct vmx_guest_debug_arch {
	__u64 debugreg[8];
};

/* A machine-check event for VMX_X86_SET_MCE; fields are the bank's MSRs (SDM 3B 16.3.2). */
struct vmx_x86_mce {
	__u64 status;
	__u64 addr;
	__u64 misc;
	__u64 mcg_status;
	__u8 bank;
	__u8 pad1[7];
	__u64 pad2[3];
};

/* ---- registers shared in struct vmx_run ---- */

#define VMX_SYNC_X86_REGS (1UL << 0)
#define VMX_SYNC_X86_SREGS (1UL << 1)
#define VMX_SYNC_X86_EVENTS (1UL << 2)
#define VMX_SYNC_X86_VALID_FIELDS (VMX_SYNC_X86_REGS | VMX_SYNC_X86_SREGS | VMX_SYNC_X86_EVENTS)

/* Another thread may write this while the kernel reads: read each field once. */
struct vmx_sync_regs {
	struct vmx_regs regs;
	struct vmx_sregs sregs;
	struct vmx_vcpu_events events;
};

/* vmx_run.flags */
#define VMX_RUN_X86_SMM (1 << 0)
#define VMX_RUN_X86_BUS_LOCK (1 << 1)

/* ---- interrupt controllers ---- */

#define VMX_IRQCHIP_PIC_MASTER 0
#define VMX_IRQCHIP_PIC_SLAVE 1
#define VMX_IRQCHIP_IOAPIC 2
#define VMX_NR_IRQCHIPS 3

/* One 8259A. */
struct vmx_pic_state {
	__u8 last_irr; /* line levels, for edge detection */
	__u8 irr;
	__u8 imr;
	__u8 isr;
	__u8 priority_add; /* line that has the highest priority */
	__u8 irq_base;	   /* vector of line 0 (ICW2) */
	__u8 read_reg_select;
	__u8 poll;
	__u8 special_mask;
	__u8 init_state; /* which ICW is expected next; 0: none */
	__u8 auto_eoi;
	__u8 rotate_on_auto_eoi;
	__u8 special_fully_nested_mode;
	__u8 init4; /* ICW1 announced an ICW4 */
	__u8 elcr;  /* 1: line is level triggered */
	__u8 elcr_mask;
};

#define VMX_IOAPIC_NUM_PINS 24
struct vmx_ioapic_state {
	__u64 base_address;
	__u32 ioregsel;
	__u32 id;
	__u32 irr;
	__u32 pad;
	union {
		__u64 bits;
		struct {
			__u8 vector;
			__u8 delivery_mode : 3;
			__u8 dest_mode : 1;
			__u8 delivery_status : 1;
			__u8 polarity : 1;
			__u8 remote_irr : 1;
			__u8 trig_mode : 1;
			__u8 mask : 1;
			__u8 reserve : 7;
			__u8 reserved[4];
			__u8 dest_id;
		} fields;
	} redirtbl[VMX_IOAPIC_NUM_PINS];
};

/* The first KiB of the xAPIC register page, registers at their MMIO offsets. */
#define VMX_APIC_REG_SIZE 0x400
struct vmx_lapic_state {
	char regs[VMX_APIC_REG_SIZE];
};

/* ---- PIT ---- */

struct vmx_pit_channel_state {
	__u32 count; /* reload value; 0 in the chip is 65536 here */
	__u16 latched_count;
	__u8 count_latched;
	__u8 status_latched;
	__u8 status;
	__u8 read_state;
	__u8 write_state;
	__u8 write_latch;
	__u8 rw_mode;
	__u8 mode;
	__u8 bcd;
	__u8 gate;
	__s64 count_load_time; /* ns, host's monotonic clock */
};

struct vmx_pit_state {
	struct vmx_pit_channel_state channels[3];
};

#define VMX_PIT_FLAGS_HPET_LEGACY 0x00000001
#define VMX_PIT_FLAGS_SPEAKER_DATA_ON 0x00000002

struct vmx_pit_state2 {
	struct vmx_pit_channel_state channels[3];
	__u32 flags;
	__u32 reserved[9];
};

struct vmx_reinject_control {
	__u8 pit_reinject;
	__u8 reserved[31];
};

/*
 * ---- quirks: what is done unless VMX_CAP_DISABLE_QUIRKS2 switches it off ----
 *
 * LINT0_REENABLED: LINT0 of the boot CPU is ExtINT after reset; off: masked.
 * CD_NW_CLEARED: the guest runs cached whatever its CR0.CD and NW; off: as they say (where the CPU lets them be loaded).
 * LAPIC_MMIO_HOLE: in x2APIC mode, or disabled, the LAPIC's page reads as all ones and ignores writes; off: MMIO exits.
 * OUT_7E_INC_RIP: RIP is past an OUT to port 0x7e when it exits; off: at it, as for other ports.
 * MISC_ENABLE_NO_MWAIT: off: CPUID's MONITOR bit follows MISC_ENABLE bit 18.
 * FIX_HYPERCALL_INSN: VMCALL on AMD and VMMCALL on Intel are rewritten as what the CPU has, and served where the guest
 *	may not write there; off: #UD.
 * MWAIT_NEVER_UD_FAULTS: MONITOR and MWAIT do nothing; off: #UD unless CPUID has them.
 */

#define VMX_X86_QUIRK_LINT0_REENABLED (1 << 0)
#define VMX_X86_QUIRK_CD_NW_CLEARED (1 << 1)
#define VMX_X86_QUIRK_LAPIC_MMIO_HOLE (1 << 2)
#define VMX_X86_QUIRK_OUT_7E_INC_RIP (1 << 3)
#define VMX_X86_QUIRK_MISC_ENABLE_NO_MWAIT (1 << 4)
#define VMX_X86_QUIRK_FIX_HYPERCALL_INSN (1 << 5)
#define VMX_X86_QUIRK_MWAIT_NEVER_UD_FAULTS (1 << 6)

/* ---- nested virtualisation ---- */

#define VMX_STATE_NESTED_FORMAT_VMX 0
#define VMX_STATE_NESTED_FORMAT_SVM 1

#define VMX_STATE_NESTED_GUEST_MODE 0x00000001
#define VMX_STATE_NESTED_RUN_PENDING 0x00000002
#define VMX_STATE_NESTED_EVMCS 0x00000004
#define VMX_STATE_NESTED_MTF_PENDING 0x00000008
#define VMX_STATE_NESTED_GIF_SET 0x00000100

#define VMX_STATE_NESTED_SMM_GUEST_MODE 0x00000001
#define VMX_STATE_NESTED_SMM_VMXON 0x00000002

#define VMX_STATE_NESTED_VMX_VMCS_SIZE 0x1000
#define VMX_STATE_NESTED_SVM_VMCB_SIZE 0x1000

#define VMX_STATE_VMX_PREEMPTION_TIMER_DEADLINE 0x00000001

struct vmx_vmx_nested_state_data {
	__u8 vmcs12[VMX_STATE_NESTED_VMX_VMCS_SIZE];
	__u8 shadow_vmcs12[VMX_STATE_NESTED_VMX_VMCS_SIZE];
};

struct vmx_vmx_nested_state_hdr {
	__u64 vmxon_pa;
	__u64 vmcs12_pa;
	struct {
		__u16 flags;
	} smm;
	__u16 pad;
	__u32 flags;
	__u64 preemption_timer_deadline;
};

struct vmx_svm_nested_state_data {
	__u8 vmcb12[VMX_STATE_NESTED_SVM_VMCB_SIZE]; /* used with RUN_PENDING only */
};

struct vmx_svm_nested_state_hdr {
	__u64 vmcb_pa;
};

/*
 * The 128-byte header counts for the ioctl number; size bytes in all follow. In the ABI's
 * origin the data is a union of zero-length arrays: here it is one byte array.
 */
struct vmx_nested_state {
	__u16 flags;
	__u16 format;
	__u32 size;
	union {
		struct vmx_vmx_nested_state_hdr vmx;
		struct vmx_svm_nested_state_hdr svm;
		__u8 pad[120];
	} hdr;
	__u8 data[];
};

/* ---- attributes ---- */

/* system fd, group 0: XSAVE components that need a permission from the host kernel */
#define VMX_X86_XCOMP_GUEST_SUPP 0

/* vCPU fd */
#define VMX_VCPU_TSC_CTRL 0   /* group */
#define VMX_VCPU_TSC_OFFSET 0 /* its attribute: __u64 TSC offset */

/* ---- performance counters ---- */

struct vmx_pmu_event_filter {
	__u32 action; /* VMX_PMU_EVENT_* */
	__u32 nevents;
	__u32 fixed_counter_bitmap;
	__u32 flags;
	__u32 pad[4];
	__u64 events[];
};

#define VMX_PMU_EVENT_ALLOW 0
#define VMX_PMU_EVENT_DENY 1

#endif /* UAPI_VMX_X86_H */
