// SPDX-License-Identifier: GPL-2.0-only
/* From EXITCODE and EXITINFO to struct vm_exit: the table and the rarer kinds. */
#include <asm/mce.h>
#include <asm/msr.h>

#include "amd/decode.h"
#include "amd/svm.h"

#define INSN(r) (SVM_ROW(VM_EXIT_##r, SVM_KIND_PLAIN) | SVM_ROW_INSN)
#define EVENT(r) SVM_ROW(VM_EXIT_##r, SVM_KIND_PLAIN)
#define KIND(r, k) SVM_ROW(VM_EXIT_##r, SVM_KIND_##k)
#define INSN_KIND(r, k) (SVM_ROW(VM_EXIT_##r, SVM_KIND_##k) | SVM_ROW_INSN)

static_assert(VM_EXIT_NR <= 0x100 && VM_EXIT_UNKNOWN == 0 && SVM_KIND_PLAIN == 0);

/*
 * What is missing here was never asked for: VM_EXIT_UNKNOWN. Written once, by
 * svm_exit_table_init().
 */
u32 svm_exit_table[SVM_EXIT_TABLE_SIZE] __read_mostly = {
	[SVM_EXIT_CR0_READ] = INSN_KIND(CR, CR),
	[SVM_EXIT_CR3_READ] = INSN_KIND(CR, CR),
	[SVM_EXIT_CR4_READ] = INSN_KIND(CR, CR),
	[SVM_EXIT_CR8_READ] = INSN_KIND(CR, CR),
	[SVM_EXIT_CR0_WRITE] = INSN_KIND(CR, CR),
	[SVM_EXIT_CR3_WRITE] = INSN_KIND(CR, CR),
	[SVM_EXIT_CR4_WRITE] = INSN_KIND(CR, CR),
	[SVM_EXIT_CR8_WRITE] = INSN_KIND(CR, CR),
	[SVM_EXIT_DR0_READ ... SVM_EXIT_DR7_READ] = INSN_KIND(DR, DR),
	[SVM_EXIT_DR0_WRITE ... SVM_EXIT_DR7_WRITE] = INSN_KIND(DR, DR),
	[SVM_EXIT_EXC_BASE ... SVM_EXIT_EXC_BASE + 31] = KIND(EXCEPTION, EXC),
	[SVM_EXIT_INTR] = EVENT(HOST_INTR),
	[SVM_EXIT_NMI] = EVENT(HOST_NMI),
	[SVM_EXIT_SMI] = EVENT(HOST_SMI),
	[SVM_EXIT_INIT] = EVENT(HOST_SMI),
	[SVM_EXIT_VINTR] = KIND(IRQ_WINDOW, VINTR),
	[SVM_EXIT_IDTR_READ] = INSN(DESC_TABLE),
	[SVM_EXIT_GDTR_READ] = INSN(DESC_TABLE),
	[SVM_EXIT_LDTR_READ] = INSN(DESC_TABLE),
	[SVM_EXIT_TR_READ] = INSN(DESC_TABLE),
	[SVM_EXIT_IDTR_WRITE] = INSN(DESC_TABLE),
	[SVM_EXIT_GDTR_WRITE] = INSN(DESC_TABLE),
	[SVM_EXIT_LDTR_WRITE] = INSN(DESC_TABLE),
	[SVM_EXIT_TR_WRITE] = INSN(DESC_TABLE),
	[SVM_EXIT_RDTSC] = INSN(RDTSC),
	[SVM_EXIT_RDPMC] = INSN(RDPMC),
	[SVM_EXIT_CPUID] = INSN(CPUID),
	[SVM_EXIT_RSM] = INSN(RSM),
	[SVM_EXIT_SWINT] = EVENT(SOFT_INT),
	[SVM_EXIT_IRET] = KIND(NMI_WINDOW, IRET),
	[SVM_EXIT_INVD] = INSN(INVD),
	[SVM_EXIT_PAUSE] = INSN(PAUSE),
	[SVM_EXIT_HLT] = INSN(HLT),
	[SVM_EXIT_INVLPG] = INSN_KIND(INVLPG, INVLPG),
	[SVM_EXIT_INVLPGA] = INSN(VIRT_INSN),
	[SVM_EXIT_IOIO] = KIND(IO, IO),
	[SVM_EXIT_MSR] = INSN_KIND(RDMSR, MSR),
	[SVM_EXIT_TASK_SWITCH] = KIND(TASK_SWITCH, TASK),
	[SVM_EXIT_SHUTDOWN] = KIND(TRIPLE_FAULT, SHUTDOWN),
	[SVM_EXIT_VMRUN] = INSN(VIRT_INSN),
	[SVM_EXIT_VMMCALL] = INSN(HYPERCALL),
	[SVM_EXIT_VMLOAD] = INSN(VIRT_INSN),
	[SVM_EXIT_VMSAVE] = INSN(VIRT_INSN),
	[SVM_EXIT_STGI] = INSN(VIRT_INSN),
	[SVM_EXIT_CLGI] = INSN(VIRT_INSN),
	[SVM_EXIT_SKINIT] = INSN(VIRT_INSN),
	[SVM_EXIT_RDTSCP] = INSN(RDTSCP),
	[SVM_EXIT_WBINVD] = INSN(WBINVD),
	[SVM_EXIT_MONITOR] = INSN(MONITOR),
	[SVM_EXIT_MWAIT] = INSN(MWAIT),
	[SVM_EXIT_MWAIT_ARMED] = INSN(MWAIT),
	[SVM_EXIT_XSETBV] = INSN(XSETBV),
	[SVM_EXIT_RDPRU] = INSN(UD_INSN),
	[SVM_EXIT_INVLPGB] = INSN(UD_INSN),
	[SVM_EXIT_INVLPGB_ILLEGAL] = INSN(UD_INSN),
	[SVM_EXIT_INVPCID] = INSN(INVPCID),
	[SVM_EXIT_MCOMMIT] = INSN(UD_INSN),
	[SVM_EXIT_TLBSYNC] = INSN(UD_INSN),
	[SVM_EXIT_BUS_LOCK] = EVENT(BUS_LOCK),
	[SVM_EXIT_IDLE_HLT] = INSN(HLT),
};

