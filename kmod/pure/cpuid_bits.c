// SPDX-License-Identifier: GPL-2.0-only
/*
 * Every CPUID feature bit that this hypervisor has an opinion on, one row each, sorted.
 * Sources: SDM 2A, CPUID; APM 3, appendix E.
 *
 *	PASS(bit, name)		 offered if the host has it
 *	PASS_IF(bit, cond, name) ... and the condition holds (enum cpuid_condition)
 *	SOFT(bit, name)		 offered always, done in software
 *	SOFT_IF(bit, cond, name) ... if the condition holds
 *	LIVE(bit, name, why)	 follows the vCPU's state
 *	DENY(bit, name, why)	 not offered
 */
#include "pure/cpuid.h"

#define ROW(b, t, c, n, y)                                                                        \
	{ .leaf = LEAF, .subleaf = SUBLEAF, .word = WORD, .bit = (b), .treatment = CPUID_##t,     \
	  .condition = CPUID_IF_##c, .name = (n), .why = (y) }
#define PASS(b, n) ROW(b, PASS, ANY, n, NULL)
#define PASS_IF(b, c, n) ROW(b, PASS, c, n, NULL)
#define SOFT(b, n) ROW(b, EMULATE, ANY, n, NULL)
#define SOFT_IF(b, c, n) ROW(b, EMULATE, c, n, NULL)
#define LIVE(b, n, why) ROW(b, RUNTIME, ANY, n, why)
#define DENY(b, n, why) ROW(b, REFUSE, ANY, n, why)

const struct cpuid_bit cpuid_bits[] = {
#define LEAF 0x1
#define SUBLEAF 0
#define WORD CPUID_W_ECX
	PASS(0, "sse3"),
	PASS(1, "pclmulqdq"),
	DENY(2, "dtes64", "no debug store"),
	DENY(3, "monitor", "a guest idles by HLT; the VMM may add it with DISABLE_EXITS"),
	DENY(4, "ds-cpl", "no debug store"),
	DENY(5, "vmx", "no nesting"),
	DENY(6, "smx", "no measured launch"),
	DENY(7, "est", "no P-states"),
	DENY(8, "tm2", "no thermal control"),
	PASS(9, "ssse3"),
	DENY(10, "cnxt-id", "obsolete"),
	DENY(11, "sdbg", "no silicon debugging"),
	PASS_IF(12, AVX, "fma"),
	PASS(13, "cx16"),
	DENY(14, "xtpr", "no task-priority messages"),
	DENY(15, "pdcm", "no PMU"),
	PASS_IF(17, TDP, "pcid"),
	DENY(18, "dca", "no such device"),
	PASS(19, "sse4.1"),
	PASS(20, "sse4.2"),
	SOFT(21, "x2apic"),
	PASS(22, "movbe"),
	PASS(23, "popcnt"),
	DENY(24, "tsc-deadline", "needs the LAPIC here, which the VMM may have: it adds it, VMX_CAP_TSC_DEADLINE_TIMER"),
	PASS(25, "aes"),
	PASS_IF(26, XSAVE, "xsave"),
	LIVE(27, "osxsave", "follows CR4.OSXSAVE"),
	PASS_IF(28, AVX, "avx"),
	PASS_IF(29, AVX, "f16c"),
	PASS(30, "rdrand"),
	SOFT(31, "hypervisor"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x1
#define SUBLEAF 0
#define WORD CPUID_W_EDX
	PASS(0, "fpu"),
	PASS(1, "vme"),
	PASS(2, "de"),
	PASS(3, "pse"),
	PASS(4, "tsc"),
	PASS(5, "msr"),
	PASS(6, "pae"),
	PASS(7, "mce"),
	PASS(8, "cx8"),
	SOFT(9, "apic"),
	PASS(11, "sep"),
	PASS(12, "mtrr"),
	PASS(13, "pge"),
	PASS(14, "mca"),
	PASS(15, "cmov"),
	PASS(16, "pat"),
	PASS(17, "pse36"),
	DENY(18, "psn", "no processor serial number"),
	PASS(19, "clflush"),
	DENY(21, "ds", "no debug store"),
	DENY(22, "acpi", "no thermal control"),
	PASS(23, "mmx"),
	PASS(24, "fxsr"),
	PASS(25, "sse"),
	PASS(26, "sse2"),
	PASS(27, "ss"),
	DENY(28, "htt", "the topology is the VMM's"),
	DENY(29, "tm", "no thermal control"),
	DENY(31, "pbe", "no pending-break enable"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x6
#define SUBLEAF 0
#define WORD CPUID_W_EAX
	SOFT(2, "arat"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x7
#define SUBLEAF 0
#define WORD CPUID_W_EBX
	PASS(0, "fsgsbase"),
	SOFT(1, "tsc-adjust"),
	DENY(2, "sgx", "no enclaves"),
	PASS(3, "bmi1"),
	PASS(4, "hle"),
	PASS_IF(5, AVX, "avx2"),
	PASS(6, "fdp-excptn-only"),
	PASS(7, "smep"),
	PASS(8, "bmi2"),
	PASS(9, "erms"),
	PASS_IF(10, TDP, "invpcid"),
	PASS(11, "rtm"),
	DENY(12, "rdt-m", "no cache monitoring"),
	PASS(13, "zero-fcs-fds"),
	DENY(14, "mpx", "withdrawn from the host kernel"),
	DENY(15, "rdt-a", "no cache allocation"),
	PASS_IF(16, AVX512, "avx512f"),
	PASS_IF(17, AVX512, "avx512dq"),
	PASS(18, "rdseed"),
	PASS(19, "adx"),
	PASS(20, "smap"),
	PASS_IF(21, AVX512, "avx512-ifma"),
	PASS(23, "clflushopt"),
	PASS(24, "clwb"),
	DENY(25, "intel-pt", "no processor trace"),
	PASS_IF(26, AVX512, "avx512pf"),
	PASS_IF(27, AVX512, "avx512er"),
	PASS_IF(28, AVX512, "avx512cd"),
	PASS(29, "sha"),
	PASS_IF(30, AVX512, "avx512bw"),
	PASS_IF(31, AVX512, "avx512vl"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x7
#define SUBLEAF 0
#define WORD CPUID_W_ECX
	PASS_IF(1, AVX512, "avx512-vbmi"),
	PASS(2, "umip"),
	PASS_IF(3, PKU, "pku"),
	LIVE(4, "ospke", "follows CR4.PKE"),
	DENY(5, "waitpkg", "IA32_UMWAIT_CONTROL is not switched"),
	PASS_IF(6, AVX512, "avx512-vbmi2"),
	DENY(7, "cet-ss", "shadow-stack state is not switched"),
	PASS(8, "gfni"),
	PASS_IF(9, AVX, "vaes"),
	PASS_IF(10, AVX, "vpclmulqdq"),
	PASS_IF(11, AVX512, "avx512-vnni"),
	PASS_IF(12, AVX512, "avx512-bitalg"),
	DENY(13, "tme", "no memory-encryption MSRs"),
	PASS_IF(14, AVX512, "avx512-vpopcntdq"),
	PASS_IF(16, LA57, "la57"),
	PASS_IF(22, TSC_AUX, "rdpid"),
	DENY(23, "key-locker", "its state is not switched"),
	DENY(24, "bus-lock-detect", "DEBUGCTL is not offered"),
	PASS(25, "cldemote"),
	PASS(27, "movdiri"),
	PASS(28, "movdir64b"),
	DENY(29, "enqcmd", "IA32_PASID is not switched"),
	DENY(30, "sgx-lc", "no enclaves"),
	DENY(31, "pks", "IA32_PKRS is not switched"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x7
#define SUBLEAF 0
#define WORD CPUID_W_EDX
	PASS_IF(2, AVX512, "avx512-4vnniw"),
	PASS_IF(3, AVX512, "avx512-4fmaps"),
	PASS(4, "fsrm"),
	DENY(5, "uintr", "its state is not switched"),
	PASS_IF(8, AVX512, "avx512-vp2intersect"),
	DENY(9, "srbds-ctrl", "IA32_MCU_OPT_CTRL is not offered"),
	PASS(10, "md-clear"),
	DENY(11, "rtm-always-abort", "TSX control is not offered"),
	DENY(13, "rtm-force-abort", "TSX control is not offered"),
	PASS(14, "serialize"),
	DENY(15, "hybrid", "no topology"),
	DENY(16, "tsxldtrk", "needs TSX with nothing to test it"),
	DENY(18, "pconfig", "no memory-encryption keys"),
	DENY(19, "arch-lbr", "no last-branch records"),
	DENY(20, "cet-ibt", "its state is not switched"),
	DENY(22, "amx-bf16", "AMX state is not offered"),
	PASS_IF(23, AVX512, "avx512-fp16"),
	DENY(24, "amx-tile", "AMX state is not offered"),
	DENY(25, "amx-int8", "AMX state is not offered"),
	PASS_IF(26, SPEC, "spec-ctrl"),
	PASS_IF(27, SPEC, "stibp"),
	DENY(28, "flush-l1d", "IA32_FLUSH_CMD is not offered"),
	SOFT_IF(29, ARCHCAP, "arch-capabilities"),
	DENY(30, "core-capabilities", "IA32_CORE_CAPABILITIES is not offered"),
	PASS_IF(31, SPEC, "ssbd"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x7
#define SUBLEAF 1
#define WORD CPUID_W_EAX
	DENY(3, "rao-int", "never tried"),
	PASS_IF(4, AVX, "avx-vnni"),
	PASS_IF(5, AVX512, "avx512-bf16"),
	PASS(10, "fzrm"),
	PASS(11, "fsrs"),
	PASS(12, "fsrc"),
	DENY(17, "fred", "event delivery is not FRED's"),
	DENY(18, "lkgs", "needs FRED"),
	DENY(21, "amx-fp16", "AMX state is not offered"),
	PASS_IF(23, AVX, "avx-ifma"),
	DENY(26, "lam", "the guest walker knows no linear-address masking"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x7
#define SUBLEAF 1
#define WORD CPUID_W_EDX
	PASS_IF(4, AVX, "avx-vnni-int8"),
	PASS_IF(5, AVX, "avx-ne-convert"),
	DENY(8, "amx-complex", "AMX state is not offered"),
	PASS(14, "prefetchi"),
	DENY(18, "cet-sss", "shadow-stack state is not switched"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x7
#define SUBLEAF 2
#define WORD CPUID_W_EDX
	DENY(0, "psfd", "SPEC_CTRL bit is not offered"),
	DENY(1, "ipred-ctrl", "SPEC_CTRL bit is not offered"),
	DENY(2, "rrsba-ctrl", "SPEC_CTRL bit is not offered"),
	DENY(3, "ddpd-u", "SPEC_CTRL bit is not offered"),
	DENY(4, "bhi-ctrl", "SPEC_CTRL bit is not offered"),
	PASS(5, "mcdt-no"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0xd
#define SUBLEAF 1
#define WORD CPUID_W_EAX
	PASS_IF(0, XSAVE, "xsaveopt"),
	PASS_IF(1, XSAVE, "xsavec"),
	PASS_IF(2, XSAVE, "xgetbv1"),
	PASS_IF(3, XSAVE, "xsaves"),
	DENY(4, "xfd", "AMX state is not offered"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x40000001
#define SUBLEAF 0
#define WORD CPUID_W_EAX
	SOFT(0, "clocksource"),
	SOFT(1, "nop-io-delay"),
	DENY(2, "mmu-op", "withdrawn long ago"),
	SOFT(3, "clocksource2"),
	SOFT(4, "async-pf"),
	SOFT(5, "steal-time"),
	SOFT(6, "pv-eoi"),
	SOFT(7, "pv-unhalt"),
	SOFT(9, "pv-tlb-flush"),
	DENY(10, "async-pf-vmexit", "no nesting"),
	SOFT(11, "pv-send-ipi"),
	SOFT(12, "poll-control"),
	SOFT(13, "pv-sched-yield"),
	SOFT(14, "async-pf-int"),
	DENY(15, "msi-ext-dest-id", "the VMM's choice"),
	DENY(16, "hc-map-gpa-range", "no encrypted guests"),
	DENY(17, "migration-control", "no encrypted guests"),
	SOFT(24, "clocksource-stable"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x80000001
#define SUBLEAF 0
#define WORD CPUID_W_ECX
	PASS(0, "lahf-lm"),
	DENY(1, "cmp-legacy", "the topology is the VMM's"),
	DENY(2, "svm", "no nesting"),
	DENY(3, "extapic", "no extended APIC space"),
	SOFT(4, "cr8-legacy"),
	PASS(5, "abm"),
	PASS(6, "sse4a"),
	PASS(7, "misalignsse"),
	PASS(8, "3dnowprefetch"),
	DENY(9, "osvw", "its MSRs are not offered"),
	DENY(10, "ibs", "no instruction-based sampling"),
	PASS_IF(11, AVX, "xop"),
	DENY(12, "skinit", "no measured launch"),
	DENY(13, "wdt", "no watchdog"),
	DENY(15, "lwp", "its state is not switched"),
	PASS_IF(16, AVX, "fma4"),
	PASS(21, "tbm"),
	DENY(22, "topoext", "the topology is the VMM's"),
	DENY(23, "perfctr-core", "no PMU"),
	DENY(24, "perfctr-nb", "no PMU"),
	DENY(26, "bpext", "address masks of breakpoints are not switched"),
	DENY(27, "perftsc", "no PMU"),
	DENY(28, "perfctr-llc", "no PMU"),
	DENY(29, "mwaitx", "a guest idles by HLT"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x80000001
#define SUBLEAF 0
#define WORD CPUID_W_EDX
	PASS(0, "fpu"),
	PASS(1, "vme"),
	PASS(2, "de"),
	PASS(3, "pse"),
	PASS(4, "tsc"),
	PASS(5, "msr"),
	PASS(6, "pae"),
	PASS(7, "mce"),
	PASS(8, "cx8"),
	SOFT(9, "apic"),
	PASS(11, "syscall"),
	PASS(12, "mtrr"),
	PASS(13, "pge"),
	PASS(14, "mca"),
	PASS(15, "cmov"),
	PASS(16, "pat"),
	PASS(17, "pse36"),
	PASS(20, "nx"),
	PASS(22, "mmxext"),
	PASS(23, "mmx"),
	PASS(24, "fxsr"),
	PASS(25, "fxsr-opt"),
	PASS(26, "pdpe1gb"),
	PASS_IF(27, TSC_AUX, "rdtscp"),
	PASS(29, "lm"),
	PASS(30, "3dnowext"),
	PASS(31, "3dnow"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x80000007
#define SUBLEAF 0
#define WORD CPUID_W_EDX
	DENY(8, "invtsc", "a guest with it would not use kvmclock and cannot migrate; the VMM may add it"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x80000008
#define SUBLEAF 0
#define WORD CPUID_W_EBX
	PASS(0, "clzero"),
	DENY(1, "irperf", "its MSR is not offered"),
	PASS(2, "xsaveerptr"),
	DENY(4, "rdpru", "would show the host's counters"),
	PASS(9, "wbnoinvd"),
	PASS_IF(12, SPEC, "ibpb"),
	PASS_IF(14, SPEC, "ibrs"),
	PASS_IF(15, SPEC, "stibp"),
	PASS_IF(17, SPEC, "stibp-always-on"),
	DENY(23, "ppin", "identifies the host"),
	PASS_IF(24, SPEC, "ssbd"),
	DENY(25, "virt-ssbd", "VIRT_SPEC_CTRL is not offered"),
	PASS(26, "ssb-no"),
	PASS_IF(28, SPEC, "psfd"),
	PASS(29, "btc-no"),
	DENY(31, "branch-sampling", "no last-branch records"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x8000001a
#define SUBLEAF 0
#define WORD CPUID_W_EAX
	PASS(0, "fp128"),
	PASS(1, "movu"),
	PASS(2, "fp256"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x80000021
#define SUBLEAF 0
#define WORD CPUID_W_EAX
	PASS(0, "no-nested-data-bp"),
	PASS(2, "lfence-rdtsc"),
	DENY(3, "smm-pgcfg-lock", "no MSR to lock"),
	PASS(5, "verw-clear"),
	PASS(6, "null-sel-clr-base"),
	DENY(7, "upper-address-ignore", "the guest walker knows no linear-address masking"),
	DENY(8, "autoibrs", "EFER bit is not offered"),
	SOFT(9, "no-smm-ctl-msr"),
	PASS(10, "fsrs"),
	PASS(11, "fsrc"),
	DENY(13, "prefetch-ctl", "its MSR is not offered"),
	DENY(17, "cpuid-user-dis", "HWCR bit is not offered"),
	DENY(27, "sbpb", "PRED_CMD bit is not offered"),
	PASS_IF(28, SPEC, "ibpb-brtype"),
	PASS(29, "srso-no"),
#undef LEAF
#undef SUBLEAF
#undef WORD

#define LEAF 0x80000021
#define SUBLEAF 0
#define WORD CPUID_W_ECX
	PASS(1, "tsa-sq-no"),
	PASS(2, "tsa-l1-no"),
#undef LEAF
#undef SUBLEAF
#undef WORD
};

const unsigned int cpuid_nr_bits = ARRAY_SIZE(cpuid_bits);
