/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * void native_enter(const struct native_state *in, int use_avx)
 *
 * Loads the whole register state and jumps to the instruction under test, whose follower is a trap. The
 * signal handler (native.cc) saves what it finds and sends the thread to native_leave on our stack.
 * struct native_state: sixteen GPRs, rflags at 128, rip at 136, sixteen 32-byte vectors at 160.
 */
	.text
	.globl native_enter
	.type native_enter, @function
native_enter:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	movq %rsp, native_rsp(%rip)
	movl %esi, native_avx(%rip)
	testl %esi, %esi
	jz 1f
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu (160 + 32 * \n)(%rdi), %ymm\n
	.endr
	jmp 2f
1:
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movdqu (160 + 32 * \n)(%rdi), %xmm\n
	.endr
2:
	pushq 128(%rdi)
	popfq
	/* MOVs from here: the flags stay. */
	movq 0(%rdi), %rax
	movq 8(%rdi), %rcx
	movq 16(%rdi), %rdx
	movq 24(%rdi), %rbx
	movq 32(%rdi), %rsp
	movq 40(%rdi), %rbp
	movq 48(%rdi), %rsi
	movq 64(%rdi), %r8
	movq 72(%rdi), %r9
	movq 80(%rdi), %r10
	movq 88(%rdi), %r11
	movq 96(%rdi), %r12
	movq 104(%rdi), %r13
	movq 112(%rdi), %r14
	movq 120(%rdi), %r15
	movq 56(%rdi), %rdi
	/* offset and selector: 64-bit or 32-bit code segment */
	ljmp *native_target(%rip)
	.size native_enter, . - native_enter

	.globl native_leave
native_leave:
	cld
	cmpl $0, native_avx(%rip)
	jz 3f
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu %ymm\n, (native_vec + 32 * \n)(%rip)
	.endr
	vzeroupper
	jmp 4f
3:
	.irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	movdqu %xmm\n, (native_vec + 32 * \n)(%rip)
	.endr
4:
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	ret

	.bss
	.balign 64
	.globl native_vec
native_vec:
	.skip 512
	.globl native_rsp
native_rsp:
	.skip 8
native_avx:
	.skip 8
	.globl native_target
native_target:
	.skip 16
	.section .note.GNU-stack, "", @progbits
