// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counters and times: the pages of each vCPU, and how they are shown.
 *
 *   VMX_X_STATS_FD   the pages themselves, mapped read-only (uapi/vmx_ext.h)
 *   GET_STATS_FD     KVM's self-describing binary form (stats_fd.c)
 *   debugfs          vmx/<pid>-<n>/vm, vmx/<pid>-<n>/vcpu<i>: text
 */
#include <linux/anon_inodes.h>
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "compat.h"
#include "exit_times.h"
#include "stats.h"
#include "vcpu.h"
#include "vm.h"

const char *const vm_exit_names[STATS_NR_REASONS] = {
	[VM_EXIT_UNKNOWN] = "unknown",
	[VM_EXIT_ENTRY_FAILED] = "entry_failed",
	[VM_EXIT_HOST_INTR] = "host_intr",
	[VM_EXIT_HOST_NMI] = "host_nmi",
	[VM_EXIT_HOST_MC] = "host_mc",
	[VM_EXIT_HOST_SMI] = "host_smi",
	[VM_EXIT_EXCEPTION] = "exception",
	[VM_EXIT_TRIPLE_FAULT] = "triple_fault",
	[VM_EXIT_IRQ_WINDOW] = "irq_window",
	[VM_EXIT_NMI_WINDOW] = "nmi_window",
	[VM_EXIT_PAGE_FAULT] = "page_fault",
	[VM_EXIT_MMIO_MISCONFIG] = "mmio_misconfig",
	[VM_EXIT_CPUID] = "cpuid",
	[VM_EXIT_HLT] = "hlt",
	[VM_EXIT_HYPERCALL] = "hypercall",
	[VM_EXIT_IO] = "io",
	[VM_EXIT_RDMSR] = "rdmsr",
	[VM_EXIT_WRMSR] = "wrmsr",
	[VM_EXIT_CR] = "cr",
	[VM_EXIT_DR] = "dr",
	[VM_EXIT_INVLPG] = "invlpg",
	[VM_EXIT_PAUSE] = "pause",
	[VM_EXIT_RDTSC] = "rdtsc",
	[VM_EXIT_RDTSCP] = "rdtscp",
	[VM_EXIT_RDPMC] = "rdpmc",
	[VM_EXIT_MONITOR] = "monitor",
	[VM_EXIT_MWAIT] = "mwait",
	[VM_EXIT_XSETBV] = "xsetbv",
	[VM_EXIT_INVD] = "invd",
	[VM_EXIT_WBINVD] = "wbinvd",
	[VM_EXIT_DESC_TABLE] = "desc_table",
	[VM_EXIT_TASK_SWITCH] = "task_switch",
	[VM_EXIT_RSM] = "rsm",
	[VM_EXIT_VIRT_INSN] = "virt_insn",
	[VM_EXIT_UD_INSN] = "ud_insn",
	[VM_EXIT_LAPIC_ACCESS] = "lapic_access",
	[VM_EXIT_LAPIC_EOI] = "lapic_eoi",
	[VM_EXIT_LAPIC_WRITE] = "lapic_write",
	[VM_EXIT_PREEMPTION_TIMER] = "preemption_timer",
	[VM_EXIT_PML_FULL] = "pml_full",
	[VM_EXIT_BUS_LOCK] = "bus_lock",
	[VM_EXIT_SOFT_INT] = "soft_int",
	[VM_EXIT_SHADOW_FAULT] = "shadow_fault",
	[VM_EXIT_INVPCID] = "invpcid",
	[VM_EXIT_STEP] = "step",
	[VM_EXIT_NR] = "run_ioctl",
};

static const char *const vcpu_counter_names[] = {
#define VCPU_COUNTER_NAME(name, what) #name,
	VCPU_COUNTERS(VCPU_COUNTER_NAME)
#undef VCPU_COUNTER_NAME
};

#define NR_COUNTERS ARRAY_SIZE(vcpu_counter_names)
#define STATS_SIZE (sizeof(struct vcpu_stats) + (NR_COUNTERS + STATS_NR_REASONS) * VMX_X_STATS_NAME)
#define STATS_ORDER get_order(STATS_SIZE)

static_assert(offsetof(struct vcpu_stats, by_reason) ==
	      offsetofend(struct vcpu_stats, header) + NR_COUNTERS * sizeof(u64));
static_assert(STATS_SIZE <= 8 * PAGE_SIZE);
static_assert(sizeof(struct vmx_x_stats_time) == 512);	/* a shift on the exit path */

/* ---- times ---- */

DEFINE_STATIC_KEY_TRUE(exit_times_key);

static bool exit_times = true;
module_param(exit_times, bool, 0444);
MODULE_PARM_DESC(exit_times, "measure the time of each exit, for the statistics and the exit trace (default 1)");

void stats_module_init(void)
{
	if (!exit_times)
		static_branch_disable(&exit_times_key);
}

/* ---- the pages ---- */

