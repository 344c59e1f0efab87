// SPDX-License-Identifier: GPL-2.0-only
/* The CPUID table that test vCPUs get. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "host.h"

#define MAX_LEAVES 256
#define CPUID_SIZE(n) (sizeof(struct vmx_cpuid2) + (n) * sizeof(struct vmx_cpuid_entry2))

struct vmx_cpuid2 *supported_cpuid(void)
{
	static struct vmx_cpuid2 *table;
	struct vmx_cpuid_entry2 *e;
	int dev;

	if (table)
		return table;
	dev = device_open();
	table = calloc(1, CPUID_SIZE(MAX_LEAVES));
	table->nent = MAX_LEAVES;
	must_ioctl(dev, VMX_GET_SUPPORTED_CPUID, table);
	/* Leaf 1 ECX 24 is never set there: it depends on the irqchip (API documentation, 4.46). */
	e = cpuid_find(table, 1, 0);
	CHECK(e);
	if (check_cap(dev, VMX_CAP_TSC_DEADLINE_TIMER) > 0)
		e->ecx |= 1u << 24;
	close(dev);
	return table;
}

struct vmx_cpuid2 *cpuid_copy(const struct vmx_cpuid2 *c)
{
	struct vmx_cpuid2 *copy = malloc(CPUID_SIZE(MAX_LEAVES));

	memcpy(copy, c, CPUID_SIZE(c->nent));
	return copy;
}

struct vmx_cpuid_entry2 *cpuid_find(struct vmx_cpuid2 *c, u32 leaf, u32 sub)
{
	for (u32 i = 0; i < c->nent; i++)
		if (c->entries[i].function == leaf && c->entries[i].index == sub)
			return &c->entries[i];
	return NULL;
}

bool cpuid_has(u32 leaf, u32 sub, int reg, int bit)
{
	struct vmx_cpuid_entry2 *e = cpuid_find(supported_cpuid(), leaf, sub);
	u32 v;

	if (!e)
		return false;
	v = reg == 0 ? e->eax : reg == 1 ? e->ebx : reg == 2 ? e->ecx : e->edx;
	return v >> bit & 1;
}

void vcpu_set_cpuid(struct vcpu *v, const struct vmx_cpuid2 *c)
{
	struct vmx_cpuid2 *copy = cpuid_copy(c);

	for (u32 i = 0; i < copy->nent; i++) {
		struct vmx_cpuid_entry2 *e = &copy->entries[i];

		if (e->function == 1)
			e->ebx = (e->ebx & 0x00ffffff) | (u32)v->id << 24;
		if (e->function == 0xb || e->function == 0x1f)
			e->edx = (u32)v->id;
	}
	must_ioctl(v->fd, VMX_SET_CPUID2, copy);
	free(copy);
}
