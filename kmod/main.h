/* SPDX-License-Identifier: GPL-2.0-only */
/* Between main.c, vm.c and vcpu.c. */
#ifndef VMX_MAIN_H
#define VMX_MAIN_H

struct vm;
struct vcpu;

/* Pages of a vCPU fd's mapping: struct vmx_run, port data, coalesced writes. */
#define VCPU_MMAP_PAGES 3

/* Ioctls that the system, VM and vCPU fds share; -ENOIOCTLCMD: not one of these. */
long dev_common_ioctl(struct vm *vm, unsigned int cmd, unsigned long arg);

int vcpu_module_init(void);
void vcpu_module_exit(void);

/* Tell perf which samples are a guest's (perf.c). */
void perf_guest_init(void);
void perf_guest_exit(void);

/* VMX_RUN, with vcpu->mutex held; loads and puts the vCPU itself (run.c). */
long vcpu_ioctl_run(struct vcpu *vcpu, unsigned long arg);

#endif /* VMX_MAIN_H */
