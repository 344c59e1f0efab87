/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The ioctl reference. Included by vmx.h.
 *
 * How to read an entry: the fd that takes it, the third argument with its direction, what is
 * returned, errors. "Value" means that the argument itself is the number. Every ioctl returns 0 on
 * success unless an entry says otherwise, and these errors wherever they apply:
 *
 *	EFAULT	the argument's memory cannot be read or written
 *	EIO	another process than the creator's calls, or the VM is dead after a hardware failure
 *	EINTR	a signal came while waiting for the vCPU's lock
 *	ENOTTY	the VM fd does not know the number; the system and vCPU fds answer EINVAL, as
 *		in-tree KVM does
 *
 * Numbers without an entry are known, so that programs can be compiled, and not served.
 */
#ifndef UAPI_VMX_IOCTL_H
#define UAPI_VMX_IOCTL_H

#include "vmx.h"

#define VMXIO 0xAE

/* ==== system fd: open("/dev/vmx") ==== */

/*
 * VMX_GET_API_VERSION (system): argument 0. Returns 12; a program should go no further with
 * another.
 */
#define VMX_GET_API_VERSION _IO(VMXIO, 0x00)

/*
 * VMX_CREATE_VM (system): value 0, the only machine type. Returns a VM fd.
 * EINVAL another type; EBUSY this host's CPUs cannot be switched to virtualisation; ENOMEM, EMFILE.
 */
#define VMX_CREATE_VM _IO(VMXIO, 0x01)

/*
 * VMX_GET_MSR_INDEX_LIST (system): struct vmx_msr_list, in and out: the MSRs that hold guest
 * state, so those that a snapshot must contain. E2BIG: room for fewer than there are; nmsrs then
 * says how many.
 *
 *	struct vmx_msr_list probe = { .nmsrs = 0 };
 *	ioctl(fd, VMX_GET_MSR_INDEX_LIST, &probe);	// E2BIG
 *	list = malloc(sizeof(*list) + probe.nmsrs * 4);
 *	list->nmsrs = probe.nmsrs;
 *	ioctl(fd, VMX_GET_MSR_INDEX_LIST, list);
 */
#define VMX_GET_MSR_INDEX_LIST _IOWR(VMXIO, 0x02, struct vmx_msr_list)

/*
 * VMX_CHECK_EXTENSION (system, VM): value: a number of enum vmx_cap. Returns 0 for "no", else 1 or
 * a number that the capability defines (how many slots, how many bytes, a mask). Never fails for
 * an unknown number. On the VM fd the answer is for this VM.
 */
#define VMX_CHECK_EXTENSION _IO(VMXIO, 0x03)

/* VMX_GET_VCPU_MMAP_SIZE (system): argument 0. Returns the bytes of a vCPU fd's mapping. */
#define VMX_GET_VCPU_MMAP_SIZE _IO(VMXIO, 0x04)

/*
 * VMX_GET_SUPPORTED_CPUID (system): struct vmx_cpuid2, in (nent: room) and out: all that a guest
 * may be told on this host. At most 80 entries. Topology, APIC ids and the vendor are left to the
 * VMM. E2BIG: too little room.
 */
#define VMX_GET_SUPPORTED_CPUID _IOWR(VMXIO, 0x05, struct vmx_cpuid2)

/*
 * VMX_GET_EMULATED_CPUID (system): as above: instructions that are emulated if the CPU lacks them.
 */
#define VMX_GET_EMULATED_CPUID _IOWR(VMXIO, 0x09, struct vmx_cpuid2)

/*
 * VMX_GET_MSR_FEATURE_INDEX_LIST (system): struct vmx_msr_list, as GET_MSR_INDEX_LIST: MSRs that
 * describe the CPU rather than its state. VMX_GET_MSRS on the system fd reads what this host
 * offers for them.
 */
#define VMX_GET_MSR_FEATURE_INDEX_LIST _IOWR(VMXIO, 0x0a, struct vmx_msr_list)

/* VMX_X86_GET_MCE_CAP_SUPPORTED (system): __u64, out: the MCG_CAP bits that X86_SETUP_MCE takes. */
#define VMX_X86_GET_MCE_CAP_SUPPORTED _IOR(VMXIO, 0x9d, __u64)

/* ==== VM fd: memory ==== */

/*
 * VMX_CREATE_VCPU (VM): value: the vCPU's id, which is its APIC id, below VMX_CAP_MAX_VCPU_ID.
 * Returns a vCPU fd. EEXIST the id is taken; EINVAL too large, or as many vCPUs as there may be;
 * ENOMEM, EMFILE.
 */
#define VMX_CREATE_VCPU _IO(VMXIO, 0x41)

