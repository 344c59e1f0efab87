// SPDX-License-Identifier: GPL-2.0-only
/* The single things that the storm does. Objects are in tables that all threads use without a lock. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "storm.h"
#include "uapi/vmx.h"
#include "uapi/vmx_ioctl.h"
#include "uapi/vmx_ext.h"

#define PAGE 4096ul
#define ARENA (16ul << 20)
#define VMS 4
#define VCPUS 12
#define EVENTS 4
#define OTHERS 8
#define BUFFER 16384
#define LARGEST_SLOT (1ul << 36)

static int device;
static int vms[VMS], vcpus[VCPUS], events[EVENTS], others[OTHERS];
static struct vmx_run *runs[VCPUS];
static int pair[2];
static int arena_fd;
static u8 *view;	/* the arena as this program sees it: always there */
static u8 *arena;	/* the same memory where the slots point to: comes and goes */

/* ---- the calls ---- */

enum target { SYS, VM, VCPU };

/* What a valid argument is: plain: a small number; same: from the GET of get, changed a little. */
typedef void fill_fn(struct rng *r, void *buf);

struct call {
	const char *name;
	unsigned long nr;
	enum target target;
	fill_fn *fill;
	unsigned long get;
};

static u64 some_gpa(struct rng *r)
{
	static const u64 bases[] = { 0, 0, 0, 0x1000, 0xf0000, 0x100000, 0x200000, 0x80000000,
				     0xfec00000, 0xfee00000, 0xffff0000, 0xffff0000, 1ull << 32,
				     1ull << 39, ~0ull << 12 };

	return bases[rng_below(r, sizeof(bases) / sizeof(bases[0]))] + rng_below(r, 16) * PAGE;
}

static void fill_region(struct rng *r, void *buf)
{
	struct vmx_userspace_memory_region *m = buf;
	bool top = rng_below(r, 2);

	m->slot = rng_below(r, 6);
	m->flags = rng_below(r, 4) ? 0 : rng_below(r, 4);
	m->guest_phys_addr = top ? 0xffff0000 : some_gpa(r);
	m->memory_size = top ? 0x10000 : (u64)rng_below(r, 1 << rng_below(r, 12)) * PAGE;
	m->userspace_addr = (u64)(uintptr_t)arena + rng_below(r, ARENA / PAGE / 2) * PAGE;
	if (!rng_below(r, 16))
		m->userspace_addr += rng_below(r, 8192);
	if (!rng_below(r, 32))
		m->memory_size = rng_next(r) >> rng_below(r, 64) & ~(PAGE - 1) & (LARGEST_SLOT - 1);
}

static void fill_dirty_log(struct rng *r, void *buf)
{
	struct vmx_dirty_log *d = buf;

	d->slot = rng_below(r, 6);
	d->dirty_bitmap = view + ARENA / 2;
}

static void fill_clear_log(struct rng *r, void *buf)
{
	struct vmx_clear_dirty_log *d = buf;

	d->slot = rng_below(r, 6);
	d->first_page = rng_below(r, 8) * 64;
	d->num_pages = rng_below(r, 8) * 64;
	d->dirty_bitmap = view + ARENA / 2;
}

static void fill_zone(struct rng *r, void *buf)
{
	struct vmx_coalesced_mmio_zone *z = buf;

	z->addr = some_gpa(r);
	z->size = rng_below(r, 64);
	z->pio = rng_below(r, 2);
}

static void fill_line(struct rng *r, void *buf)
{
	struct vmx_irq_level *l = buf;

	l->irq = rng_below(r, 28);
	l->level = rng_below(r, 2);
}

static void fill_chip(struct rng *r, void *buf)
{
	((struct vmx_irqchip *)buf)->chip_id = rng_below(r, 4);
}

static void fill_routing(struct rng *r, void *buf)
{
	struct vmx_irq_routing *t = buf;

	t->nr = rng_below(r, 40);
	t->flags = 0;
	for (u32 i = 0; i < t->nr; i++) {
		struct vmx_irq_routing_entry *e = &t->entries[i];

		memset(e, 0, sizeof(*e));
		e->gsi = rng_below(r, 48);
		e->type = 1 + rng_below(r, 2);
		if (e->type == 1) {
			e->u.irqchip.irqchip = rng_below(r, 3);
			e->u.irqchip.pin = rng_below(r, 24);
		} else {
			e->u.msi.address_lo = 0xfee00000 | rng_below(r, 1 << 20);
			e->u.msi.data = rng_below(r, 1 << 16);
		}
	}
}

