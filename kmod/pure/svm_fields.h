/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The fields of SVM's control block, as a list: what a reader of the block is shown. APM 2 appendix B, tables B-1
 * and B-2. struct vmcb (amd/vmcb.h) is the same block for the code that works with it; amd/block.c makes
 * sure that they agree. Not here: the bytes of the instruction, the LBR stack, IBS.
 */
#ifndef VMX_PURE_SVM_FIELDS_H
#define VMX_PURE_SVM_FIELDS_H

#include "pure/env.h"

#ifdef __cplusplus
extern "C" {
#endif

/* As VMX_X_FIELD_*. */
enum svm_field_kind { SVM_FIELD_CONTROL, SVM_FIELD_EXIT, SVM_FIELD_GUEST };

/* X(member of struct vmcb, offset in the block, bytes, kind, name in the APM or in words), in ascending order */
#define SVM_FIELDS(X)										\
	X(control.intercept[0], 0x000, 4, CONTROL, "CR read and write intercepts")		\
	X(control.intercept[1], 0x004, 4, CONTROL, "DR read and write intercepts")		\
	X(control.intercept[2], 0x008, 4, CONTROL, "exception intercepts")			\
	X(control.intercept[3], 0x00c, 4, CONTROL, "instruction intercepts 1")			\
	X(control.intercept[4], 0x010, 4, CONTROL, "instruction intercepts 2")			\
	X(control.intercept[5], 0x014, 4, CONTROL, "instruction intercepts 3")			\
	X(control.pause_threshold, 0x03c, 2, CONTROL, "PAUSE filter threshold")			\
	X(control.pause_count, 0x03e, 2, CONTROL, "PAUSE filter count")				\
	X(control.iopm_pa, 0x040, 8, CONTROL, "address of the I/O permission map")		\
	X(control.msrpm_pa, 0x048, 8, CONTROL, "address of the MSR permission map")		\
	X(control.tsc_offset, 0x050, 8, CONTROL, "TSC offset")					\
	X(control.asid, 0x058, 4, CONTROL, "ASID")						\
	X(control.tlb_control, 0x05c, 1, CONTROL, "TLB control")				\
	X(control.int_ctl, 0x060, 4, CONTROL, "virtual interrupt control")			\
	X(control.int_vector, 0x064, 4, CONTROL, "virtual interrupt vector")			\
	X(control.int_state, 0x068, 4, CONTROL, "interrupt shadow")				\
	X(control.exit_code, 0x070, 8, EXIT, "EXITCODE")					\
	X(control.exit_info1, 0x078, 8, EXIT, "EXITINFO1")					\
	X(control.exit_info2, 0x080, 8, EXIT, "EXITINFO2")					\
	X(control.exit_int_info, 0x088, 8, EXIT, "EXITINTINFO")					\
	X(control.nested_ctl, 0x090, 8, CONTROL, "nested paging and SEV control")		\
	X(control.avic_apic_bar, 0x098, 8, CONTROL, "AVIC APIC_BAR")				\
	X(control.ghcb_pa, 0x0a0, 8, CONTROL, "address of the GHCB")				\
	X(control.event_inj, 0x0a8, 8, CONTROL, "EVENTINJ")					\
	X(control.nested_cr3, 0x0b0, 8, CONTROL, "nested CR3")					\
	X(control.virt_ext, 0x0b8, 8, CONTROL, "LBR and VMLOAD virtualization")			\
	X(control.clean, 0x0c0, 4, CONTROL, "clean bits")					\
	X(control.next_rip, 0x0c8, 8, CONTROL, "next RIP")					\
	X(control.insn_len, 0x0d0, 1, EXIT, "number of bytes fetched")				\
	X(control.avic_backing_page, 0x0e0, 8, CONTROL, "address of the AVIC backing page")	\
	X(control.avic_logical_table, 0x0f0, 8, CONTROL, "address of the AVIC logical table")	\
	X(control.avic_physical_table, 0x0f8, 8, CONTROL, "address of the AVIC physical table")	\
	X(control.vmsa_pa, 0x108, 8, CONTROL, "address of the VMSA")				\
	X(control.vmgexit_rax, 0x110, 8, CONTROL, "VMGEXIT RAX")				\
	X(control.vmgexit_cpl, 0x118, 1, CONTROL, "VMGEXIT CPL")				\
	X(control.bus_lock_threshold, 0x120, 2, CONTROL, "bus lock threshold")			\
	X(save.es.selector, 0x400, 2, GUEST, "ES selector")					\
	X(save.es.attr, 0x402, 2, GUEST, "ES attributes")					\
	X(save.es.limit, 0x404, 4, GUEST, "ES limit")						\
	X(save.es.base, 0x408, 8, GUEST, "ES base")						\
	X(save.cs.selector, 0x410, 2, GUEST, "CS selector")					\
	X(save.cs.attr, 0x412, 2, GUEST, "CS attributes")					\
	X(save.cs.limit, 0x414, 4, GUEST, "CS limit")						\
	X(save.cs.base, 0x418, 8, GUEST, "CS base")						\
	X(save.ss.selector, 0x420, 2, GUEST, "SS selector")					\
	X(save.ss.attr, 0x422, 2, GUEST, "SS attributes")					\
	X(save.ss.limit, 0x424, 4, GUEST, "SS limit")						\
	X(save.ss.base, 0x428, 8, GUEST, "SS base")						\
	X(save.ds.selector, 0x430, 2, GUEST, "DS selector")					\
	X(save.ds.attr, 0x432, 2, GUEST, "DS attributes")					\
	X(save.ds.limit, 0x434, 4, GUEST, "DS limit")						\
	X(save.ds.base, 0x438, 8, GUEST, "DS base")						\
	X(save.fs.selector, 0x440, 2, GUEST, "FS selector")					\
	X(save.fs.attr, 0x442, 2, GUEST, "FS attributes")					\
	X(save.fs.limit, 0x444, 4, GUEST, "FS limit")						\
	X(save.fs.base, 0x448, 8, GUEST, "FS base")						\
	X(save.gs.selector, 0x450, 2, GUEST, "GS selector")					\
	X(save.gs.attr, 0x452, 2, GUEST, "GS attributes")					\
	X(save.gs.limit, 0x454, 4, GUEST, "GS limit")						\
	X(save.gs.base, 0x458, 8, GUEST, "GS base")						\
	X(save.gdtr.selector, 0x460, 2, GUEST, "GDTR selector")					\
	X(save.gdtr.attr, 0x462, 2, GUEST, "GDTR attributes")					\
	X(save.gdtr.limit, 0x464, 4, GUEST, "GDTR limit")					\
	X(save.gdtr.base, 0x468, 8, GUEST, "GDTR base")						\
	X(save.ldtr.selector, 0x470, 2, GUEST, "LDTR selector")					\
	X(save.ldtr.attr, 0x472, 2, GUEST, "LDTR attributes")					\
	X(save.ldtr.limit, 0x474, 4, GUEST, "LDTR limit")					\
	X(save.ldtr.base, 0x478, 8, GUEST, "LDTR base")						\
	X(save.idtr.selector, 0x480, 2, GUEST, "IDTR selector")					\
	X(save.idtr.attr, 0x482, 2, GUEST, "IDTR attributes")					\
	X(save.idtr.limit, 0x484, 4, GUEST, "IDTR limit")					\
	X(save.idtr.base, 0x488, 8, GUEST, "IDTR base")						\
	X(save.tr.selector, 0x490, 2, GUEST, "TR selector")					\
	X(save.tr.attr, 0x492, 2, GUEST, "TR attributes")					\
	X(save.tr.limit, 0x494, 4, GUEST, "TR limit")						\
	X(save.tr.base, 0x498, 8, GUEST, "TR base")						\
	X(save.cpl, 0x4cb, 1, GUEST, "CPL")							\
	X(save.efer, 0x4d0, 8, GUEST, "EFER")							\
	X(save.perf[0].ctl, 0x4e0, 8, GUEST, "PERF_CTL0")					\
	X(save.perf[0].ctr, 0x4e8, 8, GUEST, "PERF_CTR0")					\
	X(save.perf[1].ctl, 0x4f0, 8, GUEST, "PERF_CTL1")					\
	X(save.perf[1].ctr, 0x4f8, 8, GUEST, "PERF_CTR1")					\
	X(save.perf[2].ctl, 0x500, 8, GUEST, "PERF_CTL2")					\
	X(save.perf[2].ctr, 0x508, 8, GUEST, "PERF_CTR2")					\
	X(save.perf[3].ctl, 0x510, 8, GUEST, "PERF_CTL3")					\
	X(save.perf[3].ctr, 0x518, 8, GUEST, "PERF_CTR3")					\
	X(save.perf[4].ctl, 0x520, 8, GUEST, "PERF_CTL4")					\
	X(save.perf[4].ctr, 0x528, 8, GUEST, "PERF_CTR4")					\
	X(save.perf[5].ctl, 0x530, 8, GUEST, "PERF_CTL5")					\
	X(save.perf[5].ctr, 0x538, 8, GUEST, "PERF_CTR5")					\
	X(save.cr4, 0x548, 8, GUEST, "CR4")							\
	X(save.cr3, 0x550, 8, GUEST, "CR3")							\
	X(save.cr0, 0x558, 8, GUEST, "CR0")							\
	X(save.dr7, 0x560, 8, GUEST, "DR7")							\
	X(save.dr6, 0x568, 8, GUEST, "DR6")							\
	X(save.rflags, 0x570, 8, GUEST, "RFLAGS")						\
	X(save.rip, 0x578, 8, GUEST, "RIP")							\
	X(save.instr_retired_ctr, 0x5c0, 8, GUEST, "INSTR_RETIRED_CTR")				\
	X(save.perf_global_status, 0x5c8, 8, GUEST, "PERF_CTR_GLOBAL_STS")			\
	X(save.perf_global_ctl, 0x5d0, 8, GUEST, "PERF_CTR_GLOBAL_CTL")				\
	X(save.rsp, 0x5d8, 8, GUEST, "RSP")							\
	X(save.s_cet, 0x5e0, 8, GUEST, "S_CET")							\
	X(save.ssp, 0x5e8, 8, GUEST, "SSP")							\
	X(save.isst_addr, 0x5f0, 8, GUEST, "ISST_ADDR")						\
	X(save.rax, 0x5f8, 8, GUEST, "RAX")							\
	X(save.star, 0x600, 8, GUEST, "STAR")							\
	X(save.lstar, 0x608, 8, GUEST, "LSTAR")							\
	X(save.cstar, 0x610, 8, GUEST, "CSTAR")							\
	X(save.sfmask, 0x618, 8, GUEST, "SFMASK")						\
	X(save.kernel_gs_base, 0x620, 8, GUEST, "KernelGSBase")					\
	X(save.sysenter_cs, 0x628, 8, GUEST, "SYSENTER_CS")					\
	X(save.sysenter_esp, 0x630, 8, GUEST, "SYSENTER_ESP")					\
	X(save.sysenter_eip, 0x638, 8, GUEST, "SYSENTER_EIP")					\
	X(save.cr2, 0x640, 8, GUEST, "CR2")							\
	X(save.g_pat, 0x668, 8, GUEST, "guest PAT")						\
	X(save.dbgctl, 0x670, 8, GUEST, "DBGCTL")						\
	X(save.br_from, 0x678, 8, GUEST, "BR_FROM")						\
	X(save.br_to, 0x680, 8, GUEST, "BR_TO")							\
	X(save.last_excp_from, 0x688, 8, GUEST, "LASTEXCPFROM")					\
	X(save.last_excp_to, 0x690, 8, GUEST, "LASTEXCPTO")					\
	X(save.dbg_extn_ctl, 0x698, 8, GUEST, "DBGEXTNCTL")					\
	X(save.spec_ctrl, 0x6e0, 8, GUEST, "SPEC_CTRL")						\
	X(save.lbr_select, 0xb70, 8, GUEST, "LBR_SELECT")

struct svm_field_row {
	u16 offset;
	u8 width;
	u8 kind;		/* enum svm_field_kind */
	const char *words;
};

extern const struct svm_field_row svm_field_rows[];
extern const unsigned int svm_nr_fields;

/* Of the field at @offset; NULL: there is none. */
const struct svm_field_row *svm_field_find(u32 offset);

/*
 * Does the field hold an address of the host's? @shadow: CR3 is the root of a table of ours, not the guest's.
 */
bool svm_field_is_host_address(u32 offset, bool shadow);

#ifdef __cplusplus
}
#endif

#endif /* VMX_PURE_SVM_FIELDS_H */
