// SPDX-License-Identifier: GPL-2.0-only
/* SET_CPUID2, GET_CPUID2, and what the CPUID instruction returns. */
#include "vmxtest.h"

static volatile u32 leaf, subleaf;
static volatile u32 out[4];

static void guest_loop(u64 id)
{
	u32 a, b, c, d;

	for (;;) {
		guest_sync(0);
		guest_cpuid(leaf, subleaf, &a, &b, &c, &d);
		out[0] = a;
		out[1] = b;
		out[2] = c;
		out[3] = d;
	}
}

static void ask(struct vcpu *v, u32 l, u32 s)
{
	leaf = l;
	subleaf = s;
	vcpu_expect_sync(v, 0);
}

/* What changes at run time: OSXSAVE, OSPKE, XSAVE sizes, the APIC id, PERF leaves. */
static void mask(u32 l, u32 s, u32 r[4])
{
	if (l == 1) {
		r[1] &= 0x00ffffff;
		r[2] &= ~(1u << 27);
	}
	if (l == 7 && s == 0)
		r[2] &= ~(1u << 4);
	if (l == 0xd && s < 2)
		r[1] = 0;
	if (l == 0xb || l == 0x1f)
		r[3] = 0;
}

TEST(guest_sees_what_was_set)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_loop);
	struct vmx_cpuid2 *c = supported_cpuid();

	vcpu_expect_sync(v, 0);
	for (u32 i = 0; i < c->nent; i++) {
		struct vmx_cpuid_entry2 *e = &c->entries[i];
		u32 want[4] = { e->eax, e->ebx, e->ecx, e->edx }, got[4];

		ask(v, e->function, e->index);
		for (int k = 0; k < 4; k++)
			got[k] = out[k];
		mask(e->function, e->index, want);
		mask(e->function, e->index, got);
		for (int k = 0; k < 4; k++) {
			ASSERT_EQ(want[k], got[k]) {
				TH_LOG("leaf %#x.%u, register %d", e->function, e->index, k);
			}
		}
	}
}

/*
 * The timer's deadline mode depends on who has the LAPIC, so it is told by the capability and never here (API
 * documentation, 4.46): a VMM that has the LAPIC gives its guest what it finds in this table.
 */
TEST(no_tsc_deadline)
{
	static struct {
		struct vmx_cpuid2 head;
		struct vmx_cpuid_entry2 entries[256];
	} c = { .head.nent = 256 };
	struct vm *vm = vm_create(0);
	struct vmx_cpuid_entry2 *e;

	must_ioctl(vm->dev, VMX_GET_SUPPORTED_CPUID, &c);
	e = cpuid_find(&c.head, 1, 0);
	ASSERT_TRUE(e);
	ASSERT_EQ(0, e->ecx >> 24 & 1);
	ASSERT_LT(0, check_cap(vm->dev, VMX_CAP_TSC_DEADLINE_TIMER));
}

/* A leaf that the table does not have: zero above the basic range on AMD, the highest
 * basic leaf's data on Intel (SDM 2A "CPUID"). */
TEST(missing_leaf)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_loop);

	vcpu_expect_sync(v, 0);
	ask(v, 0x7fffff00, 0);
	if (host_is_amd()) {
		ASSERT_EQ(0, out[0]);
		ASSERT_EQ(0, out[1]);
	}
	ask(v, 0x4, 0xff);	/* no such cache: type 0 */
	ASSERT_EQ(0, out[0] & 0x1f);
}

TEST(own_table)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_bare(vm, 0);
	struct vmx_cpuid2 *c = cpuid_copy(supported_cpuid());
	struct vmx_cpuid_entry2 *e;

	e = &c->entries[c->nent++];
	*e = (struct vmx_cpuid_entry2){ .function = 0x40000100, .eax = 0x40000101,
					.ebx = 0x11111111, .ecx = 0x22222222, .edx = 0x33333333 };
	vcpu_set_cpuid(v, c);
	vcpu_set_long(v, guest_loop);
	vcpu_expect_sync(v, 0);
	ask(v, 0x40000100, 0);
	ASSERT_EQ(0x40000101, out[0]);
	ASSERT_EQ(0x11111111, out[1]);
	ASSERT_EQ(0x22222222, out[2]);
	ASSERT_EQ(0x33333333, out[3]);
}

