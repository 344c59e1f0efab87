/* SPDX-License-Identifier: GPL-2.0-only */
/* The emulator's inner contract: opcode descriptions, operand access, flags. Used by emu*.c only. */
#ifndef VMX_PURE_EMU_CORE_H
#define VMX_PURE_EMU_CORE_H

#include "pure/emu.h"

typedef int (*emu_fn)(struct emu_ctxt *c);

struct emu_opcode {
	u32 flags;
	union {
		emu_fn fn;
		const struct emu_opcode *sub; /* OPF_GROUP: by ModRM.reg, OPF_GRP3: see below */
	};
};

/* What the decoder must know of an opcode. */
enum {
	OPF_MODRM = 1 << 0,
	OPF_BYTE = 1 << 1,   /* the operand is a byte whatever the prefixes say */
	OPF_STACK = 1 << 2,  /* 64-bit mode: 64 bits by default, 32 bits do not exist */
	OPF_NEAR = 1 << 3,   /* near branch: like STACK, but Intel ignores 66 in 64-bit mode */
	OPF_FORCE64 = 1 << 4, /* 64-bit mode: 64 bits whatever the prefixes say (MOV CR) */
	OPF_OPREG = 1 << 5,  /* a register in the opcode's low three bits */
	OPF_PREFIX = 1 << 6,
	OPF_GROUP = 1 << 7,  /* sub[ModRM.reg] has the rest of the description */
	OPF_GRP3 = 1 << 8,   /* sub[reg] with mod != 3, sub[8 + reg * 8 + rm] with mod = 3 */
	OPF_IMM_SHIFT = 9,   /* three bits: enum below */
	OPF_IMM_MASK = 7 << OPF_IMM_SHIFT,
	/* What must hold to execute it. */
	OPF_NO64 = 1 << 12,   /* #UD in 64-bit mode */
	OPF_ONLY64 = 1 << 13, /* #UD elsewhere */
	OPF_LOCK = 1 << 14,   /* LOCK is legal if the destination is memory */
	OPF_PRIV = 1 << 15,   /* #GP(0) if CPL is not 0 */
	OPF_MEM = 1 << 16,    /* #UD if mod is 3 */
	OPF_REG = 1 << 17,    /* #UD if mod is not 3 */
	OPF_PROT = 1 << 18,   /* #UD in real and virtual-8086 mode */
	OPF_CHECK = OPF_NO64 | OPF_ONLY64 | OPF_PRIV | OPF_MEM | OPF_REG | OPF_PROT,
	/* How it ends. */
	OPF_RIP = 1 << 19,    /* it sets rip itself */
	OPF_KEEPRF = 1 << 20, /* it loads RF */
	OPF_STRING = 1 << 21, /* REP repeats it */
	OPF_REGMOD = 1 << 22, /* mod is ignored and taken as 3 (MOV CR, DR) */
	OPF_NOVEX = 1 << 23,  /* not in a VEX map */
};

enum { IMM_NONE, IMM_B, IMM_Z, IMM_V, IMM_W, IMM_WB, IMM_FAR, IMM_MOFFS };

#define OPF_IB (IMM_B << OPF_IMM_SHIFT)	    /* 8 bits, sign-extended */
#define OPF_IZ (IMM_Z << OPF_IMM_SHIFT)	    /* 16 or 32 bits, sign-extended */
#define OPF_IV (IMM_V << OPF_IMM_SHIFT)	    /* 16, 32 or 64 bits */
#define OPF_IW (IMM_W << OPF_IMM_SHIFT)	    /* 16 bits */
#define OPF_IWB (IMM_WB << OPF_IMM_SHIFT)   /* ENTER */
#define OPF_IFAR (IMM_FAR << OPF_IMM_SHIFT) /* offset and selector */
#define OPF_IMOFFS (IMM_MOFFS << OPF_IMM_SHIFT)

extern const struct emu_opcode emu_map0[256], emu_map1[256];
/* The sparse maps and VEX: by lookup. Never NULL. */
const struct emu_opcode *emu_lookup_38(const struct emu_insn *d);
const struct emu_opcode *emu_lookup_3a(const struct emu_insn *d);
const struct emu_opcode *emu_lookup_vex(const struct emu_insn *d);

/* LOCK MOV CR0 as the way to CR8 outside 64-bit mode, where there is no REX; see emu_sys.c. */
bool emu_lock_is_cr8(const struct emu_ctxt *c);

