/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Access to guest-physical memory from the host, through the VMM's mappings; marks the dirty log.
 * Only for threads that run in the VMM's address space (others get -EFAULT).
 * All return 0, -EFAULT (no slot, or the host's page cannot be had), or -EROFS (read-only slot).
 * The _atomic forms do not sleep or fault: -EFAULT then also means "not at hand now".
 * The others take vm->srcu themselves and may sleep. What takes a VM is about the memory outside of system
 * management mode (SLOT_SPACE_NORMAL), as the areas are that a guest shares with its host.
 */
#ifndef VMX_GMEM_H
#define VMX_GMEM_H

#include <linux/types.h>

struct slot;
struct vcpu;
struct vm;

int gmem_read(struct vm *vm, u64 gpa, void *buf, size_t len);
int gmem_write(struct vm *vm, u64 gpa, const void *buf, size_t len);
int gmem_clear(struct vm *vm, u64 gpa, size_t len);
int gmem_read_atomic(struct vm *vm, u64 gpa, void *buf, size_t len);
/* Of any space: the guest's tables for the shadow pager. Atomic. */
int gmem_table_read(struct vm *vm, unsigned int space, u64 gpa, void *buf, size_t len);
int gmem_write_atomic(struct vm *vm, u64 gpa, const void *buf, size_t len);
/* Within one aligned unit of 1, 2, 4, 8 bytes: atomically. *old: in expected, out found. 1: not equal. */
int gmem_cmpxchg(struct vm *vm, u64 gpa, u64 *old, u64 new, unsigned int size);
/* Where SLOT_SPACE_SMM has memory. */
int gmem_smm_write(struct vm *vm, u64 gpa, const void *buf, size_t len);

/* Of the space that the vCPU sees (mmu_space()): what it itself would access. Its own thread. */
int gmem_vcpu_read(struct vcpu *vcpu, u64 gpa, void *buf, size_t len);
int gmem_vcpu_write(struct vcpu *vcpu, u64 gpa, const void *buf, size_t len);
/* One aligned unit of 4 or 8 bytes, in one piece, as the CPU reads a page-table entry. */
int gmem_vcpu_load(struct vcpu *vcpu, u64 gpa, unsigned int size, u64 *val);
int gmem_vcpu_load_atomic(struct vcpu *vcpu, u64 gpa, unsigned int size, u64 *val);
int gmem_vcpu_cmpxchg(struct vcpu *vcpu, u64 gpa, u64 *old, u64 new, unsigned int size);
int gmem_vcpu_cmpxchg_atomic(struct vcpu *vcpu, u64 gpa, u64 *old, u64 new, unsigned int size);
int gmem_vcpu_cmpxchg16(struct vcpu *vcpu, u64 gpa, u64 old[2], const u64 new[2]);

/* A small area at a fixed place that is accessed often (kvmclock, steal time, PV EOI). */
struct gmem_cache {
	u64 generation;
	u64 gpa;
	u32 len;
	u64 hva;	/* 0: crosses a page or has no slot: the slow way */
	const struct slot *slot;	/* good for this generation, within a readers' section */
};

int gmem_cache_init(struct vm *vm, struct gmem_cache *c, u64 gpa, u32 len);
int gmem_cache_read(struct vm *vm, struct gmem_cache *c, u32 offset, void *buf, u32 len);
int gmem_cache_write(struct vm *vm, struct gmem_cache *c, u32 offset, const void *buf, u32 len);
int gmem_cache_read_atomic(struct vm *vm, struct gmem_cache *c, u32 offset, void *buf, u32 len);
int gmem_cache_write_atomic(struct vm *vm, struct gmem_cache *c, u32 offset, const void *buf, u32 len);

/* ---- guest-virtual, through the guest's own tables (kmod/x86/gva.c) ---- */

enum gva_access {
	GVA_READ = 0,
	GVA_WRITE = 1 << 0,
	GVA_FETCH = 1 << 1,
	GVA_USER = 1 << 2,	/* with CPL 3 rights; else supervisor */
	GVA_IMPLICIT = 1 << 3,	/* descriptor tables, TSS: supervisor whatever the CPL, SMAP ignores AC */
	GVA_PEEK = 1 << 4,	/* no accessed or dirty bit is set */
};

/* A guest page fault to be raised. */
struct gva_fault {
	u64 address;
	u32 error;
	u8 vector;	/* 14 */
};

/*
 * gva_to_gpa() - translate as the CPU would for the vCPU's current mode (accessed and dirty bits set).
 * @flags: enum gva_access. Returns 0, 1 with *fault filled in, or -EFAULT/-EAGAIN.
 * @atomic variants: interrupts may be off; never sleeps; -EAGAIN if memory is not at hand.
 */
int gva_to_gpa(struct vcpu *vcpu, u64 gva, u32 flags, u64 *gpa, struct gva_fault *fault);
int gva_to_gpa_atomic(struct vcpu *vcpu, u64 gva, u32 flags, u64 *gpa, struct gva_fault *fault);
/*
 * gva_peek() - where @gva is, for the VMM: rights do not matter and nothing is marked. False: nowhere. May sleep.
 */
bool gva_peek(struct vcpu *vcpu, u64 gva, u64 *gpa);
/* gva_to_gpa for every page touched, then copy. A page without a slot: -EFAULT. */
int gva_read(struct vcpu *vcpu, u64 gva, u32 flags, void *buf, size_t len, struct gva_fault *fault);
int gva_write(struct vcpu *vcpu, u64 gva, u32 flags, const void *buf, size_t len,
	      struct gva_fault *fault);

/*
 * gva_fetch_insn() - up to 15 bytes at linear address @gva, for decoding. Never sleeps, interrupts may be
 * off. Returns the number of bytes (fewer at the end of a page whose successor cannot be read),
 * or -EAGAIN: take the slow way. The cost is that of comparing a remembered walk: the last
 * walk's table entries are kept with the host addresses they were read from and compared,
 * not trusted (NPT guests flush without an exit).
 */
int gva_fetch_insn(struct vcpu *vcpu, u64 gva, u8 buf[16]);

#endif /* VMX_GMEM_H */
