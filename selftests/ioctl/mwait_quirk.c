// SPDX-License-Identifier: GPL-2.0-only
/* MONITOR and MWAIT: no-ops by default; with the quirk off, #UD for a guest whose CPUID lacks them. */
#include "vmxtest.h"

static volatile u64 expected;

static void guest_waits(u64 id)
{
	u64 vec;

	GUEST_TRY(vec, "monitor", (), ("a"(&expected), "c"(0), "d"(0)));
	GUEST_ASSERT_EQ(vec, expected);
	GUEST_TRY(vec, "mwait", (), ("a"(0), "c"(0)));
	GUEST_ASSERT_EQ(vec, expected);
	guest_done();
}

static void waits(bool quirk_off, bool has_mwait, int vec)
{
	struct vmx_enable_cap cap = { .cap = VMX_CAP_DISABLE_QUIRKS2,
				      .args = { VMX_X86_QUIRK_MWAIT_NEVER_UD_FAULTS } };
	struct vmx_cpuid2 *c = cpuid_copy(supported_cpuid());
	struct vm *vm = vm_create(0);
	struct vcpu *v;

	if (quirk_off)
		must_ioctl(vm->fd, VMX_ENABLE_CAP, &cap);
	v = vcpu_create(vm, 0, guest_waits);
	if (has_mwait)
		cpuid_find(c, 1, 0)->ecx |= 1u << 3;
	else
		cpuid_find(c, 1, 0)->ecx &= ~(1u << 3);
	vcpu_set_cpuid(v, c);
	expected = (u64)(int64_t)vec;
	vcpu_expect_done(v);
}

TEST(monitor_mwait)
{
	int dev = device_open();

	if (!(check_cap(dev, VMX_CAP_DISABLE_QUIRKS2) & VMX_X86_QUIRK_MWAIT_NEVER_UD_FAULTS))
		SKIP(return, "the quirk cannot be switched off");
	waits(false, false, -1);
	waits(false, true, -1);
	waits(true, false, VEC_UD);
	waits(true, true, -1);
}

/* A mask says which quirks are off from now on, not which more. */
TEST(quirk_comes_back)
{
	struct vmx_enable_cap cap = { .cap = VMX_CAP_DISABLE_QUIRKS2,
				      .args = { VMX_X86_QUIRK_MWAIT_NEVER_UD_FAULTS } };
	struct vmx_cpuid2 *c = cpuid_copy(supported_cpuid());
	struct vm *vm = vm_create(0);
	struct vcpu *v;

	if (!(check_cap(vm->dev, VMX_CAP_DISABLE_QUIRKS2) & VMX_X86_QUIRK_MWAIT_NEVER_UD_FAULTS))
		SKIP(return, "the quirk cannot be switched off");
	must_ioctl(vm->fd, VMX_ENABLE_CAP, &cap);
	cap.args[0] = 0;
	must_ioctl(vm->fd, VMX_ENABLE_CAP, &cap);
	v = vcpu_create(vm, 0, guest_waits);
	cpuid_find(c, 1, 0)->ecx &= ~(1u << 3);
	vcpu_set_cpuid(v, c);
	expected = (u64)-1;
	vcpu_expect_done(v);
}

TEST_HARNESS_MAIN