/* An internal result: the locked update lost a race; compute again from the new old value. */
#define EMU_AGAIN 100

#define EFL_CF BIT_ULL(0)
#define EFL_FIXED BIT_ULL(1)
#define EFL_PF BIT_ULL(2)
#define EFL_AF BIT_ULL(4)
#define EFL_ZF BIT_ULL(6)
#define EFL_SF BIT_ULL(7)
#define EFL_TF BIT_ULL(8)
#define EFL_IF BIT_ULL(9)
#define EFL_DF BIT_ULL(10)
#define EFL_OF BIT_ULL(11)
#define EFL_IOPL (3ULL << 12)
#define EFL_NT BIT_ULL(14)
#define EFL_RF BIT_ULL(16)
#define EFL_VM BIT_ULL(17)
#define EFL_AC BIT_ULL(18)
#define EFL_VIF BIT_ULL(19)
#define EFL_VIP BIT_ULL(20)
#define EFL_ID BIT_ULL(21)
#define EFL_STATUS (EFL_CF | EFL_PF | EFL_AF | EFL_ZF | EFL_SF | EFL_OF)

#define ECR0_PE BIT_ULL(0)
#define ECR0_MP BIT_ULL(1)
#define ECR0_EM BIT_ULL(2)
#define ECR0_TS BIT_ULL(3)
#define ECR0_AM BIT_ULL(18)
#define ECR4_VME BIT_ULL(0)
#define ECR4_PVI BIT_ULL(1)
#define ECR4_TSD BIT_ULL(2)
#define ECR4_DE BIT_ULL(3)
#define ECR4_PCE BIT_ULL(8)
#define ECR4_OSFXSR BIT_ULL(9)
#define ECR4_UMIP BIT_ULL(11)
#define ECR4_FSGSBASE BIT_ULL(16)
#define ECR4_PCIDE BIT_ULL(17)
#define ECR4_OSXSAVE BIT_ULL(18)

#define EMSR_SYSENTER_CS 0x174
#define EMSR_SYSENTER_ESP 0x175
#define EMSR_SYSENTER_EIP 0x176
#define EMSR_EFER 0xc0000080
#define EMSR_STAR 0xc0000081
#define EMSR_LSTAR 0xc0000082
#define EMSR_CSTAR 0xc0000083
#define EMSR_SFMASK 0xc0000084
#define EMSR_FS_BASE 0xc0000100
#define EMSR_GS_BASE 0xc0000101
#define EMSR_KERNEL_GS_BASE 0xc0000102
#define EEFER_SCE BIT_ULL(0)

/* Segment descriptor types (SDM 3A 3.4.5.1, 3.5). */
#define SEGT_ACCESSED 1
#define SEGT_RW 2	/* data: writable, code: readable */
#define SEGT_CE 4	/* data: expand down, code: conforming */
#define SEGT_CODE 8
#define SYST_TSS16 1
#define SYST_LDT 2
#define SYST_TSS16_BUSY 3
#define SYST_CALL16 4
#define SYST_TASK 5
#define SYST_INT16 6
#define SYST_TRAP16 7
#define SYST_TSS32 9
#define SYST_TSS32_BUSY 11
#define SYST_CALL32 12
#define SYST_INT32 14
#define SYST_TRAP32 15

static inline bool emu_is64(const struct emu_ctxt *c)
{
	return c->mode == EMU_MODE_LONG64;
}

/* EFER.LMA: long-mode gates and TSS. */
static inline bool emu_lma(const struct emu_ctxt *c)
{
	return c->mode >= EMU_MODE_COMPAT16;
}

/* Real or virtual-8086: no descriptors. */
static inline bool emu_is_rm(const struct emu_ctxt *c)
{
	return c->mode <= EMU_MODE_VM86;
}

static inline u64 emu_mask(unsigned int size)
{
	return ~0ULL >> (64 - size * 8);
}

static inline u64 emu_sign(unsigned int size)
{
	return 1ULL << (size * 8 - 1);
}

static inline u64 emu_sext(u64 v, unsigned int size)
{
	unsigned int sh = 64 - size * 8;

	return (u64)((s64)(v << sh) >> sh);
}

static inline bool emu_canonical(const struct emu_ctxt *c, u64 a)
{
	unsigned int sh = c->features & EMU_F_LA57 ? 64 - 57 : 64 - 48;

	return (u64)((s64)(a << sh) >> sh) == a;
}

/* General registers. */

