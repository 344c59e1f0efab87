// SPDX-License-Identifier: GPL-2.0-only
/*
 * GET_STATS_FD: KVM's binary statistics. A read-only file that describes itself:
 *
 *   header | id string | descriptors | values (u64 each)
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "stats.h"
#include "uapi/vmx.h"
#include "vcpu.h"
#include "vm.h"

#define STATS_NAME_SIZE 48
#define STATS_ID_SIZE 48

struct stats_desc {
	struct vmx_stats_desc desc;
	char name[STATS_NAME_SIZE];
};

#define DESC_CUMULATIVE(n, off, values)                                                      \
	{                                                                                    \
		.desc = { .flags = VMX_STATS_TYPE_CUMULATIVE | VMX_STATS_UNIT_NONE |         \
				   VMX_STATS_BASE_POW10,                                     \
			  .size = (values), .offset = (off) },                               \
		.name = n                                                                    \
	}
#define DESC_INSTANT(n, off)                                                                 \
	{                                                                                    \
		.desc = { .flags = VMX_STATS_TYPE_INSTANT | VMX_STATS_UNIT_NONE |            \
				   VMX_STATS_BASE_POW10,                                     \
			  .size = 1, .offset = (off) },                                      \
		.name = n                                                                    \
	}

#define VCPU_VALUES_AT offsetofend(struct vcpu_stats, header)

static const struct stats_desc vcpu_descs[] = {
#define VCPU_COUNTER_DESC(n, what) \
	DESC_CUMULATIVE(#n, offsetof(struct vcpu_stats, n) - VCPU_VALUES_AT, 1),
	VCPU_COUNTERS(VCPU_COUNTER_DESC)
	DESC_CUMULATIVE("exits_by_reason", offsetof(struct vcpu_stats, by_reason) - VCPU_VALUES_AT,
			STATS_NR_REASONS),
};

static const struct stats_desc vm_descs[] = {
	DESC_CUMULATIVE("remote_tlb_flush", offsetof(struct vm_stat, tlb_flushes), 1),
	DESC_CUMULATIVE("mmu_notifier_zaps", offsetof(struct vm_stat, mmu_notifier_zaps), 1),
	DESC_INSTANT("pages_4k", offsetof(struct vm_stat, pages_4k)),
	DESC_INSTANT("pages_2m", offsetof(struct vm_stat, pages_2m)),
	DESC_INSTANT("pages_1g", offsetof(struct vm_stat, pages_1g)),
	DESC_CUMULATIVE("fault_around_pages", offsetof(struct vm_stat, fault_around_pages), 1),
	DESC_INSTANT("table_pages", offsetof(struct vm_stat, table_pages)),
};

/* Open statistics hold the VM, and with it the vCPU. */
struct stats_file {
	struct vm *vm;
	struct vcpu *vcpu;	/* NULL: the VM's */
	struct vmx_stats_header header;
	char id[STATS_ID_SIZE];
};

/* Copies what of [base, base + size) of the file the read at *pos wants. 0 or -EFAULT. */
static int stats_copy(char __user **buf, size_t *left, loff_t *pos, loff_t base, const void *data,
		      size_t size)
{
	size_t from, n;

	if (*pos < base || *pos >= base + size || !*left)
		return 0;
	from = *pos - base;
	n = min(size - from, *left);
	if (copy_to_user(*buf, data + from, n))
		return -EFAULT;
	*buf += n;
	*left -= n;
	*pos += n;
	return 0;
}

static ssize_t stats_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct stats_file *f = file->private_data;
	const void *descs = f->vcpu ? vcpu_descs : vm_descs;
	size_t descs_size = f->vcpu ? sizeof(vcpu_descs) : sizeof(vm_descs);
	const void *values = f->vcpu ? (void *)f->vcpu->stats + VCPU_VALUES_AT : (void *)&f->vm->stat;
	size_t values_size = f->vcpu ? offsetof(struct vcpu_stats, times) - VCPU_VALUES_AT :
				       sizeof(f->vm->stat);
	size_t left = len;

	if (*pos < 0)
		return -EINVAL;
	if (stats_copy(&buf, &left, pos, 0, &f->header, sizeof(f->header)) ||
	    stats_copy(&buf, &left, pos, f->header.id_offset, f->id, sizeof(f->id)) ||
	    stats_copy(&buf, &left, pos, f->header.desc_offset, descs, descs_size) ||
	    stats_copy(&buf, &left, pos, f->header.data_offset, values, values_size))
		return -EFAULT;
	return len - left;
}

static int stats_release(struct inode *inode, struct file *file)
{
	struct stats_file *f = file->private_data;

	vm_put(f->vm);
	kfree(f);
	return 0;
}

static const struct file_operations stats_fops = {
	.owner = THIS_MODULE,
	.read = stats_read,
	.release = stats_release,
	.llseek = noop_llseek,
};

long stats_fd(struct vm *vm, struct vcpu *vcpu)
{
	struct stats_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);
	struct file *file;
	int fd;

	if (!f)
		return -ENOMEM;
	f->vm = vm;
	f->vcpu = vcpu;
	f->header.name_size = STATS_NAME_SIZE;
	f->header.num_desc = vcpu ? ARRAY_SIZE(vcpu_descs) : ARRAY_SIZE(vm_descs);
	f->header.id_offset = sizeof(f->header);
	f->header.desc_offset = f->header.id_offset + sizeof(f->id);
	f->header.data_offset = f->header.desc_offset + (vcpu ? sizeof(vcpu_descs) : sizeof(vm_descs));
	if (vcpu)
		snprintf(f->id, sizeof(f->id), "kvm-%d/vcpu-%u", task_pid_nr(current), vcpu->id);
	else
		snprintf(f->id, sizeof(f->id), "kvm-%d", task_pid_nr(current));

	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		goto free;
	file = anon_inode_getfile("vmx-stats", &stats_fops, f, O_RDONLY);
	if (IS_ERR(file)) {
		put_unused_fd(fd);
		fd = PTR_ERR(file);
		goto free;
	}
	/* Positioned reads are how it is meant to be used. */
	file->f_mode |= FMODE_PREAD;
	vm_get(vm);
	fd_install(fd, file);
	return fd;

free:
	kfree(f);
	return fd;
}
