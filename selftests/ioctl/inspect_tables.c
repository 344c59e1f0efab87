// SPDX-License-Identifier: GPL-2.0-only
/* VMX_X_TABLES: slots, what is mapped, and which tables of the guest's are shadowed, part by part. */
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include "vmxtest.h"
#include "uapi/vmx_ext.h"

#define ROOM 60000

struct list {
	u32 nr, calls, result;
	struct vmx_x_range r[ROOM];
};

static struct list list, other;

static void get_list(struct vcpu *v, u32 what, u32 part, struct list *l)
{
	struct vmx_x_tables t = { .what = what };

	l->nr = 0;
	l->calls = 0;
	do {
		CHECK(l->nr + part <= ROOM);
		t.nr = part;
		t.ranges = (u64)&l->r[l->nr];
		CHECK_EQ(try_ioctl(v->fd, VMX_X_TABLES, &t), 0);
		CHECK(t.nr <= part);
		l->nr += t.nr;
		l->calls++;
	} while (!(t.result & VMX_X_TABLES_END));
	l->result = t.result;
}

/* The range that holds the page. */
static const struct vmx_x_range *holds(const struct list *l, u64 gpa)
{
	for (u32 i = 0; i < l->nr; i++)
		if (gpa >= l->r[i].gpa && (gpa - l->r[i].gpa) / 4096 < l->r[i].pages)
			return &l->r[i];
	return NULL;
}

static u64 host_of(const void *p)
{
	FILE *f = fopen("/proc/self/pagemap", "r");
	u64 e = 0;

	CHECK(f && !fseek(f, (u64)p / 4096 * 8, SEEK_SET) && fread(&e, 8, 1, f) == 1);
	fclose(f);
	return (e & ((1ull << 55) - 1)) << 12;
}

#define REQUIRE_VMX() do { \
	if (!device_is_vmx()) \
		SKIP(return, "an ioctl of vmx alone"); \
	if (geteuid()) \
		SKIP(return, "needs root"); \
} while (0)

static void guest_touch(u64 id)
{
	volatile u64 *mem = (u64 *)TEST_MEM;

	guest_sync(1);
	(void)mem[0];
	mem[512 * 3] = 1;
	guest_sync(2);
	mem[512 * 3] = 2;
	guest_sync(3);
	guest_done();
}

static char *small_pages(struct vm *vm)
{
	char *mem = slot_add(vm, SLOT_TEST, TEST_MEM, 0x200000);

	madvise(mem, 0x200000, MADV_NOHUGEPAGE);
	return mem;
}

TEST(slots)
{
	struct vcpu *v;
	struct vm *vm;
	void *mem;

	REQUIRE_VMX();
	vm = vm_create(0);
	v = vcpu_create(vm, 0, guest_touch);
	mem = mem_alloc(0x3000);
	slot_set(vm, 5, VMX_MEM_READONLY, 0x20000000, 0x3000, mem);
	slot_set(vm, 6, VMX_MEM_LOG_DIRTY_PAGES, 0x30000000, 0x1000, mem);
	get_list(v, VMX_X_LIST_SLOTS, 100, &list);
	ASSERT_EQ(4, list.nr);
	for (u32 i = 1; i < list.nr; i++)
		ASSERT_TRUE(list.r[i].gpa >= list.r[i - 1].gpa + list.r[i - 1].pages * 4096);
	ASSERT_EQ(0, list.r[0].gpa);
	ASSERT_EQ((u64)vm->low, list.r[0].target);
	ASSERT_EQ(0x20000000, list.r[2].gpa);
	ASSERT_EQ(3, list.r[2].pages);
	ASSERT_EQ(5, list.r[2].id);
	ASSERT_EQ((u64)mem, list.r[2].target);
	ASSERT_EQ(VMX_X_RANGE_READONLY, list.r[2].flags);
	ASSERT_EQ(VMX_X_RANGE_LOGGED, list.r[3].flags);
	get_list(v, VMX_X_LIST_SLOTS, 1, &other);
	ASSERT_EQ(4, other.nr);
	ASSERT_EQ(0, memcmp(list.r, other.r, 4 * sizeof(list.r[0])));
	slot_set(vm, 5, 0, 0x20000000, 0, NULL);
	get_list(v, VMX_X_LIST_SLOTS, 100, &list);
	ASSERT_EQ(3, list.nr);
}

