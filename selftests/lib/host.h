/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Host half of the test library: device, VM, memory slots, vCPUs.
 *
 * A function that cannot do its work prints why and ends the test process with a
 * failure; those named try_* return the result or -errno instead. Nothing here
 * is hidden from tests: they may use vm->fd and vcpu->fd directly.
 */
#ifndef SELFTESTS_LIB_HOST_H
#define SELFTESTS_LIB_HOST_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include "uapi/vmx.h"
#include "layout.h"
#include "x86.h"

#define MAX_TEST_SLOTS 64

struct vm;

struct vcpu {
	struct vm *vm;
	int id;
	int fd;
	struct vmx_run *run;
	size_t run_size;
	/* of vcpu_start() */
	pthread_t thread;
	volatile bool started, stop, ended;
	volatile u64 syncs, sync_value;
};

struct slot {
	u64 gpa, size;
	char *hva;
};

struct vm {
	int dev, fd;
	bool irqchip;
	struct vcpu *vcpus[MAX_TEST_VCPUS];
	struct slot slots[MAX_TEST_SLOTS];
	char *low;		/* host address of the low slot */
	u64 pgtable_next;	/* next free page-table page: guest physical */
};

/* One message of the guest: guest.h. */
struct ucall {
	u32 call;
	u64 a, b, c, d;
};

/* "# file:line: message" on stderr, then _exit(1). */
__attribute__((noreturn, format(printf, 3, 4)))
void test_die(const char *file, int line, const char *fmt, ...);
#define DIE(fmt, ...) test_die(__FILE__, __LINE__, fmt, ##__VA_ARGS__)
#define CHECK(cond) do { if (!(cond)) DIE("%s", #cond); } while (0)
#define CHECK_EQ(a, b) do { \
	long long a_ = (long long)(a), b_ = (long long)(b); \
	if (a_ != b_) \
		DIE("%s (%#llx, %lld) != %s (%#llx, %lld)", #a, a_, a_, #b, b_, b_); \
} while (0)

/* $VMX_DEVICE, else /dev/vmx; and whether that is ours, not in-tree KVM. */
const char *device_path(void);
bool device_is_vmx(void);
bool host_is_amd(void);
/* Is the host's CPU emulated by QEMU? Some of its behaviour is not that of silicon. */
bool host_is_tcg(void);
/* By Bochs, as its BIOS says? */
bool host_is_bochs(void);
/* counters.c. A counter of vCPU 0 of this process' VM, as debugfs names it; -1: not to be had. */
long vcpu_counter(const char *name);
/* One of the VM, by its statistics (VMX_GET_STATS_FD); -1: not to be had. */
long vm_counter(struct vm *vm, const char *name);
/* Has the CPU what /proc/cpuinfo's "vmx flags" call so, and does the module's parameter of that name say Y? */
bool vmx_flag_used(const char *flag);
/* Is the Intel backend in use, and does this parameter of its say Y? */
bool vt_parameter(const char *name);

/* A new fd of the device. Exits with "skip" when the node is not there. */
int device_open(void);
/* ioctl() that returns -errno. */
long try_ioctl(int fd, unsigned long req, void *arg);
long must_ioctl_at(const char *file, int line, const char *name, int fd, unsigned long req,
		   void *arg);
