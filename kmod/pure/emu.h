/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The instruction decoder and emulator: public contract.
 *
 * What it covers: real, virtual-8086, 16/32-bit protected, compatibility and 64-bit mode; the
 * integer set of the one-byte, 0F, 0F38 and 0F3A maps, string instructions with REP, segment
 * loads and far transfers, system instructions, and the MMX/SSE/AVX moves that drivers use on
 * device memory. Not covered (EMU_UNHANDLEABLE): x87 and SIMD arithmetic, EVEX, XOP, FXSAVE and
 * XSAVE families, virtualization instructions other than VMCALL/VMMCALL.
 *
 * How it is used, per instruction:
 *
 *	fill mode, cpl, features, regs, rip, rflags
 *	emu_decode(c, bytes, n)  ->  c->insn        (a pure function of mode, features and bytes)
 *	emu_exec(c)              ->  enum emu_result
 *	while it returns EMU_IO: perform what c->io says, then emu_resume(c)
 *
 * The caller owns every byte of state. Effects go through struct emu_ops. Registers in the
 * context stand at an instruction boundary (or, within a REP string instruction, at an iteration
 * boundary) whenever emu_exec() or emu_resume() returns: a fault changes none of them but what
 * the completed iterations changed, so the caller may always write them back.
 *
 * No function here sleeps, allocates, locks or logs by itself; what the ops do is the caller's.
 */
#ifndef VMX_PURE_EMU_H
#define VMX_PURE_EMU_H

#include "pure/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The mode that CR0.PE, EFLAGS.VM, EFER.LMA, CS.L and CS.D select. COMPAT*: LMA=1, CS.L=0. */
enum emu_mode {
	EMU_MODE_REAL, /* CS.D is not looked at: 16 bits by default */
	EMU_MODE_VM86,
	EMU_MODE_PROT16,
	EMU_MODE_PROT32,
	EMU_MODE_COMPAT16,
	EMU_MODE_COMPAT32,
	EMU_MODE_LONG64,
	EMU_NR_MODES
};

/* What emu_exec(), emu_resume() and every op return. */
enum emu_result {
	EMU_OK = 0,	  /* done; rip is advanced */
	EMU_EXCEPTION,	  /* c->exc is to be injected; rip is at the instruction (trap: see c->exc.trap) */
	EMU_IO,		  /* c->io is to be performed, then emu_resume() */
	EMU_RESTART,	  /* a REP batch is done, rip still at the instruction: re-enter the guest */
	EMU_UNHANDLEABLE, /* not emulated; nothing was changed */
};

/* General register numbers, as the hardware encodes them. */
enum {
	EMU_RAX,
	EMU_RCX,
	EMU_RDX,
	EMU_RBX,
	EMU_RSP,
	EMU_RBP,
	EMU_RSI,
	EMU_RDI,
	EMU_R8,
	EMU_NR_GPRS = 16,
};

/* Segment register numbers, as the hardware encodes them; LDTR and TR are ours. */
enum { EMU_ES, EMU_CS, EMU_SS, EMU_DS, EMU_FS, EMU_GS, EMU_LDTR, EMU_TR, EMU_NR_SEGS };

enum { EMU_GDT, EMU_IDT };

/* Exception vectors (SDM 3A 6.3.1). */
enum {
	EMU_EXC_DE = 0,
	EMU_EXC_DB = 1,
	EMU_EXC_BP = 3,
	EMU_EXC_OF = 4,
	EMU_EXC_BR = 5,
	EMU_EXC_UD = 6,
	EMU_EXC_NM = 7,
	EMU_EXC_DF = 8,
	EMU_EXC_TS = 10,
	EMU_EXC_NP = 11,
	EMU_EXC_SS = 12,
	EMU_EXC_GP = 13,
	EMU_EXC_PF = 14,
	EMU_EXC_MF = 16,
	EMU_EXC_AC = 17,
};

