// SPDX-License-Identifier: GPL-2.0-only
/* VMX_X_WALK: every entry on the way of an address, in each paging mode, through nested and shadow tables. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "vmxtest.h"
#include "uapi/vmx_ext.h"

#define VA 0x7f1234400000ul		/* 2 MiB aligned */
#define ALL (PTE_P | PTE_W | PTE_U)
#define AD 0x60ul
#define NOWHERE 0xc0000000ul		/* no slot is there */
#define TABLES 0x90000ul		/* of 32-bit guests, in the low slot */

static struct vmx_x_walk walk_flags(struct vcpu *v, u64 address, u32 flags)
{
	struct vmx_x_walk w = { .address = address, .flags = flags };

	CHECK_EQ(try_ioctl(v->fd, VMX_X_WALK, &w), 0);
	CHECK(w.nr <= VMX_X_WALK_STEPS);
	return w;
}

static struct vmx_x_walk walk(struct vcpu *v, u64 gva)
{
	return walk_flags(v, gva, 0);
}

/* Of the guest's tables. */
static u32 guest_steps(const struct vmx_x_walk *w)
{
	u32 n = 0;

	while (n < w->nr && w->steps[n].tables == VMX_X_TABLES_GUEST)
		n++;
	return n;
}

/* The frame behind an address of this process. */
static u64 host_of(const void *p)
{
	volatile u8 touched = *(volatile u8 *)p;
	FILE *f = fopen("/proc/self/pagemap", "r");
	u64 e = 0;

	CHECK(f && !fseek(f, (u64)p / 4096 * 8, SEEK_SET) && fread(&e, 8, 1, f) == 1);
	fclose(f);
	(void)touched;
	return (e & ((1ull << 55) - 1)) << 12 | ((u64)p & 4095);
}

static volatile u64 place, rounds;

static void guest_touch(u64 id)
{
	guest_sync(1);
	*(volatile u64 *)place = 1;
	guest_sync(2);
	guest_done();
}

/* Each step is the entry in memory, where the one before says, and the last leads to @gpa. */
static void check_guest(struct vm *vm, const struct vmx_x_walk *w, u64 gpa, u32 shift, u32 levels)
{
	u32 n = guest_steps(w);
	u64 table = w->cr3 & PTE_ADDR;

	CHECK_EQ(w->levels, levels);
	CHECK_EQ(n, levels - (shift - 12) / 9);
	for (u32 i = 0; i < n; i++) {
		const struct vmx_x_step *s = &w->steps[i];
		u32 index = w->address >> (12 + 9 * (levels - 1 - i)) & 511;

		CHECK_EQ(s->level, levels - i);
		CHECK_EQ(s->size, 8);
		CHECK_EQ(s->address, table + index * 8);
		CHECK_EQ(s->value, *(u64 *)vm_ptr(vm, s->address));
		CHECK_EQ(s->flags, i == n - 1 ? VMX_X_STEP_LEAF : 0);
		table = s->value & PTE_ADDR;
	}
	CHECK_EQ(w->gpa, gpa);
	CHECK_EQ(w->guest_shift, shift);
	CHECK(w->result & VMX_X_WALK_GPA && w->result & VMX_X_WALK_CANONICAL);
}

/* Ours lead to the VMM's page, each table where the step before says. */
static void check_ours(struct vm *vm, const struct vmx_x_walk *w)
{
	bool shadow = w->result & VMX_X_WALK_SHADOW;
	u32 n = guest_steps(w);
	u64 below = 0;

	CHECK_EQ(shadow, vm_is_shadow(vm));
	CHECK(w->nr > n);
	for (u32 i = n; i < w->nr; i++) {
		const struct vmx_x_step *s = &w->steps[i];

		CHECK_EQ(s->tables, shadow ? VMX_X_TABLES_SHADOW : VMX_X_TABLES_NESTED);
		CHECK_EQ(s->size, 8);
		CHECK(s->address);
		if (i > n) {
			CHECK_EQ(s->level, s[-1].level - 1);
			CHECK_EQ(s->address & ~4095ul, below);
		}
		CHECK_EQ(s->flags, i == w->nr - 1 ? VMX_X_STEP_LEAF : 0);
		below = s->value & PTE_ADDR;
	}
	CHECK_EQ(w->host_shift, 12 + 9 * (w->steps[w->nr - 1].level - 1));
	CHECK(w->result & VMX_X_WALK_HOST);
	CHECK_EQ(w->host, host_of((char *)vm_ptr(vm, w->gpa)));
	/* The tables themselves were read by the CPU, so they are mapped, on nested tables. */
	for (u32 i = 0; i < n && !shadow; i++)
		CHECK_EQ(w->steps[i].host, host_of((char *)vm_ptr(vm, w->steps[i].address)));
}