TEST(get)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_loop);
	struct vmx_cpuid2 *c = supported_cpuid(), *got = cpuid_copy(c);
	u32 n = c->nent;

	got->nent = n - 1;
	ASSERT_EQ(-E2BIG, try_ioctl(v->fd, VMX_GET_CPUID2, got));
	got->nent = 200;
	memset(got->entries, 0, 200 * sizeof(got->entries[0]));
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_GET_CPUID2, got));
	/* the documentation has it adjusted; in-tree 6.1 leaves it as it was */
	if (device_is_vmx() || got->nent != 200)
		ASSERT_EQ(n, got->nent);
	ASSERT_EQ(c->entries[0].ebx, got->entries[0].ebx);
	ASSERT_EQ(c->entries[n - 1].function, got->entries[n - 1].function);
}

TEST(set_too_many)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create_bare(vm, 0);
	struct vmx_cpuid2 *c = calloc(1, sizeof(*c) + 300 * sizeof(c->entries[0]));

	c->nent = 257;
	ASSERT_EQ(-E2BIG, try_ioctl(v->fd, VMX_SET_CPUID2, c));
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_SET_CPUID2, (void *)8));
	c->nent = 0;
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_SET_CPUID2, c));
}

/* Once a vCPU ran its CPUID is fixed; the very same table is taken (QEMU sets it again). */
TEST(set_after_run)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_loop);
	struct vmx_cpuid2 *c = cpuid_copy(supported_cpuid());

	vcpu_expect_sync(v, 0);
	vcpu_set_cpuid(v, c);
	cpuid_find(c, 1, 0)->ecx ^= 1;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_CPUID2, c));
}

/* A RUN that never entered the guest fixes nothing. */
TEST(set_after_run_that_did_not)
{
	struct vcpu *v = vcpu_create(vm_create(0), 0, guest_loop);
	struct vmx_cpuid2 *c = cpuid_copy(supported_cpuid());

	v->run->immediate_exit = 1;
	ASSERT_EQ(-EINTR, try_run(v));
	v->run->immediate_exit = 0;
	cpuid_find(c, 1, 0)->ecx ^= 1;
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_SET_CPUID2, c));
	vcpu_expect_sync(v, 0);
	cpuid_find(c, 1, 0)->ecx ^= 1;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_SET_CPUID2, c));
}

/* CPUID.1:ECX.OSXSAVE is CR4.OSXSAVE: SDM 2A "CPUID". */
static bool no_xsetbv_exit;

static void guest_osxsave(u64 id)
{
	u32 a, b, c, d;

	guest_cpuid(1, 0, &a, &b, &c, &d);
	GUEST_ASSERT(!(c >> 27 & 1));
	write_cr4(read_cr4() | CR4_OSXSAVE);
	guest_cpuid(1, 0, &a, &b, &c, &d);
	GUEST_ASSERT(c >> 27 & 1);
	write_cr4(read_cr4() & ~(u64)CR4_OSXSAVE);
	guest_cpuid(1, 0, &a, &b, &c, &d);
	GUEST_ASSERT(!(c >> 27 & 1));
	guest_sync(1);
	/* the VMM set it */
	guest_cpuid(1, 0, &a, &b, &c, &d);
	GUEST_ASSERT(c >> 27 & 1);
	/* leaf 0xd: the size follows XCR0, which the VMM set */
	guest_cpuid(0xd, 0, &a, &b, &c, &d);
	GUEST_ASSERT_EQ(b, 576);
	guest_sync2(2, a);
	guest_cpuid(0xd, 0, &a, &b, &c, &d);
	GUEST_ASSERT_EQ(b, a & 4 ? 832 : 576);
	/* and which the guest sets; QEMU does not intercept XSETBV, so nobody can know there */
	if (!no_xsetbv_exit) {
		asm volatile("xsetbv" : : "c"(0), "a"(1), "d"(0));
		guest_cpuid(0xd, 0, &a, &b, &c, &d);
		GUEST_ASSERT_EQ(b, 576);
		guest_sync(3);
	}
	guest_done();
}

