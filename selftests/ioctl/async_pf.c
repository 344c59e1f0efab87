// SPDX-License-Identifier: GPL-2.0-only
/*
 * Asynchronous page faults: a guest that asks for it runs on while the host waits for a page. Here the host
 * waits for a userfaultfd, so the test decides when the page comes.
 */
#include <linux/userfaultfd.h>
#include <sys/syscall.h>
#include "vmxtest.h"

#define PAGES 8ul
#define MSR_ASYNC_PF_INT 0x4b564d06u
#define MSR_ASYNC_PF_ACK 0x4b564d07u
#define APF_ENABLED 1u
#define APF_SEND_ALWAYS 2u
#define APF_AS_VMEXIT 4u
#define APF_AS_INT 8u
#define APF_VECTOR 0x61
#define TOKEN_ALL 0xffffffffu
#define FEATURE_ASYNC_PF 4
#define FEATURE_ASYNC_PF_INT 14

/* Documentation/virt/kvm/x86/msr.rst */
static volatile struct {
	u32 flags, token;
	u8 pad[56];
} area __attribute__((aligned(64)));

static volatile u64 not_present, ready, other_work;
static volatile u32 told[PAGES], ready_token;
static volatile bool stop_waiting, in_handler;
static volatile u64 nested_page;
static int uffd;

#define AREA ((u64)&area)

/* ---- guest ---- */

static u64 touch(u64 page)
{
	return *(volatile u64 *)(TEST_MEM + page * PAGE_SIZE);
}

/* What a guest kernel does: the task sleeps, another one runs. Here a loop is the other one. */
static void on_pf(struct guest_frame *f)
{
	u32 token = read_cr2();
	u64 n = not_present;

	GUEST_ASSERT_EQ(area.flags, 1);
	GUEST_ASSERT_EQ(f->error, 0);
	GUEST_ASSERT(token != 0);
	told[n] = token;
	not_present = n + 1;
	area.flags = 0;
	irqs_on();
	if (nested_page) {
		u64 page = nested_page;

		nested_page = 0;
		touch(page);
	}
	in_handler = true;
	while (ready_token != token && !stop_waiting)
		other_work++;
	irqs_off();
}

static void on_ready(struct guest_frame *f)
{
	GUEST_ASSERT(area.token != 0);
	ready_token = area.token;
	ready++;
	area.token = 0;
	wrmsr(MSR_ASYNC_PF_ACK, 1);
	xapic_eoi();
}

static void guest_enable(u64 bits)
{
	guest_handlers[VEC_PF] = on_pf;
	guest_handlers[APF_VECTOR] = on_ready;
	xapic_enable();
	wrmsr(MSR_ASYNC_PF_INT, APF_VECTOR);
	wrmsr(MSR_PV_ASYNC_PF, bits ? AREA | bits : 0);
	irqs_on();
	guest_pause();	/* behind STI's shadow */
}

#define ALL_BITS (APF_ENABLED | APF_SEND_ALWAYS | APF_AS_INT)

static void guest_two_pages(u64 id)
{
	guest_enable(ALL_BITS);
	/* What waited for an earlier host is woken. */
	GUEST_ASSERT_EQ(ready, 1);
	GUEST_ASSERT_EQ(ready_token, TOKEN_ALL);
	guest_sync(1);
	GUEST_ASSERT_EQ(touch(0), 0x1000);
	GUEST_ASSERT_EQ(not_present, 1);
	GUEST_ASSERT_EQ(ready, 2);
	GUEST_ASSERT_EQ(ready_token, told[0]);
	nested_page = 2;
	GUEST_ASSERT_EQ(touch(1), 0x1001);
	GUEST_ASSERT_EQ(touch(2), 0x1002);
	guest_done();
}

static volatile u64 enable_bits;

static void guest_one_page(u64 id)
{
	guest_enable(enable_bits);
	ready = 0;
	guest_sync(1);
	GUEST_ASSERT_EQ(touch(0), 0x1000);
	guest_done();
}

static void guest_interrupts_off(u64 id)
{
	guest_enable(ALL_BITS);
	ready = 0;
	irqs_off();
	guest_sync(1);
	GUEST_ASSERT_EQ(touch(0), 0x1000);
	guest_done();
}

static void guest_disables(u64 id)
{
	guest_enable(ALL_BITS);
	ready = 0;
	guest_sync(1);
	GUEST_ASSERT_EQ(touch(0), 0x1000);
	guest_done();
}

static void on_pf_disable(struct guest_frame *f)
{
	not_present++;
	area.flags = 0;
	wrmsr(MSR_PV_ASYNC_PF, 0);
	in_handler = true;
}

/* ---- host ---- */