/*
 * VMX_SET_USER_MEMORY_REGION (VM): struct vmx_userspace_memory_region, in. Adds, moves, deletes
 * (memory_size 0) a slot or changes its flags, also while vCPUs run. The memory behind it may
 * change at any time by mmap, madvise and the like: the guest follows. EINVAL not page-aligned,
 * unknown flag or slot number, an existing slot's size or its userspace_addr changed, or its
 * VMX_MEM_READONLY; EEXIST overlaps another slot; ENOMEM.
 *
 *	mem = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
 *	struct vmx_userspace_memory_region r = {
 *		.slot = 0, .memory_size = size, .userspace_addr = (__u64)mem };
 *	ioctl(vm, VMX_SET_USER_MEMORY_REGION, &r);
 */
#define VMX_SET_USER_MEMORY_REGION _IOW(VMXIO, 0x46, struct vmx_userspace_memory_region)

/*
 * VMX_GET_DIRTY_LOG (VM): struct vmx_dirty_log, in; the bitmap it points to, out: pages of the
 * slot written since the last call, cleared with it. ENOENT the slot has no
 * VMX_MEM_LOG_DIRTY_PAGES; EINVAL no such slot; ENXIO the VM has dirty rings.
 */
#define VMX_GET_DIRTY_LOG _IOW(VMXIO, 0x42, struct vmx_dirty_log)
/*
 * VMX_CLEAR_DIRTY_LOG (VM): for VMX_CAP_MANUAL_DIRTY_LOG_PROTECT2: clears bits that GET_DIRTY_LOG
 * left set. ENXIO as there.
 */
#define VMX_CLEAR_DIRTY_LOG _IOWR(VMXIO, 0xc0, struct vmx_clear_dirty_log)
/*
 * VMX_RESET_DIRTY_RINGS (VM): no argument. With VMX_CAP_DIRTY_LOG_RING enabled: frees the ring entries that the
 * VMM has marked VMX_DIRTY_GFN_F_RESET, in order up to the first that is not, and watches their pages again. Before
 * the VMM reads the pages. Returns how many entries. EINVAL the VM has no dirty rings.
 *
 *	ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, VMX_DIRTY_LOG_PAGE_OFFSET * 4096);
 *	for (; acquire(&ring[i % n].flags) == VMX_DIRTY_GFN_F_DIRTY; i++) {
 *		take(ring[i % n].slot, ring[i % n].offset);
 *		release(&ring[i % n].flags, VMX_DIRTY_GFN_F_RESET);
 *	}
 *	ioctl(vm, VMX_RESET_DIRTY_RINGS, 0);
 */
#define VMX_RESET_DIRTY_RINGS _IO(VMXIO, 0xc7)

/*
 * VMX_SET_NR_MMU_PAGES (VM): value: at most so many pages for tables that shadow the guest's.
 * EINVAL below 64. With nested paging, the only kind here, there are none: the number is kept and
 * nothing more. VMX_GET_NR_MMU_PAGES (VM): returns it; 0 when none was set.
 */
#define VMX_SET_NR_MMU_PAGES _IO(VMXIO, 0x44)
#define VMX_GET_NR_MMU_PAGES _IO(VMXIO, 0x45)

/*
 * VMX_SET_TSS_ADDR (VM): value: guest-physical address of three pages that some Intel CPUs need
 * for real mode; below 4 GiB, in no slot. EINVAL above. Kept for programs that call it; CPUs
 * without that need ignore it.
 */
#define VMX_SET_TSS_ADDR _IO(VMXIO, 0x47)
/*
 * VMX_SET_IDENTITY_MAP_ADDR (VM): __u64, in: likewise one page; 0 means 0xfffbc000. EINVAL once
 * there are vCPUs.
 */
#define VMX_SET_IDENTITY_MAP_ADDR _IOW(VMXIO, 0x48, __u64)

/*
 * VMX_REGISTER_COALESCED_MMIO, VMX_UNREGISTER_COALESCED_MMIO (VM): struct vmx_coalesced_mmio_zone,
 * in: writes to the zone are queued in the ring (page VMX_COALESCED_MMIO_PAGE_OFFSET of any vCPU's
 * mapping) and do not exit while it has room. The VMM drains the ring at each exit. ENOMEM, ENOSPC
 * too many devices.
 */
#define VMX_REGISTER_COALESCED_MMIO _IOW(VMXIO, 0x67, struct vmx_coalesced_mmio_zone)
#define VMX_UNREGISTER_COALESCED_MMIO _IOW(VMXIO, 0x68, struct vmx_coalesced_mmio_zone)

/* ==== VM fd: interrupts ==== */