void svm_exit_table_init(void)
{
	unsigned int i;

	if (svm_host.nrips)
		return;
	for (i = 0; i < SVM_EXIT_TABLE_SIZE; i++)
		svm_exit_table[i] &= ~SVM_ROW_INSN;
}

/* EXITINFO2 of a task switch: APM 2 15.14.1. */
#define SVM_TASK_IRET (1ULL << 36)
#define SVM_TASK_JMP (1ULL << 38)
#define SVM_TASK_HAS_ERROR (1ULL << 44)

/* EXITINFO1 with DecodeAssists: APM 2 15.8.1, 15.8.2. */
#define SVM_CR_MOV (1ULL << 63)
#define SVM_DECODE_GPR 0xf

/* DR6 bits that a #DB may set: B0-B3, BD, BS, BT. */
#define SVM_DR6_CAUSES 0xe00f

static noinstr void svm_decode_exception(struct svm_vcpu *svm, struct vm_exit *exit)
{
	u8 vector = exit->hw_reason - SVM_EXIT_EXC_BASE;

	if (vector == 18) {
		exit->reason = VM_EXIT_HOST_MC;
		return;
	}
	if (vector == 14 && !svm->nested) {
		svm_decode_pf(exit, exit->info1 & SVM_NPF_ERROR, exit->info2);
		exit->reason = VM_EXIT_SHADOW_FAULT;
		return;
	}
	exit->exc.vector = vector;
	exit->exc.has_error = SVM_VECTORS_WITH_ERROR & BIT(vector);
	exit->exc.error = exit->exc.has_error ? exit->info1 : 0;
	exit->exc.payload = 0;
	if (vector == 14)
		exit->exc.payload = exit->info2;
	else if (vector == 1)
		exit->exc.payload = svm->vmcb->save.dr6 & SVM_DR6_CAUSES;
}