static void fill_msi(struct rng *r, void *buf)
{
	struct vmx_msi *m = buf;

	memset(m, 0, sizeof(*m));
	m->address_lo = 0xfee00000 | rng_below(r, 1 << 20);
	m->data = rng_below(r, 1 << 16);
}

static void fill_irqfd(struct rng *r, void *buf)
{
	struct vmx_irqfd *i = buf;

	memset(i, 0, sizeof(*i));
	i->fd = (u32)events[rng_below(r, EVENTS)];
	i->gsi = rng_below(r, 28);
	i->flags = rng_below(r, 4);
	i->resamplefd = (u32)events[rng_below(r, EVENTS)];
}

static void fill_ioeventfd(struct rng *r, void *buf)
{
	struct vmx_ioeventfd *i = buf;

	memset(i, 0, sizeof(*i));
	i->flags = rng_below(r, 8);
	i->addr = i->flags & 2 ? rng_below(r, 256) : some_gpa(r);
	i->len = rng_below(r, 2) ? 1u << rng_below(r, 4) : 0;
	i->fd = events[rng_below(r, EVENTS)];
	i->datamatch = rng_below(r, 3);
}

static void fill_zero(struct rng *r, void *buf)
{
	(void)r;
	memset(buf, 0, 512);
}

static void fill_cap(struct rng *r, void *buf)
{
	struct vmx_enable_cap *c = buf;

	memset(c, 0, sizeof(*c));
	c->cap = rng_below(r, 240);
	c->args[0] = rng_below(r, 3) ? rng_below(r, 512) : rng_next(r);
}

static u32 some_msr(struct rng *r)
{
	static const u32 bases[] = { 0, 0x10, 0x174, 0x200, 0x250, 0x400, 0x800, 0x830, 0xda0,
				     0x4b564d00, 0xc0000080, 0xc0000100, 0xc0010000, 0x40000000 };

	return bases[rng_below(r, sizeof(bases) / sizeof(bases[0]))] + rng_below(r, 16);
}

static void fill_msrs(struct rng *r, void *buf)
{
	struct vmx_msrs *m = buf;

	m->nmsrs = rng_below(r, 40);
	for (u32 i = 0; i < m->nmsrs; i++) {
		m->entries[i].index = some_msr(r);
		m->entries[i].data = rng_next(r) >> rng_below(r, 64);
	}
}

static void fill_list(struct rng *r, void *buf)
{
	*(u32 *)buf = rng_below(r, 300);
}

static void fill_cpuid(struct rng *r, void *buf)
{
	struct vmx_cpuid2 *c = buf;

	c->nent = 200;
	if (ioctl(device, VMX_GET_SUPPORTED_CPUID, c))
		c->nent = 0;
	if (c->nent && !rng_below(r, 2))
		c->entries[rng_below(r, c->nent)].eax ^= 1u << rng_below(r, 32);
}

/* Never the signal that ends a RUN. */
static void fill_mask(struct rng *r, void *buf)
{
	struct vmx_signal_mask *m = buf;
	u64 set = rng_next(r) & ~(1ull << (SIGUSR1 - 1));

	m->len = 8;
	memcpy(m->sigset, &set, sizeof(set));
}

static void fill_small(struct rng *r, void *buf)
{
	u64 val = rng_below(r, 256);

	memset(buf, 0, 64);
	memcpy(buf, &val, sizeof(val));
}

static void fill_mp_state(struct rng *r, void *buf)
{
	((struct vmx_mp_state *)buf)->mp_state = rng_below(r, 3) ? 0 : rng_below(r, 12);
}

static void fill_attr(struct rng *r, void *buf)
{
	struct vmx_device_attr *a = buf;

	memset(a, 0, sizeof(*a));
	a->group = rng_below(r, 2);
	a->attr = rng_below(r, 2);
	a->addr = (u64)(uintptr_t)view + ARENA - 0x8000;
}