static void try_pages(struct vm *vm)
{
	char *mem = small_pages(vm);
	struct vcpu *v = vcpu_create(vm, 0, guest_touch);
	const struct vmx_x_range *r;
	u64 pages = 0, again = 0;

	vcpu_expect_sync(v, 1);
	get_list(v, VMX_X_LIST_PAGES, 1000, &list);
	CHECK_EQ(!!(list.result & VMX_X_TABLES_ON_SHADOW), vm_is_shadow(vm));
	CHECK(!holds(&list, TEST_MEM));
	vcpu_expect_sync(v, 2);
	get_list(v, VMX_X_LIST_PAGES, 1000, &list);
	r = holds(&list, TEST_MEM + 3 * 4096);
	CHECK(r && r->level == 1 && (r->flags & VMX_X_RANGE_WRITE));
	CHECK(r->flags & VMX_X_RANGE_ACCESSED || !host_is_amd());
	CHECK(r->flags & VMX_X_RANGE_DIRTY || !host_is_amd());
	CHECK_EQ(r->target + (TEST_MEM + 3 * 4096 - r->gpa), host_of(mem + 3 * 4096));
	r = holds(&list, TEST_MEM);
	CHECK(r);
	CHECK_EQ(r->target + (TEST_MEM - r->gpa), host_of(mem));
	CHECK(!holds(&list, TEST_MEM + 0x100000));
	CHECK(!(list.result & VMX_X_TABLES_HIDDEN));
	for (u32 i = 0; i < list.nr; i++) {
		CHECK(list.r[i].pages && !(list.r[i].pages % (1ul << 9 * (list.r[i].level - 1))));
		CHECK(list.r[i].flags & VMX_X_RANGE_DEVICE || list.r[i].target);
		pages += list.r[i].pages;
	}
	/* In smaller parts it is the same, but for runs that the parts cut. */
	get_list(v, VMX_X_LIST_PAGES, 1, &other);
	CHECK(other.calls >= list.nr);
	for (u32 i = 0; i < other.nr; i++)
		again += other.r[i].pages;
	CHECK_EQ(pages, again);
	/* With the dirty log on a write has to be seen: by a fault, or by the hardware's flag. */
	slot_set(vm, SLOT_TEST, VMX_MEM_LOG_DIRTY_PAGES, TEST_MEM, 0x200000, mem);
	get_list(v, VMX_X_LIST_PAGES, 1000, &list);
	r = holds(&list, TEST_MEM + 3 * 4096);
	CHECK(!r || !(r->flags & VMX_X_RANGE_WRITE) || !(r->flags & VMX_X_RANGE_DIRTY));
	vcpu_expect_sync(v, 3);
	get_list(v, VMX_X_LIST_PAGES, 1000, &list);
	r = holds(&list, TEST_MEM + 3 * 4096);
	CHECK(r && (r->flags & VMX_X_RANGE_WRITE));
	vm_audit(vm);
}

TEST(pages)
{
	REQUIRE_VMX();
	try_pages(vm_create(0));
}

TEST(pages_shadow)
{
	REQUIRE_VMX();
	try_pages(vm_create_shadow());
}

