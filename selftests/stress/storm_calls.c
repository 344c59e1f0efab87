// SPDX-License-Identifier: GPL-2.0-only
/* The calls that the storm makes, and what a valid argument of each is. */
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include "storm_calls.h"
#include "uapi/vmx.h"
#include "uapi/vmx_ioctl.h"
#include "uapi/vmx_ext.h"

u64 storm_some_gpa(struct rng *r)
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
	m->guest_phys_addr = top ? 0xffff0000 : storm_some_gpa(r);
	m->memory_size = top ? 0x10000 : (u64)rng_below(r, 1 << rng_below(r, 12)) * PAGE;
	m->userspace_addr = (u64)(uintptr_t)storm_arena + rng_below(r, ARENA / PAGE / 2) * PAGE;
	if (!rng_below(r, 16))
		m->userspace_addr += rng_below(r, 8192);
	if (!rng_below(r, 32))
		m->memory_size = rng_next(r) >> rng_below(r, 64) & ~(PAGE - 1) & (LARGEST_SLOT - 1);
}

static void fill_dirty_log(struct rng *r, void *buf)
{
	struct vmx_dirty_log *d = buf;

	d->slot = rng_below(r, 6);
	d->dirty_bitmap = storm_view + ARENA / 2;
}

static void fill_clear_log(struct rng *r, void *buf)
{
	struct vmx_clear_dirty_log *d = buf;

	d->slot = rng_below(r, 6);
	d->first_page = rng_below(r, 8) * 64;
	d->num_pages = rng_below(r, 8) * 64;
	d->dirty_bitmap = storm_view + ARENA / 2;
}

static void fill_zone(struct rng *r, void *buf)
{
	struct vmx_coalesced_mmio_zone *z = buf;

	z->addr = storm_some_gpa(r);
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
	i->fd = (u32)storm_events[rng_below(r, EVENTS)];
	i->gsi = rng_below(r, 28);
	i->flags = rng_below(r, 4);
	i->resamplefd = (u32)storm_events[rng_below(r, EVENTS)];
}

static void fill_ioeventfd(struct rng *r, void *buf)
{
	struct vmx_ioeventfd *i = buf;

	memset(i, 0, sizeof(*i));
	i->flags = rng_below(r, 8);
	i->addr = i->flags & 2 ? rng_below(r, 256) : storm_some_gpa(r);
	i->len = rng_below(r, 2) ? 1u << rng_below(r, 4) : 0;
	i->fd = storm_events[rng_below(r, EVENTS)];
	i->datamatch = rng_below(r, 3);
}

static void fill_zero(struct rng *r, void *buf)
{
	(void)r;
	memset(buf, 0, 512);
}

static void fill_cap(struct rng *r, void *buf)
{
	static const u32 known[] = {
		VMX_CAP_EXCEPTION_PAYLOAD, VMX_CAP_X86_TRIPLE_FAULT_EVENT, VMX_CAP_X86_USER_SPACE_MSR,
		VMX_CAP_EXIT_HYPERCALL, VMX_CAP_EXIT_ON_EMULATION_FAILURE, VMX_CAP_X86_DISABLE_EXITS,
		VMX_CAP_DISABLE_QUIRKS, VMX_CAP_DISABLE_QUIRKS2, VMX_CAP_HALT_POLL, VMX_CAP_X2APIC_API,
		VMX_CAP_MAX_VCPU_ID, VMX_CAP_SPLIT_IRQCHIP, VMX_CAP_MANUAL_DIRTY_LOG_PROTECT2,
	};
	struct vmx_enable_cap *c = buf;

	memset(c, 0, sizeof(*c));
	c->cap = rng_below(r, 4) ? known[rng_below(r, sizeof(known) / sizeof(known[0]))] :
				   rng_below(r, 240);
	c->args[0] = rng_below(r, 3) ? rng_below(r, 2) ? rng_below(r, 4) : rng_below(r, 512) : rng_next(r);
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
	if (ioctl(storm_device, VMX_GET_SUPPORTED_CPUID, c))
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
	a->addr = (u64)(uintptr_t)storm_view + ARENA - 0x8000;
}

static void fill_trace(struct rng *r, void *buf)
{
	struct vmx_x_trace *t = buf;

	memset(t, 0, sizeof(*t));
	t->size = sizeof(*t);
	t->records = 64u << rng_below(r, 8);
	t->reasons = rng_below(r, 2) ? 0 : rng_next(r);
}

/* VMX_X_GET_BLOCK and VMX_X_CHECK_BLOCK: so much room, there. */
static void fill_block(struct rng *r, void *buf)
{
	struct vmx_x_block *b = buf;

	b->nr = rng_below(r, 512);
	b->reserved = 0;
	b->fields = (u64)(uintptr_t)storm_view + ARENA / 2;
}

#define C(target, name, ...) { #name, VMX_##name, target, __VA_ARGS__ }
const struct call storm_calls[] = {
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
	C(VCPU, X_TRACE_FD, fill_trace), C(VCPU, X_GET_BLOCK, fill_block), C(VCPU, X_CHECK_BLOCK, fill_block),
};

const unsigned int storm_nr_calls = sizeof(storm_calls) / sizeof(storm_calls[0]);
_Static_assert(sizeof(storm_calls) / sizeof(storm_calls[0]) <= STORM_MAX_CALLS, "room for the counts");
