/* SPDX-License-Identifier: GPL-2.0-only */
/* Tracepoints vmx:*, for ftrace and perf. One patched NOP per site when off. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM vmx

#if !defined(VMX_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define VMX_TRACE_H

#include <linux/tracepoint.h>

#include "vcpu.h"

TRACE_EVENT(vmx_entry,
	TP_PROTO(struct vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u64, rip)
		__field(u8, injected)
		__field(u8, vector)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->rip = vcpu->regs[VCPU_RIP];
		__entry->injected = vcpu->events.injected.type;
		__entry->vector = vcpu->events.injected.vector;
	),
	TP_printk("vcpu %u rip 0x%llx inject %u vector %u", __entry->vcpu, __entry->rip,
		  __entry->injected, __entry->vector)
);

TRACE_EVENT(vmx_exit,
	TP_PROTO(struct vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u32, reason)
		__field(u32, hw_reason)
		__field(u64, rip)
		__field(u64, info1)
		__field(u64, info2)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->reason = vcpu->exit.reason;
		__entry->hw_reason = vcpu->exit.hw_reason;
		__entry->rip = vcpu->regs[VCPU_RIP];
		__entry->info1 = vcpu->exit.info1;
		__entry->info2 = vcpu->exit.info2;
	),
	TP_printk("vcpu %u reason %u hw 0x%x rip 0x%llx info 0x%llx 0x%llx", __entry->vcpu,
		  __entry->reason, __entry->hw_reason, __entry->rip, __entry->info1, __entry->info2)
);

TRACE_EVENT(vmx_inj_virq,
	TP_PROTO(struct vcpu *vcpu, u8 vector),
	TP_ARGS(vcpu, vector),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u8, vector)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->vector = vector;
	),
	TP_printk("vcpu %u vector 0x%x", __entry->vcpu, __entry->vector)
);

TRACE_EVENT(vmx_inj_nmi,
	TP_PROTO(struct vcpu *vcpu),
	TP_ARGS(vcpu),
	TP_STRUCT__entry(
		__field(u32, vcpu)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
	),
	TP_printk("vcpu %u", __entry->vcpu)
);

TRACE_EVENT(vmx_smm,
	TP_PROTO(struct vcpu *vcpu, bool enter, u32 smbase),
	TP_ARGS(vcpu, enter, smbase),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(bool, enter)
		__field(u32, smbase)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->enter = enter;
		__entry->smbase = smbase;
	),
	TP_printk("vcpu %u %s smbase 0x%x", __entry->vcpu, __entry->enter ? "enter" : "leave",
		  __entry->smbase)
);

TRACE_EVENT(vmx_inj_exception,
	TP_PROTO(struct vcpu *vcpu, u8 vector, bool has_error, u32 error),
	TP_ARGS(vcpu, vector, has_error, error),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u8, vector)
		__field(bool, has_error)
		__field(u32, error)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->vector = vector;
		__entry->has_error = has_error;
		__entry->error = error;
	),
	TP_printk("vcpu %u vector %u error %s0x%x", __entry->vcpu, __entry->vector,
		  __entry->has_error ? "" : "none ", __entry->error)
);

TRACE_EVENT(vmx_page_fault,
	TP_PROTO(struct vcpu *vcpu, u64 gpa, u32 flags),
	TP_ARGS(vcpu, gpa, flags),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u64, gpa)
		__field(u32, flags)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->gpa = gpa;
		__entry->flags = flags;
	),
	TP_printk("vcpu %u gpa 0x%llx flags 0x%x", __entry->vcpu, __entry->gpa, __entry->flags)
);

TRACE_EVENT(vmx_mmio,
	TP_PROTO(struct vcpu *vcpu, bool write, u64 gpa, u32 len, u64 val),
	TP_ARGS(vcpu, write, gpa, len, val),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(bool, write)
		__field(u64, gpa)
		__field(u32, len)
		__field(u64, val)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->write = write;
		__entry->gpa = gpa;
		__entry->len = len;
		__entry->val = val;
	),
	TP_printk("vcpu %u %s gpa 0x%llx len %u val 0x%llx", __entry->vcpu,
		  __entry->write ? "write" : "read", __entry->gpa, __entry->len, __entry->val)
);

TRACE_EVENT(vmx_pio,
	TP_PROTO(struct vcpu *vcpu, bool write, u16 port, u32 size, u32 count, u32 val),
	TP_ARGS(vcpu, write, port, size, count, val),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(bool, write)
		__field(u16, port)
		__field(u32, size)
		__field(u32, count)
		__field(u32, val)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->write = write;
		__entry->port = port;
		__entry->size = size;
		__entry->count = count;
		__entry->val = val;
	),
	TP_printk("vcpu %u %s port 0x%x size %u count %u val 0x%x", __entry->vcpu,
		  __entry->write ? "out" : "in", __entry->port, __entry->size, __entry->count,
		  __entry->val)
);

TRACE_EVENT(vmx_msr,
	TP_PROTO(struct vcpu *vcpu, bool write, u32 msr, u64 val, bool refused),
	TP_ARGS(vcpu, write, msr, val, refused),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(bool, write)
		__field(u32, msr)
		__field(u64, val)
		__field(bool, refused)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->write = write;
		__entry->msr = msr;
		__entry->val = val;
		__entry->refused = refused;
	),
	TP_printk("vcpu %u %s 0x%x = 0x%llx%s", __entry->vcpu, __entry->write ? "wrmsr" : "rdmsr",
		  __entry->msr, __entry->val, __entry->refused ? " (#GP)" : "")
);

TRACE_EVENT(vmx_halt,
	TP_PROTO(struct vcpu *vcpu, u64 ns, bool slept),
	TP_ARGS(vcpu, ns, slept),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u64, ns)
		__field(bool, slept)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->ns = ns;
		__entry->slept = slept;
	),
	TP_printk("vcpu %u waited %llu ns, %s", __entry->vcpu, __entry->ns,
		  __entry->slept ? "asleep" : "polling")
);

TRACE_EVENT(vmx_userspace_exit,
	TP_PROTO(struct vcpu *vcpu, int result),
	TP_ARGS(vcpu, result),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u32, reason)
		__field(int, result)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->reason = vcpu->run->exit_reason;
		__entry->result = result;
	),
	TP_printk("vcpu %u reason %u result %d", __entry->vcpu, __entry->reason, __entry->result)
);

TRACE_EVENT(vmx_emulate,
	TP_PROTO(struct vcpu *vcpu, u64 rip, const u8 *bytes, u8 len, int result),
	TP_ARGS(vcpu, rip, bytes, len, result),
	TP_STRUCT__entry(
		__field(u32, vcpu)
		__field(u64, rip)
		__field(u8, len)
		__field(int, result)
		__array(u8, bytes, 15)
	),
	TP_fast_assign(
		__entry->vcpu = vcpu->id;
		__entry->rip = rip;
		__entry->len = min_t(u8, len, 15);
		__entry->result = result;
		memset(__entry->bytes, 0, 15);
		memcpy(__entry->bytes, bytes, __entry->len);
	),
	TP_printk("vcpu %u rip 0x%llx [%s] result %d", __entry->vcpu, __entry->rip,
		  __print_hex(__entry->bytes, __entry->len), __entry->result)
);

#endif /* VMX_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace

#include <trace/define_trace.h>
