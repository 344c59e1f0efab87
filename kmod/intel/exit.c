// SPDX-License-Identifier: GPL-2.0-only
/* From exit reason and qualification to struct vm_exit: the table and the rarer kinds. */
#include "intel/decode.h"
#include "intel/vt.h"

#define VECTOR_DB 1
#define VECTOR_NMI 2
#define VECTOR_DF 8
#define VECTOR_PF 14
#define VECTOR_MC 18

#define VT_PF_ERROR (VM_PF_PRESENT | VM_PF_WRITE | VM_PF_USER | VM_PF_RSVD | VM_PF_FETCH)

#define INSN(r) (VT_ROW(VM_EXIT_##r, VT_KIND_PLAIN) | VT_ROW_INSN)
#define EVENT(r) (VT_ROW(VM_EXIT_##r, VT_KIND_PLAIN))
#define INSN_KIND(r, k) (VT_ROW(VM_EXIT_##r, VT_KIND_##k) | VT_ROW_INSN)
#define EVENT_KIND(r, k) (VT_ROW(VM_EXIT_##r, VT_KIND_##k))
#define CUTS(r, k) (VT_ROW(VM_EXIT_##r, VT_KIND_##k) | VT_ROW_VECTORING)

static_assert(VM_EXIT_NR <= 0x100 && VM_EXIT_UNKNOWN == 0 && VT_KIND_PLAIN == 0);

/* What is missing here was never asked for: VM_EXIT_UNKNOWN. */
const u32 vt_exit_table[VT_EXIT_TABLE_SIZE] = {
	[VT_EXIT_EXCEPTION_NMI] = CUTS(EXCEPTION, EXCEPTION),
	[VT_EXIT_EXTERNAL_INTERRUPT] = EVENT(HOST_INTR),
	[VT_EXIT_TRIPLE_FAULT] = EVENT(TRIPLE_FAULT),
	[VT_EXIT_INIT] = EVENT(HOST_SMI),
	[VT_EXIT_IO_SMI] = EVENT(HOST_SMI),
	[VT_EXIT_OTHER_SMI] = EVENT(HOST_SMI),
	[VT_EXIT_INTR_WINDOW] = EVENT_KIND(IRQ_WINDOW, INTR_WINDOW),
	[VT_EXIT_NMI_WINDOW] = EVENT_KIND(NMI_WINDOW, NMI_WINDOW),
	[VT_EXIT_TASK_SWITCH] = CUTS(TASK_SWITCH, TASK),
	[VT_EXIT_CPUID] = INSN(CPUID),
	[VT_EXIT_GETSEC] = INSN(UD_INSN),
	[VT_EXIT_HLT] = INSN(HLT),
	[VT_EXIT_INVD] = INSN(INVD),
	[VT_EXIT_INVLPG] = INSN_KIND(INVLPG, INVLPG),
	[VT_EXIT_RDPMC] = INSN(RDPMC),
	[VT_EXIT_RDTSC] = INSN(RDTSC),
	[VT_EXIT_RSM] = INSN(RSM),
	[VT_EXIT_VMCALL] = INSN(HYPERCALL),
	[VT_EXIT_VMCLEAR ... VT_EXIT_VMXON] = INSN(VIRT_INSN),
	[VT_EXIT_CR_ACCESS] = INSN_KIND(CR, CR),
	[VT_EXIT_DR_ACCESS] = INSN_KIND(DR, DR),
	[VT_EXIT_IO] = INSN_KIND(IO, IO),
	[VT_EXIT_RDMSR] = INSN(RDMSR),
	[VT_EXIT_WRMSR] = INSN(WRMSR),
	[VT_EXIT_ENTRY_GUEST_STATE] = EVENT_KIND(ENTRY_FAILED, ENTRY_FAILED),
	[VT_EXIT_ENTRY_MSR_LOAD] = EVENT_KIND(ENTRY_FAILED, ENTRY_FAILED),
	[VT_EXIT_MTF] = EVENT_KIND(STEP, MTF),
	[VT_EXIT_MWAIT] = INSN(MWAIT),
	[VT_EXIT_MONITOR] = INSN(MONITOR),
	[VT_EXIT_PAUSE] = INSN(PAUSE),
	[VT_EXIT_ENTRY_MACHINE_CHECK] = EVENT(HOST_MC),
	/* The guest has lowered its TPR: what that held back may come. */
	[VT_EXIT_TPR_BELOW_THRESHOLD] = EVENT(IRQ_WINDOW),
	[VT_EXIT_APIC_ACCESS] = CUTS(LAPIC_ACCESS, APIC_ACCESS),
	/* Both come behind the instruction that wrote (29.1.4, 29.4.3.3). */
	[VT_EXIT_VIRTUAL_EOI] = EVENT_KIND(LAPIC_EOI, VIRTUAL_EOI),
	[VT_EXIT_APIC_WRITE] = EVENT_KIND(LAPIC_WRITE, APIC_WRITE),
	[VT_EXIT_GDTR_IDTR] = INSN(DESC_TABLE),
	[VT_EXIT_LDTR_TR] = INSN(DESC_TABLE),
	[VT_EXIT_EPT_VIOLATION] = CUTS(PAGE_FAULT, EPT_VIOLATION),
	[VT_EXIT_EPT_MISCONFIG] = CUTS(MMIO_MISCONFIG, EPT_MISCONFIG),
	[VT_EXIT_INVEPT] = INSN(VIRT_INSN),
	[VT_EXIT_RDTSCP] = INSN(RDTSCP),
	[VT_EXIT_PREEMPTION_TIMER] = EVENT_KIND(PREEMPTION_TIMER, TIMER),
	[VT_EXIT_INVVPID] = INSN(VIRT_INSN),
	[VT_EXIT_WBINVD] = INSN(WBINVD),
	[VT_EXIT_XSETBV] = INSN(XSETBV),
	[VT_EXIT_INVPCID] = INSN(INVPCID),
	[VT_EXIT_VMFUNC] = INSN(UD_INSN),
	[VT_EXIT_ENCLS] = INSN(UD_INSN),
	[VT_EXIT_ENCLV] = INSN(UD_INSN),
	[VT_EXIT_PCONFIG] = INSN(UD_INSN),
	[VT_EXIT_UMWAIT] = INSN(UD_INSN),
	[VT_EXIT_TPAUSE] = INSN(UD_INSN),
	[VT_EXIT_LOADIWKEY] = INSN(UD_INSN),
	[VT_EXIT_PML_FULL] = CUTS(PML_FULL, PML_FULL),
	[VT_EXIT_BUS_LOCK] = EVENT(BUS_LOCK),
};

