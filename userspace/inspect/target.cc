// SPDX-License-Identifier: GPL-2.0-only
#include "inspect/target.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <tuple>
#include <unistd.h>

namespace vmx {

namespace {

constexpr const char vcpu_link[] = "anon_inode:vmx-vcpu";

Result<VcpuHandle> identify(UniqueFd fd)
{
	UniqueFd page(ioctl(fd.get(), VMX_X_STATS_FD));
	vmx_x_stats_header header;
	if (!page.valid())
		return Error::from_errno(errno, "cannot ask a vCPU for its number");
	if (read(page.get(), &header, sizeof(header)) != sizeof(header))
		return Error("cannot read a vCPU's page of counters");
	VcpuHandle handle;
	handle.fd = std::move(fd);
	handle.vm_id = header.vm_id;
	handle.id = header.vcpu_id;
	return handle;
}

} // namespace

Result<std::vector<int>> vcpu_fds_of(pid_t pid)
{
	std::vector<int> found;
	std::error_code error;
	std::filesystem::directory_iterator entry(fmt::format("/proc/{}/fd", pid), error), end;
	for (; !error && entry != end; entry.increment(error)) {
		std::error_code gone; // it may be closed meanwhile
		if (std::filesystem::read_symlink(entry->path(), gone) == vcpu_link)
			found.push_back(std::atoi(entry->path().filename().c_str()));
	}
	if (error)
		return Error::from_errno(error.value(), fmt::format("cannot look at the files of process {}", pid));
	std::sort(found.begin(), found.end());
	return found;
}

Result<std::vector<VcpuHandle>> vcpus_of(pid_t pid)
{
	UniqueFd process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
	if (!process.valid())
		return Error::from_errno(errno, fmt::format("no process {}", pid));
	VMX_TRY_ASSIGN(auto numbers, vcpu_fds_of(pid));
	std::vector<VcpuHandle> found;
	for (int number : numbers) {
		UniqueFd fd(static_cast<int>(syscall(SYS_pidfd_getfd, process.get(), number, 0)));
		if (!fd.valid()) {
			if (errno == EBADF)
				continue; // closed meanwhile
			return Error::from_errno(errno,
						 fmt::format("cannot take a file of process {} (ptrace(2) would have "
							     "to be allowed: be its user, or root)",
							     pid));
		}
		VMX_TRY_ASSIGN(auto handle, identify(std::move(fd)));
		found.push_back(std::move(handle));
	}
	if (found.empty())
		return Error(fmt::format("process {} has no vCPU of /dev/vmx", pid));
	auto key = [](const VcpuHandle &h) { return std::tie(h.vm_id, h.id); };
	std::sort(found.begin(), found.end(), [&](auto &a, auto &b) { return key(a) < key(b); });
	// An fd that was duplicated is the same vCPU.
	auto last = std::unique(found.begin(), found.end(), [&](auto &a, auto &b) { return key(a) == key(b); });
	found.erase(last, found.end());
	return found;
}

Result<Block> read_block(int vcpu_fd)
{
	Block block;
	vmx_x_info info{};
	info.size = sizeof(info);
	if (ioctl(vcpu_fd, VMX_X_INFO, &info) != 0)
		return Error::from_errno(errno, "this is no vCPU of vmx");
	block.backend = info.backend;
	for (uint32_t room = 256;;) {
		block.fields.resize(room);
		vmx_x_block arg{.nr = room, .reserved = 0, .fields = reinterpret_cast<uint64_t>(block.fields.data())};
		if (ioctl(vcpu_fd, VMX_X_GET_BLOCK, &arg) == 0) {
			block.fields.resize(arg.nr);
			return block;
		}
		if (errno != E2BIG || arg.nr <= room)
			return Error::from_errno(errno, "cannot read the control block");
		room = arg.nr;
	}
}

Result<std::vector<vmx_x_violation>> check_block(int vcpu_fd)
{
	std::vector<vmx_x_violation> found(VMX_X_CHECK_MAX);
	vmx_x_check arg{.nr = VMX_X_CHECK_MAX, .reserved = 0, .violations = reinterpret_cast<uint64_t>(found.data())};
	if (ioctl(vcpu_fd, VMX_X_CHECK_BLOCK, &arg) != 0)
		return Error::from_errno(errno, "cannot check the control block");
	found.resize(std::min<uint32_t>(arg.nr, VMX_X_CHECK_MAX));
	return found;
}

} // namespace vmx