/*
 * VMX_CREATE_IRQCHIP (VM): no argument: two 8259As, an IOAPIC, and a local APIC for each vCPU, in
 * the kernel; routing is the PC's (GSI 0..15 to PIC and IOAPIC, 16..23 to the IOAPIC). Before the
 * first vCPU. EEXIST there is one; EINVAL there are vCPUs; ENOMEM.
 */
#define VMX_CREATE_IRQCHIP _IO(VMXIO, 0x60)
/*
 * VMX_IRQ_LINE (VM): struct vmx_irq_level, in: sets a GSI's level. ENXIO no irqchip; EINVAL no
 * such GSI.
 */
#define VMX_IRQ_LINE _IOW(VMXIO, 0x61, struct vmx_irq_level)
/*
 * VMX_IRQ_LINE_STATUS (VM): the same, and status says what became of it: <0 masked, 0 merged, >0
 * delivered to so many.
 */
#define VMX_IRQ_LINE_STATUS _IOWR(VMXIO, 0x67, struct vmx_irq_level)
/*
 * VMX_GET_IRQCHIP, VMX_SET_IRQCHIP (VM): struct vmx_irqchip, chip_id in, its state out or in.
 * ENXIO no irqchip; EINVAL no such chip.
 */
#define VMX_GET_IRQCHIP _IOWR(VMXIO, 0x62, struct vmx_irqchip)
#define VMX_SET_IRQCHIP _IOR(VMXIO, 0x63, struct vmx_irqchip)
/*
 * VMX_SET_GSI_ROUTING (VM): struct vmx_irq_routing, in: the whole table, at most
 * VMX_CAP_IRQ_ROUTING entries; a GSI may be in several. EINVAL an unknown type, chip, pin or flag,
 * or a GSI out of range; E2BIG too many; ENOMEM.
 */
#define VMX_SET_GSI_ROUTING _IOW(VMXIO, 0x6a, struct vmx_irq_routing)
/*
 * VMX_SIGNAL_MSI (VM): struct vmx_msi, in: an MSI without a GSI. Returns >0 delivered, 0 blocked
 * by the guest.
 */
#define VMX_SIGNAL_MSI _IOW(VMXIO, 0xa5, struct vmx_msi)
/*
 * VMX_IRQFD (VM): struct vmx_irqfd, in: ties an eventfd to a GSI: each signal is an edge, or with
 * FLAG_RESAMPLE a level that the guest's EOI takes away, which signals resamplefd. EINVAL flags,
 * no irqchip; EBUSY the eventfd is tied already; EBADF.
 */
#define VMX_IRQFD _IOW(VMXIO, 0x76, struct vmx_irqfd)
/*
 * VMX_IOEVENTFD (VM): struct vmx_ioeventfd, in: a guest's write of len bytes at addr (with
 * FLAG_DATAMATCH: of the value datamatch) signals the eventfd and does not exit. len 0: any
 * length. EEXIST the same is there; EINVAL flags, len; ENOENT on FLAG_DEASSIGN; ENOSPC.
 */
#define VMX_IOEVENTFD _IOW(VMXIO, 0x79, struct vmx_ioeventfd)
/*
 * VMX_SET_BOOT_CPU_ID (VM): value: id of the vCPU that starts running; 0 if never called. EBUSY
 * once there are vCPUs.
 */
#define VMX_SET_BOOT_CPU_ID _IO(VMXIO, 0x78)

/*
 * VMX_CREATE_PIT2 (VM): struct vmx_pit_config, in: an 8254 on GSI 0 at ports 0x40-0x43, with
 * VMX_PIT_SPEAKER_DUMMY also port 0x61. EEXIST; ENOENT no irqchip. VMX_CREATE_PIT is the same with
 * the speaker port.
 */
#define VMX_CREATE_PIT _IO(VMXIO, 0x64)
#define VMX_CREATE_PIT2 _IOW(VMXIO, 0x77, struct vmx_pit_config)
/*
 * VMX_GET_PIT(2), VMX_SET_PIT(2) (VM): the three channels; the second form with flags. ENXIO no
 * PIT.
 */
#define VMX_GET_PIT _IOWR(VMXIO, 0x65, struct vmx_pit_state)
#define VMX_SET_PIT _IOR(VMXIO, 0x66, struct vmx_pit_state)
#define VMX_GET_PIT2 _IOR(VMXIO, 0x9f, struct vmx_pit_state2)
#define VMX_SET_PIT2 _IOW(VMXIO, 0xa0, struct vmx_pit_state2)
/*
 * VMX_REINJECT_CONTROL (VM): struct vmx_reinject_control, in (the number says otherwise): with 1
 * (default) ticks that the guest was too slow for are delivered later, with 0 they are lost. ENXIO
 * no PIT.
 */
