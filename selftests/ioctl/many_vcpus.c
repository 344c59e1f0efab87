// SPDX-License-Identifier: GPL-2.0-only
/*
 * As many vCPUs as there may be, 64 of which run: IPIs by physical and logical x2APIC IDs, far beyond the 255 of an
 * xAPIC, broadcasts, lowest priority, MSIs; an AP beyond 255 is started from the reset state; nothing stays behind.
 */
#include <sys/resource.h>
#include "vmxtest.h"

#define CREATED 1024
#define RUN 64
#define ROUNDS 3
#define TOKEN 0x40
#define GROUP 0x41
#define ALL 0x42
#define ONE 0x43
#define ANSWER 0x44
#define MSI 0x45

/* Four in each fourth cluster: 0, 5, 10, 15, 64, 69 ... 975. The others never run, and stay in xAPIC mode. */
static u32 id_of(u64 n) { return (u32)(n / 4 * 64 + n % 4 * 5); }
static u32 number_of(u64 id) { return (u32)(id / 64 * 4 + id % 16 / 5); }

static volatile u64 got[256][RUN];
static volatile u64 online, answers;

static u64 me(void) { return number_of(x2apic_read(APIC_ID)); }

static void on_irq(struct guest_frame *f)
{
	got[f->vector][me()]++;
	x2apic_write(APIC_EOI, 0);
}

static void send(u64 dest, u32 low)
{
	x2apic_write(APIC_ICR, dest << 32 | APIC_INT_ASSERT | low);
}

/* Interrupts are off but in the HLT, so none is missed. */
static void wait_for(const volatile u64 *count, u64 value)
{
	while (*count < value)
		sti_hlt_cli();
	GUEST_ASSERT_EQ(*count, value);
}

static void answer(u64 n, u32 vector, u64 value)
{
	wait_for(&got[vector][n], value);
	__atomic_add_fetch(&answers, 1, __ATOMIC_SEQ_CST);
	send(id_of(0), ANSWER);
}

static void guest_follow(u64 n)
{
	for (u64 round = 1; round <= ROUNDS; round++) {
		wait_for(&got[TOKEN][n], round);
		send(id_of((n + 1) % RUN), TOKEN);
	}
	answer(n, GROUP, 1);
	/* in a second message to the group, one of it is meant */
	if (n % 4 == 1)
		answer(n, GROUP, 2);
	answer(n, ALL, 1);
	answer(n, ALL, 2);
	GUEST_ASSERT_EQ(got[GROUP][n], n % 4 == 1 ? 2 : 1);
	guest_done();
}

static void guest_lead(void)
{
	wait_for(&got[TOKEN][0], 1);
	for (u64 round = 2; round <= ROUNDS + 1; round++) {
		send(id_of(1), TOKEN);
		wait_for(&got[TOKEN][0], round);
	}
	/* SDM 3A 11.12.10.1: the cluster in bits 31:16, one bit for each of its members; then one of them alone */
	for (u64 group = 0; group < RUN / 4; group++)
		send(group * 4 << 16 | 0x8421, APIC_DEST_LOGICAL | GROUP);
	wait_for(&answers, RUN - 1);
	for (u64 group = 0; group < RUN / 4; group++)
		send(group * 4 << 16 | 1 << 5, APIC_DEST_LOGICAL | GROUP);
	wait_for(&answers, RUN - 1 + RUN / 4);
	/* all others; and all by the destination, the sender too */
	send(0, APIC_DEST_ALLBUT | ALL);
	wait_for(&answers, 2 * (RUN - 1) + RUN / 4);
	GUEST_ASSERT_EQ(got[ALL][0], 0);
	send(0xffffffff, ALL);
	wait_for(&answers, 3 * (RUN - 1) + RUN / 4);
	wait_for(&got[ALL][0], 1);
	/* the group's lowest priority: here they all have ended, so who has it shows in the host's eyes */
	send(15 * 4 << 16 | 0x8421, APIC_DEST_LOGICAL | APIC_DM_LOWEST | ONE);
	guest_done();
}

static void guest_cpu(u64 n)
{
	x2apic_enable();
	GUEST_ASSERT_EQ(x2apic_read(APIC_ID), id_of(n));
	GUEST_ASSERT_EQ(x2apic_read(APIC_LDR), (u64)(id_of(n) >> 4) << 16 | 1u << (id_of(n) & 15));
	if (__atomic_add_fetch(&online, 1, __ATOMIC_SEQ_CST) == RUN)
		send(id_of(0), TOKEN);
	if (n)
		guest_follow(n);
	guest_lead();
}

/* Files for the vCPUs; false: this user may not have as many. */
static bool raise_limit(void)
{
	struct rlimit limit = { CREATED + 200, CREATED + 200 };

	return !setrlimit(RLIMIT_NOFILE, &limit);
}

static long available_kb(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/meminfo", "r");

	while (f && kb < 0 && fgets(line, sizeof(line), f))
		sscanf(line, "MemAvailable: %ld", &kb);
	if (f)
		fclose(f);
	return kb;
}

/* The vCPUs that run first, then the rest. */
static struct vm *create_all(struct vcpu *v[RUN], int fds[CREATED])
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	int count = 0;

	for (int n = 0; n < RUN; n++) {
		v[n] = vcpu_create_as(vm, n, id_of((u64)n), guest_cpu);
		fds[count++] = v[n]->fd;
	}
	for (u64 id = 0; id < CREATED; id++)
		if (id % 64 >= 16 || id % 16 % 5)
			fds[count++] = (int)must_ioctl(vm->fd, VMX_CREATE_VCPU, id);
	CHECK_EQ(count, CREATED);
	return vm;
}