/* @shift: of the page at VA. */
static void try_size(struct vm *vm, int level, u32 shift)
{
	u64 *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x400000), offset = 0x123450, *entry, before;
	struct vcpu *v = vcpu_create(vm, 0, guest_touch);
	struct vmx_x_walk w;

	madvise(mem, 0x400000, MADV_NOHUGEPAGE);
	entry = pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, level, ALL);
	if (level == 1)
		for (u64 o = 4096; o < 0x200000; o += 4096)
			pt_map(vm, LOW_PGTABLE, VA + o, TEST_MEM + o, 1, ALL);
	if (level == 1)
		entry += offset >> 12;
	place = VA + offset;
	vcpu_expect_sync(v, 1);
	before = *entry;
	CHECK_EQ(before & AD, 0);
	w = walk(v, place);
	check_guest(vm, &w, TEST_MEM + offset, shift, 4);
	CHECK_EQ((w.result & VMX_X_WALK_HOST), 0);		/* not touched yet; and not by us */
	CHECK(w.steps[w.nr - 1].flags & VMX_X_STEP_ABSENT);
	CHECK_EQ(*entry, before);
	vcpu_expect_sync(v, 2);
	w = walk(v, place);
	check_guest(vm, &w, TEST_MEM + offset, shift, 4);
	check_ours(vm, &w);
	CHECK_EQ(w.steps[guest_steps(&w) - 1].value & AD, AD);
	CHECK(w.result & VMX_X_WALK_WRITE && w.result & VMX_X_WALK_USER && w.result & VMX_X_WALK_EXEC);
	vm_audit(vm);
}

#define REQUIRE_VMX() do { \
	if (!device_is_vmx()) \
		SKIP(return, "an ioctl of vmx alone"); \
	if (geteuid()) \
		SKIP(return, "needs root"); \
} while (0)

TEST(small_page)
{
	REQUIRE_VMX();
	try_size(vm_create(0), 1, 12);
}

TEST(large_page)
{
	REQUIRE_VMX();
	try_size(vm_create(0), 2, 21);
}

TEST(small_page_shadow)
{
	REQUIRE_VMX();
	try_size(vm_create_shadow(), 1, 12);
}

TEST(large_page_shadow)
{
	REQUIRE_VMX();
	try_size(vm_create_shadow(), 2, 21);
}

/* Where and how a walk ends. */
static void check_end(struct vcpu *v, u64 gva, u32 level, u32 flag)
{
	struct vmx_x_walk w = walk(v, gva);
	u32 n = guest_steps(&w);

	CHECK(n);
	CHECK_EQ(w.steps[n - 1].level, level);
	CHECK_EQ(w.steps[n - 1].flags, flag);
	CHECK(!(w.result & (VMX_X_WALK_GPA | VMX_X_WALK_HOST)));
	CHECK_EQ(w.gpa, 0);
}