static inline u64 emu_gpr(const struct emu_ctxt *c, unsigned int reg, unsigned int size)
{
	if (size == 1 && reg >= 4 && !c->insn.rex)
		return (c->regs[reg & 3] >> 8) & 0xff;
	return c->regs[reg & 15] & emu_mask(size);
}

static inline void emu_set_gpr(struct emu_ctxt *c, unsigned int reg, unsigned int size, u64 v)
{
	u64 *r = &c->regs[reg & 15];

	switch (size) {
	case 8:
		*r = v;
		break;
	case 4:
		*r = (u32)v;
		break;
	case 2:
		*r = (*r & ~0xffffULL) | (u16)v;
		break;
	default:
		if (reg >= 4 && !c->insn.rex) {
			r = &c->regs[reg & 3];
			*r = (*r & ~0xff00ULL) | ((v & 0xff) << 8);
		} else {
			*r = (*r & ~0xffULL) | (u8)v;
		}
	}
}

/* A register used as counter or index, of address size: 2 merges, 4 zero-extends in 64-bit mode. */
static inline void emu_set_addr_reg(struct emu_ctxt *c, unsigned int reg, unsigned int size, u64 v)
{
	if (size == 8)
		c->regs[reg] = v;
	else if (size == 4)
		c->regs[reg] = (u32)v;
	else
		c->regs[reg] = (c->regs[reg] & ~0xffffULL) | (u16)v;
}

/* Flags. */

static inline u64 emu_parity(u64 r)
{
	return (0x9669U >> ((r ^ (r >> 4)) & 15)) & 1 ? EFL_PF : 0;
}

/* SF, ZF and PF of a result already cut to size. */
static inline u64 emu_szp(u64 r, unsigned int size)
{
	return (r ? 0 : EFL_ZF) | (r & emu_sign(size) ? EFL_SF : 0) | emu_parity(r);
}

static inline u64 emu_add_flags(u64 a, u64 b, u64 cin, unsigned int size, u64 *res)
{
	u64 r = (a + b + cin) & emu_mask(size);
	u64 f = emu_szp(r, size) | ((a ^ b ^ r) & EFL_AF);

	if (cin ? r <= a : r < a)
		f |= EFL_CF;
	if (~(a ^ b) & (a ^ r) & emu_sign(size))
		f |= EFL_OF;
	*res = r;
	return f;
}

static inline u64 emu_sub_flags(u64 a, u64 b, u64 cin, unsigned int size, u64 *res)
{
	u64 r = (a - b - cin) & emu_mask(size);
	u64 f = emu_szp(r, size) | ((a ^ b ^ r) & EFL_AF);

	if (cin ? a <= b : a < b)
		f |= EFL_CF;
	if ((a ^ b) & (a ^ r) & emu_sign(size))
		f |= EFL_OF;
	*res = r;
	return f;
}

static inline void emu_set_flags(struct emu_ctxt *c, u64 mask, u64 val)
{
	c->rflags = (c->rflags & ~mask) | (val & mask);
}

bool emu_cond(u64 rflags, unsigned int cc);

/* Memory (emu_mem.c). */

const struct emu_seg *emu_load_seg(struct emu_ctxt *c, unsigned int seg);

/* The segment register's contents, read from the caller once per instruction. */
static inline const struct emu_seg *emu_seg(struct emu_ctxt *c, unsigned int seg)
{
	if (likely(c->seg_valid & (1U << seg)))
		return &c->seg[seg];
	return emu_load_seg(c, seg);
}

/* Commits a segment register: to the copy here and to the caller. */
void emu_commit_seg(struct emu_ctxt *c, unsigned int seg, const struct emu_seg *s);

/* Effective to linear address with all segment checks (SDM 3A 5.3, 5.5; 64-bit: canonical). */
int emu_linear(struct emu_ctxt *c, unsigned int seg, u64 ea, unsigned int len, unsigned int acc,
	       u64 *la);

/* Segmentation outside of 64-bit mode, for a segment that need not be loaded. False: a fault. */
bool emu_seg_linear(const struct emu_ctxt *c, const struct emu_seg *s, u64 ea, unsigned int len,
		    unsigned int acc, u64 *la);
/* ops->probe, where it does not matter whether it is memory. */
int emu_probe(struct emu_ctxt *c, u64 la, unsigned int len, unsigned int acc);
/* A linear address that a system structure's base and an offset make. */
static inline u64 emu_sys_la(const struct emu_ctxt *c, u64 la)
{
	return emu_lma(c) ? la : (u32)la;
}