/* A segment register with its hidden part, unpacked. Field order is struct vmx_segment's. */
struct emu_seg {
	u64 base;
	u32 limit; /* in bytes, granularity applied */
	u16 selector;
	u8 type;
	u8 present, dpl, db, s, l, g, avl;
	u8 unusable; /* a null selector was loaded */
	u8 padding;
};

struct emu_dtr {
	u64 base;
	u16 limit;
};

struct emu_exc {
	u8 vector;
	bool has_err;
	bool trap; /* INT3 and INTO when delivery itself is left to the caller; see emu_exec() */
	u32 err;
	u64 addr; /* CR2 for #PF */
};

/*
 * Access kinds, a bit mask. SUPER: an implicit supervisor access (descriptor tables, TSS, IDT),
 * made with CPL 0 rights whatever the CPL is.
 */
enum {
	EMU_ACC_READ = 0,
	EMU_ACC_WRITE = 1,
	EMU_ACC_FETCH = 2,
	EMU_ACC_SUPER = 4,
};

/* CPUID features (and CPU manners) of the guest, given by the caller once per CPUID change. */
enum {
	EMU_F_MOVBE = 1 << 0,
	EMU_F_POPCNT = 1 << 1,
	EMU_F_LZCNT = 1 << 2,
	EMU_F_BMI1 = 1 << 3,
	EMU_F_BMI2 = 1 << 4,
	EMU_F_ADX = 1 << 5,
	EMU_F_CRC32 = 1 << 6, /* SSE4.2 */
	EMU_F_CX16 = 1 << 7,
	EMU_F_AVX = 1 << 8,
	EMU_F_AVX2 = 1 << 9,
	EMU_F_RDTSCP = 1 << 10,
	EMU_F_LA57 = 1 << 11,	/* CR4.LA57 is on: addresses are canonical in 57 bits */
	EMU_F_INTEL = 1 << 12,	/* else AMD: see the list in emu_ctl.c and emu_syscall.c */
	EMU_F_SSE3 = 1 << 13,
	EMU_F_SSE41 = 1 << 14,
	EMU_F_FSGSBASE = 1 << 15,
	EMU_F_RDPID = 1 << 16,
	EMU_F_CLFLUSHOPT = 1 << 17,
	EMU_F_CR8_LEGACY = 1 << 18, /* LOCK MOV CR0 is MOV CR8 (APM 3 MOV CRn) */
	/*
	 * With REX.W far pointers in memory have 64-bit offsets, for far JMP and CALL, and for LSS, LFS and LGS: so on
	 * Intel, not on AMD. No CPUID tells, so it is the manner of the CPU that executes what is not emulated.
	 */
	EMU_F_FAR_JUMP64 = 1 << 19,
	EMU_F_FAR_LOAD64 = 1 << 21,
	/* VMware's backdoor: its ports and counters are for user mode too. */
	EMU_F_BACKDOOR = 1 << 20,
};

enum {
	EMU_BACKDOOR_PORT = 0x5658,	/* and the next */
	EMU_BACKDOOR_PMC = 0x10000,	/* and the next two */
};

