// SPDX-License-Identifier: GPL-2.0-only
/* The guest's debug registers: kept over exits, breakpoints hit, not mixed with the host's. */
#include "vmxtest.h"

static volatile u64 hits, hit_dr6, watched;

#define READ_DR(n) ({ u64 v_; asm volatile("mov %%dr" #n ", %0" : "=r"(v_)); v_; })
#define WRITE_DR(n, x) asm volatile("mov %0, %%dr" #n : : "r"((u64)(x)) : "memory")

static void on_db(struct guest_frame *f)
{
	hits++;
	hit_dr6 = READ_DR(6);
	WRITE_DR(6, 0xffff0ff0);
	/* instruction breakpoints are faults: RF lets it pass (SDM 3B 17.3.1.1) */
	f->rflags |= 1u << 16;
}

static void guest_kept(u64 id)
{
	WRITE_DR(0, 0x111000 + id);
	WRITE_DR(1, 0x222000 + id);
	WRITE_DR(2, 0x333000 + id);
	WRITE_DR(3, 0x444000 + id);
	for (;;) {
		guest_sync(id);
		GUEST_ASSERT_EQ(READ_DR(0), 0x111000 + id);
		GUEST_ASSERT_EQ(READ_DR(1), 0x222000 + id);
		GUEST_ASSERT_EQ(READ_DR(2), 0x333000 + id);
		GUEST_ASSERT_EQ(READ_DR(3), 0x444000 + id);
		GUEST_ASSERT_EQ(READ_DR(7) & ~0x400ull, 0);
	}
}

TEST(kept)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v[2];

	for (int i = 0; i < 2; i++)
		v[i] = vcpu_create(vm, i, guest_kept);
	for (int i = 0; i < 50; i++)
		vcpu_expect_sync(v[i & 1], i & 1);
}

static void guest_watch(u64 id)
{
	guest_handlers[VEC_DB] = on_db;
	WRITE_DR(0, &watched);
	WRITE_DR(7, 0xd0402);		/* G0, RW0 = write, LEN0 = 4 bytes */
	watched = 1;
	GUEST_ASSERT_EQ(hits, 1);
	GUEST_ASSERT_EQ(hit_dr6 & 0xf, 1);
	guest_sync(1);			/* armed over an exit */
	watched = 2;
	GUEST_ASSERT_EQ(hits, 2);
	WRITE_DR(7, 0x400);
	watched = 3;
	GUEST_ASSERT_EQ(hits, 2);
	guest_done();
}

TEST(watchpoint)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_watch);

	vcpu_expect_sync(v, 1);
	vcpu_expect_done(v);
	ASSERT_EQ(2, hits);
}

static void guest_breakpoint(u64 id)
{
	u64 where;
	u32 a = 0, b, c = 0, d;

	guest_handlers[VEC_DB] = on_db;
	/* on an instruction that exits */
	asm volatile("lea 1f(%%rip), %0; mov %0, %%dr1; mov $0x408, %%rbx; mov %%rbx, %%dr7;"
		     "xor %%eax, %%eax; 1: cpuid; mov $0x400, %%rbx; mov %%rbx, %%dr7"
		     : "=&r"(where), "+a"(a), "=b"(b), "+c"(c), "=d"(d) : : "memory");
	GUEST_ASSERT_EQ(hits, 1);
	GUEST_ASSERT_EQ(hit_dr6 & 0xf, 2);
	guest_done();
}

TEST(breakpoint_on_an_exiting_instruction)
{
	vcpu_expect_done(vcpu_create(vm_create(0), 0, guest_breakpoint));
}

/* Set by the VMM: the guest hits it; DR7.GD traps its own accesses. */
static void guest_set_by_host(u64 id)
{
	guest_handlers[VEC_DB] = on_db;
	guest_sync(1);
	watched = 7;
	GUEST_ASSERT_EQ(hits, 1);
	GUEST_ASSERT_EQ(READ_DR(0), (u64)&watched);
	guest_done();
}

TEST(set_by_the_vmm)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_set_by_host);
	struct vmx_debugregs d;

	if (host_is_tcg() && host_is_amd())
		SKIP(return, "QEMU's VMRUN loads DR7 without arming the breakpoints");
	vcpu_expect_sync(v, 1);
	must_ioctl(v->fd, VMX_GET_DEBUGREGS, &d);
	d.db[0] = (u64)&watched;
	d.dr7 = 0xd0402;
	must_ioctl(v->fd, VMX_SET_DEBUGREGS, &d);
	vcpu_expect_done(v);
	must_ioctl(v->fd, VMX_GET_DEBUGREGS, &d);
	ASSERT_EQ((u64)&watched, d.db[0]);
}

/* DR4 and DR5: aliases, or #UD with CR4.DE; reserved DR7 bits: #GP. SDM 3B 17.2 */
static void guest_checks(u64 id)
{
	u64 vec, v;

	write_cr4(read_cr4() | CR4_DE);
	GUEST_TRY(vec, "mov %%dr4, %[v]", ([v] "=r"(v)), ());
	GUEST_ASSERT_EQ(vec, VEC_UD);
	write_cr4(read_cr4() & ~(u64)CR4_DE);
	GUEST_TRY(vec, "mov %%dr4, %[v]", ([v] "=r"(v)), ());
	GUEST_ASSERT_EQ(vec, -1);
	GUEST_ASSERT_EQ(v, READ_DR(6));
	GUEST_TRY(vec, "mov %[v], %%dr7", (), ([v] "r"(1ull << 32)));
	GUEST_ASSERT_EQ(vec, VEC_GP);
	GUEST_TRY(vec, "mov %[v], %%dr6", (), ([v] "r"(1ull << 32)));
	GUEST_ASSERT_EQ(vec, VEC_GP);
	guest_done();
}

TEST(checked)
{
	vcpu_expect_done(vcpu_create(vm_create(0), 0, guest_checks));
}

TEST_HARNESS_MAIN
