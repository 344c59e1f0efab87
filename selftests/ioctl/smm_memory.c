// SPDX-License-Identifier: GPL-2.0-only
/* Address space 1 is what a vCPU sees in system management mode, and SMBASE says where it enters. */
#include "smm.h"

#define WORD	0x31000ul	/* in SMRAM and, as other memory, in the low slot */
#define OUTSIDE	0x00180000ul	/* in the low slot alone */

static volatile u64 seen;

/* EBX: what is at WORD; then it writes there, and reads where there is no SMRAM. */
CODE16(handler, "movl %cs:0x1000, %ebx\n" SMM_SAY(100)
       "incl %cs:0x1000\n movl $0x180000, %esi\n addr32 movl (%esi), %ecx\n"
       "movl %cs:0x1000, %ebx\n" SMM_SAY(101) "rsm\n");

static void guest(u64 id)
{
	volatile u32 *word = (volatile u32 *)WORD;

	for (;;) {
		guest_sync(1);
		seen = *word;
		*word = (u32)seen + 0x100;
	}
}

TEST(hidden_from_others)
{
	struct vm *vm = vm_create(0);
	char *ram = smm_setup(vm, handler, handler_end);
	struct vcpu *v = vcpu_create(vm, 0, guest);

	smm_put(ram, 0x1000, 0x5aa5, 4);
	*(u32 *)(vm->low + WORD) = 0x1000;
	*(u32 *)(vm->low + OUTSIDE) = 77;
	vcpu_expect_sync(v, 1);
	vcpu_expect_sync(v, 1);
	CHECK_EQ(seen, 0x1000);
	for (u32 i = 0; i < 3; i++) {
		smm_send(v);
		vcpu_expect_sync(v, 100);
		CHECK_EQ(vcpu_regs(v).rbx, 0x5aa5 + i);
		/* Nothing of the other space is there. */
		vcpu_expect_exit(v, VMX_EXIT_MMIO);
		CHECK(in_smm(v));
		CHECK_EQ(v->run->mmio.phys_addr, OUTSIDE);
		memset(v->run->mmio.data, 0x11, 8);
		vcpu_expect_sync(v, 101);
		CHECK_EQ(vcpu_regs(v).rcx, 0x11111111);
		CHECK_EQ(vcpu_regs(v).rbx, 0x5aa5 + i + 1);
		vcpu_expect_sync(v, 1);
		CHECK_EQ(seen, 0x1100 + 0x100 * i);
		CHECK(!in_smm(v));
	}
	CHECK_EQ(smm_get(ram, 0x1000, 4), 0x5aa5 + 3);
	CHECK_EQ(*(u32 *)(vm->low + WORD), 0x1000 + 0x400);
}

/* Read again and again, in SMM all the time. */
CODE16(watcher, "1: movl %cs:0x1000, %ebx\n" SMM_SAY(100) "jmp 1b\n");

static void expect_word(struct vcpu *v, u32 val)
{
	vcpu_expect_sync(v, 100);
	CHECK_EQ((u32)vcpu_regs(v).rbx, val);
}

TEST(follows_the_host)
{
	struct vm *vm = vm_create(0);
	char *ram = smm_setup(vm, watcher, watcher_end), *other;
	struct vcpu *v = vcpu_create(vm, 0, guest);

	smm_put(ram, 0x1000, 1, 4);
	vcpu_expect_sync(v, 1);
	smm_send(v);
	expect_word(v, 1);
	/* The VMM's page is another one. */
	CHECK(!madvise(ram + 0x1000, PAGE_SIZE, MADV_DONTNEED));
	smm_put(ram, 0x1000, 2, 4);
	expect_word(v, 2);
	other = mem_alloc(PAGE_SIZE);
	smm_put(other, 0, 3, 4);
	CHECK(mremap(other, PAGE_SIZE, PAGE_SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, ram + 0x1000) ==
	      ram + 0x1000);
	expect_word(v, 3);
}

CODE16(speaker, SMM_SAY(100) "rsm\n");

