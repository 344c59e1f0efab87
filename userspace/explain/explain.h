// SPDX-License-Identifier: GPL-2.0-only
// `vmx explain`: what went wrong last in a VM, and who wrote what broke it.
#pragma once

#include <optional>
#include <string>
#include <sys/types.h>

#include "base/result.h"
#include "uapi/vmx_ext.h"

namespace vmx {

struct ExplainOptions {
	pid_t pid = 0;
	std::optional<uint32_t> vcpu; // APIC id; otherwise all
	bool json = false;
};

// VMX_X_GET_FAILURE.
Result<vmx_x_failure> read_failure(int vcpu_fd);

// Which ioctls set what a field of guest state shows; a mask of places in writes[]. 0: none does.
uint32_t setters_of(const vmx_x_failure &failure, uint32_t backend, uint32_t field);

// In words, lines that end with a newline. backend: VMX_X_BACKEND_*.
std::string failure_text(const vmx_x_failure &failure, uint32_t backend, uint32_t vm_id, uint32_t vcpu_id);

// Prints. 0: nothing went wrong; 3: something did; 1: cannot look, after saying why.
int explain_command(const ExplainOptions &options);

} // namespace vmx