#define VMX_REINJECT_CONTROL _IO(VMXIO, 0x71)

/* ==== VM fd: time and the rest ==== */

/*
 * VMX_GET_CLOCK (VM): struct vmx_clock_data, out: the guest's kvmclock now. With
 * VMX_CLOCK_TSC_STABLE in flags all vCPUs read one clock, and realtime and host_tsc (their flags
 * set) belong to the same instant.
 * VMX_SET_CLOCK (VM): the same struct, in. With VMX_CLOCK_REALTIME the time that passed since
 * realtime is added, so that a restored guest's clock has run on meanwhile. The flags GET_CLOCK
 * gives are taken back. EINVAL another flag.
 *
 *	ioctl(old_vm, VMX_GET_CLOCK, &c);	// on the source, vCPUs stopped
 *	ioctl(new_vm, VMX_SET_CLOCK, &c);	// on the destination: c.flags has REALTIME
 */
#define VMX_SET_CLOCK _IOW(VMXIO, 0x7b, struct vmx_clock_data)
#define VMX_GET_CLOCK _IOR(VMXIO, 0x7c, struct vmx_clock_data)

/*
 * VMX_SET_TSC_KHZ (vCPU; VM, before vCPUs, for those to come): value: the guest's TSC frequency;
 * 0: the host's. EINVAL this host cannot scale and the value is not within 250 ppm of its own.
 * VMX_GET_TSC_KHZ (vCPU, VM): returns it.
 */
#define VMX_SET_TSC_KHZ _IO(VMXIO, 0xa2)
#define VMX_GET_TSC_KHZ _IO(VMXIO, 0xa3)

/*
 * VMX_ENABLE_CAP (VM, vCPU): struct vmx_enable_cap, in. args[0] on the VM is:
 *	VMX_CAP_X86_DISABLE_EXITS	VMX_X86_DISABLE_EXITS_HLT, _PAUSE; before vCPUs
 *	VMX_CAP_DISABLE_QUIRKS2		VMX_X86_QUIRK_* that CHECK_EXTENSION of it lists; those that
 *					an earlier call disabled and this does not name come back
 *	VMX_CAP_HALT_POLL		longest polling before a halted vCPU sleeps, ns
 *	VMX_CAP_MAX_VCPU_ID		a lower bound for ids; once, before vCPUs
 *	VMX_CAP_SPLIT_IRQCHIP		how many of the first GSIs are pins of the VMM's IOAPICs; instead of
 *					CREATE_IRQCHIP, before vCPUs. Only local APICs and MSIs are in the kernel:
 *					routes are MSIs, VMX_INTERRUPT is the PIC's ExtINT for LINT0 (EEXIST: one
 *					waits already), and the EOI of a level-triggered one among these GSIs is
 *					VMX_EXIT_IOAPIC_EOI. EEXIST there is an irqchip or a vCPU
 *	VMX_CAP_EXCEPTION_PAYLOAD	0, 1: VCPU_EVENTS shows pending exceptions as such, with their payload
 *	VMX_CAP_X86_TRIPLE_FAULT_EVENT	0, 1: and a shutdown that is pending
 *	VMX_CAP_X86_USER_SPACE_MSR	VMX_MSR_EXIT_REASON_*: accesses that exit to the VMM instead of #GP
 *	VMX_CAP_EXIT_HYPERCALL		bit n: hypercall n exits; CHECK_EXTENSION has those that can
 *	VMX_CAP_MSR_PLATFORM_INFO	0, 1: may the guest read MSR PLATFORM_INFO? At first it may
 *	VMX_CAP_EXIT_ON_EMULATION_FAILURE  0, 1: user mode's too, where else the guest gets #UD
 *	VMX_CAP_MANUAL_DIRTY_LOG_PROTECT2  VMX_DIRTY_LOG_*: GET_DIRTY_LOG clears nothing, CLEAR_DIRTY_LOG does;
 *					for slots that begin to log afterwards all pages are set
 *	VMX_CAP_DIRTY_LOG_RING, VMX_CAP_DIRTY_LOG_RING_ACQ_REL  bytes of a ring of struct vmx_dirty_gfn per vCPU, a
 *					power of two, at least a page (with a CPU that logs: 16 KiB), at most what
 *					CHECK_EXTENSION says (E2BIG). Once, before vCPUs. Mapped from page
 *					VMX_DIRTY_LOG_PAGE_OFFSET of the vCPU fd on, shared and not executable.
 *					GET_DIRTY_LOG is refused then. VMX_EXIT_DIRTY_RING_FULL: make room, and
 *					run again. A write the CPU itself logs is in the ring after the next exit
 * and on a vCPU:
 *	VMX_CAP_ENFORCE_PV_FEATURE_CPUID  0, 1: MSRs and hypercalls that the PV leaf does not show are refused
 *	VMX_CAP_HYPERV_SYNIC2		0: there is a SynIC, with its timers: VMX_EXIT_HYPERV (SYNIC) when the guest
 *					writes SCONTROL, SIEFP or SIMP, and (HCALL) for POST_MESSAGE and SIGNAL_EVENT.
 *					EINVAL without an in-kernel local APIC. VMX_CAP_HYPERV_SYNIC: likewise, and
 *					the guest's pages are emptied when it switches them on
 *	VMX_CAP_HYPERV_ENFORCE_CPUID	0, 1: what Hyper-V's leaves do not show is refused: MSRs by #GP, hypercalls by
 *					ACCESS_DENIED, XMM input by #UD
 * EINVAL another capability, flags not 0, a value that is out of range, too late.
 */