static char *smram;

static void *add_late(void *arg)
{
	struct vm *vm = arg;

	usleep(20000);
	slot_set(vm, SMM_SLOT, 0, SMM_BASE, SMM_SIZE, smram);
	return NULL;
}

/* SMRAM is replaced by another slot for the same memory: an SMI, and RSM, wait until it is there. */
static void expect_sync_over_gap(struct vm *vm, struct vcpu *v, u64 stage)
{
	pthread_t thread;

	slot_set(vm, SMM_SLOT, 0, SMM_BASE, 0, NULL);
	CHECK(!pthread_create(&thread, NULL, add_late, vm));
	vcpu_expect_sync(v, stage);
	pthread_join(thread, NULL);
}

TEST(replaced)
{
	struct vm *vm = vm_create(0);
	struct vcpu *v = vcpu_create(vm, 0, guest);

	smram = smm_setup(vm, speaker, speaker_end);
	vcpu_expect_sync(v, 1);
	for (u32 i = 0; i < 10; i++) {
		struct vmx_regs r = vcpu_regs(v);

		smm_send(v);
		expect_sync_over_gap(vm, v, 100);
		CHECK(in_smm(v));
		/* The next message is the guest's own, with the registers of before. */
		expect_sync_over_gap(vm, v, 1);
		CHECK(!in_smm(v));
		CHECK_EQ(vcpu_regs(v).rsp, r.rsp);
		CHECK_EQ(vcpu_regs(v).rbp, r.rbp);
	}
}

/* A slot comes and goes in the one space; the other does not care. */
TEST(slots)
{
	struct vm *vm = vm_create(0);
	char *ram = smm_setup(vm, watcher, watcher_end);
	char *more = mem_alloc(0x2000);
	struct vcpu *v = vcpu_create(vm, 0, guest);

	CHECK_EQ(check_cap(vm->dev, VMX_CAP_MULTI_ADDRESS_SPACE), 2);
	CHECK_EQ(check_cap(vm->dev, VMX_CAP_X86_SMM), 1);
	CHECK_EQ(try_slot_set(vm, 2u << 16, 0, TEST_MEM, 0x2000, more), -EINVAL);
	CHECK_EQ(try_slot_set(vm, SMM_SLOT | 5, 0, SMM_BASE, 0x2000, more), -EEXIST);
	CHECK_EQ(try_slot_set(vm, SMM_SLOT | SLOT_LOW, 0, 0, 0, more), 0);
	smm_put(more, 0, 0x1234, 4);
	CHECK_EQ(try_slot_set(vm, SMM_SLOT | 5, 0, WORD, 0x2000, more), 0);
	CHECK_EQ(try_slot_set(vm, SMM_SLOT | 6, 0, SMM_BASE + SMM_ENTRY, 0x8000, ram + SMM_ENTRY), 0);
	vcpu_expect_sync(v, 1);
	smm_send(v);
	expect_word(v, 0x1234);
	/* The low slot of the other space is still what it was, and goes without notice here. */
	CHECK_EQ(try_slot_set(vm, SMM_SLOT | 5, 0, 0, 0, more), 0);
	vcpu_expect_exit(v, VMX_EXIT_MMIO);
	CHECK_EQ(v->run->mmio.phys_addr, WORD);
	memset(v->run->mmio.data, 0, 8);
	expect_word(v, 0);
	CHECK_EQ(try_slot_set(vm, SMM_SLOT | 5, 0, WORD, 0x2000, more), 0);
	expect_word(v, 0x1234);
}

static u64 log_of(struct vm *vm, u32 slot)
{
	static u64 bits[SMM_SIZE / PAGE_SIZE / 64 + 1];
	struct vmx_dirty_log log = { .slot = slot, .dirty_bitmap = bits };

	must_ioctl(vm->fd, VMX_GET_DIRTY_LOG, &log);
	return bits[0];
}

CODE16(writer, "1: incl %cs:0x1000\n" SMM_SAY(100) "cmpl $0, %cs:0x1000\n jne 1b\n rsm\n");

