// SPDX-License-Identifier: GPL-2.0-only
#include "base/fd.h"

#include <cerrno>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vmx {

void UniqueFd::reset()
{
	if (fd_ >= 0)
		::close(fd_);
	fd_ = -1;
}

Mapping &Mapping::operator=(Mapping &&other) noexcept
{
	if (this != &other) {
		if (addr_)
			::munmap(addr_, size_);
		addr_ = std::exchange(other.addr_, nullptr);
		size_ = std::exchange(other.size_, 0);
	}
	return *this;
}

Mapping::~Mapping()
{
	if (addr_)
		::munmap(addr_, size_);
}

Result<Mapping> Mapping::of_fd(int fd, size_t size, uint64_t offset, const std::string &what)
{
	void *p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, static_cast<off_t>(offset));
	if (p == MAP_FAILED)
		return Error::from_errno(errno, "cannot map " + what);
	return Mapping(p, size);
}

Result<Mapping> Mapping::read_only(int fd, size_t size, const std::string &what)
{
	void *p = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return Error::from_errno(errno, "cannot map " + what);
	return Mapping(p, size);
}

Result<Mapping> Mapping::anonymous(size_t size, size_t align)
{
	// Map more than is needed, then give back what lies outside the aligned part.
	size_t total = 0;
	if (__builtin_add_overflow(size, align, &total))
		return Error("memory size is too large", EINVAL);
	void *p = ::mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return Error::from_errno(errno, fmt::format("cannot map {} MiB of memory", size >> 20));
	auto start = reinterpret_cast<uintptr_t>(p);
	uintptr_t begin = (start + align - 1) & ~(static_cast<uintptr_t>(align) - 1);
	if (begin > start)
		::munmap(p, begin - start);
	if (uintptr_t tail = start + total - (begin + size); tail > 0)
		::munmap(reinterpret_cast<void *>(begin + size), tail);
	return Mapping(reinterpret_cast<void *>(begin), size);
}

Result<WakeFd> WakeFd::create()
{
	UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
	if (!fd.valid())
		return Error::from_errno(errno, "cannot create an eventfd");
	return WakeFd(std::move(fd));
}

void WakeFd::signal() const noexcept
{
	const uint64_t one = 1;
	// EAGAIN means that the counter is full, so the poll() wakes anyway.
	[[maybe_unused]] ssize_t n = ::write(fd_.get(), &one, sizeof(one));
}

void WakeFd::drain() const noexcept
{
	uint64_t count = 0;
	[[maybe_unused]] ssize_t n = ::read(fd_.get(), &count, sizeof(count));
}

Result<std::vector<uint8_t>> read_whole_file(const std::string &path, size_t max_size)
{
	UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
	if (!fd.valid())
		return Error::from_errno(errno, "cannot open " + path);
	struct stat st = {};
	if (::fstat(fd.get(), &st) < 0)
		return Error::from_errno(errno, "cannot look at " + path);
	if (S_ISDIR(st.st_mode))
		return Error(path + " is a directory, not a file", EISDIR);
	std::vector<uint8_t> data;
	if (S_ISREG(st.st_mode) && static_cast<size_t>(st.st_size) <= max_size)
		data.reserve(static_cast<size_t>(st.st_size) + 1);
	constexpr size_t chunk = size_t{1} << 20;
	for (;;) {
		size_t have = data.size();
		if (have > max_size)
			return Error(fmt::format("{} is larger than {} MiB", path, max_size >> 20), EFBIG);
		data.resize(have + chunk);
		ssize_t n = ::read(fd.get(), data.data() + have, chunk);
		int err = errno;
		data.resize(have + (n > 0 ? static_cast<size_t>(n) : 0));
		if (n == 0)
			return data;
		if (n < 0 && err != EINTR)
			return Error::from_errno(err, "cannot read " + path);
	}
}

} // namespace vmx