/* Gives the pages that the test wants to, when it wants to. */
static void give(u64 page)
{
	static u64 data[512];
	struct uffdio_copy copy = { .src = (u64)data, .len = PAGE_SIZE };

	data[0] = 0x1000 + page;
	copy.dst = TEST_MEM + page * PAGE_SIZE;
	CHECK_EQ(ioctl(uffd, UFFDIO_COPY, &copy), 0);
}

/* The host's address is the guest's: one thing less to compute. */
static struct vcpu *start(struct vm **vm, void (*entry)(u64))
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = {
		.range = { TEST_MEM, PAGES * PAGE_SIZE }, .mode = UFFDIO_REGISTER_MODE_MISSING };
	void *mem = mmap((void *)TEST_MEM, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
	struct vcpu *v;

	CHECK_EQ((u64)mem, TEST_MEM);
	uffd = syscall(__NR_userfaultfd, O_CLOEXEC);
	CHECK(uffd >= 0);
	CHECK_EQ(ioctl(uffd, UFFDIO_API, &api), 0);
	CHECK_EQ(ioctl(uffd, UFFDIO_REGISTER, &reg), 0);
	*vm = vm_create(VM_IRQCHIP);
	v = vcpu_create(*vm, 0, entry);
	slot_set(*vm, SLOT_TEST, 0, TEST_MEM, PAGES * PAGE_SIZE, mem);
	return v;
}

#define REQUIRE_APF() do { \
	REQUIRE_CAP(VMX_CAP_ASYNC_PF_INT); \
	if (syscall(__NR_userfaultfd, O_CLOEXEC) < 0) \
		SKIP(return, "no userfaultfd: %s", strerror(errno)); } while (0)

/* Faults as the userfaultfd reports them: one for each page that someone waits for. */
static u64 next_fault(void)
{
	struct uffd_msg msg;

	CHECK_EQ(read(uffd, &msg, sizeof(msg)), sizeof(msg));
	CHECK_EQ(msg.event, UFFD_EVENT_PAGEFAULT);
	return (msg.arg.pagefault.address - TEST_MEM) / PAGE_SIZE;
}

TEST(offered)
{
	REQUIRE_CAP(VMX_CAP_ASYNC_PF_INT);
	REQUIRE_CAP(VMX_CAP_ASYNC_PF);
	ASSERT_TRUE(cpuid_has(PV_CPUID_FEATURES, 0, 0, FEATURE_ASYNC_PF));
	ASSERT_TRUE(cpuid_has(PV_CPUID_FEATURES, 0, 0, FEATURE_ASYNC_PF_INT));
}

TEST(guest_runs_meanwhile)
{
	struct vm *vm;
	struct vcpu *v;
	u64 before;

	REQUIRE_APF();
	v = start(&vm, guest_two_pages);
	vcpu_expect_sync(v, 1);
	vcpu_start(v);
	ASSERT_EQ(0, next_fault());
	/* The page is asked for, and the guest works. */
	WAIT_UNTIL(in_handler, 10000);
	before = other_work;
	WAIT_UNTIL(other_work > before + 1000, 10000);
	ASSERT_EQ(1, not_present);
	ASSERT_EQ(1, ready);
	give(0);

	/* Two at a time, which come in the other order. */
	ASSERT_EQ(3, next_fault() + next_fault());
	WAIT_UNTIL(not_present == 3, 10000);
	ASSERT_NE(told[1], told[2]);
	give(1);
	WAIT_UNTIL(ready_token == told[1], 10000);
	give(2);
	/* The outer task was woken while the inner one waited. */
	WAIT_UNTIL(ready == 4, 10000);
	stop_waiting = true;
	vcpu_join(v);
	ASSERT_EQ(3, not_present);
	ASSERT_EQ(4, ready);
}

/* The access itself waits, and nobody hears of it. */
static void waits_silently(struct __test_metadata *_metadata, void (*entry)(u64), u64 bits)
{
	struct vm *vm;
	struct vcpu *v;

	enable_bits = bits;
	v = start(&vm, entry);
	vcpu_expect_sync(v, 1);
	vcpu_start(v);
	ASSERT_EQ(0, next_fault());
	usleep(50000);
	give(0);
	vcpu_join(v);
	ASSERT_EQ(0, not_present);
	ASSERT_EQ(0, ready);
}

TEST(off)
{
	REQUIRE_APF();
	waits_silently(_metadata, guest_one_page, 0);
}

TEST(not_for_supervisor_code)
{
	REQUIRE_APF();
	waits_silently(_metadata, guest_one_page, APF_ENABLED | APF_AS_INT);
}

TEST(not_without_the_interrupt)
{
	REQUIRE_APF();
	waits_silently(_metadata, guest_one_page, APF_ENABLED | APF_SEND_ALWAYS);
}

TEST(not_with_interrupts_off)
{
	REQUIRE_APF();
	waits_silently(_metadata, guest_interrupts_off, 0);
}

