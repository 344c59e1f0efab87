// SPDX-License-Identifier: GPL-2.0-only
/* SVM on this host: what there is, and switching it on and off per CPU (APM 2 15.4). */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/cc_platform.h>
#include <linux/cpumask.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/printk.h>
#include <linux/topology.h>
#include <asm/cpufeature.h>
#include <asm/msr.h>
#include <asm/processor-flags.h>
#include <asm/processor.h>

#include "amd/svm.h"
#include "pure/pte.h"

struct svm_host svm_host __read_mostly;
struct vmx_backend_caps svm_caps __read_mostly;
DEFINE_PER_CPU(struct svm_cpu, svm_cpus);

#define CPUID_8000_0001_ECX_SVM BIT(2)
#define CPUID_SVM_LEAF 0x8000000a

/* CPUID 8000000A EDX: APM 3 E.4.9. */
enum svm_cpuid_features {
	SVM_F_NPT = 1 << 0,
	SVM_F_LBRV = 1 << 1,
	SVM_F_LOCK = 1 << 2,
	SVM_F_NRIPS = 1 << 3,
	SVM_F_TSC_RATE = 1 << 4,
	SVM_F_CLEAN = 1 << 5,
	SVM_F_FLUSH_ASID = 1 << 6,
	SVM_F_DECODE = 1 << 7,
	SVM_F_PAUSE_FILTER = 1 << 10,
	SVM_F_PAUSE_THRESHOLD = 1 << 12,
	SVM_F_V_SPEC_CTRL = 1 << 20,
	SVM_F_VNMI = 1 << 25,
};

/* MSR VM_CR: APM 2 15.30.1. */
#define VM_CR_LOCK BIT_ULL(3)
#define VM_CR_SVMDIS BIT_ULL(4)

/* Bits of CR4 by the CPUID bit that says the CPU knows them: APM 2 3.1.3, APM 3 appendix E. */
struct svm_cr4_bit {
	u64 cr4;
	u32 leaf;
	u8 reg;		/* 1 EBX, 2 ECX, 3 EDX; 0: always there */
	u8 bit;
};

static const struct svm_cr4_bit svm_cr4_bits[] = {
	/* Every CPU with SVM has them; QEMU's takes them and does not say so in CPUID. */
	{ X86_CR4_VME | X86_CR4_PVI, 0, 0, 0 },
	{ X86_CR4_TSD, 1, 3, 4 },
	{ X86_CR4_DE, 1, 3, 2 },
	{ X86_CR4_PSE, 1, 3, 3 },
	{ X86_CR4_PAE, 1, 3, 6 },
	{ X86_CR4_MCE, 1, 3, 7 },
	{ X86_CR4_PGE, 1, 3, 13 },
	{ X86_CR4_PCE, 0, 0, 0 },
	{ X86_CR4_OSFXSR, 1, 3, 24 },
	{ X86_CR4_OSXMMEXCPT, 1, 3, 25 },
	{ X86_CR4_UMIP, 7, 2, 2 },
	{ X86_CR4_LA57, 7, 2, 16 },
	{ X86_CR4_FSGSBASE, 7, 1, 0 },
	{ X86_CR4_PCIDE, 1, 2, 17 },
	{ X86_CR4_OSXSAVE, 1, 2, 26 },
	{ X86_CR4_SMEP, 7, 1, 7 },
	{ X86_CR4_SMAP, 7, 1, 20 },
	{ X86_CR4_PKE, 7, 2, 3 },
	{ BIT_ULL(23), 7, 2, 7 },	/* CET: shadow stacks */
	{ BIT_ULL(23), 7, 3, 20 },	/* CET: indirect branch tracking */
};

/* From CPUID itself: the kernel's feature bits leave out what it does not want to use. */
static u64 svm_host_cr4(void)
{
	u32 regs[4], max = cpuid_eax(0);
	u64 cr4 = 0;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(svm_cr4_bits); i++) {
		const struct svm_cr4_bit *b = &svm_cr4_bits[i];

		if (b->leaf > max)
			continue;
		cpuid_count(b->leaf, 0, &regs[0], &regs[1], &regs[2], &regs[3]);
		if (!b->reg || (regs[b->reg] & BIT(b->bit)))
			cr4 |= b->cr4;
	}
	return cr4;
}

/* QEMU's emulation, which says so in the leaves for hypervisors. */
static bool svm_host_is_tcg(void)
{
	return boot_cpu_has(X86_FEATURE_HYPERVISOR) &&
	       hypervisor_cpuid_base("TCGTCGTCGTCG", 0) != 0;
}

static bool svm_cpu_has_svm(void)
{
	if (boot_cpu_data.x86_vendor != X86_VENDOR_AMD &&
	    boot_cpu_data.x86_vendor != X86_VENDOR_HYGON)
		return false;
	return cpuid_eax(0x80000000) >= CPUID_SVM_LEAF &&
	       (cpuid_ecx(0x80000001) & CPUID_8000_0001_ECX_SVM);
}