TEST(ends)
{
	struct vmx_sregs s;
	struct vcpu *v;
	u64 *mem, *pte, *pde;
	unsigned char in_core;
	struct vm *vm;

	REQUIRE_VMX();
	vm = vm_create(0);
	mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x400000);
	madvise(mem, 0x400000, MADV_NOHUGEPAGE);
	v = vcpu_create(vm, 0, guest_touch);
	pte = pt_map(vm, LOW_PGTABLE, VA, TEST_MEM, 1, ALL);
	pde = pt_map(vm, LOW_PGTABLE, VA + 0x200000, TEST_MEM, 2, ALL);
	vcpu_expect_sync(v, 1);
	*pte = 0xabc0 | PTE_W;
	check_end(v, VA, 1, VMX_X_STEP_ABSENT);
	ASSERT_EQ(0xabc0 | PTE_W, walk(v, VA).steps[3].value);
	*pte = 1ul << 51 | ALL;
	check_end(v, VA, 1, VMX_X_STEP_RESERVED);
	*pde = NOWHERE | ALL;
	check_end(v, VA + 0x200000, 1, VMX_X_STEP_NO_SLOT);
	*pde = (TEST_MEM + 0x200000) | ALL;		/* nothing has touched it */
	check_end(v, VA + 0x200000, 1, VMX_X_STEP_NOT_HERE);
	ASSERT_EQ(0, mincore(mem + 0x200000 / 8, 4096, &in_core));
	ASSERT_EQ(0, in_core & 1);
	mem[0x200000 / 8] = (TEST_MEM + 0x3000) | ALL;
	ASSERT_EQ(TEST_MEM + 0x3000, walk(v, VA + 0x200000).gpa);
	/* A page, but nothing of ours is there. */
	*pte = NOWHERE | PTE_P | PTE_NX;
	ASSERT_EQ(NOWHERE, walk(v, VA).gpa);
	ASSERT_EQ(VMX_X_WALK_GPA | VMX_X_WALK_CANONICAL, walk(v, VA).result & ~VMX_X_WALK_SHADOW);
	/* Rights are those of all entries. */
	*pte = TEST_MEM | PTE_P | PTE_U;
	ASSERT_EQ(VMX_X_WALK_USER | VMX_X_WALK_EXEC,
		  walk(v, VA).result & (VMX_X_WALK_WRITE | VMX_X_WALK_USER | VMX_X_WALK_EXEC));
	ASSERT_EQ(0, walk(v, 0x800000000000ul).nr);
	ASSERT_EQ(0, walk(v, 0x800000000000ul).result & VMX_X_WALK_CANONICAL);
	ASSERT_EQ(VMX_X_WALK_CANONICAL, walk(v, ~0ul).result & VMX_X_WALK_CANONICAL);
	/* A root beyond all memory. */
	s = vcpu_sregs(v);
	s.cr3 = 0xf000000000ul;
	vcpu_set_sregs(v, &s);
	check_end(v, VA, 4, VMX_X_STEP_NO_SLOT);
}

TEST(arguments)
{
	struct vmx_x_walk w = { .flags = 2 };
	struct vcpu *v;

	REQUIRE_VMX();
	v = vcpu_create(vm_create(0), 0, guest_touch);
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_X_WALK, &w));
	w.flags = 0;
	w.reserved = 1;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_X_WALK, &w));
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_X_WALK, NULL));
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_X_WALK, (void *)8));
}

TEST(physical)
{
	struct vmx_x_walk w;
	struct vcpu *v;
	struct vm *vm;

	REQUIRE_VMX();
	vm = vm_create(0);
	v = vcpu_create(vm, 0, guest_touch);
	place = (u64)&rounds;
	vcpu_expect_sync(v, 1);
	vcpu_expect_sync(v, 2);
	w = walk_flags(v, place, VMX_X_WALK_PHYSICAL);
	ASSERT_EQ(place, w.gpa);
	ASSERT_EQ(0, guest_steps(&w));
	if (!vm_is_shadow(vm))
		check_ours(vm, &w);
	else
		CHECK_EQ(w.nr, 0);
	w = walk_flags(v, ~0ul, VMX_X_WALK_PHYSICAL);
	ASSERT_EQ(0, w.nr);
	w = walk_flags(v, NOWHERE, VMX_X_WALK_PHYSICAL);
	ASSERT_EQ(0, w.result & VMX_X_WALK_HOST);
}

/* ---- the other modes; nothing runs ---- */

static struct vcpu *vcpu_32(struct vm *vm, u64 cr4, u64 efer)
{
	struct vcpu *v = vcpu_create_reset(vm, 0);
	struct vmx_sregs s = vcpu_sregs(v);

	s.cr0 |= CR0_PE | CR0_PG;
	s.cr3 = TABLES;
	s.cr4 = cr4;
	s.efer = efer;
	vcpu_set_sregs(v, &s);
	return v;
}

TEST(mode_32)
{
	struct vmx_x_walk w;
	struct vcpu *v;
	struct vm *vm;
	u32 *t;

	REQUIRE_VMX();
	vm = vm_create(0);
	t = (u32 *)(vm->low + TABLES);
	t[0x200 / 4] = (TABLES + 0x1000) | 7;
	t[0x200 / 4 + 1] = 0x12400000 | 1 << 13 | 0x83;	/* address bit 32 */
	t[1024 + 5] = 0x345000 | 3;
	v = vcpu_32(vm, CR4_PSE, 0);
	w = walk(v, 0xffffffff00000000ul | 0x20005678);
	ASSERT_EQ(2, w.levels);
	ASSERT_EQ(2, guest_steps(&w));
	ASSERT_EQ(TABLES + 0x200, w.steps[0].address);
	ASSERT_EQ(4, w.steps[0].size);
	ASSERT_EQ(TABLES + 0x1014, w.steps[1].address);
	ASSERT_EQ(0x345003, w.steps[1].value);
	ASSERT_EQ(0x345678, w.gpa);
	ASSERT_EQ(12, w.guest_shift);
	ASSERT_EQ(VMX_X_WALK_WRITE | VMX_X_WALK_EXEC, w.result & (VMX_X_WALK_WRITE | VMX_X_WALK_USER | VMX_X_WALK_EXEC));
	w = walk(v, 0x20401234);
	ASSERT_EQ(1, guest_steps(&w));
	ASSERT_EQ(0x112401234ull, w.gpa);
	ASSERT_EQ(22, w.guest_shift);
}

