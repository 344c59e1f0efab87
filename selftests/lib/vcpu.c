// SPDX-License-Identifier: GPL-2.0-only
/* vCPUs and their registers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include "host.h"

struct vcpu *vcpu_create_bare(struct vm *vm, int id)
{
	struct vcpu *v = calloc(1, sizeof(*v));

	CHECK(id < MAX_TEST_VCPUS);
	v->vm = vm;
	v->id = id;
	v->fd = (int)must_ioctl(vm->fd, VMX_CREATE_VCPU, (u64)id);
	v->run_size = (size_t)must_ioctl(vm->dev, VMX_GET_VCPU_MMAP_SIZE, 0);
	v->run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	CHECK(v->run != MAP_FAILED);
	vm->vcpus[id] = v;
	return v;
}

struct vcpu *vcpu_create_reset(struct vm *vm, int id)
{
	struct vcpu *v = vcpu_create_bare(vm, id);

	vcpu_set_cpuid(v, supported_cpuid());
	return v;
}

struct vcpu *vcpu_create(struct vm *vm, int id, void (*entry)(u64 id))
{
	struct vcpu *v = vcpu_create_reset(vm, id);

	vcpu_set_long(v, entry);
	if (vm->irqchip && id)
		vcpu_set_mp_state(v, VMX_MP_STATE_RUNNABLE);
	return v;
}

struct vcpu *vcpu_create_as(struct vm *vm, int n, u64 id, void (*entry)(u64 n))
{
	struct vcpu *v = calloc(1, sizeof(*v));

	CHECK(n < MAX_TEST_VCPUS);
	v->vm = vm;
	v->id = n;
	v->fd = (int)must_ioctl(vm->fd, VMX_CREATE_VCPU, id);
	v->run_size = (size_t)must_ioctl(vm->dev, VMX_GET_VCPU_MMAP_SIZE, 0);
	v->run = mmap(NULL, v->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	CHECK(v->run != MAP_FAILED);
	vcpu_set_cpuid(v, supported_cpuid());
	vcpu_set_long(v, entry);
	if (vm->irqchip)
		vcpu_set_mp_state(v, VMX_MP_STATE_RUNNABLE);
	return v;
}

void vcpu_close(struct vcpu *v)
{
	munmap(v->run, v->run_size);
	close(v->fd);
	v->vm->vcpus[v->id] = NULL;
	free(v);
}

struct vmx_regs vcpu_regs(struct vcpu *v)
{
	struct vmx_regs r;

	must_ioctl(v->fd, VMX_GET_REGS, &r);
	return r;
}

void vcpu_set_regs(struct vcpu *v, const struct vmx_regs *r)
{
	must_ioctl(v->fd, VMX_SET_REGS, r);
}

struct vmx_sregs vcpu_sregs(struct vcpu *v)
{
	struct vmx_sregs s;

	must_ioctl(v->fd, VMX_GET_SREGS, &s);
	return s;
}

void vcpu_set_sregs(struct vcpu *v, const struct vmx_sregs *s)
{
	must_ioctl(v->fd, VMX_SET_SREGS, s);
}

u32 vcpu_mp_state(struct vcpu *v)
{
	struct vmx_mp_state s;

	must_ioctl(v->fd, VMX_GET_MP_STATE, &s);
	return s.mp_state;
}

void vcpu_set_mp_state(struct vcpu *v, u32 state)
{
	struct vmx_mp_state s = { .mp_state = state };

	must_ioctl(v->fd, VMX_SET_MP_STATE, &s);
}

struct one_msr {
	struct vmx_msrs head;
	struct {
		u32 index, reserved;
		u64 data;
	} entry;
};

long try_msr_get(struct vcpu *v, u32 index, u64 *value)
{
	struct one_msr m = { .head.nmsrs = 1, .entry.index = index };
	long ret = try_ioctl(v->fd, VMX_GET_MSRS, &m);

	*value = m.entry.data;
	return ret;
}

long try_msr_set(struct vcpu *v, u32 index, u64 value)
{
	struct one_msr m = { .head.nmsrs = 1, .entry = { .index = index, .data = value } };

	return try_ioctl(v->fd, VMX_SET_MSRS, &m);
}

u64 vcpu_msr(struct vcpu *v, u32 index)
{
	u64 value;

	if (try_msr_get(v, index, &value) != 1)
		DIE("cannot read MSR %#x", index);
	return value;
}

void vcpu_set_msr(struct vcpu *v, u32 index, u64 value)
{
	if (try_msr_set(v, index, value) != 1)
		DIE("cannot set MSR %#x to %#lx", index, value);
}