/* Flags that the guest has not cleared: it has not taken note of the last one. */
TEST(not_while_one_is_unread)
{
	struct vm *vm;
	struct vcpu *v;

	REQUIRE_APF();
	enable_bits = ALL_BITS;
	v = start(&vm, guest_one_page);
	vcpu_expect_sync(v, 1);
	area.flags = 1;
	vcpu_start(v);
	ASSERT_EQ(0, next_fault());
	usleep(50000);
	give(0);
	vcpu_join(v);
	ASSERT_EQ(0, not_present);
	ASSERT_EQ(0, ready);
}

/* A token that the guest has not cleared holds the next one back until ACK. */
TEST(one_token_at_a_time)
{
	struct vm *vm;
	struct vcpu *v;

	REQUIRE_APF();
	enable_bits = ALL_BITS;
	v = start(&vm, guest_one_page);
	vcpu_expect_sync(v, 1);
	area.token = 77;
	vcpu_start(v);
	ASSERT_EQ(0, next_fault());
	WAIT_UNTIL(in_handler, 10000);
	give(0);
	usleep(50000);
	ASSERT_EQ(0, ready);
	ASSERT_EQ(77, area.token);
	stop_waiting = true;
	vcpu_join(v);
	area.token = 0;
	/* ACK by the VMM, as a migration might. */
	vcpu_set_msr(v, MSR_ASYNC_PF_ACK, 1);
	vcpu_expect_done(v);
	ASSERT_EQ(1, ready);
	ASSERT_EQ(told[0], ready_token);
}

TEST(disabled_while_outstanding)
{
	struct vm *vm;
	struct vcpu *v;

	REQUIRE_APF();
	if (!device_is_vmx())
		SKIP(return, "in-tree KVM waits for the page, and the page for us");
	v = start(&vm, guest_disables);
	vcpu_expect_sync(v, 1);
	guest_handlers[VEC_PF] = on_pf_disable;
	vcpu_start(v);
	/* Told; then, switched off, the same access waits: two who wait for one page. */
	ASSERT_EQ(0, next_fault());
	WAIT_UNTIL(in_handler, 10000);
	usleep(50000);
	give(0);
	vcpu_join(v);
	ASSERT_EQ(1, not_present);
	ASSERT_EQ(0, ready);
	ASSERT_EQ(0, area.token);
}

/* The process dies with a page on its way: the module's unloading at the end would not come otherwise. */
TEST(vmm_dies)
{
	struct vm *vm;
	struct vcpu *v;

	REQUIRE_APF();
	if (!device_is_vmx())
		SKIP(return, "in-tree KVM waits for the page, and the page for us");
	enable_bits = ALL_BITS;
	v = start(&vm, guest_one_page);
	vcpu_expect_sync(v, 1);
	vcpu_start(v);
	ASSERT_EQ(0, next_fault());
	WAIT_UNTIL(in_handler, 10000);
	_exit(0);
}

TEST(msrs)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_one_page);

	REQUIRE_CAP(VMX_CAP_ASYNC_PF_INT);
	vcpu_set_msr(v, MSR_ASYNC_PF_INT, APF_VECTOR);
	ASSERT_EQ(APF_VECTOR, vcpu_msr(v, MSR_ASYNC_PF_INT));
	ASSERT_EQ(0, try_msr_set(v, MSR_ASYNC_PF_INT, 0x100));
	vcpu_set_msr(v, MSR_PV_ASYNC_PF, AREA | ALL_BITS);
	ASSERT_EQ(AREA | ALL_BITS, vcpu_msr(v, MSR_PV_ASYNC_PF));
	ASSERT_EQ(0, try_msr_set(v, MSR_PV_ASYNC_PF, AREA | ALL_BITS | 0x10));
	ASSERT_EQ(0, try_msr_set(v, MSR_PV_ASYNC_PF, AREA | ALL_BITS | 0x20));
	ASSERT_EQ(0, try_msr_set(v, MSR_PV_ASYNC_PF, TEST_MMIO | ALL_BITS));	/* no memory */
	if (device_is_vmx())
		ASSERT_EQ(0, try_msr_set(v, MSR_PV_ASYNC_PF, AREA | ALL_BITS | APF_AS_VMEXIT));
	ASSERT_EQ(0, vcpu_msr(v, MSR_ASYNC_PF_ACK));
	/* Without a LAPIC here there is no way to tell. */
	v = vcpu_create(vm_create(0), 0, guest_one_page);
	ASSERT_EQ(0, try_msr_set(v, MSR_PV_ASYNC_PF, AREA | ALL_BITS));
	vcpu_set_msr(v, MSR_PV_ASYNC_PF, 0);
}

TEST_HARNESS_MAIN