/* By linear address; may cross pages. */
int emu_lin_read(struct emu_ctxt *c, u64 la, void *buf, unsigned int len, unsigned int acc);
int emu_lin_write(struct emu_ctxt *c, u64 la, const void *buf, unsigned int len, unsigned int acc);
/* Same contract as ops->cmpxchg, but may cross pages (then not atomic) and cover device memory. */
int emu_lin_cmpxchg(struct emu_ctxt *c, u64 la, void *old, const void *new_, unsigned int len,
		    unsigned int acc);

/* By segment and offset, len <= 32. */
int emu_read(struct emu_ctxt *c, unsigned int seg, u64 ea, void *buf, unsigned int len,
	     unsigned int acc);
int emu_write(struct emu_ctxt *c, unsigned int seg, u64 ea, const void *buf, unsigned int len);
int emu_read_val(struct emu_ctxt *c, unsigned int seg, u64 ea, u64 *val, unsigned int size);
int emu_write_val(struct emu_ctxt *c, unsigned int seg, u64 ea, u64 val, unsigned int size);

/* The ModRM r/m operand: register or memory at c->ea. */
int emu_rm_read(struct emu_ctxt *c, unsigned int size, u64 *val);
int emu_rm_write(struct emu_ctxt *c, unsigned int size, u64 val);
/*
 * Read-modify-write of the r/m operand: _begin reads, _end stores. With LOCK _end may return
 * EMU_AGAIN, having put the value seen into *old: compute anew and call it again.
 */
int emu_rmw_begin(struct emu_ctxt *c, unsigned int size, u64 *old);
int emu_rmw_end(struct emu_ctxt *c, unsigned int size, u64 *old, u64 val, bool locked);

static inline bool emu_rm_is_reg(const struct emu_ctxt *c)
{
	return c->insn.mod == 3;
}

/* Of the instruction after this one. */
static inline u64 emu_next_rip(const struct emu_ctxt *c)
{
	u64 rip = c->rip + c->insn.len;

	return emu_is64(c) ? rip : (u32)rip;
}

/* The register that VEX.vvvv names. */
static inline unsigned int emu_vvvv(const struct emu_ctxt *c)
{
	return emu_is64(c) ? c->insn.vvvv : c->insn.vvvv & 7;
}

/* An effective address within the instruction's address size. */
static inline u64 emu_ea_wrap(const struct emu_ctxt *c, u64 ea)
{
	return ea & emu_mask(c->insn.adsize);
}

/* The stack: a cursor that is committed only when all went well. */
struct emu_stack {
	u64 sp;
	u64 base_reg; /* rsp, whose upper bits are kept */
	u8 width;     /* 2, 4 or 8: of SP */
};

void emu_stack_begin(struct emu_ctxt *c, struct emu_stack *s);
int emu_stack_push(struct emu_ctxt *c, struct emu_stack *s, u64 val, unsigned int size);
int emu_stack_pop(struct emu_ctxt *c, struct emu_stack *s, u64 *val, unsigned int size);
u64 emu_stack_rsp(const struct emu_stack *s);
static inline void emu_stack_end(struct emu_ctxt *c, const struct emu_stack *s)
{
	c->regs[EMU_RSP] = emu_stack_rsp(s);
}

int emu_push(struct emu_ctxt *c, u64 val, unsigned int size);

/* Checks a near target and makes it rip: limit or canonical (#GP(0)). */
int emu_near_target(struct emu_ctxt *c, u64 target, unsigned int size, u64 *rip);
int emu_jump_near(struct emu_ctxt *c, u64 target);

/* Descriptors (emu_desc.c). */
struct emu_desc {
	struct emu_seg seg; /* for code, data, TSS, LDT */
	u64 la;		    /* where it lies */
	u64 raw, raw_hi;
	/* gates */
	u64 off;
	u16 gate_sel;
	u8 params, ist;
};

#define SEL_ERR(sel) ((u32)(sel) & 0xfffcU)
#define SEL_RPL(sel) ((sel) & 3U)
static inline bool emu_null_sel(u16 sel)
{
	return !(sel & 0xfffc);
}

