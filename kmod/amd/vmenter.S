/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The world switch. What VMRUN and #VMEXIT move by themselves (APM 2 15.5.1, 15.6): RIP, RSP, RAX,
 * RFLAGS, CR0-4, EFER, DR6-7, CS, SS, DS, ES, GDTR, IDTR. VMLOAD and VMSAVE move FS, GS, TR, LDTR,
 * KERNEL_GS_BASE and the SYSCALL and SYSENTER MSRs. The other general registers are ours.
 *
 *	CLGI			nothing, not even an NMI, comes in between: TR and GS are the guest's
 *	SPEC_CTRL := guest's	only if it differs
 *	VMLOAD guest
 *	general registers
 *	STI			IF must be 1 for a physical interrupt to end the guest's run
 *	VMRUN			(V_INTR_MASKING: host's IF counts, APM 2 15.21.1)
 *	CLI
 *	VMSAVE guest
 *	general registers
 *	VMLOAD host		GS is ours again
 *	SPEC_CTRL := host's, RSB, branch predictors
 *
 * STGI is the caller's: an NMI that ended the run is taken there.
 */
#include <linux/linkage.h>
#include <asm/alternative.h>
#include <asm/asm.h>
#include <asm/cpufeatures.h>
#include <asm/frame.h>
#include <asm/msr-index.h>
#include <asm/nospec-branch.h>

#include "amd/vmenter.h"

#ifndef RSB_CLEAR_LOOPS
#define RSB_CLEAR_LOOPS 32
#endif

/* RDI: struct svm_entry. All but RAX and RSP become the guest's. Changes no flags. */
.macro LOAD_GUEST_REGS
	mov	SVM_ENTRY_REGS(%rdi), %rdi
	mov	SVM_REG_RCX(%rdi), %rcx
	mov	SVM_REG_RDX(%rdi), %rdx
	mov	SVM_REG_RBX(%rdi), %rbx
	mov	SVM_REG_RBP(%rdi), %rbp
	mov	SVM_REG_RSI(%rdi), %rsi
	mov	SVM_REG_R8(%rdi), %r8
	mov	SVM_REG_R9(%rdi), %r9
	mov	SVM_REG_R10(%rdi), %r10
	mov	SVM_REG_R11(%rdi), %r11
	mov	SVM_REG_R12(%rdi), %r12
	mov	SVM_REG_R13(%rdi), %r13
	mov	SVM_REG_R14(%rdi), %r14
	mov	SVM_REG_R15(%rdi), %r15
	mov	SVM_REG_RDI(%rdi), %rdi
.endm

/* Data of the host in the store and fill buffers: not for the guest. Changes only flags. */
.macro CLEAR_HOST_BUFFERS
#if defined(VM_CLEAR_CPU_BUFFERS)
	VM_CLEAR_CPU_BUFFERS
#elif defined(CLEAR_CPU_BUFFERS)
	CLEAR_CPU_BUFFERS
#endif
.endm

	.section .noinstr.text, "ax"

/*
 * int svm_vmenter(struct svm_entry *entry)
 *
 * Interrupts off before and after. 0: the guest ran, and GIF is 0; 1: SVM is off on this CPU (a
 * reboot), nothing was done.
 */
SYM_FUNC_START(svm_vmenter)
	/* The callee-saved registers, which the guest's values will overwrite. */
	push	%rbp
#ifdef CONFIG_FRAME_POINTER
	mov	%rsp, %rbp
#endif
	push	%r15
	push	%r14
	push	%r13
	push	%r12
	push	%rbx
	/* To find regs and the host's save area when all registers are the guest's. */
	push	%rdi

.Lclgi:	clgi

	testl	$(SVM_ENTRY_SWITCH_SPEC | SVM_ENTRY_SHADOW), SVM_ENTRY_FLAGS(%rdi)
	jnz	.Lspec_enter
.Lspec_ready:
	mov	SVM_ENTRY_VMCB_PA(%rdi), %rax
	/*
	 * IF must be 1 at VMRUN for the INTR intercept. Not right before it: the shadow of STI must
	 * have ended (an emulated CPU carries it into the guest, whose own STI then casts none).
	 */
	sti
	vmload	%rax

	LOAD_GUEST_REGS
	CLEAR_HOST_BUFFERS
	vmrun	%rax
.Lguest_ran:
	cli

	/* RAX is the VMCB again; the other registers but RSP are the guest's. */
	vmsave	%rax

	mov	(%rsp), %rax
	mov	SVM_ENTRY_REGS(%rax), %rax
	mov	%rcx, SVM_REG_RCX(%rax)
	mov	%rdx, SVM_REG_RDX(%rax)
	mov	%rbx, SVM_REG_RBX(%rax)
	mov	%rbp, SVM_REG_RBP(%rax)
	mov	%rsi, SVM_REG_RSI(%rax)
	mov	%rdi, SVM_REG_RDI(%rax)
	mov	%r8, SVM_REG_R8(%rax)
	mov	%r9, SVM_REG_R9(%rax)
	mov	%r10, SVM_REG_R10(%rax)
	mov	%r11, SVM_REG_R11(%rax)
	mov	%r12, SVM_REG_R12(%rax)
	mov	%r13, SVM_REG_R13(%rax)
	mov	%r14, SVM_REG_R14(%rax)
	mov	%r15, SVM_REG_R15(%rax)

	mov	(%rsp), %rdi
	mov	SVM_ENTRY_HOST_PA(%rdi), %rax
	vmload	%rax

	/* No value of the guest's stays where mispredicted host code could use it. */
	xor	%ecx, %ecx
	xor	%edx, %edx
	xor	%ebx, %ebx
	xor	%ebp, %ebp
	xor	%esi, %esi
	xor	%r8d, %r8d
	xor	%r9d, %r9d
	xor	%r10d, %r10d
	xor	%r11d, %r11d
	xor	%r12d, %r12d
	xor	%r13d, %r13d
	xor	%r14d, %r14d
	xor	%r15d, %r15d

	/* Before the first RET or indirect branch: the host's prediction rules. */
	testl	$(SVM_ENTRY_SWITCH_SPEC | SVM_ENTRY_READ_SPEC), SVM_ENTRY_FLAGS(%rdi)
	jnz	.Lspec_exit
.Lspec_done:

	/* The guest's return addresses in the return stack buffer: not for our RETs. */
	FILL_RETURN_BUFFER %rax, RSB_CLEAR_LOOPS, X86_FEATURE_RSB_VMEXIT
#ifdef UNTRAIN_RET_VM
	UNTRAIN_RET_VM
#else
	UNTRAIN_RET
#ifdef X86_FEATURE_IBPB_ON_VMEXIT
	ALTERNATIVE "", "call entry_ibpb", X86_FEATURE_IBPB_ON_VMEXIT
#endif
#endif

	xor	%eax, %eax
.Lout:
	pop	%rdi
	pop	%rbx
	pop	%r12
	pop	%r13
	pop	%r14
	pop	%r15
	pop	%rbp
	RET

.Lspec_enter:
	testl	$SVM_ENTRY_SWITCH_SPEC, SVM_ENTRY_FLAGS(%rdi)
	jz	1f
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	mov	SVM_ENTRY_SPEC_GUEST(%rdi), %eax
	xor	%edx, %edx
	wrmsr
1:
	testl	$SVM_ENTRY_SHADOW, SVM_ENTRY_FLAGS(%rdi)
	jz	.Lspec_ready
	/*
	 * The guest is in an interrupt shadow, and the control block says so. An emulated CPU that
	 * does not look there (QEMU TCG) gets it from the STI before VMRUN; to others it is nothing.
	 */
	mov	SVM_ENTRY_VMCB_PA(%rdi), %rax
	vmload	%rax
	LOAD_GUEST_REGS
	CLEAR_HOST_BUFFERS
	sti
	vmrun	%rax
	jmp	.Lguest_ran

.Lspec_exit:
	mov	$MSR_IA32_SPEC_CTRL, %ecx
	testl	$SVM_ENTRY_READ_SPEC, SVM_ENTRY_FLAGS(%rdi)
	jz	2f
	rdmsr
	mov	%eax, SVM_ENTRY_SPEC_GUEST(%rdi)
	cmp	SVM_ENTRY_SPEC_HOST(%rdi), %eax
	je	3f
2:
	mov	SVM_ENTRY_SPEC_HOST(%rdi), %eax
	xor	%edx, %edx
	wrmsr
3:
	xor	%ecx, %ecx
	xor	%edx, %edx
	jmp	.Lspec_done

	/* CLGI faulted: EFER.SVME is clear. GIF is 1 then. */
.Lsvm_off:
	mov	$1, %eax
	jmp	.Lout
	_ASM_EXTABLE(.Lclgi, .Lsvm_off)
SYM_FUNC_END(svm_vmenter)