#define VMX_ENABLE_CAP _IOW(VMXIO, 0xa3, struct vmx_enable_cap)

/*
 * VMX_GET_STATS_FD (VM, vCPU): no argument. Returns a read-only fd: struct vmx_stats_header,
 * descriptors, values. Descriptors do not change: read them once and then only the values, with
 * pread at data_offset.
 */
#define VMX_GET_STATS_FD _IO(VMXIO, 0xce)

/*
 * VMX_X86_SET_MSR_FILTER (VM): struct vmx_msr_filter, in: which MSRs the guest may read and write. The first range
 * that covers an MSR and the kind of access decides by its bitmap (1: allowed), else flags. A range of 0 MSRs is
 * none. What is denied is #GP, or VMX_EXIT_X86_RDMSR and _WRMSR with VMX_CAP_X86_USER_SPACE_MSR's FILTER. MSRs
 * 0x800 to 0x8ff, and the VMM's own accesses, are never filtered. Holds for every access that begins after the
 * return. EINVAL unknown flags, a range without READ or WRITE or larger than VMX_MSR_FILTER_MAX_BITMAP_SIZE bytes,
 * DEFAULT_DENY without any range; EFAULT; ENOMEM.
 */
#define VMX_X86_SET_MSR_FILTER _IOW(VMXIO, 0xc6, struct vmx_msr_filter)
#define VMX_SET_PMU_EVENT_FILTER _IOW(VMXIO, 0xb2, struct vmx_pmu_event_filter)
#define VMX_CREATE_DEVICE _IOWR(VMXIO, 0xe0, struct vmx_create_device)

/*
 * VMX_HYPERV_EVENTFD (VM): struct vmx_hyperv_eventfd, in: the hypercall SIGNAL_EVENT with this connection (24 bits)
 * and event flag 0 adds one to the eventfd, without an exit. VMX_HYPERV_EVENTFD_DEASSIGN: no longer. EINVAL the
 * connection's number or the flags, EEXIST it has one, ENOENT (DEASSIGN) it has none, EBADF.
 */
#define VMX_HYPERV_EVENTFD _IOW(VMXIO, 0xbd, struct vmx_hyperv_eventfd)
#define VMX_MEMORY_ENCRYPT_OP _IOWR(VMXIO, 0xba, unsigned long)
#define VMX_MEMORY_ENCRYPT_REG_REGION _IOR(VMXIO, 0xbb, struct vmx_enc_region)
#define VMX_MEMORY_ENCRYPT_UNREG_REGION _IOR(VMXIO, 0xbc, struct vmx_enc_region)

/* ==== vCPU fd: running ==== */

/*
 * VMX_RUN (vCPU): argument 0. Runs the guest until something is for the VMM; struct vmx_run in the
 * mapping says what. First completes the access that the last exit asked for (IO, MMIO, X86_RDMSR:
 * the VMM has filled in the data). EINTR a signal is pending, or immediate_exit was set;
 * exit_reason is then VMX_EXIT_INTR for a signal. EAGAIN the vCPU waits for its SIPI; call again.
 * EFAULT a page of a slot cannot be had from the VMM's memory. EINVAL an unknown bit in
 * vmx_valid_regs or vmx_dirty_regs, or registers marked dirty there that their own ioctl would refuse;
 * what comes before those in struct vmx_sync_regs is loaded then.
 *
 *	for (;;) {
 *		if (ioctl(vcpu, VMX_RUN, 0) < 0 && errno != EINTR && errno != EAGAIN)
 *			die();
 *		switch (run->exit_reason) {
 *		case VMX_EXIT_IO:
 *			port_access((char *)run + run->io.data_offset, &run->io);
 *			break;
 *		case VMX_EXIT_MMIO:
 *			memory_access(&run->mmio);
 *			break;
 *		case VMX_EXIT_SHUTDOWN:
 *			return;
 *		}
 *	}
 */
