// SPDX-License-Identifier: GPL-2.0-only
#include "stat/source.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <tuple>

#include "inspect/target.h"

namespace vmx {

namespace {

// A VM that is made anew may get the fds of the old one's vCPUs: look at all of them once in so many refreshes.
constexpr unsigned thorough_every = 8;

std::vector<pid_t> all_processes()
{
	std::vector<pid_t> found;
	std::error_code error;
	for (std::filesystem::directory_iterator entry("/proc", error), end; !error && entry != end;
	     entry.increment(error)) {
		std::string name = entry->path().filename();
		pid_t pid = 0;
		auto [rest, bad] = std::from_chars(name.data(), name.data() + name.size(), pid);
		if (bad == std::errc() && rest == name.data() + name.size())
			found.push_back(pid);
	}
	return found;
}

} // namespace

std::string command_of(pid_t pid)
{
	std::ifstream file(fmt::format("/proc/{}/comm", pid));
	std::string name;
	std::getline(file, name);
	for (char &c : name)
		if (c < ' ' || c > '~')
			c = '?';
	return name;
}

Result<void> StatSource::refresh_process(pid_t pid, std::vector<int> fds)
{
	auto vcpus = vcpus_of(pid);
	if (!vcpus.ok()) {
		processes_.erase(pid);
		if (pid_)
			return vcpus.error();
		return {}; // it ended meanwhile, or is not ours to look at
	}
	Process process;
	process.fds = std::move(fds);
	process.command = command_of(pid);
	// The fds are closed here: one that stayed open would keep the VM alive after its VMM.
	for (const VcpuHandle &vcpu : vcpus.value()) {
		VMX_TRY_ASSIGN(StatsPage page, StatsPage::of_vcpu(vcpu.fd.get()));
		process.vcpus.push_back(StatVcpu{pid, vcpu.vm_id, vcpu.id, std::move(page)});
	}
	processes_.insert_or_assign(pid, std::move(process));
	return {};
}

Result<void> StatSource::refresh()
{
	std::map<pid_t, std::vector<int>> now;
	if (pid_) {
		VMX_TRY_ASSIGN(now[*pid_], vcpu_fds_of(*pid_));
		if (now[*pid_].empty())
			return Error(fmt::format("process {} has no vCPU of /dev/vmx", *pid_));
	} else {
		for (pid_t pid : all_processes()) {
			auto fds = vcpu_fds_of(pid);
			if (fds.ok() && !fds.value().empty())
				now[pid] = std::move(fds).value();
		}
	}
	std::erase_if(processes_, [&](const auto &known) { return !now.count(known.first); });
	bool thorough = refreshes_++ % thorough_every == 0;
	for (auto &[pid, fds] : now) {
		auto known = processes_.find(pid);
		if (thorough || known == processes_.end() || known->second.fds != fds)
			VMX_TRY(refresh_process(pid, fds));
	}
	return {};
}

std::vector<const StatVcpu *> StatSource::vcpus() const
{
	auto key = [](const StatVcpu *v) { return std::tie(v->vm_id, v->id); };
	std::vector<const StatVcpu *> found;
	for (const auto &[pid, process] : processes_)
		for (const StatVcpu &vcpu : process.vcpus)
			found.push_back(&vcpu);
	std::stable_sort(found.begin(), found.end(), [&](auto a, auto b) { return key(a) < key(b); });
	// A process that was forked off has the same ones.
	auto last = std::unique(found.begin(), found.end(), [&](auto a, auto b) { return key(a) == key(b); });
	found.erase(last, found.end());
	return found;
}

std::string StatSource::command(pid_t pid) const
{
	auto found = processes_.find(pid);
	return found == processes_.end() ? "" : found->second.command;
}

} // namespace vmx