/* The bits of a #PF's error code are those of enum vm_pf_flags: SDM 3A 4.7. */
static noinstr void vt_decode_shadow_fault(struct vm_exit *exit)
{
	exit->reason = VM_EXIT_SHADOW_FAULT;
	exit->info1 = vmcs_read(VMCS_EXIT_QUALIFICATION);
	exit->info2 = vmcs_read(VMCS_EXIT_INTR_ERROR);
	exit->pf.gpa = exit->info1;
	exit->pf.flags = exit->info2 & VT_PF_ERROR;
}

/*
 * #MC comes here too: with bit 18 of the exception bitmap set it exits whatever the guest's CR4.MCE,
 * which is always set underneath (state.c).
 */
static noinstr void vt_decode_exception(struct vcpu *vcpu)
{
	struct vm_exit *exit = &vcpu->exit;
	u32 info = vmcs_read(VMCS_EXIT_INTR_INFO);
	u8 vector = vt_intr_vector(info);

	if (vt_intr_type(info) == VT_INTR_NMI) {
		/* enter.c has delivered it to the host. */
		exit->reason = VM_EXIT_HOST_NMI;
		return;
	}
	/*
	 * A fault of the guest's IRET, which had unblocked NMIs and will be done again (SDM 3C
	 * 27.2.3). With #DF it will not.
	 */
	if (unlikely(info & VT_INTR_NMI_UNBLOCK) && vector != VECTOR_DF &&
	    exit->vectoring.type == VM_EVENT_NONE)
		vt_set_nmi_mask(vcpu, true);
	if (vector == VECTOR_MC) {
		exit->reason = VM_EXIT_HOST_MC;
		return;
	}
	if (vector == VECTOR_PF && to_vt(vcpu)->shadow) {
		vt_decode_shadow_fault(exit);
		return;
	}
	exit->exc.vector = vector;
	exit->exc.has_error = info & VT_INTR_DELIVER_ERROR;
	exit->exc.error = exit->exc.has_error ? vmcs_read(VMCS_EXIT_INTR_ERROR) : 0;
	exit->exc.payload = 0;
	/* INT3 and INTO: the length is for whoever raises them again. */
	if (vt_intr_type(info) == VT_INTR_SOFT_EXC)
		exit->insn_len = vmcs_read(VMCS_EXIT_INSN_LEN);
	exit->info1 = vmcs_read(VMCS_EXIT_QUALIFICATION);
	exit->info2 = info;
	if (vector == VECTOR_PF)
		exit->exc.payload = exit->info1;
	else if (vector == VECTOR_DB) {
		exit->exc.payload = vt_db_causes(exit->info1);
		/* STI with TF set: its shadow is still there. */
		to_vt(vcpu)->slow |= VT_SLOW_SHADOW;
	}
}