static int svm_check_firmware(u32 features)
{
	u64 vm_cr, efer;

	if (rdmsrl_safe(MSR_VM_CR, &vm_cr)) {
		pr_err("SVM: MSR VM_CR cannot be read; another hypervisor below this kernel hides it\n");
		return -EOPNOTSUPP;
	}
	if (vm_cr & VM_CR_SVMDIS) {
		if ((features & SVM_F_LOCK) && (vm_cr & VM_CR_LOCK))
			pr_err("SVM is switched off and locked by the firmware: switch on \"SVM\" (or \"SVM Mode\", \"AMD-V\") in the firmware's setup, then power the machine off and on\n");
		else
			pr_err("SVM is switched off by the firmware (VM_CR.SVMDIS): switch on \"SVM\" (or \"SVM Mode\", \"AMD-V\") in its setup\n");
		return -EACCES;
	}
	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME) {
		pr_err("another hypervisor uses SVM on this CPU (EFER.SVME is set): unload it; for in-tree KVM: rmmod kvm_amd\n");
		return -EBUSY;
	}
	return 0;
}

static void svm_read_features(u32 features)
{
	u32 ebx7 = cpuid_eax(0) >= 7 ? cpuid_ebx(7) : 0;
	u32 ecx7 = cpuid_eax(0) >= 7 ? cpuid_ecx(7) : 0;
	u32 ext8 = cpuid_eax(0x80000000) >= 0x80000008 ? cpuid_ebx(0x80000008) : 0;

	svm_host = (struct svm_host){
		.nr_asids = cpuid_ebx(CPUID_SVM_LEAF),
		.npt = features & SVM_F_NPT,
		.lbrv = features & SVM_F_LBRV,
		.nrips = features & SVM_F_NRIPS,
		.tsc_ratio = features & SVM_F_TSC_RATE,
		.clean_bits = features & SVM_F_CLEAN,
		.flush_by_asid = features & SVM_F_FLUSH_ASID,
		.decode_assists = features & SVM_F_DECODE,
		.pause_filter = features & SVM_F_PAUSE_FILTER,
		.pause_threshold = features & SVM_F_PAUSE_THRESHOLD,
		/* enter.c decides by the kernel's bit: both must agree. */
		.v_spec_ctrl = (features & SVM_F_V_SPEC_CTRL) &&
			       boot_cpu_has(X86_FEATURE_V_SPEC_CTRL),
		.vnmi = features & SVM_F_VNMI,
		.spec_ctrl = boot_cpu_has(X86_FEATURE_MSR_SPEC_CTRL),
		.rdtscp = cpuid_edx(0x80000001) & BIT(27),
		.rdpid = ecx7 & BIT(22),
		.rdpru = ext8 & BIT(4),
		.mcommit = ext8 & BIT(8),
		.invlpgb = ext8 & BIT(3),
		.invpcid = ebx7 & BIT(10),
		.virq_inject = svm_host_is_tcg(),
		.int3_is_intn = svm_host_is_tcg(),
		.cr4_supported = svm_host_cr4(),
	};
}

static void svm_set_caps(void)
{
	svm_caps = (struct vmx_backend_caps){
		.nested_paging = svm_host.npt,
		.shadow_paging = true,
		.next_rip = svm_host.nrips,
		.max_nested_level = boot_cpu_has(X86_FEATURE_GBPAGES) ? 3 : 2,
		/* The nested walk has the host's form (APM 2 15.25.3). */
		.nested_root_levels = native_read_cr4() & X86_CR4_LA57 ? 5 : 4,
		.nested_ad = true,
		.nested_format = PTE_KIND_NPT,
		.pause_filter = svm_host.pause_filter,
		.hypercall_insn = { 0x0f, 0x01, 0xd9 }, /* VMMCALL */
		.tsc_scaling = svm_host.tsc_ratio,
		.tsc_max_ratio = svm_host.tsc_ratio ? 0x000000ffffffffffULL : SVM_TSC_RATIO_ONE,
		.tsc_ratio_frac_bits = 32,
		.virtual_nmi = svm_host.vnmi,
		/* TCG ends the run with VMEXIT_INVALID, at the instruction, instead of raising #GP. */
		.cr4_ends_run = svm_host_is_tcg(),
		.far_jump64 = svm_host_is_tcg(),	/* APM 3 JMP far: no, but QEMU jumps as on Intel */
		.single_step = true,
		.step_by_tf = true,
		.cr4_allowed = svm_host.cr4_supported & ~BIT_ULL(23),	/* CET state is not switched */
		.efer_allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NX,
	};
	/* The guest's PKRU is a component of the XSAVE state that the host must have. */
	if (!boot_cpu_has(X86_FEATURE_OSPKE))
		svm_caps.cr4_allowed &= ~(u64)X86_CR4_PKE;
	if (boot_cpu_has(X86_FEATURE_FXSR_OPT))
		svm_caps.efer_allowed |= EFER_FFXSR;
#ifdef X86_FEATURE_AUTOIBRS
	if (boot_cpu_has(X86_FEATURE_AUTOIBRS))
		svm_caps.efer_allowed |= EFER_AUTOIBRS;
#endif
}

