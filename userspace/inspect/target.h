// SPDX-License-Identifier: GPL-2.0-only
// The vCPUs of another process, and what the hypervisor shows of them (uapi/vmx_ext.h).
#pragma once

#include <cstdint>
#include <string>
#include <sys/types.h>
#include <vector>

#include "base/fd.h"
#include "base/result.h"
#include "uapi/vmx_ext.h"

namespace vmx {

struct VcpuHandle {
	UniqueFd fd;
	uint32_t vm_id = 0; // counts the VMs of the host
	uint32_t id = 0;    // APIC id
};

struct Block {
	uint32_t backend = 0; // VMX_X_BACKEND_*
	std::vector<vmx_x_field> fields;
};

// The numbers of the fds of a process that are vCPUs of /dev/vmx, ascending. It takes what ptrace(2) would.
Result<std::vector<int>> vcpu_fds_of(pid_t pid);

// All vCPUs of a VMM, by VM and id. It takes what ptrace(2) would: the same user, or CAP_SYS_PTRACE. An error also if
// there is none.
Result<std::vector<VcpuHandle>> vcpus_of(pid_t pid);

Result<Block> read_block(int vcpu_fd);
Result<std::vector<vmx_x_violation>> check_block(int vcpu_fd);

} // namespace vmx
