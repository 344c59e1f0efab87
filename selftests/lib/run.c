// SPDX-License-Identifier: GPL-2.0-only
/* RUN, and what it came back with. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "host.h"

long try_run(struct vcpu *v)
{
	return try_ioctl(v->fd, VMX_RUN, 0);
}

u32 vcpu_run(struct vcpu *v)
{
	long ret;

	do {
		ret = try_run(v);
	} while (ret == -EINTR || ret == -EAGAIN);
	if (ret < 0) {
		struct vmx_regs r = vcpu_regs(v);

		DIE("RUN of vCPU %d: %s (rip %#llx)", v->id, strerror((int)-ret), r.rip);
	}
	return v->run->exit_reason;
}

const char *exit_name(u32 reason)
{
	static const char *const names[] = {
		[VMX_EXIT_UNKNOWN] = "UNKNOWN", [VMX_EXIT_IO] = "IO", [VMX_EXIT_MMIO] = "MMIO",
		[VMX_EXIT_HLT] = "HLT", [VMX_EXIT_INTR] = "INTR", [VMX_EXIT_SHUTDOWN] = "SHUTDOWN",
		[VMX_EXIT_IRQ_WINDOW_OPEN] = "IRQ_WINDOW_OPEN", [VMX_EXIT_DEBUG] = "DEBUG",
		[VMX_EXIT_FAIL_ENTRY] = "FAIL_ENTRY", [VMX_EXIT_INTERNAL_ERROR] = "INTERNAL_ERROR",
		[VMX_EXIT_HYPERCALL] = "HYPERCALL", [VMX_EXIT_SET_TPR] = "SET_TPR",
		[VMX_EXIT_SYSTEM_EVENT] = "SYSTEM_EVENT", [VMX_EXIT_NMI] = "NMI",
		[VMX_EXIT_IOAPIC_EOI] = "IOAPIC_EOI",
	};

	if (reason < sizeof(names) / sizeof(names[0]) && names[reason])
		return names[reason];
	return "another";
}

static void describe(struct vcpu *v, char *text, size_t size)
{
	struct vmx_run *run = v->run;
	struct vmx_regs r = vcpu_regs(v);
	int n = snprintf(text, size, "%s (%u) at rip %#llx", exit_name(run->exit_reason),
			 run->exit_reason, r.rip);
	char *p = text + n;

	size -= (size_t)n;
	switch (run->exit_reason) {
	case VMX_EXIT_IO:
		snprintf(p, size, ", port %#x, size %u, count %u, %s", run->io.port, run->io.size,
			 run->io.count, run->io.direction ? "out" : "in");
		break;
	case VMX_EXIT_MMIO:
		snprintf(p, size, ", gpa %#llx, len %u, %s", run->mmio.phys_addr, run->mmio.len,
			 run->mmio.is_write ? "write" : "read");
		break;
	case VMX_EXIT_INTERNAL_ERROR:
		snprintf(p, size, ", suberror %u", run->internal.suberror);
		break;
	case VMX_EXIT_FAIL_ENTRY:
		snprintf(p, size, ", hardware reason %#llx",
			 run->fail_entry.hardware_entry_failure_reason);
		break;
	}
}

bool vcpu_get_call(struct vcpu *v, struct ucall *uc)
{
	struct vmx_run *run = v->run;
	struct vmx_regs r;

	if (run->exit_reason != VMX_EXIT_IO || run->io.port != CALL_PORT ||
	    run->io.direction != VMX_EXIT_IO_OUT || run->io.size != 4 || run->io.count != 1)
		return false;
	r = vcpu_regs(v);
	*uc = (struct ucall){
		.call = *(u32 *)((char *)run + run->io.data_offset),
		.a = r.rdi, .b = r.rsi, .c = r.rbx, .d = r.rcx,
	};
	return true;
}

void vcpu_check_guest_at(const char *file, int line, struct vcpu *v)
{
	struct ucall uc;

	if (!vcpu_get_call(v, &uc))
		return;
	if (uc.call == CALL_ASSERT)
		test_die(file, line, "vCPU %d: guest, line %lu: %s (%#lx, %#lx)", v->id, uc.a,
			 (const char *)uc.b, uc.c, uc.d);
	if (uc.call == CALL_EXCEPTION)
		test_die(file, line, "vCPU %d: exception %lu, error %#lx, rip %#lx, cr2 %#lx",
			 v->id, uc.a, uc.b, uc.c, uc.d);
}

struct ucall vcpu_call_at(const char *file, int line, struct vcpu *v)
{
	struct ucall uc;
	char text[200];

	vcpu_run(v);
	if (!vcpu_get_call(v, &uc)) {
		describe(v, text, sizeof(text));
		test_die(file, line, "vCPU %d: exit %s instead of a message", v->id, text);
	}
	vcpu_check_guest_at(file, line, v);
	return uc;
}

void vcpu_expect_exit_at(const char *file, int line, struct vcpu *v, u32 reason)
{
	char text[200];

	if (vcpu_run(v) == reason)
		return;
	vcpu_check_guest_at(file, line, v);
	describe(v, text, sizeof(text));
	test_die(file, line, "vCPU %d: exit %s instead of %s", v->id, text, exit_name(reason));
}

void vcpu_expect_mmio_at(const char *file, int line, struct vcpu *v, bool write, u64 gpa,
			 u32 len, u64 data)
{
	u64 got = 0;

	vcpu_expect_exit_at(file, line, v, VMX_EXIT_MMIO);
	if (v->run->mmio.is_write != write || v->run->mmio.phys_addr != gpa ||
	    v->run->mmio.len != len)
		test_die(file, line, "MMIO %s of %u at %#llx instead of %s of %u at %#lx",
			 v->run->mmio.is_write ? "write" : "read", v->run->mmio.len,
			 v->run->mmio.phys_addr, write ? "write" : "read", len, gpa);
	if (!write) {
		memcpy(v->run->mmio.data, &data, len);
		return;
	}
	memcpy(&got, v->run->mmio.data, len);
	if (len < 8)
		data &= (1ull << 8 * len) - 1;
	if (got != data)
		test_die(file, line, "MMIO write at %#lx: %#lx instead of %#lx", gpa, got, data);
}