#define VMX_RUN _IO(VMXIO, 0x80)

/*
 * VMX_SET_SIGNAL_MASK (vCPU): struct vmx_signal_mask with 8 bytes of signals, in, or NULL: the
 * thread's mask while it is in VMX_RUN. EINVAL another length. immediate_exit in struct vmx_run is
 * the cheaper way.
 */
#define VMX_SET_SIGNAL_MASK _IOW(VMXIO, 0x8b, struct vmx_signal_mask)

/*
 * VMX_GET_MP_STATE, VMX_SET_MP_STATE (vCPU): struct vmx_mp_state: running, halted, waiting for
 * INIT or SIPI. EINVAL: no such state; waiting, without a LAPIC here or (for SIPI) in system management
 * mode, where INIT is latched.
 */
#define VMX_GET_MP_STATE _IOR(VMXIO, 0x98, struct vmx_mp_state)
#define VMX_SET_MP_STATE _IOW(VMXIO, 0x99, struct vmx_mp_state)

/*
 * VMX_INTERRUPT (vCPU): struct vmx_interrupt, in: without an in-kernel irqchip: inject this
 * vector; allowed when ready_for_interrupt_injection is set. ENXIO with an irqchip; EINVAL above
 * 255; EEXIST one is waiting.
 */
#define VMX_INTERRUPT _IOW(VMXIO, 0x86, struct vmx_interrupt)
/* VMX_NMI (vCPU): no argument: queues an NMI. */
#define VMX_NMI _IO(VMXIO, 0x9a)
/*
 * VMX_SMI (vCPU): no argument: queues a system management interrupt; one that is pending already absorbs it.
 * The vCPU then runs in slots of address space 1 until RSM.
 */
#define VMX_SMI _IO(VMXIO, 0xb7)

/* ==== vCPU fd: registers ==== */

/*
 * VMX_GET_REGS, VMX_SET_REGS (vCPU): struct vmx_regs. Setting drops an exception that was not
 * delivered yet.
 */
#define VMX_GET_REGS _IOR(VMXIO, 0x81, struct vmx_regs)
#define VMX_SET_REGS _IOW(VMXIO, 0x82, struct vmx_regs)

/*
 * VMX_GET_SREGS, VMX_SET_SREGS (vCPU): struct vmx_sregs. The whole state is checked (SDM 3A 2.5):
 * EINVAL, and nothing has changed, if CR0, CR4, EFER and CS.L do not fit together, if CPUID lacks
 * what CR4 enables, if CR3 exceeds the address width, or if apic_base is illegal.
 *
 *	ioctl(vcpu, VMX_GET_SREGS, &s);		// to 64-bit mode
 *	s.cr3 = page_tables;
 *	s.cr4 = CR4_PAE;
 *	s.efer = EFER_LME | EFER_LMA;
 *	s.cr0 = CR0_PE | CR0_PG | CR0_NE;
 *	s.cs = (struct vmx_segment){ .limit = ~0u, .selector = 8, .type = 11, .present = 1,
 *				     .s = 1, .l = 1, .g = 1 };
 *	ioctl(vcpu, VMX_SET_SREGS, &s);
 */
#define VMX_GET_SREGS _IOR(VMXIO, 0x83, struct vmx_sregs)
#define VMX_SET_SREGS _IOW(VMXIO, 0x84, struct vmx_sregs)
/*
 * VMX_GET_SREGS2, VMX_SET_SREGS2 (vCPU): struct vmx_sregs2. EINVAL also: unknown flag, PDPTRs
 * without PAE paging.
 */
#define VMX_GET_SREGS2 _IOR(VMXIO, 0xcc, struct vmx_sregs2)
#define VMX_SET_SREGS2 _IOW(VMXIO, 0xcd, struct vmx_sregs2)

/*
 * VMX_GET_MSRS (vCPU; system for feature MSRs): struct vmx_msrs, indices in, data out.
 * VMX_SET_MSRS (vCPU): in. Returns how many entries were done: fewer than nmsrs means that the
 * next one does not exist or took no such value. E2BIG 256 entries or more. Read-only MSRs may be
 * written here; so may those that CPUID does not offer yet.
 */
#define VMX_GET_MSRS _IOWR(VMXIO, 0x88, struct vmx_msrs)
#define VMX_SET_MSRS _IOW(VMXIO, 0x89, struct vmx_msrs)

