// SPDX-License-Identifier: GPL-2.0-only
// One vCPU's file descriptor and run area. Except kick(), use it from the
// thread that runs the vCPU (or before that thread starts).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "boot/linux_boot.h"
#include "hv/vm.h"

namespace vmx {

class Vcpu {
public:
	static Result<Vcpu> create(const Hypervisor &hypervisor, const Vm &vm, unsigned id);

	unsigned id() const { return id_; }
	struct vmx_run &run_area() const { return *reinterpret_cast<struct vmx_run *>(run_.data()); }

	Result<void> set_cpuid(std::span<const vmx_cpuid_entry2> entries);
	// What firmware leaves behind: MTRRs on and write-back, fast strings,
	// LINT0 external interrupts (boot CPU), LINT1 NMI.
	Result<void> set_firmware_state();
	// Long mode at the kernel's entry, as boot.rst asks. Boot CPU only.
	Result<void> set_boot_state(const BootState &boot);

	// Runs the guest until the next exit. 0, or an errno: EINTR and EAGAIN
	// mean that there is no exit to handle.
	int run() noexcept;
	// Data bytes of the current port exit.
	std::span<uint8_t> io_data() const;

	// Makes the current or next run() return EINTR. Any thread; a signal
	// that interrupts the ioctl must follow.
	void set_immediate_exit(bool on) noexcept;

	Result<void> inject_nmi();
	// All registers in words, for a person.
	std::string dump() const;

private:
	Vcpu(unsigned id, UniqueFd fd, Mapping run) : id_(id), fd_(std::move(fd)), run_(std::move(run)) {}

	unsigned id_;
	UniqueFd fd_;
	Mapping run_;
};

} // namespace vmx
