/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * From EXITCODE and EXITINFO to struct vm_exit: APM 2 15.7 to 15.12, appendix C. The frequent kinds
 * are decoded here, inline in svm_enter(); exit.c has the table and the others.
 */
#ifndef VMX_AMD_DECODE_H
#define VMX_AMD_DECODE_H

#include <linux/nospec.h>

#include "amd/svm.h"

/* How the operands are found. */
enum svm_exit_kind {
	SVM_KIND_PLAIN,
	SVM_KIND_IO,
	SVM_KIND_MSR,
	SVM_KIND_CR,
	SVM_KIND_DR,
	SVM_KIND_INVLPG,
	SVM_KIND_EXC,
	SVM_KIND_TASK,
	SVM_KIND_VINTR,
	SVM_KIND_IRET,
	SVM_KIND_SHUTDOWN,
};

/*
 * One word for each exit code: bits 7:0 enum vm_exit_reason, 15:8 enum svm_exit_kind, and
 * SVM_ROW_INSN for an instruction's intercept, whose next RIP is valid where the CPU saves it.
 * Where it does not, that bit is clear everywhere (svm_exit_table_init), and most exits need no
 * look beyond the reason.
 */
#define SVM_ROW(reason, kind) ((reason) | (kind) << 8)
#define SVM_ROW_REASON(row) ((row) & 0xff)
#define SVM_ROW_KIND(row) ((row) >> 8 & 0xff)
#define SVM_ROW_INSN (1U << 16)

extern u32 svm_exit_table[SVM_EXIT_TABLE_SIZE];

void svm_decode_operands(struct vcpu *vcpu, enum svm_exit_kind kind);
void svm_decode_refusal(struct svm_vcpu *svm, struct vm_exit *exit, u64 code);

/* EXITINFO1 of a nested page fault: APM 2 15.25.6. The low five bits are as in a #PF. */
#define SVM_NPF_ERROR 0x1f
#define SVM_NPF_TABLE_SHIFT 33

static_assert(BACKEND_CS_L == SVM_SEG_L && BACKEND_CS_DB == SVM_SEG_DB);
static_assert((int)VM_IO_IN == SVM_IOIO_IN && (int)VM_IO_STRING == SVM_IOIO_STR &&
	      (int)VM_IO_REP == SVM_IOIO_REP);
static_assert(VM_PF_PRESENT == 1 && VM_PF_WRITE == 2 && VM_PF_USER == 4 && VM_PF_RSVD == 8 &&
	      VM_PF_FETCH == 16);

static __always_inline void svm_decode_pf(struct vm_exit *exit, u64 error, u64 address)
{
	exit->reason = VM_EXIT_PAGE_FAULT;
	exit->pf.gpa = address;
	exit->pf.flags = (error & SVM_NPF_ERROR) |
			 (error & (1ULL << SVM_NPF_TABLE_SHIFT) ? VM_PF_GUEST_TABLE : 0);
}

static __always_inline void svm_decode_io(const struct vmcb *vmcb, struct vm_exit *exit)
{
	u64 info = vmcb->control.exit_info1;

	exit->io.port = info >> SVM_IOIO_PORT_SHIFT;
	exit->io.size = (info & SVM_IOIO_SIZE) >> SVM_IOIO_SIZE_SHIFT;
	exit->io.flags = info & (SVM_IOIO_IN | SVM_IOIO_STR | SVM_IOIO_REP);
	/* Without an intercept there is always a next RIP in EXITINFO2 (APM 2 15.10.2). */
	exit->insn_len = vmcb->control.exit_info2 - vmcb->save.rip;
}

static __always_inline void svm_decode(struct vcpu *vcpu, struct svm_vcpu *svm)
{
	const struct vmcb *vmcb = svm->vmcb;
	const struct vmcb_control *c = &vmcb->control;
	struct vm_exit *exit = &vcpu->exit;
	u64 code = c->exit_code;
	u32 row;

	exit->hw_reason = code;
	exit->info1 = c->exit_info1;
	exit->info2 = c->exit_info2;
	exit->insn_len = 0;
	exit->decoded = false;
	exit->cs_flags = vmcb->save.cs.attr;
	exit->cpl = vmcb->save.cpl;
	exit->mode_known = true;
	exit->shadow = c->int_state & SVM_INT_SHADOW;
	if (likely(!(c->exit_int_info & SVM_EVENT_VALID)))
		exit->vectoring = (struct vm_event){};
	else
		exit->vectoring = svm_decode_event(svm, c->exit_int_info);

	if (unlikely(code >= SVM_EXIT_TABLE_SIZE)) {
		if (likely(code == SVM_EXIT_NPF))
			svm_decode_pf(exit, exit->info1, exit->info2);
		else
			svm_decode_refusal(svm, exit, code);
		return;
	}
	row = svm_exit_table[array_index_nospec(code, SVM_EXIT_TABLE_SIZE)];
	exit->reason = SVM_ROW_REASON(row);
	if (!(row >> 8))
		return;
	if ((row & SVM_ROW_INSN) && c->next_rip)
		exit->insn_len = c->next_rip - vmcb->save.rip;
	switch (SVM_ROW_KIND(row)) {
	case SVM_KIND_PLAIN:
		break;
	case SVM_KIND_IO:
		svm_decode_io(vmcb, exit);
		break;
	case SVM_KIND_MSR:
		exit->reason = exit->info1 ? VM_EXIT_WRMSR : VM_EXIT_RDMSR;
		break;
	default:
		svm_decode_operands(vcpu, SVM_ROW_KIND(row));
	}
}

#endif /* VMX_AMD_DECODE_H */