#define C(target, name, ...) { #name, VMX_##name, target, __VA_ARGS__ }
static const struct call calls[] = {
	C(SYS, GET_API_VERSION), C(SYS, CREATE_VM), C(SYS, CHECK_EXTENSION), C(SYS, GET_VCPU_MMAP_SIZE),
	C(SYS, GET_MSR_INDEX_LIST, fill_list), C(SYS, GET_MSR_FEATURE_INDEX_LIST, fill_list),
	C(SYS, GET_SUPPORTED_CPUID, fill_list), C(SYS, GET_EMULATED_CPUID, fill_list),
	C(SYS, X86_GET_MCE_CAP_SUPPORTED, fill_zero), C(SYS, GET_MSRS, fill_msrs),
	C(VM, CREATE_VCPU), C(VM, CREATE_VCPU), C(VM, CHECK_EXTENSION),
	C(VM, SET_USER_MEMORY_REGION, fill_region), C(VM, SET_USER_MEMORY_REGION, fill_region),
	C(VM, SET_USER_MEMORY_REGION, fill_region), C(VM, GET_DIRTY_LOG, fill_dirty_log),
	C(VM, CLEAR_DIRTY_LOG, fill_clear_log), C(VM, RESET_DIRTY_RINGS), C(VM, SET_NR_MMU_PAGES),
	C(VM, GET_NR_MMU_PAGES), C(VM, SET_TSS_ADDR), C(VM, SET_IDENTITY_MAP_ADDR, fill_small),
	C(VM, REGISTER_COALESCED_MMIO, fill_zone), C(VM, UNREGISTER_COALESCED_MMIO, fill_zone),
	C(VM, CREATE_IRQCHIP), C(VM, CREATE_IRQCHIP), C(VM, IRQ_LINE, fill_line),
	C(VM, IRQ_LINE_STATUS, fill_line), C(VM, GET_IRQCHIP, fill_chip),
	C(VM, SET_IRQCHIP, fill_chip, VMX_GET_IRQCHIP), C(VM, SET_GSI_ROUTING, fill_routing),
	C(VM, SIGNAL_MSI, fill_msi), C(VM, IRQFD, fill_irqfd), C(VM, IOEVENTFD, fill_ioeventfd),
	C(VM, SET_BOOT_CPU_ID), C(VM, CREATE_PIT2, fill_zero), C(VM, GET_PIT, fill_zero),
	C(VM, SET_PIT, NULL, VMX_GET_PIT), C(VM, GET_PIT2, fill_zero), C(VM, SET_PIT2, NULL, VMX_GET_PIT2),
	C(VM, REINJECT_CONTROL, fill_small), C(VM, GET_CLOCK, fill_zero), C(VM, SET_CLOCK, NULL, VMX_GET_CLOCK),
	C(VM, SET_TSC_KHZ), C(VM, GET_TSC_KHZ), C(VM, ENABLE_CAP, fill_cap), C(VM, GET_STATS_FD),
	C(VM, X86_SET_MSR_FILTER, fill_zero), C(VM, SET_PMU_EVENT_FILTER, fill_zero),
	C(VM, CREATE_DEVICE, fill_small), C(VM, X_INFO, fill_zero),
	C(VCPU, SET_SIGNAL_MASK, fill_mask), C(VCPU, GET_MP_STATE, fill_zero),
	C(VCPU, SET_MP_STATE, fill_mp_state), C(VCPU, INTERRUPT, fill_small), C(VCPU, NMI), C(VCPU, SMI),
	C(VCPU, GET_REGS, fill_zero), C(VCPU, SET_REGS, NULL, VMX_GET_REGS), C(VCPU, GET_SREGS, fill_zero),
	C(VCPU, SET_SREGS, NULL, VMX_GET_SREGS), C(VCPU, GET_SREGS2, fill_zero),
	C(VCPU, SET_SREGS2, NULL, VMX_GET_SREGS2), C(VCPU, GET_MSRS, fill_msrs), C(VCPU, SET_MSRS, fill_msrs),
	C(VCPU, SET_CPUID, fill_zero), C(VCPU, SET_CPUID2, fill_cpuid), C(VCPU, GET_CPUID2, fill_list),
	C(VCPU, GET_FPU, fill_zero), C(VCPU, SET_FPU, NULL, VMX_GET_FPU), C(VCPU, GET_XSAVE, fill_zero),
	C(VCPU, SET_XSAVE, NULL, VMX_GET_XSAVE), C(VCPU, GET_XSAVE2, fill_zero),
	C(VCPU, GET_XCRS, fill_zero), C(VCPU, SET_XCRS, NULL, VMX_GET_XCRS), C(VCPU, GET_DEBUGREGS, fill_zero),
	C(VCPU, SET_DEBUGREGS, NULL, VMX_GET_DEBUGREGS), C(VCPU, GET_VCPU_EVENTS, fill_zero),
	C(VCPU, SET_VCPU_EVENTS, NULL, VMX_GET_VCPU_EVENTS), C(VCPU, GET_LAPIC, fill_zero),
	C(VCPU, SET_LAPIC, NULL, VMX_GET_LAPIC), C(VCPU, SET_VAPIC_ADDR, fill_zero), C(VCPU, KVMCLOCK_CTRL),
	C(VCPU, X86_SETUP_MCE, fill_small), C(VCPU, X86_SET_MCE, fill_small),
	C(VCPU, SET_DEVICE_ATTR, fill_attr), C(VCPU, GET_DEVICE_ATTR, fill_attr),
	C(VCPU, HAS_DEVICE_ATTR, fill_attr), C(VCPU, TRANSLATE, fill_small),
	C(VCPU, SET_GUEST_DEBUG, fill_small), C(VCPU, TPR_ACCESS_REPORTING, fill_zero),
	C(VCPU, GET_NESTED_STATE, fill_list), C(VCPU, SET_NESTED_STATE, fill_zero),
	C(VCPU, GET_SUPPORTED_HV_CPUID, fill_list), C(VCPU, SET_TSC_KHZ), C(VCPU, GET_TSC_KHZ),
	C(VCPU, GET_STATS_FD), C(VCPU, X_STATS_FD), C(VCPU, ENABLE_CAP, fill_cap),
};