TEST(osxsave)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest_osxsave);
	struct vmx_sregs s;
	struct vmx_xcrs x = { 0 };

	REQUIRE_CPUID(1, 0, 2, 26, "XSAVE");
	no_xsetbv_exit = host_is_tcg() && host_is_amd();
	vcpu_expect_sync(v, 1);
	s = vcpu_sregs(v);
	s.cr4 |= CR4_OSXSAVE;
	vcpu_set_sregs(v, &s);
	x.nr_xcrs = 1;
	x.xcrs[0].xcr = 0;
	x.xcrs[0].value = vcpu_call(v).b & 7;
	must_ioctl(v->fd, VMX_SET_XCRS, &x);
	if (!no_xsetbv_exit) {
		vcpu_expect_sync(v, 3);
		must_ioctl(v->fd, VMX_GET_XCRS, &x);
		ASSERT_EQ(1, x.xcrs[0].value);
	}
	vcpu_expect_done(v);
}

/* The paravirtual leaves are there, in the place that guests look for them. */
TEST(paravirtual_leaves)
{
	struct vmx_cpuid2 *c = supported_cpuid();
	struct vmx_cpuid_entry2 *sig = cpuid_find(c, PV_CPUID_SIGNATURE, 0);
	struct vmx_cpuid_entry2 *feat = cpuid_find(c, PV_CPUID_FEATURES, 0);

	ASSERT_NE(NULL, sig);
	ASSERT_NE(NULL, feat);
	ASSERT_EQ(0x4b4d564b, sig->ebx);	/* "KVMKVMKVM" */
	ASSERT_EQ(0x564b4d56, sig->ecx);
	ASSERT_EQ(0x4d, sig->edx);
	ASSERT_TRUE(feat->eax >> PV_FEATURE_CLOCKSOURCE2 & 1);
	ASSERT_TRUE(feat->eax >> PV_FEATURE_PV_EOI & 1);
	ASSERT_TRUE(feat->eax >> PV_FEATURE_STEAL_TIME & 1);
	/* invariant TSC would keep guests from the clock source */
	if (device_is_vmx() && cpuid_find(c, 0x80000007, 0))
		ASSERT_EQ(0, cpuid_find(c, 0x80000007, 0)->edx & 1u << 8);
}

/* CR4's bits by the CPUID bit that allows them (SDM 3A 2.5). */
#define CR4_ALWAYS 0x7ffull
static const struct {
	u32 bit, leaf;
	int reg, cpuid_bit;
} cr4_rules[] = {
	{ 11, 7, 2, 2 }, { 12, 7, 2, 16 }, { 16, 7, 1, 0 }, { 18, 1, 2, 26 },
	{ 20, 7, 1, 7 }, { 21, 7, 1, 20 }, { 22, 7, 2, 3 },
};

/* A vCPU without a model yet takes what GET_SUPPORTED_CPUID offers, and all of it at once. */
TEST(cr4_before_set_cpuid)
{
	struct vcpu *v = vcpu_create_bare(vm_create(0), 0);
	struct vmx_sregs before = vcpu_sregs(v), s = before;
	u64 all = CR4_ALWAYS;

	for (u32 i = 0; i < ARRAY_SIZE(cr4_rules); i++) {
		if (!cpuid_has(cr4_rules[i].leaf, 0, cr4_rules[i].reg, cr4_rules[i].cpuid_bit))
			continue;
		all |= 1ull << cr4_rules[i].bit;
		s.cr4 = before.cr4 | 1ull << cr4_rules[i].bit;
		ASSERT_EQ(0, try_ioctl(v->fd, VMX_SET_SREGS, &s))
			TH_LOG("bit %u", cr4_rules[i].bit);
	}
	s.cr4 = before.cr4 | all;
	ASSERT_EQ(0, try_ioctl(v->fd, VMX_SET_SREGS, &s));
	ASSERT_EQ(s.cr4, vcpu_sregs(v).cr4);
}

TEST_HARNESS_MAIN
