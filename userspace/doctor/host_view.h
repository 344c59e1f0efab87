// SPDX-License-Identifier: GPL-2.0-only
// What `vmx doctor` looks at on the host, so that tests can be another host.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace vmx {

class HostView {
public:
	virtual ~HostView() = default;
	// The file's text (at most 4 MiB), or nothing if it cannot be read.
	virtual std::optional<std::string> read_file(const std::string &path) const = 0;
	virtual bool exists(const std::string &path) const = 0;
	// 0 if it opens for reading and writing, else the errno.
	virtual int open_error(const std::string &path) const = 0;
	// An MSR of CPU 0, or nothing if it cannot be read.
	virtual std::optional<uint64_t> read_msr(uint32_t index) const = 0;
	virtual std::string kernel_release() const = 0;
	// The kernel's configuration: /boot/config-<release> or /proc/config.gz.
	virtual std::optional<std::string> kernel_config() const = 0;
};

class RealHost final : public HostView {
public:
	std::optional<std::string> read_file(const std::string &path) const override;
	bool exists(const std::string &path) const override;
	int open_error(const std::string &path) const override;
	std::optional<uint64_t> read_msr(uint32_t index) const override;
	std::string kernel_release() const override;
	std::optional<std::string> kernel_config() const override;
};

} // namespace vmx