/* One decoded instruction. Depends on nothing but mode, features and bytes; may be copied. */
struct emu_opcode;
struct emu_insn {
	const struct emu_opcode *op;
	u64 imm;    /* sign-extended as the opcode wants; MOV moffs: the address */
	s64 disp;
	u32 flags;  /* OPF_* of emu_core.h, groups resolved */
	u16 imm2;   /* selector of ptr16:16/32; nesting level of ENTER */
	u8 len;
	u8 map;	    /* 0: one byte, 1: 0F, 2: 0F38, 3: 0F3A */
	u8 opcode;
	u8 modrm;
	u8 opsize;  /* bytes, of the operand: 1, 2, 4 or 8 */
	u8 adsize;  /* bytes: 2, 4 or 8 */
	u8 mod;
	u8 reg;	    /* ModRM.reg with REX.R; for opcodes with a register in their low bits: that with REX.B */
	u8 rm;	    /* ModRM.rm with REX.B (a register if mod is 3) */
	u8 base, index, scale; /* EMU_NOREG: none; EMU_RIPREL as base: RIP-relative */
	u8 seg;	    /* segment of the memory operand, overrides applied */
	u8 seg_ovr; /* the override alone, EMU_NOREG: none (string instructions) */
	u8 rex;	    /* the whole REX byte; for VEX the bits in REX's places; 0: none */
	u8 rep;	    /* the last of F2 and F3; 0: none */
	u8 lock;
	u8 osz66;   /* a 66 prefix (or VEX.pp = 1) was seen */
	u8 vex;	    /* 0: none, else 2 or 3 */
	u8 vvvv;    /* all four bits, also where only three name a register */
	u8 vlen;    /* VEX.L */
	u8 mode;
};

#define EMU_NOREG 0xff
#define EMU_RIPREL 0xfe
#define EMU_MAX_INSN 15

/* Pending I/O. */
enum emu_io_kind {
	EMU_IO_NONE,
	EMU_IO_MMIO_READ,  /* fill data of frag[0..nr-1], then emu_resume() */
	EMU_IO_MMIO_WRITE, /* send frag[0..nr-1], then emu_resume() */
	EMU_IO_PIO_IN,	   /* fill pio_buf with count * size bytes, then emu_resume() */
	EMU_IO_PIO_OUT,	   /* send count * size bytes of pio_buf, then emu_resume() */
};

struct emu_frag {
	u64 gpa;
	u8 data[8];
	u8 len; /* 1..8, never across a page */
};

#define EMU_MAX_FRAGS 16

struct emu_io {
	u8 kind; /* enum emu_io_kind */
	u8 nr;
	u8 size; /* PIO: 1, 2 or 4 */
	u16 port;
	u32 count; /* PIO: elements */
	struct emu_frag frag[EMU_MAX_FRAGS];
};

/* Bytes of memory reads that one instruction may do before an MMIO read and have replayed. */
#define EMU_REC_BYTES 288
/* Iterations of a REP string instruction that one emu_exec() or emu_resume() does at most. */
#define EMU_REP_BATCH 512

/* Interrupt shadows that the instruction opened. */
enum { EMU_SHADOW_STI = 1, EMU_SHADOW_MOVSS = 2 };

struct emu_ctxt {
	/* Set by the caller once. */
	const struct emu_ops *ops;
	void *opaque;
	u8 *pio_buf; /* a page (or more) that stays valid over exits; its contents may be user's */
	u32 pio_buf_size;
	u32 features; /* EMU_F_* */

	/* Set by the caller before each instruction; regs, rip, rflags are results too. */
	u64 rip;
	u64 rflags;
	u64 regs[EMU_NR_GPRS];
	u8 mode; /* enum emu_mode; changed by a far transfer that changes it */
	u8 cpl;	 /* likewise */

	/* Results. */
	u8 shadow;	  /* EMU_SHADOW_*; 0 after any other completed instruction */
	bool single_step; /* TF was set when the completed instruction began: #DB is due. Not by INT n and its
			   * like, which clear TF on the way (SDM 3B 17.3.1.4) */
	bool branch_far;  /* CS was loaded: the caller's cached mode is stale */
	u64 mmio_gpa;	  /* set by read, write, cmpxchg ops that return EMU_IO */
	struct emu_exc exc;
	struct emu_io io;

	/* The emulator's own. */
	struct emu_insn insn;
	u32 seg_valid; /* which of seg[] were fetched for this instruction */
	struct emu_seg seg[EMU_NR_SEGS];
	u64 ea;
	u16 rec_len, rec_pos;
	bool rec_full;
	bool pio_ready;
	bool delivered;	    /* the instruction went through the IDT */
	bool rep_again;	    /* a REP string instruction has iterations left */
	u8 lock_tries;
	u8 nbytes;	    /* of bytes[], if the instruction had to be fetched */
	u8 bytes[EMU_MAX_INSN + 1];
	u8 rec[EMU_REC_BYTES];
};