const unsigned int storm_nr_calls = sizeof(calls) / sizeof(calls[0]);
_Static_assert(sizeof(calls) / sizeof(calls[0]) <= STORM_MAX_CALLS, "room for the counts");

const char *storm_call_name(unsigned int call)
{
	return calls[call].name;
}

/* ---- fds ---- */

static void put_fd(int *where, int fd)
{
	int old = __atomic_exchange_n(where, fd, __ATOMIC_RELAXED);

	if (old > 2)
		close(old);
}

static void keep_vcpu(struct rng *r, int fd)
{
	unsigned int i = rng_below(r, VCPUS);
	void *run = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	/* The old one stays mapped: another thread may be writing there. */
	if (run != MAP_FAILED)
		__atomic_store_n(&runs[i], run, __ATOMIC_RELAXED);
	put_fd(&vcpus[i], fd);
}

static void keep_result(struct rng *r, unsigned long nr, int fd)
{
	if (nr == VMX_CREATE_VM)
		put_fd(&vms[rng_below(r, VMS)], fd);
	else if (nr == VMX_CREATE_VCPU)
		keep_vcpu(r, fd);
	else if (nr == VMX_GET_STATS_FD || nr == VMX_X_STATS_FD)
		put_fd(&others[rng_below(r, OTHERS)], fd);
}

static int target_fd(struct rng *r, enum target target)
{
	/* Now and then the wrong kind. */
	if (!rng_below(r, 50))
		target = rng_below(r, 3);
	if (target == SYS)
		return device;
	return target == VM ? vms[rng_below(r, VMS)] : vcpus[rng_below(r, VCPUS)];
}

/* ---- ioctls ---- */

static void *bad_pointer(struct rng *r)
{
	static const uintptr_t bad[] = { 0, 1, 0xffff800000000000, 0xffffffff81000000, 0x7ffffffff000,
					 ~0ul };
	u32 i = rng_below(r, 9);

	if (i < 6)
		return (void *)bad[i];
	/* What may be unmapped at any time, and the last bytes of what is there. */
	return i < 8 ? arena + rng_below(r, ARENA) : view + ARENA - rng_below(r, 64);
}