TEST(shadowed)
{
	const struct vmx_x_range *r = NULL;
	struct vcpu *v;
	struct vm *vm;

	REQUIRE_VMX();
	vm = vm_create_shadow();
	small_pages(vm);
	v = vcpu_create(vm, 0, guest_touch);
	get_list(v, VMX_X_LIST_SHADOWED, 100, &list);
	ASSERT_EQ(0, list.nr);
	vcpu_expect_sync(v, 1);
	get_list(v, VMX_X_LIST_SHADOWED, 100, &list);
	for (u32 i = 0; i < list.nr; i++) {
		if (list.r[i].gpa == LOW_PGTABLE)
			r = &list.r[i];
		ASSERT_TRUE(list.r[i].level >= 1 && list.r[i].level <= 5);
		ASSERT_EQ(1, list.r[i].pages);
	}
	ASSERT_TRUE(r != NULL);
	ASSERT_EQ(4, r->level);
	get_list(v, VMX_X_LIST_SHADOWED, 1, &other);
	ASSERT_EQ(list.nr, other.nr);
	if (vm_is_shadow(vm_create(0)))
		return;
	vm = vm_create(0);
	v = vcpu_create(vm, 0, guest_touch);
	vcpu_expect_sync(v, 1);
	get_list(v, VMX_X_LIST_SHADOWED, 100, &list);
	ASSERT_EQ(0, list.nr);
}

TEST(arguments)
{
	struct vmx_x_tables t = { .what = 3, .nr = 1, .ranges = (u64)list.r };
	struct vcpu *v;

	REQUIRE_VMX();
	v = vcpu_create(vm_create(0), 0, guest_touch);
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_X_TABLES, &t));
	t.what = VMX_X_LIST_SLOTS;
	t.nr = 0;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_X_TABLES, &t));
	t.nr = 1;
	t.reserved = 1;
	ASSERT_EQ(-EINVAL, try_ioctl(v->fd, VMX_X_TABLES, &t));
	t.reserved = 0;
	t.ranges = 8;
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_X_TABLES, &t));
	ASSERT_EQ(-EFAULT, try_ioctl(v->fd, VMX_X_TABLES, NULL));
	/* Cursors that no call has given. */
	for (t.what = 0; t.what <= VMX_X_LIST_SHADOWED; t.what++) {
		for (u32 bit = 0; bit < 64; bit++) {
			t.nr = 1;
			t.ranges = (u64)list.r;
			t.cursor = ~0ul << bit;
			ASSERT_EQ(0, try_ioctl(v->fd, VMX_X_TABLES, &t));
		}
	}
}

static int look_as_nobody(struct vcpu *v)
{
	CHECK_EQ(syscall(SYS_setuid, 65534), 0);
	get_list(v, VMX_X_LIST_PAGES, 1000, &list);
	CHECK(list.nr && list.result & VMX_X_TABLES_HIDDEN);
	for (u32 i = 0; i < list.nr; i++)
		CHECK_EQ(list.r[i].target, 0);
	get_list(v, VMX_X_LIST_SLOTS, 1000, &list);
	CHECK(list.nr && list.r[0].target);
	return 45;
}

static volatile u64 rounds, leave;

static void guest_spin(u64 id)
{
	while (!leave)
		rounds++;
	guest_done();
}

static void run_and_list(struct vm *vm)
{
	struct vcpu *v = vcpu_create(vm, 0, guest_spin);
	int status;
	pid_t pid;

	vcpu_start(v);
	while (rounds < 1000)
		usleep(100);
	for (u32 i = 0; i < 50; i++) {
		get_list(v, VMX_X_LIST_PAGES, 1000, &list);
		CHECK(holds(&list, (u64)&rounds));
	}
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(look_as_nobody(v));
	}
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHECK_EQ(WEXITSTATUS(status), 45);
	leave = 1;
	vcpu_join(v);
	vm_audit(vm);
}

TEST(running)
{
	REQUIRE_VMX();
	run_and_list(vm_create(0));
}

TEST(running_shadow)
{
	REQUIRE_VMX();
	run_and_list(vm_create_shadow());
}

TEST_HARNESS_MAIN