/*
 * The caller's side. Each returns an enum emu_result unless void. An op that returns
 * EMU_EXCEPTION has filled c->exc (emu_raise*() helps). NULL is allowed where said so: the
 * instruction is then EMU_UNHANDLEABLE. No op is called with a length of 0.
 */
struct emu_ops {
	/*
	 * Guest memory by linear address. One call never crosses a 4K page. read and write:
	 * EMU_IO if the page is not memory and no in-kernel device took the access; mmio_gpa is
	 * then the guest physical address of @la. (Reads that return EMU_OK are recorded, and not
	 * repeated when the instruction is executed again after EMU_IO; device reads happen once.)
	 * @acc: EMU_ACC_*; a read with EMU_ACC_WRITE is the first half of a read-modify-write and
	 * needs write permission (its #PF says W=1). len <= 32, but fetch: <= 15.
	 */
	int (*fetch)(struct emu_ctxt *c, u64 la, void *buf, unsigned int len);
	int (*read)(struct emu_ctxt *c, u64 la, void *buf, unsigned int len, unsigned int acc);
	int (*write)(struct emu_ctxt *c, u64 la, const void *buf, unsigned int len,
		     unsigned int acc);
	/*
	 * Would this access be allowed? EMU_OK: yes, it is memory; EMU_IO: yes, it is not memory;
	 * EMU_EXCEPTION. len up to a page.
	 */
	int (*probe)(struct emu_ctxt *c, u64 la, unsigned int len, unsigned int acc);
	/*
	 * Atomic compare and exchange of 1, 2, 4, 8 or 16 bytes, naturally aligned or not, within
	 * a page. *old is what is expected and on return what was there; it was replaced by *new
	 * if and only if that is equal. EMU_IO: not memory (the emulator reads and writes then).
	 */
	int (*cmpxchg)(struct emu_ctxt *c, u64 la, void *old, const void *new_, unsigned int len,
		       unsigned int acc);
	/*
	 * Bulk variants for string PIO, within one page, len up to a page; memory only: on a page
	 * that is not memory they return EMU_UNHANDLEABLE and the emulator goes element by element.
	 */
	int (*read_bulk)(struct emu_ctxt *c, u64 la, void *buf, unsigned int len);
	int (*write_bulk)(struct emu_ctxt *c, u64 la, const void *buf, unsigned int len);

	/* count elements of size bytes to or from c->pio_buf. EMU_IO: for user space. */
	int (*pio_in)(struct emu_ctxt *c, u16 port, unsigned int size, unsigned int count);
	int (*pio_out)(struct emu_ctxt *c, u16 port, unsigned int size, unsigned int count);

