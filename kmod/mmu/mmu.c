// SPDX-License-Identifier: GPL-2.0-only
/* Life of the MMU's state. */
#include <linux/cpu.h>
#include <linux/io.h>
#include <linux/log2.h>
#include <linux/mem_encrypt.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <asm/cpuid.h>

#include "backend.h"
#include "mmu/internal.h"
#include "mmu/shadow.h"
#include "x86/gva.h"

struct npte_format mmu_format __ro_after_init;
unsigned int mmu_fault_around __ro_after_init;
bool mmu_small_code __ro_after_init;

static unsigned int fault_around_pages = 16;
module_param(fault_around_pages, uint, 0444);
MODULE_PARM_DESC(fault_around_pages,
		 "pages mapped around one that is touched: a power of two up to 512; 1: none (default 16)");

static char *paging_name = "auto";
module_param_named(paging, paging_name, charp, 0444);
MODULE_PARM_DESC(paging, "of VMs whose VMM does not choose: nested, shadow, or auto (nested where the CPU has it; default)");
static bool paging_shadow __ro_after_init;

static unsigned int host_phys_bits __ro_after_init;

u64 mmu_max_gfn(void)
{
	unsigned int bits = min(host_phys_bits, 12 + 9u * backend_caps->nested_root_levels);

	return (1ULL << (bits - PAGE_SHIFT)) - 1;
}

static int choose_paging(void)
{
	if (!strcmp(paging_name, "auto")) {
		paging_shadow = !backend_caps->nested_paging;
	} else if (!strcmp(paging_name, "shadow")) {
		paging_shadow = true;
	} else if (strcmp(paging_name, "nested")) {
		pr_err("vmx: paging=%s: known are auto, nested, shadow\n", paging_name);
		return -EINVAL;
	}
	if (!paging_shadow && !backend_caps->nested_paging) {
		pr_err("vmx: paging=nested: this CPU has no nested paging; leave the parameter out for shadow paging\n");
		return -EINVAL;
	}
	if (paging_shadow && !backend_caps->shadow_paging) {
		pr_err("vmx: paging=shadow: not by this backend\n");
		return -EINVAL;
	}
	return 0;
}

int mmu_module_init(void)
{
	/* The CPU's own answer: boot_cpu_data subtracts what memory encryption takes. */
	host_phys_bits = boot_cpu_data.extended_cpuid_level >= 0x80000008 ?
				 cpuid_eax(0x80000008) & 0xff : 36;
	if (host_phys_bits < 32 || host_phys_bits > 52) {
		pr_err("vmx: the CPU reports %u physical address bits\n", host_phys_bits);
		return -EINVAL;
	}
	if (backend_caps->nested_format == PTE_KIND_EPT)
		npte_format_ept(&mmu_format, host_phys_bits, backend_caps->nested_ad);
	else
		npte_format_npt(&mmu_format, host_phys_bits, sme_me_mask);
	npte_format_npt(&shadow_format, host_phys_bits, sme_me_mask);
	/* fault.c copies the bit from the host's entries. */
	if (mmu_format.write != _PAGE_RW)
		return -EINVAL;

	if (!fault_around_pages || fault_around_pages > PTE_ENTRIES ||
	    !is_power_of_2(fault_around_pages)) {
		pr_err("vmx: fault_around_pages=%u is not a power of two up to 512\n",
		       fault_around_pages);
		return -EINVAL;
	}
	mmu_fault_around = fault_around_pages;
	if (choose_paging())
		return -EINVAL;
	mmu_small_code = boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) && !cpu_mitigations_off();
	if (mmu_small_code)
		pr_info("vmx: this CPU may stop at an iTLB multihit: code of guests is mapped by 4 KiB\n");
	return shadow_shrink_init();
}

void mmu_module_exit(void)
{
	shadow_shrink_exit();
	/* Tables that wait for their grace period. */
	rcu_barrier();
}

u64 mmu_lapic_pa(const struct vm *vm)
{
	return vm->mmu->lapic_pa;
}

static void free_lapic_page(struct vm_mmu *mmu)
{
	if (mmu->lapic_pa)
		__free_page(pfn_to_page(mmu->lapic_pa >> PAGE_SHIFT));
}

int mmu_vm_create(struct vm *vm)
{
	struct vm_mmu *mmu = kzalloc(sizeof(*mmu), GFP_KERNEL_ACCOUNT);
	struct page *page;
	int ret = -ENOMEM;

	if (!mmu)
		return -ENOMEM;
	rwlock_init(&mmu->lock);
	mmu->vm = vm;
	mmu->mm = vm->mm;
	mmu->by_hva = RB_ROOT_CACHED;
	mmu->levels = backend_caps->nested_root_levels;
	page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	if (!page)
		goto free_mmu;
	mmu->root[SLOT_SPACE_NORMAL] = page_address(page);
	atomic64_inc(&vm->stat.table_pages);
	vm->mmu = mmu;
	if (backend_caps->lapic_page) {
		page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!page)
			goto free_root;
		mmu->lapic_pa = page_to_phys(page);
	}
	if (paging_shadow) {
		ret = shadow_vm_create(vm);
		if (ret)
			goto free_lapic;
	}
	ret = mmu_notifier_attach(mmu);
	if (ret)
		goto destroy_shadow;
	return 0;

