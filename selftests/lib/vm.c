// SPDX-License-Identifier: GPL-2.0-only
/* Device, VM, memory slots. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "host.h"
#include "uapi/vmx_ext.h"

extern char __executable_start[], __data_start[], _end[];

void test_die(const char *file, int line, const char *fmt, ...)
{
	const char *base = strrchr(file, '/');
	va_list ap;

	fprintf(stderr, "# %s:%d: ", base ? base + 1 : file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

const char *device_path(void)
{
	const char *path = getenv("VMX_DEVICE");

	return path && *path ? path : "/dev/vmx";
}

bool device_is_vmx(void)
{
	return strstr(device_path(), "vmx") != NULL;
}

bool host_is_amd(void)
{
	u32 a = 0, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b == 0x68747541;		/* "Auth" */
}

bool host_is_tcg(void)
{
	u32 a = 0x40000000, b, c = 0, d;

	asm volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b == 0x54474354;		/* "TCGT" */
}

bool host_is_bochs(void)
{
	char version[16] = "";
	FILE *f = fopen("/sys/class/dmi/id/bios_version", "r");

	if (!f)
		return false;
	if (!fgets(version, sizeof(version), f))
		version[0] = 0;
	fclose(f);
	return !strncmp(version, "Bochs", 5);
}

int device_open(void)
{
	int fd = open(device_path(), O_RDWR | O_CLOEXEC);

	if (fd < 0)
		DIE("cannot open %s: %s", device_path(), strerror(errno));
	return fd;
}

long try_ioctl(int fd, unsigned long req, void *arg)
{
	long ret = ioctl(fd, req, arg);

	return ret < 0 ? -errno : ret;
}

long must_ioctl_at(const char *file, int line, const char *name, int fd, unsigned long req,
		   void *arg)
{
	long ret = try_ioctl(fd, req, arg);

	if (ret < 0)
		test_die(file, line, "%s: %s", name, strerror((int)-ret));
	return ret;
}

int check_cap(int fd, long cap)
{
	return (int)try_ioctl(fd, VMX_CHECK_EXTENSION, (void *)cap);
}

void *mem_alloc(size_t size)
{
	size_t len = size + PAGE_SIZE_2M;
	char *p = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *aligned;

	CHECK(p != MAP_FAILED);
	aligned = (char *)(((u64)p + PAGE_SIZE_2M - 1) & ~(PAGE_SIZE_2M - 1));
	if (aligned > p)
		munmap(p, (size_t)(aligned - p));
	munmap(aligned + size, len - size - (size_t)(aligned - p));
	return aligned;
}

long try_slot_set(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 size, void *hva)
{
	struct vmx_userspace_memory_region r = {
		.slot = slot, .flags = flags, .guest_phys_addr = gpa, .memory_size = size,
		.userspace_addr = (u64)hva,
	};
	long ret = try_ioctl(vm->fd, VMX_SET_USER_MEMORY_REGION, &r);

	if (ret >= 0 && slot < MAX_TEST_SLOTS)
		vm->slots[slot] = (struct slot){ gpa, size, hva };
	return ret;
}

void slot_set(struct vm *vm, u32 slot, u32 flags, u64 gpa, u64 size, void *hva)
{
	long ret = try_slot_set(vm, slot, flags, gpa, size, hva);

	if (ret < 0)
		DIE("slot %u, gpa %#lx, size %#lx: %s", slot, gpa, size, strerror((int)-ret));
}

void *slot_add(struct vm *vm, u32 slot, u64 gpa, u64 size)
{
	void *p = mem_alloc(size);

	slot_set(vm, slot, 0, gpa, size, p);
	return p;
}

void *vm_ptr(struct vm *vm, u64 gpa)
{
	for (int i = 0; i < MAX_TEST_SLOTS; i++)
		if (gpa - vm->slots[i].gpa < vm->slots[i].size)
			return vm->slots[i].hva + (gpa - vm->slots[i].gpa);
	DIE("no slot holds gpa %#lx", gpa);
}

/*
 * The image becomes a slot at its own address. Its writable pages are made the
 * process's own first, so that a test that means to look at copy-on-write does
 * so in memory of its own.
 */
static void add_image(struct vm *vm)
{
	u64 start = (u64)__executable_start & ~(PAGE_SIZE - 1);
	u64 end = ((u64)_end + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);

	for (u64 p = (u64)__data_start & ~(PAGE_SIZE - 1); p < end; p += PAGE_SIZE) {
		volatile char *c = (volatile char *)p;

		*c = *c;
	}
	CHECK_EQ(start, 0x400000);
	CHECK(end < TEST_MEM);
	slot_set(vm, SLOT_IMAGE, 0, start, end - start, (void *)start);
}

struct vm *vm_create(unsigned int flags)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	vm->dev = device_open();
	vm->fd = (int)must_ioctl(vm->dev, VMX_CREATE_VM, 0);
	/* Intel CPUs without unrestricted guest need three pages for real mode. */
	must_ioctl(vm->fd, VMX_SET_TSS_ADDR, 0xfffbd000ul);
	if (flags & (VM_IRQCHIP | VM_PIT)) {
		must_ioctl(vm->fd, VMX_CREATE_IRQCHIP, 0);
		vm->irqchip = true;
	}
	if (flags & VM_PIT) {
		struct vmx_pit_config pit = { .flags = VMX_PIT_SPEAKER_DUMMY };

		must_ioctl(vm->fd, VMX_CREATE_PIT2, &pit);
	}
	if (flags & VM_SPLIT) {
		struct vmx_enable_cap cap = { .cap = VMX_CAP_SPLIT_IRQCHIP, .args = { 24 } };

		must_ioctl(vm->fd, VMX_ENABLE_CAP, &cap);
		vm->irqchip = true;
	}
	if (flags & VM_BARE)
		return vm;
	vm->low = slot_add(vm, SLOT_LOW, 0, LOW_SIZE);
	add_image(vm);
	vm_setup_tables(vm);
	return vm;
}

void vm_close(struct vm *vm)
{
	for (int i = 0; i < MAX_TEST_VCPUS; i++)
		if (vm->vcpus[i])
			vcpu_close(vm->vcpus[i]);
	close(vm->fd);
	close(vm->dev);
	free(vm);
}

void vm_irq_line(struct vm *vm, u32 gsi, u32 level)
{
	struct vmx_irq_level l = { .irq = gsi, .level = level };

	must_ioctl(vm->fd, VMX_IRQ_LINE, &l);
}

struct vm *vm_create_shadow(void)
{
	struct vm *vm = vm_create(0);
	u32 how = VMX_X_PAGING_SHADOW;

	must_ioctl(vm->fd, VMX_X_SET_PAGING, &how);
	return vm;
}

bool vm_is_shadow(struct vm *vm)
{
	u32 how;

	if (!device_is_vmx())
		return false;
	CHECK_EQ(ioctl(vm->fd, VMX_X_GET_PAGING, &how), 0);
	return how == VMX_X_PAGING_SHADOW;
}

void vm_audit(struct vm *vm)
{
	if (device_is_vmx())
		CHECK_EQ(ioctl(vm->fd, VMX_X_AUDIT), 0);
}