	void (*get_seg)(struct emu_ctxt *c, unsigned int seg, struct emu_seg *s);
	/* CS: also sets the CPL (= c->cpl, already updated) and the mode. */
	void (*set_seg)(struct emu_ctxt *c, unsigned int seg, const struct emu_seg *s);
	void (*get_dt)(struct emu_ctxt *c, unsigned int which, struct emu_dtr *d);
	void (*set_dt)(struct emu_ctxt *c, unsigned int which, const struct emu_dtr *d);
	/* Privilege was checked. set_*: all other checks and side effects are the op's. */
	u64 (*get_cr)(struct emu_ctxt *c, unsigned int nr);
	int (*set_cr)(struct emu_ctxt *c, unsigned int nr, u64 val);
	int (*get_dr)(struct emu_ctxt *c, unsigned int nr, u64 *val);
	int (*set_dr)(struct emu_ctxt *c, unsigned int nr, u64 val);
	int (*get_msr)(struct emu_ctxt *c, u32 msr, u64 *val);
	int (*set_msr)(struct emu_ctxt *c, u32 msr, u64 val);
	int (*rdtsc)(struct emu_ctxt *c, u64 *tsc, u32 *aux);
	int (*rdpmc)(struct emu_ctxt *c, u32 idx, u64 *val); /* may be NULL */
	int (*get_xcr)(struct emu_ctxt *c, u32 idx, u64 *val); /* may be NULL */
	int (*set_xcr)(struct emu_ctxt *c, u32 idx, u64 val);  /* may be NULL */
	int (*cpuid)(struct emu_ctxt *c, u32 *eax, u32 *ebx, u32 *ecx, u32 *edx);
	int (*halt)(struct emu_ctxt *c);
	/*
	 * RSM, all of it: #UD outside of system management mode; else regs, rip, rflags, mode, cpl and shadow of
	 * the context become the interrupted program's. EMU_RESTART: nothing changed. May be NULL.
	 */
	int (*rsm)(struct emu_ctxt *c);
	int (*invlpg)(struct emu_ctxt *c, u64 la);
	/* INVPCID; the operands are legal as such. NULL: the guest has none. */
	int (*invpcid)(struct emu_ctxt *c, unsigned int type, u16 pcid, u64 la);
	int (*wbinvd)(struct emu_ctxt *c);
	/* Registers are in c->regs; rip is still at the instruction. */
	int (*hypercall)(struct emu_ctxt *c);
	/* Monitor and mwait (mwait: true). May be NULL: then they do nothing. */
	int (*monitor)(struct emu_ctxt *c, bool mwait, u64 la);
	/* NMI unblocking by IRET. May be NULL. */
	void (*iret)(struct emu_ctxt *c);

	/*
	 * Vector registers. @len: 8 (MMX, reg 0..7), 16 (XMM) or 32 (YMM). set_vec with @clear:
	 * bits above len become 0 (VEX), else they are kept. Both may be NULL.
	 */
	int (*get_vec)(struct emu_ctxt *c, unsigned int reg, void *buf, unsigned int len);
	int (*set_vec)(struct emu_ctxt *c, unsigned int reg, const void *buf, unsigned int len,
		       bool clear);
	/* An MMX instruction: EMU_OK, or the guest's x87 exception that is pending (#MF). May be NULL. */
	int (*check_x87)(struct emu_ctxt *c);
};

/*
 * Decodes the instruction at c->rip in c->mode. @bytes, @n: what the hardware or an earlier fetch
 * gave (n may be 0); if it is not all, ops->fetch gets the rest. Resets the per-instruction state.
 * EMU_OK: c->insn is filled, also for undefined opcodes (emu_exec() then raises #UD).
 * EMU_EXCEPTION: a fetch fault, or #GP(0) for more than 15 bytes.
 */
int emu_decode(struct emu_ctxt *c, const u8 *bytes, unsigned int n);

/* Instead of emu_decode(): the caller has the decoded instruction (same mode, features, bytes). */
void emu_set_insn(struct emu_ctxt *c, const struct emu_insn *insn);

/* Executes c->insn. INTn, INT3, INTO are delivered through the IDT here. */
int emu_exec(struct emu_ctxt *c);

/* After EMU_IO, once c->io was performed. May return EMU_IO again. */
int emu_resume(struct emu_ctxt *c);

/* Is an EMU_IO outstanding? */
static inline bool emu_io_pending(const struct emu_ctxt *c)
{
	return c->io.kind != EMU_IO_NONE;
}

/* True for a decoded opcode that can only raise #UD, and true for one that is not emulated. */
bool emu_insn_undefined(const struct emu_insn *insn);
bool emu_insn_supported(const struct emu_insn *insn);
/* How many elements the decoded instruction is going to store, if it is REP MOVS or REP STOS; else 0. */
u64 emu_rep_stores(const struct emu_ctxt *c);

