// SPDX-License-Identifier: GPL-2.0-only
#include "hv/vm.h"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/ioctl.h>

#include "machine/layout.h"

namespace vmx {

namespace {

constexpr int api_version = 12;

std::string advice_for_open(const std::string &path, int err)
{
	bool kvm = path == "/dev/kvm";
	switch (err) {
	case ENOENT:
	case ENODEV:
	case ENXIO:
		return kvm ? "load in-tree KVM (modprobe kvm-amd or kvm-intel), or use --device /dev/vmx" :
			     "load the module (insmod vmx.ko), or use --device /dev/kvm; `vmx doctor` says more";
	case EACCES:
	case EPERM:
		return "run as root, or get the right to open it (setfacl -m u:$USER:rw " + path + ")";
	case EBUSY:
		return "another hypervisor holds the CPU's virtualization: stop its guests and unload it";
	default:
		return "`vmx doctor` says what this host lacks";
	}
}

struct Needed {
	long capability;
	const char *what;
};

constexpr Needed needed_capabilities[] = {
	{VMX_CAP_USER_MEMORY, "guest memory slots"},
	{VMX_CAP_IRQCHIP, "in-kernel interrupt controllers"},
	{VMX_CAP_PIT2, "the in-kernel timer"},
	{VMX_CAP_SET_TSS_ADDR, "the TSS address"},
	{VMX_CAP_EXT_CPUID, "CPUID"},
	{VMX_CAP_IMMEDIATE_EXIT, "immediate exit"},
};

} // namespace

Result<Hypervisor> Hypervisor::open(const std::string &path)
{
	UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
	if (!fd.valid()) {
		int err = errno;
		return Error(fmt::format("cannot open {}: {}: {}", path, std::strerror(err),
					 advice_for_open(path, err)),
			     err);
	}
	Hypervisor h(std::move(fd), path);
	int version = ::ioctl(h.fd(), VMX_GET_API_VERSION, 0);
	if (version < 0)
		return Error(fmt::format("{} is not a hypervisor's device node: {}", path, std::strerror(errno)),
			     errno);
	if (version != api_version)
		return Error(fmt::format("{} has API version {}, vmx needs {}", path, version, api_version), ENOTSUP);
	for (const Needed &n : needed_capabilities) {
		if (!h.has(n.capability))
			return Error(fmt::format("{} lacks {} (capability {})", path, n.what, n.capability), ENOTSUP);
	}
	int size = ::ioctl(h.fd(), VMX_GET_VCPU_MMAP_SIZE, 0);
	if (size < static_cast<int>(sizeof(struct vmx_run)))
		return Error(fmt::format("{} gives a run area of {} bytes; {} or more are needed", path, size,
					 sizeof(struct vmx_run)),
			     ENOTSUP);
	h.vcpu_mmap_size_ = static_cast<size_t>(size);
	return h;
}

bool Hypervisor::has(long capability) const
{
	return ::ioctl(fd(), VMX_CHECK_EXTENSION, capability) > 0;
}

unsigned Hypervisor::max_vcpus() const
{
	int n = ::ioctl(fd(), VMX_CHECK_EXTENSION, VMX_CAP_MAX_VCPUS);
	return n > 0 ? static_cast<unsigned>(n) : 4; // 4: what the API says for none
}

Result<std::vector<vmx_cpuid_entry2>> Hypervisor::supported_cpuid() const
{
	constexpr size_t most = 4096;
	for (size_t room = 128; room <= most; room *= 2) {
		std::vector<uint64_t> buffer((sizeof(vmx_cpuid2) + room * sizeof(vmx_cpuid_entry2) + 7) / 8);
		auto *list = reinterpret_cast<vmx_cpuid2 *>(buffer.data());
		list->nent = static_cast<uint32_t>(room);
		if (::ioctl(fd(), VMX_GET_SUPPORTED_CPUID, list) == 0) {
			size_t n = std::min<size_t>(list->nent, room);
			return std::vector<vmx_cpuid_entry2>(list->entries, list->entries + n);
		}
		if (errno != E2BIG)
			return Error::from_errno(errno, "cannot read the CPUID leaves that a guest may have");
	}
	return Error("the hypervisor offers more CPUID leaves than vmx can hold", E2BIG);
}

Result<Vm> Vm::create(const Hypervisor &hypervisor, const GuestMemory &memory)
{
	int fd = -1;
	do { // interrupted while it waits for other CPUs
		fd = ::ioctl(hypervisor.fd(), VMX_CREATE_VM, 0);
	} while (fd < 0 && errno == EINTR);
	if (fd < 0) {
		int err = errno;
		return Error(fmt::format("{} cannot create a VM: {}{}", hypervisor.path(), std::strerror(err),
					 err == EBUSY ? ": " + advice_for_open(hypervisor.path(), err) : ""),
			     err);
	}
	Vm vm{UniqueFd(fd)};
	uint64_t identity_map = layout::identity_map;
	if (hypervisor.has(VMX_CAP_SET_IDENTITY_MAP_ADDR) && ::ioctl(fd, VMX_SET_IDENTITY_MAP_ADDR, &identity_map) < 0)
		return Error::from_errno(errno, "cannot place the identity map");
	if (::ioctl(fd, VMX_SET_TSS_ADDR, layout::tss) < 0)
		return Error::from_errno(errno, "cannot place the TSS");
	if (::ioctl(fd, VMX_CREATE_IRQCHIP, 0) < 0)
		return Error::from_errno(errno, "cannot create the interrupt controllers");
	struct vmx_pit_config pit = {};
	pit.flags = VMX_PIT_SPEAKER_DUMMY; // port 0x61 too
	if (::ioctl(fd, VMX_CREATE_PIT2, &pit) < 0)
		return Error::from_errno(errno, "cannot create the timer");
	uint32_t slot = 0;
	for (const GuestMemory::Region &r : memory.regions()) {
		struct vmx_userspace_memory_region region = {};
		region.slot = slot++;
		region.guest_phys_addr = r.guest_addr;
		region.memory_size = r.size;
		region.userspace_addr = reinterpret_cast<uint64_t>(r.host);
		if (::ioctl(fd, VMX_SET_USER_MEMORY_REGION, &region) < 0)
			return Error::from_errno(errno, fmt::format("cannot give the guest {} MiB of memory at {:#x}",
								    r.size / layout::mib, r.guest_addr));
	}
	return vm;
}

Result<UniqueFd> Vm::create_vcpu(unsigned id) const
{
	int fd = ::ioctl(fd_.get(), VMX_CREATE_VCPU, id);
	if (fd < 0)
		return Error::from_errno(errno, fmt::format("cannot create vCPU {}", id));
	return UniqueFd(fd);
}

Result<void> Vm::set_irq(unsigned gsi, bool level) const
{
	struct vmx_irq_level irq = {};
	irq.irq = gsi;
	irq.level = level;
	if (::ioctl(fd_.get(), VMX_IRQ_LINE, &irq) < 0)
		return Error::from_errno(errno, fmt::format("cannot set interrupt {}", gsi));
	return {};
}

} // namespace vmx