static noinstr void svm_decode_cr(struct vm_exit *exit)
{
	exit->cr.cr = exit->hw_reason & 0xf;
	exit->cr.write = exit->hw_reason >= SVM_EXIT_CR_WRITE_BASE;
	exit->cr.clts = false;
	exit->cr.lmsw = false;
	exit->cr.lmsw_source = 0;
	exit->cr.gpr = exit->info1 & SVM_DECODE_GPR;
	/* Not so for CLTS, LMSW, SMSW: there the bit is clear. */
	exit->decoded = svm_host.decode_assists && (exit->info1 & SVM_CR_MOV);
}

static noinstr void svm_decode_dr(struct vm_exit *exit)
{
	exit->dr.dr = exit->hw_reason & 7;
	exit->dr.write = exit->hw_reason >= SVM_EXIT_DR_WRITE_BASE;
	exit->dr.gpr = exit->info1 & SVM_DECODE_GPR;
	exit->decoded = svm_host.decode_assists;
}

static noinstr void svm_decode_task(struct vm_exit *exit)
{
	exit->task.selector = exit->info1;
	if (exit->info2 & SVM_TASK_IRET)
		exit->task.reason = 1;
	else if (exit->info2 & SVM_TASK_JMP)
		exit->task.reason = 2;
	else
		exit->task.reason = exit->vectoring.type == VM_EVENT_NONE ? 0 : 3;
	exit->task.has_error = exit->info2 & SVM_TASK_HAS_ERROR;
	exit->task.error = exit->info2;
}

/*
 * With CR4.MCE clear in the guest a machine check means shutdown, which is intercepted in its stead
 * (APM 2 15.14.3: "any condition that normally causes a shutdown"). The guest's CR4 is its own with
 * nested paging, so look.
 */
static noinstr void svm_decode_shutdown(struct svm_vcpu *svm, struct vm_exit *exit)
{
#ifdef CONFIG_X86_MCE
	if (boot_cpu_has(X86_FEATURE_MCE) && !(svm->vmcb->save.cr4 & X86_CR4_MCE) &&
	    (__rdmsr(MSR_IA32_MCG_STATUS) & MCG_STATUS_MCIP))
		exit->reason = VM_EXIT_HOST_MC;
#endif
}

noinstr void svm_decode_operands(struct vcpu *vcpu, enum svm_exit_kind kind)
{
	struct svm_vcpu *svm = to_svm(vcpu);
	struct vm_exit *exit = &vcpu->exit;

	switch (kind) {
	case SVM_KIND_CR:
		svm_decode_cr(exit);
		break;
	case SVM_KIND_DR:
		svm_decode_dr(exit);
		break;
	case SVM_KIND_INVLPG:
		exit->invlpg.gva = exit->info1;
		exit->decoded = svm_host.decode_assists;
		break;
	case SVM_KIND_EXC:
		svm_decode_exception(svm, exit);
		break;
	case SVM_KIND_TASK:
		svm_decode_task(exit);
		break;
	case SVM_KIND_VINTR:
		svm_end_irq_window(svm);
		break;
	case SVM_KIND_IRET:
		svm_iret_exit(vcpu);
		break;
	case SVM_KIND_SHUTDOWN:
		svm_decode_shutdown(svm, exit);
		break;
	default:
		break;
	}
}

/*
 * The guest has not run, and how far the CPU came with loading its state nobody says: what it was to
 * flush it may not have flushed, and what it was to read anew it may not have read.
 */
noinstr void svm_decode_refusal(struct svm_vcpu *svm, struct vm_exit *exit, u64 code)
{
	exit->reason = VM_EXIT_UNKNOWN;
	if (!svm_refused(code) && code != SVM_EXIT_BUSY && code != SVM_EXIT_IDLE_REQUIRED)
		return;
	exit->reason = VM_EXIT_ENTRY_FAILED;
	svm->slow |= SVM_SLOW_FLUSH;
	svm->vmcb->control.clean = 0;
}