int svm_host_check(void)
{
	u32 features;
	int r;

	if (!svm_cpu_has_svm())
		return -EOPNOTSUPP;
	if (cc_platform_has(CC_ATTR_GUEST_MEM_ENCRYPT)) {
		pr_err("this kernel is itself a guest with encrypted memory, where SVM does not work\n");
		return -EOPNOTSUPP;
	}
	features = cpuid_edx(CPUID_SVM_LEAF);
	r = svm_check_firmware(features);
	if (r)
		return r;
	svm_read_features(features);
	if (svm_host.nr_asids < 2) {
		pr_err("SVM offers %u address space identifiers; 2 are needed\n", svm_host.nr_asids);
		return -EOPNOTSUPP;
	}
	svm_set_caps();
	svm_exit_table_init();
	return 0;
}

void svm_host_teardown(void)
{
	int cpu;

	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpus, cpu);

		free_page((unsigned long)c->hsave_area);
		free_page((unsigned long)c->host_area);
		c->hsave_area = NULL;
		c->host_area = NULL;
	}
	svm_iopm_destroy();
}

static void *svm_page_on(int cpu)
{
	struct page *page = alloc_pages_node(cpu_to_node(cpu), GFP_KERNEL | __GFP_ZERO, 0);

	return page ? page_address(page) : NULL;
}

int svm_host_setup(void)
{
	int cpu, r;

	r = svm_iopm_create();
	if (r)
		return r;
	for_each_possible_cpu(cpu) {
		struct svm_cpu *c = per_cpu_ptr(&svm_cpus, cpu);

		c->hsave_area = svm_page_on(cpu);
		c->host_area = svm_page_on(cpu);
		if (!c->hsave_area || !c->host_area) {
			svm_host_teardown();
			return -ENOMEM;
		}
		c->hsave_pa = virt_to_phys(c->hsave_area);
		c->host_pa = virt_to_phys(c->host_area);
	}
	pr_info("SVM: %s paging, %u ASIDs%s%s%s%s%s%s%s%s\n",
		svm_host.npt ? "nested" : "no nested", svm_host.nr_asids,
		svm_host.nrips ? ", next RIP" : "", svm_host.decode_assists ? ", decode assists" : "",
		svm_host.flush_by_asid ? ", flush by ASID" : "",
		svm_host.clean_bits ? ", clean bits" : "",
		svm_host.pause_filter ? ", PAUSE filter" : "", svm_host.tsc_ratio ? ", TSC ratio" : "",
		svm_host.vnmi ? ", virtual NMI" : "",
		svm_host.v_spec_ctrl ? ", virtual SPEC_CTRL" : "");
	return 0;
}

int svm_cpu_enable(void)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);
	u64 efer, vm_cr;

	rdmsrl(MSR_EFER, efer);
	if (efer & EFER_SVME)
		return -EBUSY;
	/* With SVMDIS set the write below would fault. */
	if (rdmsrl_safe(MSR_VM_CR, &vm_cr) || (vm_cr & VM_CR_SVMDIS))
		return -EACCES;
	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, c->hsave_pa);
	svm_asid_cpu_init(c);
	c->last = NULL;
	c->tsc_ratio = SVM_TSC_RATIO_ONE;
	if (svm_host.tsc_ratio)
		wrmsrl(MSR_AMD64_TSC_RATIO, SVM_TSC_RATIO_ONE);
	c->host_tsc_aux = 0;
	if (svm_host.rdtscp || svm_host.rdpid)
		rdmsrl(MSR_TSC_AUX, c->host_tsc_aux);
	c->tsc_aux = c->host_tsc_aux;
	c->enabled = true;
	return 0;
}

/* GIF must be 1 when SVME goes, or nothing would ever interrupt this CPU again (APM 2 15.17). */
static void svm_switch_off(void)
{
	u64 efer;

	rdmsrl(MSR_EFER, efer);
	if (!(efer & EFER_SVME))
		return;
	wrmsrl(MSR_VM_HSAVE_PA, 0);
	asm volatile("stgi" : : : "memory");
	wrmsrl(MSR_EFER, efer & ~(u64)EFER_SVME);
}

void svm_cpu_disable(void)
{
	struct svm_cpu *c = this_cpu_ptr(&svm_cpus);

	if (!c->enabled)
		return;
	c->enabled = false;
	svm_restore_tsc_aux(c);
	if (svm_host.tsc_ratio && c->tsc_ratio != SVM_TSC_RATIO_ONE)
		wrmsrl(MSR_AMD64_TSC_RATIO, SVM_TSC_RATIO_ONE);
	svm_switch_off();
}

/* A crash, perhaps in NMI context: only what the next kernel needs. */
void svm_cpu_emergency_disable(void)
{
	svm_switch_off();
}
