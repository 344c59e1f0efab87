// SPDX-License-Identifier: GPL-2.0-only
/* The module, its parameters and the device node. */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/uaccess.h>

#include "backend.h"
#include "compat.h"
#include "exit_trace.h"
#include "host.h"
#include "main.h"
#include "mmu/mmu.h"
#include "stats.h"
#include "uapi/vmx.h"
#include "uapi/vmx_ext.h"
#include "vm.h"
#include "x86/x86.h"

MODULE_DESCRIPTION("Hypervisor with the ABI of KVM");
MODULE_LICENSE("GPL");
MODULE_VERSION("0.1");

#define KVM_MISC_MINOR 232	/* what clients that open /dev/kvm expect */

static bool kvm_node;
module_param(kvm_node, bool, 0444);
MODULE_PARM_DESC(kvm_node, "also serve /dev/kvm (misc minor 232)");

static char *backend_name;
module_param_named(backend, backend_name, charp, 0444);
MODULE_PARM_DESC(backend, "svm or vt; default: what the CPU has");

/* ---- the backend ---- */

const struct vmx_backend *backend;

#define BACKEND_DEFINE(op) DEFINE_STATIC_CALL_NULL(vmx_be_##op, *((struct vmx_backend *)0)->op);
BACKEND_OPS(BACKEND_DEFINE)

static const struct vmx_backend *const backends[] = {
	&svm_backend,
	&vt_backend,
};

int backend_choose(const char *name)
{
	const struct vmx_backend *found = NULL;
	int i, r = -EOPNOTSUPP;

	for (i = 0; i < ARRAY_SIZE(backends) && !found; i++) {
		if (name && strcmp(name, backends[i]->name))
			continue;
		r = backends[i]->host_check();
		if (!r)
			found = backends[i];
		else if (r != -EOPNOTSUPP)
			return r;
	}
	if (!found) {
		if (name)
			pr_err("backend=%s: unknown, or not for this CPU; known: svm, vt\n", name);
		else
			pr_err("this CPU has no virtualisation that this module drives (needed: AMD SVM or Intel VMX)\n");
		return r;
	}
	/* A static call of a missing function would return garbage. */
#define BACKEND_CHECK(op)                                                             \
	if (!found->op) {                                                             \
		pr_err("backend %s lacks " #op ": a defect of this module\n", found->name); \
		return -ENOSYS;                                                       \
	}
	BACKEND_OPS(BACKEND_CHECK)
	backend = found;
#define BACKEND_SET(op) static_call_update(vmx_be_##op, found->op);
	BACKEND_OPS(BACKEND_SET)
	return 0;
}

/* ---- the system fd ---- */

static long dev_x_info(void __user *argp)
{
	struct vmx_x_info info = {};
	u32 size;

	if (get_user(size, (u32 __user *)argp))
		return -EFAULT;
	if (size < 16)
		return -EINVAL;
	info.size = min_t(u32, size, sizeof(info));
	info.version = VMX_X_VERSION;
	info.backend = backend->x_backend;
	if (backend_caps->nested_paging)
		info.flags |= VMX_X_FLAG_TDP;
#ifdef VMX_DEBUG
	info.flags |= VMX_X_FLAG_DEBUG;
#endif
	if (kvm_node)
		info.flags |= VMX_X_FLAG_KVM_NODE;
	return copy_to_user(argp, &info, info.size) ? -EFAULT : 0;
}

long dev_common_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg)
{
	switch (cmd) {
	case VMX_CHECK_EXTENSION:
		return x86_check_extension(vm, arg);
	case VMX_X_INFO:
		return dev_x_info((void __user *)arg);
	default:
		return -ENOIOCTLCMD;
	}
}

static long dev_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	long r;

	switch (cmd) {
	case VMX_GET_API_VERSION:
		return arg ? -EINVAL : VMX_API_VERSION;
	case VMX_CREATE_VM:
		return vm_ioctl_create(arg);
	case VMX_GET_VCPU_MMAP_SIZE:
		return arg ? -EINVAL : VCPU_MMAP_PAGES * PAGE_SIZE;
	}
	r = dev_common_ioctl(NULL, cmd, arg);
	if (r == -ENOIOCTLCMD)
		r = x86_dev_ioctl(cmd, arg);
	/* In-tree KVM says EINVAL here, not ENOTTY, and clients look. */
	return r == -ENOIOCTLCMD ? -EINVAL : r;
}

static const struct file_operations dev_fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = dev_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

static struct miscdevice dev_vmx = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "vmx",
	.fops = &dev_fops,
	.mode = 0660,
};

static struct miscdevice dev_kvm = {
	.minor = KVM_MISC_MINOR,
	.name = "kvm",
	.fops = &dev_fops,
};

/*
 * In-tree KVM may be loaded without holding SVM or VMXON. It then holds misc minor 232; asking for
 * that minor is the one way to know that needs no symbol of the module loader.
 */
static int dev_check_rival(void)
{
	int r = misc_register(&dev_kvm);

	if (r) {
		pr_err("/dev/kvm is taken: %s is loaded: rmmod %s kvm\n", backend->rival,
		       backend->rival);
		return -EBUSY;
	}
	if (!kvm_node)
		misc_deregister(&dev_kvm);
	return 0;
}

static int __init vmx_init(void)
{
	int r;

	r = backend_choose(backend_name);
	if (r)
		return r;
	r = backend->host_setup();
	if (r)
		return r;
	r = mmu_module_init();
	if (r)
		goto teardown_backend;
	r = x86_module_init();
	if (r)
		goto exit_mmu;
	r = vcpu_module_init();
	if (r)
		goto exit_x86;
	r = host_init();
	if (r)
		goto exit_vcpu;
	stats_module_init();
	stats_debugfs_init();
	r = dev_check_rival();
	if (r)
		goto exit_host;
	/* Its one slot is known to be free only now. */
	perf_guest_init();
	r = misc_register(&dev_vmx);
	if (r)
		goto deregister_kvm;
	pr_info("%s ready: nested paging %s, largest page %s%s\n", backend->name,
		backend_caps->nested_paging ? "on" : "off",
		backend_caps->max_nested_level == 3 ? "1G" :
		backend_caps->max_nested_level == 2 ? "2M" : "4K",
		kvm_node ? ", /dev/kvm served" : "");
	return 0;

deregister_kvm:
	perf_guest_exit();
	if (kvm_node)
		misc_deregister(&dev_kvm);
exit_host:
	stats_debugfs_exit();
	host_exit();
exit_vcpu:
	vcpu_module_exit();
exit_x86:
	x86_module_exit();
exit_mmu:
	mmu_module_exit();
teardown_backend:
	backend->host_teardown();
	return r;
}
module_init(vmx_init);

static void __exit vmx_exit(void)
{
	misc_deregister(&dev_vmx);
	if (kvm_node)
		misc_deregister(&dev_kvm);
	perf_guest_exit();
	exit_trace_module_exit();
	stats_debugfs_exit();
	host_exit();
	vcpu_module_exit();
	x86_module_exit();
	mmu_module_exit();
	backend->host_teardown();
}
module_exit(vmx_exit);
