// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/host_view.h"

#include <array>
#include <cerrno>
#include <cstdio>
#include <fcntl.h>
#include <memory>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/fd.h"

namespace vmx {

std::optional<std::string> RealHost::read_file(const std::string &path) const
{
	auto data = read_whole_file(path, size_t{4} << 20);
	if (!data.ok())
		return std::nullopt;
	return std::string(data.value().begin(), data.value().end());
}

bool RealHost::exists(const std::string &path) const
{
	return ::access(path.c_str(), F_OK) == 0;
}

int RealHost::open_error(const std::string &path) const
{
	UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
	return fd.valid() ? 0 : errno;
}

std::optional<uint64_t> RealHost::read_msr(uint32_t index) const
{
	UniqueFd fd(::open("/dev/cpu/0/msr", O_RDONLY | O_CLOEXEC));
	uint64_t value = 0;
	if (!fd.valid() || ::pread(fd.get(), &value, sizeof(value), index) != sizeof(value))
		return std::nullopt;
	return value;
}

std::string RealHost::kernel_release() const
{
	struct utsname names = {};
	return ::uname(&names) == 0 ? names.release : "unknown";
}

std::optional<std::string> RealHost::kernel_config() const
{
	if (auto text = read_file("/boot/config-" + kernel_release()))
		return text;
	if (!exists("/proc/config.gz"))
		return std::nullopt;
	std::unique_ptr<FILE, int (*)(FILE *)> pipe(::popen("gzip -dc /proc/config.gz", "re"), ::pclose);
	if (!pipe)
		return std::nullopt;
	std::string text;
	std::array<char, 4096> chunk;
	while (size_t n = ::fread(chunk.data(), 1, chunk.size(), pipe.get()))
		text.append(chunk.data(), n);
	return text.empty() ? std::nullopt : std::optional(text);
}

} // namespace vmx