/* Fill c->exc; all return EMU_EXCEPTION. */
int emu_raise(struct emu_ctxt *c, u8 vector);
int emu_raise_err(struct emu_ctxt *c, u8 vector, u32 err);
int emu_raise_pf(struct emu_ctxt *c, u64 addr, u32 err);

/* Kinds of event for emu_deliver(). */
enum emu_event {
	EMU_EV_EXTERNAL,  /* external interrupt or NMI */
	EMU_EV_EXCEPTION, /* hardware exception: err is pushed if has_err */
	EMU_EV_SOFT,	  /* INT n: gate DPL is checked */
	EMU_EV_SOFT_EXC,  /* INT3, INTO: likewise */
};

/*
 * Delivers an interrupt or exception through the IDT (or real mode's vector table) as the
 * processor would; return_rip is what is pushed. Needs no decoded instruction: with @reset the
 * per-instruction state is reset first. EMU_OK: registers and segments are changed.
 * EMU_EXCEPTION: a fault during delivery (c->exc; the caller makes double and triple faults).
 * EMU_IO: done, but for pushes to a stack on a device: perform them, then emu_resume().
 */
int emu_deliver(struct emu_ctxt *c, u8 vector, enum emu_event ev, bool has_err, u32 err,
		u64 return_rip, bool reset);

/* Why a task switch happens. */
enum emu_task_reason { EMU_TASK_CALL, EMU_TASK_IRET, EMU_TASK_JMP, EMU_TASK_GATE };

/*
 * A hardware task switch to the TSS @selector (SDM 3A 7.3), in PROT16 or PROT32 mode; @gate: the
 * switch comes from an IDT task gate, with @err to push if @has_err. c->rip is what the outgoing
 * TSS is to hold. Needs no decoded instruction (emu_set_insn() is not called for).
 * EMU_EXCEPTION after the switch's point of no return belongs to the new task: registers are
 * then the new task's.
 */
int emu_task_switch(struct emu_ctxt *c, u16 selector, enum emu_task_reason reason, bool has_err,
		    u32 err);

/* Resets the per-instruction state by hand (emu_task_switch() from an exit without a decode). */
void emu_begin(struct emu_ctxt *c);

/*
 * The tiny decoders, for exits where the hardware said which instruction it was but not how long
 * it is, and for plain moves on device memory. No context, no tables to speak of.
 */

enum emu_simple_op {
	EMU_S_NONE, /* not one of these: use emu_decode() */
	EMU_S_CPUID,
	EMU_S_HLT,
	EMU_S_VMCALL,
	EMU_S_VMMCALL,
	EMU_S_VMRUN,
	EMU_S_VMLOAD,
	EMU_S_VMSAVE,
	EMU_S_STGI,
	EMU_S_CLGI,
	EMU_S_SKINIT,
	EMU_S_INVLPGA,
	EMU_S_RDMSR,
	EMU_S_WRMSR,
	EMU_S_RDTSC,
	EMU_S_RDTSCP,
	EMU_S_RDPMC,
	EMU_S_INVD,
	EMU_S_WBINVD,
	EMU_S_CLTS,
	EMU_S_PAUSE,
	EMU_S_XSETBV,
	EMU_S_MONITOR,
	EMU_S_MWAIT,
	EMU_S_INVLPG,	/* memory operand: ea_* as in struct emu_mov */
	EMU_S_MOV_CR_R, /* MOV CRn, r: crn, reg */
	EMU_S_MOV_R_CR,
	EMU_S_MOV_DR_R,
	EMU_S_MOV_R_DR,
	EMU_S_IN,
	EMU_S_OUT,
	EMU_S_INT3,
	EMU_S_INTO,
	EMU_S_INT,
	EMU_S_ICEBP,
	EMU_S_UD2,
	EMU_S_IRET,
	EMU_S_PUSHF,
	EMU_S_POPF,
	EMU_S_RSM,
	EMU_S_INVPCID,
	EMU_S_LMSW,
	EMU_S_SMSW,
};