/* Contiguous, so that the exit path finds them through the kernel's large pages. */
int stats_vcpu_create(struct vcpu *vcpu)
{
	struct page *page = alloc_pages(GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_COMP | __GFP_NOWARN,
					STATS_ORDER);
	struct vmx_x_stats_header *header;
	struct vcpu_stats *stats;
	unsigned int i;

	if (!page)
		return -ENOMEM;
	stats = page_address(page);
	header = &stats->header;
	header->version = VMX_X_STATS_VERSION;
	header->counters_offset = offsetofend(struct vcpu_stats, header);
	header->nr_counters = NR_COUNTERS;
	header->reasons_offset = offsetof(struct vcpu_stats, by_reason);
	header->nr_reasons = STATS_NR_REASONS;
	header->vcpu_id = vcpu->id;
	header->vm_id = vcpu->vm->id;
	header->size = STATS_SIZE;
	header->times_offset = offsetof(struct vcpu_stats, times);
	header->names_offset = offsetof(struct vcpu_stats, names);
	header->tsc_khz = tsc_khz;
	for (i = 0; i < NR_COUNTERS; i++)
		strscpy(stats->names[i], vcpu_counter_names[i], VMX_X_STATS_NAME);
	for (i = 0; i < STATS_NR_REASONS; i++)
		strscpy(stats->names[NR_COUNTERS + i], vm_exit_names[i], VMX_X_STATS_NAME);
	vcpu->stats = stats;
	vcpu->times.open = &stats->times[VM_EXIT_NR];
	vcpu->times.returned = rdtsc();
	return 0;
}

void stats_vcpu_destroy(struct vcpu *vcpu)
{
	/* A stats fd may hold the pages for longer. */
	put_page(virt_to_page(vcpu->stats));
}

static int stats_page_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct page *page = file->private_data;
	unsigned long i;
	int r = 0;

	if (vma->vm_pgoff || vma_pages(vma) > DIV_ROUND_UP(STATS_SIZE, PAGE_SIZE))
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EPERM;
	compat_vm_flags_mod(vma, 0, VM_MAYWRITE);
	for (i = 0; i < vma_pages(vma) && !r; i++)
		r = vm_insert_page(vma, vma->vm_start + i * PAGE_SIZE, page + i);
	return r;
}

static ssize_t stats_page_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct page *page = file->private_data;

	return simple_read_from_buffer(buf, len, pos, page_address(page), STATS_SIZE);
}

static int stats_page_release(struct inode *inode, struct file *file)
{
	put_page(file->private_data);
	return 0;
}

static const struct file_operations stats_page_fops = {
	.owner = THIS_MODULE,
	.mmap = stats_page_mmap,
	.read = stats_page_read,
	.release = stats_page_release,
	.llseek = default_llseek,
};

long stats_page_fd(struct vcpu *vcpu)
{
	struct page *page = virt_to_page(vcpu->stats);
	int fd;

	get_page(page);
	fd = anon_inode_getfd("vmx-vcpu-stats-page", &stats_page_fops, page, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		put_page(page);
	return fd;
}

/* ---- debugfs ---- */

static struct dentry *stats_root;

static int vcpu_stats_show(struct seq_file *m, void *unused)
{
	struct vcpu *vcpu = m->private;
	struct vcpu_stats *s = vcpu->stats;
	int i;

#define VCPU_COUNTER_SHOW(name, what) seq_printf(m, "%-28s %llu\n", #name, READ_ONCE(s->name));
	VCPU_COUNTERS(VCPU_COUNTER_SHOW)
	for (i = 0; i < STATS_NR_REASONS; i++)
		if (READ_ONCE(s->by_reason[i]))
			seq_printf(m, "exit:%-23s %llu ticks %llu max %llu\n", vm_exit_names[i],
				   READ_ONCE(s->by_reason[i]), READ_ONCE(s->times[i].total),
				   READ_ONCE(s->times[i].max));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vcpu_stats);

static int vm_stats_show(struct seq_file *m, void *unused)
{
	struct vm *vm = m->private;

#define VM_COUNTER_SHOW(name) \
	seq_printf(m, "%-28s %llu\n", #name, (u64)atomic64_read(&vm->stat.name));
	VM_COUNTER_SHOW(tlb_flushes)
	VM_COUNTER_SHOW(mmu_notifier_zaps)
	VM_COUNTER_SHOW(pages_4k)
	VM_COUNTER_SHOW(pages_2m)
	VM_COUNTER_SHOW(pages_1g)
	VM_COUNTER_SHOW(fault_around_pages)
	VM_COUNTER_SHOW(table_pages)
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(vm_stats);

void stats_debugfs_init(void)
{
	stats_root = debugfs_create_dir("vmx", NULL);
}

void stats_debugfs_exit(void)
{
	debugfs_remove_recursive(stats_root);
}

void stats_debugfs_add_vm(struct vm *vm)
{
	char name[32];

	snprintf(name, sizeof(name), "%d-%u", task_pid_nr(current), vm->id);
	vm->debugfs = debugfs_create_dir(name, stats_root);
	debugfs_create_file("vm", 0444, vm->debugfs, vm, &vm_stats_fops);
}

void stats_debugfs_remove_vm(struct vm *vm)
{
	debugfs_remove_recursive(vm->debugfs);
}

void stats_debugfs_add_vcpu(struct vcpu *vcpu)
{
	char name[16];

	snprintf(name, sizeof(name), "vcpu%u", vcpu->index);
	vcpu->debugfs = debugfs_create_file(name, 0444, vcpu->vm->debugfs, vcpu, &vcpu_stats_fops);
}