/* Fetches and unpacks; @vec with the selector (plus @ext) if it lies outside its table. */
int emu_desc_fetch(struct emu_ctxt *c, u16 sel, struct emu_desc *d, u8 vec, u32 ext);
void emu_desc_unpack(u64 raw, u16 sel, struct emu_seg *s);
/* Sets the accessed bit in memory and in the copy. */
int emu_desc_accessed(struct emu_ctxt *c, struct emu_desc *d);
void emu_seg_null(struct emu_seg *s, u16 sel);
/* All checks of a data-segment load (MOV, POP, LDS...), then the load's value; not committed. */
int emu_seg_prepare(struct emu_ctxt *c, unsigned int seg, u16 sel, struct emu_seg *out);
int emu_seg_load(struct emu_ctxt *c, unsigned int seg, u16 sel);
/* SS of a new privilege level: #TS(sel), #SS(sel) (or as @vec says). */
int emu_ss_prepare(struct emu_ctxt *c, u16 sel, unsigned int cpl, u8 vec, u32 ext,
		   struct emu_seg *out);
void emu_seg_real(struct emu_ctxt *c, unsigned int seg, u16 sel, struct emu_seg *out);
void emu_seg_vm86(struct emu_ctxt *c, unsigned int seg, u16 sel, struct emu_seg *out);
/* The mode that a code segment gives. */
u8 emu_code_mode(const struct emu_ctxt *c, const struct emu_seg *cs);
/* A stack that is not loaded yet: of an inner level, a new task, or IST. */
struct emu_new_stack {
	struct emu_seg ss;
	u64 sp;
	u8 cpl;
	u32 ext; /* for the error code of #SS */
};

/* Stack for @cpl from the TSS, with SS checked; @ist: IST entry, 0: RSPn. */
int emu_new_stack(struct emu_ctxt *c, struct emu_new_stack *s, unsigned int cpl, unsigned int ist,
		  u32 ext);
int emu_new_push(struct emu_ctxt *c, struct emu_new_stack *s, u64 val, unsigned int size);
/* rsp once @s is in use. */
u64 emu_new_rsp(const struct emu_ctxt *c, const struct emu_new_stack *s, bool long_mode);

/* Stack pointer for @cpl from the TSS (SDM 3A 7.2.1); 64-bit TSS: *ss is null. */
int emu_tss_stack(struct emu_ctxt *c, unsigned int cpl, unsigned int ist, u32 ext, u16 *ss,
		  u64 *sp);
/*
 * Checks a code segment that JMP, CALL (@outer false: RPL <= CPL) or a return (@outer: to the
 * selector's RPL) names, and fetches it.
 */
int emu_cs_prepare(struct emu_ctxt *c, u16 sel, bool outer, struct emu_desc *d);
/* Is @off a place CS may continue at? */
int emu_check_cs_off(struct emu_ctxt *c, const struct emu_seg *cs, u64 off, u32 ext);
/* Commits a far transfer: CS, CPL, mode, rip. */
void emu_commit_cs(struct emu_ctxt *c, struct emu_seg *cs, unsigned int cpl, u64 rip);
/* Data segments that a less privileged level may not keep become null (SDM 2A RET). */
void emu_seg_drop_outer(struct emu_ctxt *c);

static inline bool emu_seg_is_code(const struct emu_seg *s)
{
	return s->s && (s->type & SEGT_CODE);
}

static inline bool emu_seg_is_wdata(const struct emu_seg *s)
{
	return s->s && !(s->type & SEGT_CODE) && (s->type & SEGT_RW);
}

/* Flags that POPF and IRET may change at this CPL and IOPL, for an operand of size bytes. */
u64 emu_popf_mask(const struct emu_ctxt *c, unsigned int size);

/* The result of a whole instruction or delivery, with device writes that are queued. */
int emu_settle_io(struct emu_ctxt *c, int r);

int emu_switch_task(struct emu_ctxt *c, u16 sel, enum emu_task_reason why, bool has_err, u32 err);

/* REP driver (emu_string.c): @one does one iteration and commits its index registers. */
int emu_rep(struct emu_ctxt *c, emu_fn one, bool zf_ends);

/* Moves an index register by n elements of the operand's size, as DF says. */
void emu_advance(struct emu_ctxt *c, unsigned int reg, unsigned int n);

/* IN, OUT: may this port be used? (SDM 1 19.5) */
int emu_io_allowed(struct emu_ctxt *c, u16 port, unsigned int size);

static inline int emu_gp0(struct emu_ctxt *c)
{
	return emu_raise_err(c, EMU_EXC_GP, 0);
}

static inline int emu_ud(struct emu_ctxt *c)
{
	return emu_raise(c, EMU_EXC_UD);
}

/* Handlers that the tables name. */
#include "pure/emu_ops.h"

#endif /* VMX_PURE_EMU_CORE_H */