static void mutate(struct rng *r, u8 *buf, unsigned int size)
{
	for (u32 n = rng_below(r, 4); n && size; n--) {
		u32 at = rng_below(r, size);

		buf[at] = rng_below(r, 2) ? buf[at] ^ (u8)(1u << rng_below(r, 8)) : (u8)rng_next(r);
	}
}

static void random_bytes(struct rng *r, u8 *buf, unsigned int size)
{
	for (unsigned int i = 0; i + 8 <= size; i += 8) {
		u64 val = rng_next(r) >> rng_below(r, 64);

		memcpy(buf + i, &val, 8);
	}
}

static unsigned long argument(struct rng *r, const struct call *c, int fd, u8 *buf)
{
	unsigned int size = _IOC_SIZE(c->nr);

	if (!size)	/* a number */
		return rng_below(r, 4) ? rng_below(r, 4) : rng_next(r) >> rng_below(r, 64);
	switch (rng_below(r, 16)) {
	case 0:
		return (unsigned long)bad_pointer(r);
	case 1:
		if (c->nr != VMX_SET_SIGNAL_MASK)
			random_bytes(r, buf, BUFFER / 4);
		break;
	default:
		if (c->fill)
			c->fill(r, buf);
		if (c->get && ioctl(fd, c->get, buf) == 0)
			mutate(r, buf, size < BUFFER ? size : BUFFER);
	}
	return (unsigned long)buf;
}

static void random_ioctl(struct rng *r)
{
	u8 buf[BUFFER] __attribute__((aligned(16)));
	unsigned int i = rng_below(r, storm_nr_calls);
	const struct call *c = &calls[i];
	int fd = target_fd(r, c->target);
	unsigned long nr = c->nr, arg = argument(r, c, fd, buf);
	int ret;

	if (!rng_below(r, 100))
		nr ^= 1ul << rng_below(r, 32);
	ret = ioctl(fd, nr, arg);
	shared->calls[i]++;
	if (ret < 0)
		return;
	shared->good[i]++;
	keep_result(r, nr, ret);
}

static void random_run(struct rng *r)
{
	unsigned int i = rng_below(r, VCPUS);
	struct vmx_run *run = runs[i];

	for (u32 n = rng_below(r, 30); n; n--) {
		if (run)
			run->immediate_exit = !rng_below(r, 8);
		shared->runs++;
		if (ioctl(vcpus[i], VMX_RUN, 0))
			return;
		shared->exits++;
		/* The answer to a device access, or anything. */
		if (run && !rng_below(r, 4))
			random_bytes(r, (u8 *)run + 32, 64 + rng_below(r, 256));
	}
}

/* Flat 32-bit code, or 64-bit code under the tables of page 1; from any byte. */
static void random_mode(struct rng *r)
{
	int fd = vcpus[rng_below(r, VCPUS)];
	struct vmx_sregs s;
	struct vmx_regs regs;

	if (ioctl(fd, VMX_GET_SREGS, &s) || ioctl(fd, VMX_GET_REGS, &regs))
		return;
	s.cs.base = s.ds.base = s.es.base = s.ss.base = 0;
	s.cs.limit = s.ds.limit = s.es.limit = s.ss.limit = 0xffffffff;
	s.cs.g = s.ds.g = s.es.g = s.ss.g = 1;
	s.cs.db = s.ds.db = s.es.db = s.ss.db = 1;
	s.cr0 |= 1;
	if (rng_below(r, 2)) {
		s.cr0 |= 1u << 31;
		s.cr3 = 0x1000;
		s.cr4 |= 1 << 5;
		s.efer |= 0x500;
		s.cs.l = 1;
		s.cs.db = 0;
	}
	random_bytes(r, (u8 *)&regs, 16 * 8);
	regs.rip = rng_below(r, 1 << 20);
	regs.rsp = rng_below(r, 1 << 20);
	regs.rflags = 2 | rng_below(r, 1 << 18);
	if (!ioctl(fd, VMX_SET_SREGS, &s))
		ioctl(fd, VMX_SET_REGS, &regs);
}

/* ---- memory ---- */