/* IRR of an APIC as the VMM sees it: an interrupt that waits there. */
static bool waits(struct vcpu *v, u32 vector)
{
	struct vmx_lapic_state s;
	u32 word;

	must_ioctl(v->fd, VMX_GET_LAPIC, &s);
	memcpy(&word, s.regs + APIC_IRR + vector / 32 * 16, 4);
	return word >> (vector % 32) & 1;
}

FIXTURE(many) { int unused; };
FIXTURE_SETUP(many) { }
FIXTURE_TEARDOWN(many) { }

TEST_F_TIMEOUT(many, all_of_them, 120)
{
	struct vmx_enable_cap wide = { .cap = VMX_CAP_X2APIC_API, .args = { VMX_X2APIC_API_USE_32BIT_IDS } };
	struct vmx_msi msi = { .address_lo = 0xfee00000u | (id_of(RUN - 1) & 0xff) << 12,
			       .address_hi = id_of(RUN - 1) & ~0xffu, .data = MSI };
	struct vcpu *v[RUN];
	int fds[CREATED];
	u64 start, created, ran;
	struct vm *vm;
	int count = 0;

	ASSERT_LE(CREATED, check_cap(device_open(), VMX_CAP_MAX_VCPUS));
	if (!raise_limit())
		SKIP(return, "needs %d files open", CREATED + 200);
	for (int vector = TOKEN; vector <= MSI; vector++)
		guest_handlers[vector] = on_irq;
	start = now_ms();
	vm = create_all(v, fds);
	created = now_ms();
	/* no more, be the id taken or not */
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_CREATE_VCPU, (void *)CREATED));
	ASSERT_EQ(-EINVAL, try_ioctl(vm->fd, VMX_CREATE_VCPU, (void *)(CREATED - 1)));
	for (int n = 0; n < RUN; n++)
		vcpu_start(v[n]);
	for (int n = 0; n < RUN; n++)
		vcpu_join(v[n]);
	ran = now_ms();
	TH_LOG("%d vCPUs created in %lu ms, %d run for %lu ms", CREATED, created - start, RUN, ran - created);
	for (int n = RUN - 4; n < RUN; n++)
		count += waits(v[n], ONE);
	ASSERT_EQ(1, count);
	must_ioctl(vm->fd, VMX_ENABLE_CAP, &wide);
	ASSERT_EQ(1, try_ioctl(vm->fd, VMX_SIGNAL_MSI, &msi));
	for (int n = 0; n < RUN; n++)
		ASSERT_EQ(n == RUN - 1, waits(v[n], MSI));
}

/* Made and closed again and again: what they cost comes back. */
TEST_F_TIMEOUT(many, cost_nothing_afterwards, 120)
{
	long before, during, after = 0;
	struct vcpu *v[RUN];
	int fds[CREATED];
	struct vm *vm;
	u64 start;

	if (!raise_limit())
		SKIP(return, "needs %d files open", CREATED + 200);
	if (!access("/sys/kernel/debug/kmemleak", F_OK))
		SKIP(return, "this kernel's kmemleak says more, and is slow");
	for (int round = 0; round < 2; round++) {
		before = available_kb();
		vm = create_all(v, fds);
		during = available_kb();
		for (int n = 0; n < RUN; n++)
			munmap(v[n]->run, v[n]->run_size);
		for (int i = 0; i < CREATED; i++)
			close(fds[i]);
		vm_close(vm);
		/* what goes after a grace period */
		for (start = now_ms(); now_ms() - start < (round ? 10000 : 2000); usleep(50000)) {
			after = available_kb();
			if (after >= before - (before - during) / 8)
				break;
		}
	}
	TH_LOG("%ld KiB for each vCPU, %ld of all %ld not back", (before - during) / CREATED, before - after,
	       before - during);
	ASSERT_LT(0, before - during);
	ASSERT_GE(after, before - (before - during) / 8);
}

/*
 * A vCPU beyond 255 that waits in xAPIC mode as it was made, where no ID of eight bits is its own: a CPU in x2APIC
 * mode starts it by the whole one. What is plugged in while a guest runs has no firmware that would switch it over.
 */
static void guest_starts_ap(u64 n)
{
	x2apic_enable();
	send(0x105, APIC_DM_INIT);
	send(0x105, APIC_DM_STARTUP | LOW_CODE16 >> 12);
	guest_done();
}

CODE16(code_ap, "movb $0x5a, %cs:0x100\n cli\n 1: hlt\n jmp 1b\n");

TEST_F_TIMEOUT(many, ap_beyond_255, 30)
{
	struct vm *vm = vm_create(VM_IRQCHIP);
	struct vcpu *v = vcpu_create(vm, 0, guest_starts_ap), *ap = vcpu_create_as(vm, 1, 0x105, guest_cpu);
	struct vcpu *five = vcpu_create_reset(vm, 5);
	volatile u8 *mark = vm_ptr(vm, LOW_CODE16);

	ASSERT_GT(0x100, code_ap_end - code_ap);
	memcpy(vm_ptr(vm, LOW_CODE16), code_ap, (size_t)(code_ap_end - code_ap));
	vcpu_set_mp_state(ap, VMX_MP_STATE_UNINITIALIZED);
	vcpu_expect_done(v);
	/* number 5 is another */
	ASSERT_EQ(VMX_MP_STATE_UNINITIALIZED, vcpu_mp_state(five));
	vcpu_start(ap);
	WAIT_UNTIL(mark[0x100] == 0x5a, 10000);
	vcpu_stop(ap);
}

TEST_HARNESS_MAIN