/*
 * VMX_SET_CPUID2 (vCPU): struct vmx_cpuid2, in: what CPUID returns; of two entries for a leaf the
 * first counts. OSXSAVE, OSPKE, the APIC bit and the sizes of leaf 0xd follow the vCPU's state
 * whatever is given. Once the vCPU has run only the same list is taken. E2BIG more than 256
 * entries; EINVAL linear-address width not 48 or 57, or a change too late.
 * VMX_GET_CPUID2 (vCPU): the list as it is now. E2BIG too little room.
 * VMX_SET_CPUID (vCPU): the old form, without subleaves.
 */
#define VMX_SET_CPUID _IOW(VMXIO, 0x8a, struct vmx_cpuid)
#define VMX_SET_CPUID2 _IOW(VMXIO, 0x90, struct vmx_cpuid2)
#define VMX_GET_CPUID2 _IOWR(VMXIO, 0x91, struct vmx_cpuid2)

/*
 * VMX_GET_FPU, VMX_SET_FPU (vCPU): struct vmx_fpu: x87 and XMM registers. SET leaves MXCSR alone.
 */
#define VMX_GET_FPU _IOR(VMXIO, 0x8c, struct vmx_fpu)
#define VMX_SET_FPU _IOW(VMXIO, 0x8d, struct vmx_fpu)
/*
 * VMX_GET_XSAVE, VMX_SET_XSAVE, VMX_GET_XSAVE2 (vCPU): all extended state, in the layout of the
 * host's leaf 0xd; see struct vmx_xsave for sizes. EINVAL: a component that is not offered,
 * reserved header or MXCSR bits.
 */
#define VMX_GET_XSAVE _IOR(VMXIO, 0xa4, struct vmx_xsave)
#define VMX_SET_XSAVE _IOW(VMXIO, 0xa5, struct vmx_xsave)
#define VMX_GET_XSAVE2 _IOR(VMXIO, 0xcf, struct vmx_xsave)
/*
 * VMX_GET_XCRS, VMX_SET_XCRS (vCPU): struct vmx_xcrs: XCR0. EINVAL: flags, or a value that XSETBV
 * would refuse.
 */
#define VMX_GET_XCRS _IOR(VMXIO, 0xa6, struct vmx_xcrs)
#define VMX_SET_XCRS _IOW(VMXIO, 0xa7, struct vmx_xcrs)

/*
 * VMX_GET_DEBUGREGS, VMX_SET_DEBUGREGS (vCPU): struct vmx_debugregs. EINVAL: flags, or bits 63:32
 * of DR6 or DR7.
 */
#define VMX_GET_DEBUGREGS _IOR(VMXIO, 0xa1, struct vmx_debugregs)
#define VMX_SET_DEBUGREGS _IOW(VMXIO, 0xa2, struct vmx_debugregs)

/*
 * VMX_GET_VCPU_EVENTS, VMX_SET_VCPU_EVENTS (vCPU): struct vmx_vcpu_events: interrupts, NMIs and
 * exceptions on their way, the interrupt shadow, and system management mode (which moves no register).
 * EINVAL: unknown flag, exception vector above 31 or 2, or SMM while a start-up message is waited for.
 */
#define VMX_GET_VCPU_EVENTS _IOR(VMXIO, 0x9f, struct vmx_vcpu_events)
#define VMX_SET_VCPU_EVENTS _IOW(VMXIO, 0xa0, struct vmx_vcpu_events)

/*
 * VMX_GET_LAPIC, VMX_SET_LAPIC (vCPU): struct vmx_lapic_state. EINVAL without an in-kernel
 * irqchip.
 */
#define VMX_GET_LAPIC _IOR(VMXIO, 0x8e, struct vmx_lapic_state)
#define VMX_SET_LAPIC _IOW(VMXIO, 0x8f, struct vmx_lapic_state)

/*
 * VMX_SET_VAPIC_ADDR (vCPU): struct vmx_vapic_addr, in: where the guest's page is that shares its
 * TPR; 0: there is none. EINVAL: no in-kernel irqchip, or any other address, as long as
 * VMX_CAP_VAPIC is absent (QEMU sets 0 whatever it says, and dies of an error).
 */
#define VMX_SET_VAPIC_ADDR _IOW(VMXIO, 0x93, struct vmx_vapic_addr)

/* ==== vCPU fd: the rest ==== */

/*
 * VMX_KVMCLOCK_CTRL (vCPU): no argument: tells the guest that it was paused, so that its watchdogs
 * do not bark. EINVAL: the guest uses no kvmclock.
 */
#define VMX_KVMCLOCK_CTRL _IO(VMXIO, 0xad)