/*
 * The monitor trap flag comes before the traps of the instruction, which are pending (SDM 3C 25.5.2): the
 * core raises them. In an interrupt shadow they stay where they are, as the CPU wants to see them.
 */
static noinstr void vt_decode_step(struct vm_exit *exit)
{
	u64 pending = vmcs_read(VMCS_GUEST_PENDING_DEBUG);

	exit->exc.vector = VECTOR_DB;
	exit->exc.has_error = false;
	exit->exc.error = 0;
	exit->exc.payload = 0;
	if (!vt_db_causes(pending) ||
	    (vmcs_read(VMCS_GUEST_INTERRUPTIBILITY) & (VT_INT_STI | VT_INT_MOV_SS)))
		return;
	exit->exc.payload = vt_db_causes(pending);
	vmcs_write(VMCS_GUEST_PENDING_DEBUG, 0);
}

static noinstr void vt_decode_cr(struct vm_exit *exit)
{
	struct vt_cr_access a;

	exit->info1 = vmcs_read(VMCS_EXIT_QUALIFICATION);
	a = vt_qual_cr(exit->info1);
	exit->cr.cr = a.cr;
	exit->cr.gpr = a.gpr;
	exit->cr.write = a.type == VT_CR_WRITE;
	exit->cr.clts = a.type == VT_CR_CLTS;
	exit->cr.lmsw = a.type == VT_CR_LMSW;
	exit->cr.lmsw_source = a.lmsw_source;
	exit->decoded = true;
}

static noinstr void vt_decode_dr(struct vm_exit *exit)
{
	struct vt_dr_access a;

	exit->info1 = vmcs_read(VMCS_EXIT_QUALIFICATION);
	a = vt_qual_dr(exit->info1);
	exit->dr.dr = a.dr;
	exit->dr.write = a.write;
	exit->dr.gpr = a.gpr;
	exit->decoded = true;
}

/* The error code of a gate's event is in the vectoring information. */
static noinstr void vt_decode_task(struct vm_exit *exit)
{
	struct vt_task_switch t;

	static_assert(VT_TASK_CALL == 0 && VT_TASK_IRET == 1 && VT_TASK_JMP == 2);
	exit->info1 = vmcs_read(VMCS_EXIT_QUALIFICATION);
	t = vt_qual_task(exit->info1);
	exit->task.selector = t.selector;
	exit->task.reason = t.source;
	exit->task.has_error = t.source == VT_TASK_GATE && exit->vectoring.has_error;
	exit->task.error = exit->task.has_error ? exit->vectoring.error : 0;
}

/*
 * An access to the APIC's page that is no instruction's operand: as the fault that it would be if the page
 * were not there. Its physical address may have been used for the guest's tables.
 */