#define must_ioctl(fd, req, arg) \
	must_ioctl_at(__FILE__, __LINE__, #req, fd, req, (void *)(arg))
int check_cap(int fd, long cap);

#define VM_IRQCHIP	1	/* PICs, IOAPIC, LAPICs in the kernel */
#define VM_PIT		2	/* and the PIT; implies VM_IRQCHIP */
#define VM_SPLIT	4	/* LAPICs in the kernel only */
#define VM_BARE		8	/* no memory at all */
struct vm *vm_create(unsigned int flags);
/* On shadow tables, of our module. */
struct vm *vm_create_shadow(void);
/* Does it run on shadow tables? (The module's parameter paging= decides.) False on in-tree KVM. */
bool vm_is_shadow(struct vm *vm);
/* VMX_X_AUDIT finds no rule broken; nothing on in-tree KVM. */
void vm_audit(struct vm *vm);
/* Closes every fd, unmaps the run pages. Memory of the slots stays. */
void vm_close(struct vm *vm);

/* Anonymous, zeroed, 2 MiB aligned. */
void *mem_alloc(size_t size);
long try_slot_set(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 size, void *hva);
void slot_set(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 size, void *hva);
/* mem_alloc() and slot_set(); the host address. */
void *slot_add(struct vm *vm, u32 slot, u64 gpa, u64 size);
/* Host address of guest-physical memory that a slot holds. */
void *vm_ptr(struct vm *vm, u64 gpa);

/* vCPU in its reset state, no CPUID. */
struct vcpu *vcpu_create_bare(struct vm *vm, int id);
/* With supported_cpuid(), which got this vCPU's APIC id. */
struct vcpu *vcpu_create_reset(struct vm *vm, int id);
/* In 64-bit mode on the identity map, about to call entry(id) on its own stack. */
struct vcpu *vcpu_create(struct vm *vm, int id, void (*entry)(u64 id));
/* Likewise the one of number @n, with its stack, whose id is another, larger one. Not in vm->vcpus. */
struct vcpu *vcpu_create_as(struct vm *vm, int n, u64 id, void (*entry)(u64 n));
void vcpu_close(struct vcpu *v);

/* cpu_mode.c: GDT, IDT, TSSs and the identity map into the low slot. */
void vm_setup_tables(struct vm *vm);
void vcpu_set_long(struct vcpu *v, void (*entry)(u64 id));
/* Flat 32-bit segments, paging off; eip is an address in the image or the low slot. */
void vcpu_set_prot32(struct vcpu *v, u64 eip);
/* Copies [start, end) to LOW_CODE16 and points CS:IP there; other segments are 0. */
void vcpu_set_real(struct vcpu *v, const void *start, const void *end);
/* Loads the AP trampoline at LOW_CODE16 (SIPI vector 8); APs call entry(APIC id). */
void vm_setup_ap(struct vm *vm, void (*entry)(u64 id));
/* A zeroed page-table page. */
u64 pt_alloc(struct vm *vm);
/*
 * Maps va to gpa in the four-level table at `root`; level 1: 4K, 2: 2M, 3: 1G.
 * A larger page in the way is split into what it mapped. Returns the entry.
 */
u64 *pt_map(struct vm *vm, u64 root, u64 va, u64 gpa, int level, u64 flags);
/* The entry that maps va (at any level), or NULL. */
u64 *pt_find(struct vm *vm, u64 root, u64 va);

/* cpuid.c. The table is allocated once; tests may edit it before vcpu_create(). */
struct vmx_cpuid2 *supported_cpuid(void);
struct vmx_cpuid_entry2 *cpuid_find(struct vmx_cpuid2 *c, u32 leaf, u32 sub);
/* One bit of the supported CPUID. reg: 0 EAX .. 3 EDX. */
bool cpuid_has(u32 leaf, u32 sub, int reg, int bit);
struct vmx_cpuid2 *cpuid_copy(const struct vmx_cpuid2 *c);
void vcpu_set_cpuid(struct vcpu *v, const struct vmx_cpuid2 *c);

struct vmx_regs vcpu_regs(struct vcpu *v);
void vcpu_set_regs(struct vcpu *v, const struct vmx_regs *r);
struct vmx_sregs vcpu_sregs(struct vcpu *v);
void vcpu_set_sregs(struct vcpu *v, const struct vmx_sregs *s);
void vcpu_set_mp_state(struct vcpu *v, u32 state);
u32 vcpu_mp_state(struct vcpu *v);
/* One MSR; the number of MSRs done (0 or 1), or -errno. */
long try_msr_get(struct vcpu *v, u32 index, u64 *value);
long try_msr_set(struct vcpu *v, u32 index, u64 value);
u64 vcpu_msr(struct vcpu *v, u32 index);
void vcpu_set_msr(struct vcpu *v, u32 index, u64 value);
void vm_irq_line(struct vm *vm, u32 gsi, u32 level);

/* run.c. One RUN: 0 or -errno. */
long try_run(struct vcpu *v);
/* RUN until it returns 0; EINTR and EAGAIN are repeated. The exit reason. */
u32 vcpu_run(struct vcpu *v);
const char *exit_name(u32 reason);
/* Is the last exit a message of the guest? */
bool vcpu_get_call(struct vcpu *v, struct ucall *uc);
/* Runs to the guest's next message. A failed guest assert, an exception that the
 * guest does not handle, and any other exit end the test. */
struct ucall vcpu_call_at(const char *file, int line, struct vcpu *v);
/* The first two of these, for an exit that was had by other means. */
void vcpu_check_guest_at(const char *file, int line, struct vcpu *v);
#define vcpu_call(v) vcpu_call_at(__FILE__, __LINE__, v)
#define vcpu_expect_sync(v, stage) do { \
	struct ucall uc_ = vcpu_call(v); \
	CHECK_EQ(uc_.call, CALL_SYNC); \
	CHECK_EQ(uc_.a, stage); } while (0)
#define vcpu_expect_done(v) CHECK_EQ(vcpu_call(v).call, CALL_DONE)
void vcpu_expect_exit_at(const char *file, int line, struct vcpu *v, u32 reason);
#define vcpu_expect_exit(v, reason) vcpu_expect_exit_at(__FILE__, __LINE__, v, reason)
/* The next exit must be this access; data as little-endian number. */
void vcpu_expect_mmio_at(const char *file, int line, struct vcpu *v, bool write, u64 gpa,
			 u32 len, u64 data);
#define vcpu_expect_mmio_write(v, gpa, len, data) \
	vcpu_expect_mmio_at(__FILE__, __LINE__, v, true, gpa, len, data)
/* Checks a read and answers it with data. */
#define vcpu_answer_mmio(v, gpa, len, data) \
	vcpu_expect_mmio_at(__FILE__, __LINE__, v, false, gpa, len, data)

/* thread.c: runs the vCPU in a thread until CALL_DONE; CALL_SYNC counts in v->syncs. */
void vcpu_start(struct vcpu *v);
void vcpu_join(struct vcpu *v);
/* Makes a running vCPU return to its thread, and ends that. */
void vcpu_stop(struct vcpu *v);
/* Installs a handler for SIGUSR1 that does nothing. */
void kick_init(void);
u64 now_ms(void);
#define WAIT_UNTIL(cond, ms) do { \
	u64 end_ = now_ms() + (ms); \
	while (!(cond)) { \
		if (now_ms() > end_) \
			DIE("not within %u ms: %s", (unsigned)(ms), #cond); \
		usleep(500); \
	} } while (0)

#endif