TEST(dirty_log)
{
	struct vm *vm = vm_create(0);
	char *ram = smm_setup(vm, writer, writer_end);
	struct vcpu *v = vcpu_create(vm, 0, guest);

	vcpu_expect_sync(v, 1);
	slot_set(vm, SMM_SLOT, VMX_MEM_LOG_DIRTY_PAGES, SMM_BASE, SMM_SIZE, ram);
	CHECK_EQ(log_of(vm, SMM_SLOT), 0);
	smm_send(v);
	vcpu_expect_sync(v, 100);
	/* the save area, and the handler's own */
	CHECK_EQ(log_of(vm, SMM_SLOT), 1u << 0xf | 1u << 1);
	CHECK_EQ(log_of(vm, SMM_SLOT), 0);
	vcpu_expect_sync(v, 100);
	CHECK_EQ(log_of(vm, SMM_SLOT), 1u << 1);
	/* The other space's memory at the same place. */
	slot_set(vm, SLOT_LOW, VMX_MEM_LOG_DIRTY_PAGES, 0, LOW_SIZE, vm->low);
	smm_put(ram, 0x1000, 0xffffffff, 4);
	vcpu_expect_sync(v, 100);
	vcpu_expect_sync(v, 1);
	CHECK_EQ(log_of(vm, SMM_SLOT), 1u << 1);
	CHECK_EQ(try_ioctl(vm->fd, VMX_GET_DIRTY_LOG,
			   &(struct vmx_dirty_log){ .slot = 2u << 16 }), -EINVAL);
}

/* The handler moves SMBASE by its save area. */
CODE16(mover, "movl $0x40000, %cs:0xff00\n" SMM_SAY(100) "rsm\n");
CODE16(moved, SMM_SAY(102) "rsm\n");

static void guest_msrs(u64 id)
{
	u64 val;

	guest_sync(1);
	guest_sync(2);
	GUEST_ASSERT_EQ(rdmsr_try(MSR_SMBASE, &val), VEC_GP);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_SMBASE, 0x50000), VEC_GP);
	GUEST_ASSERT_EQ(rdmsr(MSR_SMI_COUNT), 3);
	GUEST_ASSERT_EQ(wrmsr_try(MSR_SMI_COUNT, 0), VEC_GP);
	guest_done();
}

TEST(relocation)
{
	struct vm *vm = vm_create(0);
	char *ram = smm_setup(vm, mover, mover_end);
	struct vcpu *v = vcpu_create(vm, 0, guest_msrs);

	memcpy(ram + 0x10000 + SMM_ENTRY, moved, (size_t)(moved_end - moved));
	memcpy(ram + 0x20000 + SMM_ENTRY, moved, (size_t)(moved_end - moved));
	CHECK_EQ(vcpu_msr(v, MSR_SMBASE), SMM_BASE);
	vcpu_expect_sync(v, 1);
	smm_send(v);
	vcpu_expect_sync(v, 100);
	CHECK_EQ(vcpu_msr(v, MSR_SMBASE), SMM_BASE);	/* RSM does it */
	vcpu_expect_sync(v, 2);
	CHECK_EQ(vcpu_msr(v, MSR_SMBASE), 0x40000);
	smm_send(v);
	vcpu_expect_sync(v, 102);
	CHECK_EQ(vcpu_sregs(v).cs.base, 0x40000);
	CHECK_EQ(smm_get(ram, 0x10000 + SAVE_SMBASE, 4), 0x40000);
	/* By the VMM: the next SMI goes there, and so does RSM look there. */
	memcpy(ram + 0x20000 + 0xfe00, ram + 0x10000 + 0xfe00, 512);
	smm_put(ram, 0x20000 + SAVE_SMBASE, 0x50000, 4);
	vcpu_set_msr(v, MSR_SMBASE, 0x50000);
	smm_send(v);
	vcpu_expect_sync(v, 102);
	CHECK_EQ(vcpu_sregs(v).cs.base, 0x50000);
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