destroy_shadow:
	shadow_vm_destroy(vm);
free_lapic:
	free_lapic_page(mmu);
free_root:
	vm->mmu = NULL;
	__free_page(virt_to_page(mmu->root[SLOT_SPACE_NORMAL]));
free_mmu:
	kfree(mmu);
	return ret;
}

bool mmu_shadow_default(void)
{
	return paging_shadow;
}

bool mmu_shadow_vm(const struct vm *vm)
{
	return vm->mmu->shadow;
}

int mmu_set_paging(struct vm *vm, bool shadow)
{
	int ret = 0;

	mutex_lock(&vm->lock);
	mutex_lock(&vm->slots->lock);
	if (vm->nr_vcpus)
		ret = -EBUSY;
	else if (shadow == mmu_shadow_vm(vm))
		;
	else if (!shadow)
		shadow_vm_destroy(vm);
	else
		ret = shadow_vm_create(vm) ?: mmu_shadow_memory(vm, 0);
	mutex_unlock(&vm->slots->lock);
	mutex_unlock(&vm->lock);
	return ret;
}

void mmu_vm_release(struct vm *vm)
{
	struct vm_mmu *mmu = vm->mmu;
	unsigned int space;
	struct zap z;

	if (!mmu)
		return;
	zap_lock(&z, mmu);
	mmu->dead = true;
	mmu_shadow_zap_all(mmu);
	for (space = 0; space < SLOT_SPACES; space++) {
		u64 gfn = 0, end = mmu_gfn_end(mmu);

		z.root = READ_ONCE(mmu->root[space]);
		while ((gfn = zap_range(&z, gfn, end, true)) < end)
			zap_yield(&z);
	}
	zap_unlock(&z);
}

/* What is left when all leaves are gone. */
static void free_tables(u64 *table, unsigned int level)
{
	unsigned int i;

	for (i = 0; level > PTE_LEVEL_4K && i < PTE_ENTRIES; i++)
		if (npte_is_present(&mmu_format, table[i]) &&
		    !npte_is_leaf(&mmu_format, table[i], level))
			free_tables(mmu_table(table[i]), level - 1);
	mmu_free_table(virt_to_page(table));
}

void mmu_vm_destroy(struct vm *vm)
{
	struct vm_mmu *mmu = vm->mmu;
	unsigned int space;

	if (!mmu)
		return;
	mmu_vm_release(vm);
	mmu_notifier_detach(mmu);
	shadow_vm_destroy(vm);
	for (space = 0; space < SLOT_SPACES; space++)
		if (mmu->root[space])
			free_tables(mmu->root[space], mmu->levels);
	free_lapic_page(mmu);
	vm->mmu = NULL;
	kfree(mmu);
}

int mmu_vcpu_create(struct vcpu *vcpu)
{
	struct vcpu_mmu *own = kzalloc(sizeof(*own), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!own)
		return -ENOMEM;
	vcpu->mmu = own;
	ret = gva_vcpu_create(vcpu);
	if (ret)
		goto free_own;
	ret = shadow_vcpu_create(vcpu);
	if (ret)
		goto destroy_gva;
	return 0;

destroy_gva:
	gva_vcpu_destroy(vcpu);
free_own:
	vcpu->mmu = NULL;
	kfree(own);
	return ret;
}

void mmu_vcpu_destroy(struct vcpu *vcpu)
{
	struct vcpu_mmu *own = vcpu->mmu;

	if (!own)
		return;
	shadow_vcpu_destroy(vcpu);
	while (own->nr_tables)
		mmu_free_table(own->tables[--own->nr_tables]);
	gva_vcpu_destroy(vcpu);
	kfree(own);
	vcpu->mmu = NULL;
}

/* The second root is made when the first vCPU needs it: most VMs have no system management mode. */
static u64 *make_root(struct vm *vm, unsigned int space)
{
	struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
	u64 *root, *old;

	if (!page)
		return NULL;
	root = page_address(page);
	old = cmpxchg(&vm->mmu->root[space], NULL, root);
	if (old) {
		__free_page(page);
		return old;
	}
	atomic64_inc(&vm->stat.table_pages);
	return root;
}

int mmu_load(struct vcpu *vcpu)
{
	struct vm_mmu *mmu = vcpu->vm->mmu;
	unsigned int space = vcpu->mmu->hit.space;
	u64 *root = READ_ONCE(mmu->root[space]);

	if (unlikely(mmu->shadow)) {
		if (shadow_wanted(vcpu))
			return shadow_load(vcpu);
		shadow_leave(vcpu);
	}
	if (!root)
		root = make_root(vcpu->vm, space);
	if (!root) {
		/* Not to be entered without. */
		vcpu_request(vcpu, REQ_MMU_RELOAD);
		return -ENOMEM;
	}
	vcpu->mmu->root = root;
	backend_call(set_root)(vcpu, __pa(root) | sme_me_mask, mmu->levels, true);
	return 0;
}

void mmu_set_space(struct vcpu *vcpu, unsigned int space)
{
	vcpu->mmu->hit.slot = NULL;
	vcpu->mmu->hit.space = space;
	gva_forget(vcpu);
	vcpu_request(vcpu, REQ_MMU_RELOAD);
}

unsigned int mmu_space(const struct vcpu *vcpu)
{
	return vcpu->mmu->hit.space;
}