struct emu_simple {
	u8 op;	 /* enum emu_simple_op */
	u8 len;
	u8 reg;	 /* general register of MOV CR/DR, LMSW, SMSW */
	u8 crn;	 /* control or debug register number */
	u8 size; /* IN, OUT: bytes */
	bool imm_port;
	bool mem; /* INVLPG, LMSW, SMSW: the operand is in memory */
	u8 imm;	 /* IN, OUT: port; INT: vector */
};

/*
 * What is at bytes[0..n-1]? Returns s->op; s->len is set unless that is EMU_S_NONE, which also
 * stands for "not enough bytes". A LOCK prefix gives EMU_S_NONE (it is #UD, or MOV CR8 on AMD).
 */
int emu_match_simple(const u8 *bytes, unsigned int n, enum emu_mode mode, struct emu_simple *s);

/* The length alone, if what is there is @want; else 0. */
unsigned int emu_insn_len_simple(const u8 *bytes, unsigned int n, enum emu_mode mode,
				 enum emu_simple_op want);

/* A plain move between a register or an immediate and memory. */
struct emu_mov {
	/* What most moves have in common is together, so that it is written at once. */
	bool sign;   /* load: sign-extend size to dst_size (else zero-extend) */
	bool is_imm; /* store: imm instead of a register */
	bool high;   /* reg means AH, CH, DH, BH (reg is then 0..3) */
	u8 scale;
	u8 index;    /* EMU_NOREG: none */
	u8 adsize;
	u8 seg;	     /* EMU_DS, EMU_SS ... */
	u8 base;     /* EMU_NOREG: none; EMU_RIPREL */
	u8 len;
	u8 size;     /* of the memory access: 1, 2, 4, 8 */
	u8 dst_size; /* load: of the register written; 4 zero-extends to 8, 1 and 2 merge */
	bool write;
	u8 reg;
	s64 disp;    /* for EMU_RIPREL relative to the next instruction */
	u64 imm;
};

/*
 * Recognises MOV r,m / m,r / m,imm / moffs, MOVZX, MOVSX, MOVSXD with a memory operand, with
 * 66, 67, REX and segment prefixes, in modes LONG64, COMPAT32, PROT32. Returns false for anything else or
 * too few bytes. Nothing is checked but the encoding: the caller must have an access that the
 * hardware's walk allowed (a nested page fault on it), must see to it that the access does not
 * cross a page (emu_mov_ea() plus the segment's base tells), and needs no rights check then.
 */
bool emu_mmio_simple(const u8 *bytes, unsigned int n, enum emu_mode mode, struct emu_mov *m);

/* INVLPG in 64-bit mode: fills in what emu_mov_ea() and len want. False: not that, or 15 bytes are not there. */
bool emu_invlpg_simple(const u8 *bytes, unsigned int n, struct emu_mov *m);

/* The effective address (without segment base); rip is that of the instruction. */
static inline u64 emu_mov_ea(const struct emu_mov *m, const u64 *regs, u64 rip)
{
	u64 ea = (u64)m->disp;

	if (m->base < EMU_NR_GPRS)
		ea += regs[m->base];
	else if (m->base == EMU_RIPREL)
		ea += rip + m->len;
	if (m->index < EMU_NR_GPRS)
		ea += regs[m->index] << m->scale;
	return m->adsize == 4 ? (u32)ea : ea;
}

/* The value a store writes, in the low size bytes. */
static inline u64 emu_mov_store_value(const struct emu_mov *m, const u64 *regs)
{
	if (m->is_imm)
		return m->imm;
	return m->high ? regs[m->reg] >> 8 : regs[m->reg];
}

/* Completes a load with what was read (the low size bytes of val). */
void emu_mov_load(const struct emu_mov *m, u64 *regs, u64 val);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_EMU_H */
