// SPDX-License-Identifier: GPL-2.0-only
// The hypervisor's system and VM file descriptors. Works on /dev/vmx and on
// /dev/kvm: numbers and layouts are the same (uapi/vmx.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "machine/device.h"
#include "machine/memory.h"
#include "uapi/vmx.h"

namespace vmx {

// /dev/vmx, opened and found to speak the ABI.
class Hypervisor {
public:
	// The error says what to do about a missing node, missing rights...
	static Result<Hypervisor> open(const std::string &path);

	int fd() const { return fd_.get(); }
	const std::string &path() const { return path_; }

	// The largest number of vCPUs that a VM may have.
	unsigned max_vcpus() const;
	size_t vcpu_mmap_size() const { return vcpu_mmap_size_; }
	bool has(long capability) const;
	Result<std::vector<vmx_cpuid_entry2>> supported_cpuid() const;

private:
	Hypervisor(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

	UniqueFd fd_;
	std::string path_;
	size_t vcpu_mmap_size_ = 0;
};

// One VM with the in-kernel interrupt controllers and timer.
class Vm {
public:
	// `memory` must outlive the VM.
	static Result<Vm> create(const Hypervisor &hypervisor, const GuestMemory &memory);

	Result<UniqueFd> create_vcpu(unsigned id) const;
	// Sets an interrupt input; only fails if the hypervisor is broken.
	Result<void> set_irq(unsigned gsi, bool level) const;

private:
	explicit Vm(UniqueFd fd) : fd_(std::move(fd)) {}
	UniqueFd fd_;
};

} // namespace vmx