TEST(mode_pae)
{
	struct vmx_x_walk w;
	struct vcpu *v;
	struct vm *vm;
	u64 *t;

	REQUIRE_VMX();
	vm = vm_create(0);
	t = (u64 *)(vm->low + TABLES);
	t[1] = (TABLES + 0x1000) | 1;
	t[512 + 3] = TEST_MEM | 0x83;
	v = vcpu_32(vm, CR4_PAE, 0);
	w = walk(v, 0x40612345);
	ASSERT_EQ(3, w.levels);
	ASSERT_EQ(2, guest_steps(&w));
	ASSERT_EQ(TABLES + 8, w.steps[0].address);
	ASSERT_EQ(TABLES + 0x1018, w.steps[1].address);
	ASSERT_EQ(TEST_MEM + 0x12345, w.gpa);
	ASSERT_EQ(21, w.guest_shift);
}

TEST(mode_none)
{
	struct vmx_x_walk w;
	struct vm *vm;

	REQUIRE_VMX();
	vm = vm_create(0);
	w = walk(vcpu_create_reset(vm, 0), 0x700123456ul);
	ASSERT_EQ(0, w.levels);
	ASSERT_EQ(0, guest_steps(&w));
	ASSERT_EQ(0x123456, w.gpa);
	ASSERT_EQ(0, w.guest_shift);
}

/* ---- other processes, and a vCPU that runs ---- */

static volatile u64 leave;

static void guest_spin(u64 id)
{
	while (!leave)
		rounds++;
	guest_done();
}

/* A fork takes rights to write from the VMM, and then for moments a page is on its way to another frame. */
static struct vmx_x_walk walk_there(struct vcpu *v)
{
	struct vmx_x_walk w;

	do {
		w = walk(v, (u64)&rounds);
	} while (!(w.result & VMX_X_WALK_HOST));
	CHECK_EQ(w.gpa, (u64)&rounds);
	return w;
}

static u64 look(struct vcpu *v)
{
	struct vmx_x_walk w = walk_there(v);

	CHECK(!(w.result & VMX_X_WALK_HIDDEN));
	return w.host;
}

/* The child has the fds and not the memory. */
static int in_child(struct vcpu *v)
{
	pid_t pid = fork();
	int status;

	if (pid) {
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
		return WEXITSTATUS(status);
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CHECK(look(v));
	CHECK_EQ(syscall(SYS_setuid, 65534), 0);
	for (u32 i = 0; i < 50; i++) {
		struct vmx_x_walk w = walk_there(v);

		CHECK(w.result & VMX_X_WALK_HIDDEN);
		CHECK_EQ(w.host, 0);
		CHECK(w.nr > guest_steps(&w));
		for (u32 j = 0; j < w.nr; j++) {
			CHECK(w.steps[j].flags & VMX_X_STEP_HIDDEN);
			CHECK_EQ(w.steps[j].host, 0);
			if (w.steps[j].tables == VMX_X_TABLES_GUEST) {
				CHECK(w.steps[j].address);
				continue;
			}
			CHECK_EQ(w.steps[j].address, 0);
			CHECK_EQ(w.steps[j].value & PTE_ADDR, 0);
			CHECK(w.steps[j].value);
		}
	}
	_exit(44);
}

static void run_and_look(struct vm *vm)
{
	struct vcpu *v = vcpu_create(vm, 0, guest_spin);
	u64 before;

	vcpu_start(v);
	while (rounds < 1000)
		usleep(100);
	for (u32 i = 0; i < 200; i++)
		CHECK_EQ(look(v), host_of((void *)&rounds));
	CHECK_EQ(in_child(v), 44);
	before = rounds;
	while (rounds == before)
		usleep(100);
	leave = 1;
	vcpu_join(v);
	vm_audit(vm);
}

TEST(running)
{
	REQUIRE_VMX();
	run_and_look(vm_create(0));
}

TEST(running_shadow)
{
	REQUIRE_VMX();
	run_and_look(vm_create_shadow());
}

TEST_HARNESS_MAIN