static noinstr void vt_decode_apic_fault(struct vm_exit *exit)
{
	exit->reason = VM_EXIT_PAGE_FAULT;
	switch (vt_qual_apic_type(exit->info1)) {
	case VT_APIC_LINEAR_FETCH:
		exit->pf.flags |= VM_PF_FETCH;
		break;
	case VT_APIC_LINEAR_EVENT:
		break;
	default:
		exit->pf.flags |= VM_PF_GUEST_TABLE;
	}
}

noinstr void vt_decode_operands(struct vcpu *vcpu, enum vt_exit_kind kind)
{
	struct vt_vcpu *vt = to_vt(vcpu);
	struct vm_exit *exit = &vcpu->exit;

	switch (kind) {
	case VT_KIND_APIC_ACCESS:
		vt_decode_apic_fault(exit);
		break;
	case VT_KIND_EXCEPTION:
		vt_decode_exception(vcpu);
		break;
	case VT_KIND_CR:
		vt_decode_cr(exit);
		break;
	case VT_KIND_DR:
		vt_decode_dr(exit);
		break;
	case VT_KIND_INVLPG:
		exit->info1 = vmcs_read(VMCS_EXIT_QUALIFICATION);
		exit->invlpg.gva = exit->info1;
		exit->decoded = true;
		break;
	case VT_KIND_TASK:
		vt_decode_task(exit);
		break;
	case VT_KIND_INTR_WINDOW:
		vt_set_proc(vt, VT_PROC_INTR_WINDOW, false);
		break;
	case VT_KIND_NMI_WINDOW:
		vt_set_proc(vt, VT_PROC_NMI_WINDOW, false);
		break;
	case VT_KIND_PML_FULL:
		/* As with an EPT violation: the IRET that wrote there will be done again (27.2.1). */
		exit->info1 = vmcs_read(VMCS_EXIT_QUALIFICATION);
		if ((exit->info1 & VT_EPTV_NMI_UNBLOCK) && exit->vectoring.type == VM_EVENT_NONE)
			vt_set_nmi_mask(vcpu, true);
		break;
	case VT_KIND_VIRTUAL_EOI:
		exit->info1 = vmcs_read(VMCS_EXIT_QUALIFICATION);
		exit->lapic.vector = exit->info1;
		break;
	case VT_KIND_APIC_WRITE:
		exit->info1 = vmcs_read(VMCS_EXIT_QUALIFICATION);
		exit->lapic.reg = exit->info1 & VT_APIC_OFFSET;
		break;
	case VT_KIND_TIMER:
		vt_timer_exit(vt, exit);
		break;
	case VT_KIND_MTF:
		vt_decode_step(exit);
		break;
	case VT_KIND_ENTRY_FAILED:
		exit->info1 = vmcs_read(VMCS_EXIT_QUALIFICATION);
		break;
	default:
		break;
	}
}

/* The event whose delivery the exit cut short: SDM 3C 24.9.3, 27.2.4. */
noinstr struct vm_event vt_take_vectoring(struct vcpu *vcpu, u32 info)
{
	struct vm_event event = { .vector = vt_intr_vector(info) };

	if (info & VT_INTR_DELIVER_ERROR) {
		event.has_error = true;
		event.error = vmcs_read(VMCS_IDT_VECTORING_ERROR);
	}
	switch (vt_intr_type(info)) {
	case VT_INTR_EXTERNAL:
		event.type = VM_EVENT_IRQ;
		break;
	case VT_INTR_NMI:
		event.type = VM_EVENT_NMI;
		/* Not delivered, so nothing is blocked yet. */
		vt_set_nmi_mask(vcpu, false);
		break;
	case VT_INTR_SOFT_INT:
		event.type = VM_EVENT_SOFT_INT;
		event.insn_len = vmcs_read(VMCS_EXIT_INSN_LEN);
		break;
	case VT_INTR_SOFT_EXC:
	case VT_INTR_PRIV_SW_EXC:
		event.type = VM_EVENT_SOFT_EXC;
		event.insn_len = vmcs_read(VMCS_EXIT_INSN_LEN);
		break;
	default:
		event.type = VM_EVENT_EXCEPTION;
		break;
	}
	return event;
}