/*
 * VMX_X86_SETUP_MCE (vCPU): __u64, in: MCG_CAP: number of banks, at most VMX_CAP_MCE, and bits
 * that X86_GET_MCE_CAP_SUPPORTED lists. EINVAL otherwise.
 * VMX_X86_SET_MCE (vCPU): struct vmx_x86_mce, in: logs an error in a bank; an uncorrected one
 * raises #MC, or shuts the guest down if it cannot take that. EINVAL: no such bank, status without
 * its valid bit.
 */
#define VMX_X86_SETUP_MCE _IOW(VMXIO, 0x9c, __u64)
#define VMX_X86_SET_MCE _IOW(VMXIO, 0x9e, struct vmx_x86_mce)

/*
 * VMX_HAS_DEVICE_ATTR, VMX_GET_DEVICE_ATTR, VMX_SET_DEVICE_ATTR (vCPU): struct vmx_device_attr,
 * in. One attribute: group VMX_VCPU_TSC_CTRL, attr VMX_VCPU_TSC_OFFSET: __u64 at addr, what is
 * added to the (scaled) host TSC. ENXIO another.
 */
#define VMX_SET_DEVICE_ATTR _IOW(VMXIO, 0xe1, struct vmx_device_attr)
#define VMX_GET_DEVICE_ATTR _IOW(VMXIO, 0xe2, struct vmx_device_attr)
#define VMX_HAS_DEVICE_ATTR _IOW(VMXIO, 0xe3, struct vmx_device_attr)

/*
 * VMX_TRANSLATE (vCPU): struct vmx_translation, in: linear_address; out: physical_address, ~0 unless valid.
 * By the vCPU's paging mode and tables, whatever rights they give; nothing is marked in them. writeable is
 * always 1 and usermode 0: what the entries allow is not told.
 */
#define VMX_TRANSLATE _IOWR(VMXIO, 0x85, struct vmx_translation)
/*
 * VMX_SET_GUEST_DEBUG (vCPU): struct vmx_guest_debug, in. With VMX_GUESTDBG_ENABLE in control, until the next
 * call: VMX_EXIT_DEBUG after each instruction (SINGLESTEP; an exception or interrupt that comes first is
 * delivered, and the step ends at its handler), before an INT3 (USE_SW_BP), for debugreg[0..3] as
 * debugreg[7] enables them (USE_HW_BP; the guest's own debug registers rest meanwhile). #DB exits whatever has
 * caused it, with either of the first and the last: what is the guest's the VMM gives back. BLOCKIRQ: no
 * interrupt or NMI is delivered. INJECT_DB, INJECT_BP: raise it in the guest; DR6 is the VMM's to set.
 * EBUSY an exception is pending. EINVAL without VMX_CAP_SET_GUEST_DEBUG.
 *
 *	struct vmx_guest_debug g = { .control = VMX_GUESTDBG_ENABLE | VMX_GUESTDBG_SINGLESTEP };
 *	ioctl(vcpu, VMX_SET_GUEST_DEBUG, &g);
 *	ioctl(vcpu, VMX_RUN, 0);	exit_reason VMX_EXIT_DEBUG, run->debug.arch.pc behind the instruction
 */
#define VMX_SET_GUEST_DEBUG _IOW(VMXIO, 0x9b, struct vmx_guest_debug)
#define VMX_TPR_ACCESS_REPORTING _IOWR(VMXIO, 0x92, struct vmx_tpr_access_ctl)
#define VMX_GET_ONE_REG _IOW(VMXIO, 0xab, struct vmx_one_reg)
#define VMX_SET_ONE_REG _IOW(VMXIO, 0xac, struct vmx_one_reg)
#define VMX_GET_REG_LIST _IOWR(VMXIO, 0xb0, struct vmx_reg_list)
#define VMX_GET_NESTED_STATE _IOWR(VMXIO, 0xbe, struct vmx_nested_state)
#define VMX_SET_NESTED_STATE _IOW(VMXIO, 0xbf, struct vmx_nested_state)

/*
 * VMX_GET_SUPPORTED_HV_CPUID (system; vCPU): struct vmx_cpuid2, as GET_SUPPORTED_CPUID: Hyper-V's leaves, which have
 * the numbers of KVM's own. On a vCPU without an in-kernel local APIC there are no direct timers among them. A guest
 * has Hyper-V's MSRs and, once it has written GUEST_OS_ID, its hypercalls in place of KVM's, if its leaf 0x40000001
 * says so. E2BIG: too little room. uapi/vmx_hyperv.h has the numbers.
 */
#define VMX_GET_SUPPORTED_HV_CPUID _IOWR(VMXIO, 0xc1, struct vmx_cpuid2)

#endif /* UAPI_VMX_IOCTL_H */