static void write_code(struct rng *r, u8 *page)
{
	static const char *const code[] = {
		"\x0f\xa2", "\xf4", "\xec", "\xee", "\xed", "\xef", "\x0f\x32", "\x0f\x30", "\x0f\x31",
		"\x0f\x22\xc0", "\x0f\x20\xc0", "\x0f\x22\xe0", "\x0f\x22\xd8", "\x0f\x01\xd9",
		"\x0f\x01\xc1", "\x0f\x01\x3f", "\xfb", "\xfa", "\xcc", "\xcd\x20", "\xcf", "\x9d", "\x9c",
		"\xf3\xa4", "\xf3\x6e", "\xf3\x6c", "\x89\x07", "\x01\x15", "\xf0\x0f\xb1\x0f", "\x0f\x09",
		"\xf3\x90", "\x0f\x01\xc8", "\x0f\x01\xc9", "\x0f\x01\xd1", "\x0f\x23\xf8", "\x0f\x01\x17",
		"\x66\xb9\x80\x08\x01\xc0", "\x66\xb9\x1b\x01\x01\x01", "\x8e\xd8", "\x0f\xff",
		"\xea\x40\x01\x40\x01", "\xbf\xe0\xfe", "\x67\x66\x89\x05\xb0\xff\xe0\xfe", "\x66\xba\xf8\x03",
	};

	for (unsigned int at = 0; at + 16 <= PAGE; at += 8) {
		const char *c = code[rng_below(r, sizeof(code) / sizeof(code[0]))];

		memset(page + at, 0x90, 8);
		memcpy(page + at, c, strlen(c));
		if (!rng_below(r, 12))
			memcpy(page + at, "\xeb\xe0", 2);
	}
	/* The reset vector, when this page is the last below 4 GiB: jmp 0xf000:0 */
	if (rng_below(r, 2))
		memcpy(page + 0xff0, "\xea\x01\x01\x01\xf1", 5);
}

/* Page 1 and 2 of what slots usually begin with: identity, 4 GiB, writable, for user and supervisor. */
static void write_tables(void)
{
	u64 *root = (u64 *)(view + PAGE), *gigabytes = (u64 *)(view + 2 * PAGE);

	root[0] = 0x2007;
	for (u64 i = 0; i < 4; i++)
		gigabytes[i] = i << 30 | 0x87;
}

static void random_memory(struct rng *r)
{
	size_t at = rng_below(r, ARENA / PAGE) * PAGE, len = (1 + rng_below(r, 64)) * PAGE;

	if (at + len > ARENA)
		len = ARENA - at;
	switch (rng_below(r, 8)) {
	case 0:
		munmap(arena + at, len);
		/* Nothing of ours may come to lie where slots point to. */
		mmap(arena + at, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
		break;
	case 1:
		madvise(arena + at, len, MADV_DONTNEED);
		break;
	case 2:
		mprotect(arena + at, len, rng_below(r, 2) ? PROT_READ : PROT_NONE);
		break;
	case 3:
		fallocate(arena_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)at, (off_t)len);
		break;
	case 4:	/* anonymous, where transparent huge pages may come */
		mmap(arena + at, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		     0);
		break;
	default:
		mmap(arena + at, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, arena_fd,
		     (off_t)at);
		write_code(r, view + at);
		write_tables();
	}
}

/* ---- fds in other hands ---- */

static void send_fd(struct rng *r)
{
	int fd = target_fd(r, VM + rng_below(r, 2));
	char byte = 0, room[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			    .msg_controllen = sizeof(room) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	sendmsg(pair[0], &m, MSG_DONTWAIT);
}

static void receive_fd(struct rng *r)
{
	char byte, room[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			    .msg_controllen = sizeof(room) };
	int fd;

	if (recvmsg(pair[1], &m, MSG_DONTWAIT) < 0 || !CMSG_FIRSTHDR(&m))
		return;
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof(fd));
	put_fd(&others[rng_below(r, OTHERS)], fd);
	ioctl(fd, VMX_CHECK_EXTENSION, 0);
}

/* A child has the fds and another address space; all it may get is EIO. It dies of its alarm if stuck. */
static void heir(struct rng *r)
{
	pid_t pid = fork();

	if (pid > 0) {
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
		return;
	}
	if (pid < 0)
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	alarm(1);
	for (u32 n = rng_below(r, 60); n; n--)
		rng_below(r, 4) ? random_ioctl(r) : rng_below(r, 2) ? receive_fd(r) : random_run(r);
	_exit(0);
}

static void random_close(struct rng *r)
{
	switch (rng_below(r, 4)) {
	case 0:
		put_fd(&vms[rng_below(r, VMS)], -1);
		break;
	case 1:
		put_fd(&others[rng_below(r, OTHERS)], -1);
		break;
	case 2:
		put_fd(&events[rng_below(r, EVENTS)], eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
		break;
	default:
		put_fd(&vcpus[rng_below(r, VCPUS)], -1);
	}
}

static void random_small(struct rng *r)
{
	char buf[512];
	u64 one = 1;
	ssize_t done;

	switch (rng_below(r, 4)) {
	case 0:
		done = write(events[rng_below(r, EVENTS)], &one, sizeof(one));
		break;
	case 1:
		done = read(events[rng_below(r, EVENTS)], &one, sizeof(one));
		break;
	case 2:
		done = pread(others[rng_below(r, OTHERS)], buf, sizeof(buf), rng_below(r, 4096));
		break;
	default:
		done = 0;
		put_fd(&others[rng_below(r, OTHERS)], dup(target_fd(r, VCPU)));
	}
	(void)done;
}

/* ---- all of it ---- */

/* The arena, with nothing behind it that a slot or a copy that is too long could reach. */
static u8 *map_alone(size_t room)
{
	u8 *p = mmap(NULL, room, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (p == MAP_FAILED || mmap(p, ARENA, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, arena_fd,
				    0) != p)
		_exit(2);
	return p;
}

/* A VM that gets far: chips, code at the reset vector and at 0, two vCPUs. */
static void furnish(struct rng *r, int vm)
{
	struct vmx_userspace_memory_region low = { .memory_size = 2 << 20 };
	struct vmx_userspace_memory_region high = { .slot = 1, .guest_phys_addr = 0xffff0000,
						    .memory_size = 0x10000 };
	struct vmx_pit_config pit = { 0 };

	low.userspace_addr = (u64)(uintptr_t)arena;
	high.userspace_addr = low.userspace_addr + PAGE * 64;
	ioctl(vm, VMX_CREATE_IRQCHIP, 0);
	ioctl(vm, VMX_CREATE_PIT2, &pit);
	ioctl(vm, VMX_SET_USER_MEMORY_REGION, &low);
	ioctl(vm, VMX_SET_USER_MEMORY_REGION, &high);
	for (unsigned long id = 0; id < 2; id++) {
		struct vmx_mp_state runnable = { 0 };
		int fd = ioctl(vm, VMX_CREATE_VCPU, id);

		if (fd < 0)
			continue;
		ioctl(fd, VMX_SET_MP_STATE, &runnable);
		keep_vcpu(r, fd);
	}
}

void storm_begin(struct rng *rng)
{
	const char *path = getenv("VMX_DEVICE");

	device = open(path ? path : "/dev/vmx", O_RDWR | O_CLOEXEC);
	arena_fd = memfd_create("arena", MFD_CLOEXEC);
	if (device < 0 || arena_fd < 0 || ftruncate(arena_fd, ARENA) ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, pair))
		_exit(2);
	view = map_alone(ARENA + PAGE);
	arena = map_alone(LARGEST_SLOT + 2 * ARENA);
	for (unsigned int i = 0; i < 512; i++)
		write_code(rng, view + i * PAGE);
	write_tables();
	for (unsigned int i = 0; i < OTHERS; i++)
		others[i] = -1;
	for (unsigned int i = 0; i < VCPUS; i++)
		vcpus[i] = -1;
	for (unsigned int i = 0; i < EVENTS; i++)
		events[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	for (unsigned int i = 0; i < VMS; i++) {
		vms[i] = ioctl(device, VMX_CREATE_VM, 0);
		if (i % 2)
			furnish(rng, vms[i]);
	}
}

void storm_step(struct rng *rng)
{
	u32 what = rng_below(rng, 1000);

	if (what < 700)
		random_ioctl(rng);
	else if (what < 800)
		random_run(rng);
	else if (what < 850)
		random_mode(rng);
	else if (what < 900)
		random_memory(rng);
	else if (what < 960)
		random_small(rng);
	else if (what < 970)
		random_close(rng);
	else if (what < 983)
		send_fd(rng);
	else if (what < 996)
		receive_fd(rng);
	else
		heir(rng);
}
