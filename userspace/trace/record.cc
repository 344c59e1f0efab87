// SPDX-License-Identifier: GPL-2.0-only
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "inspect/target.h"
#include "stat/page.h"
#include "stat/source.h"
#include "trace/ring.h"
#include "trace/trace.h"

namespace vmx {

namespace {

constexpr size_t most_at_once = 4096; // records that are copied, then written
constexpr int rest_ms = 2;	      // between two looks at rings that fill slowly
// Guest MSRs in the control block.
constexpr uint32_t svm_lstar = 0x608, svm_sysenter_eip = 0x638, vt_sysenter_eip = 0x6826;

struct Traced {
	VcpuHandle vcpu;
	UniqueFd ring_fd;
	Mapping map;
	RingReader ring;
};

// Where the guest's system calls enter its kernel, as far as the control block has it.
void note_entry_points(const VcpuHandle &vcpu, TraceVcpu &info)
{
	auto block = read_block(vcpu.fd.get());
	if (!block.ok())
		return; // the VM has ended
	bool vt = block.value().backend == VMX_X_BACKEND_VT;
	for (const vmx_x_field &field : block.value().fields) {
		if (!vt && field.id == svm_lstar)
			info.lstar = field.value;
		if (field.id == (vt ? vt_sysenter_eip : svm_sysenter_eip))
			info.sysenter_eip = field.value;
	}
}

Result<uint64_t> reason_mask(const TraceInfo &info)
{
	uint64_t mask = 0;
	for (const std::string &name : info.only) {
		auto found = std::find(info.reasons.begin(), info.reasons.end() - 1, name);
		if (found == info.reasons.end() - 1)
			return Error(fmt::format("no reason is named {}", name));
		mask |= 1ULL << (found - info.reasons.begin());
	}
	return mask;
}

Result<Traced> open_ring(VcpuHandle vcpu, uint32_t records, uint64_t mask)
{
	vmx_x_trace arg{};
	arg.size = sizeof(arg);
	arg.records = records;
	arg.reasons = mask;
	UniqueFd fd(ioctl(vcpu.fd.get(), VMX_X_TRACE_FD, &arg));
	if (!fd.valid()) {
		if (errno == EBUSY)
			return Error(fmt::format("vCPU {} is being traced by another process", vcpu.id), errno);
		if (errno == EOPNOTSUPP)
			return Error("the module takes no times (exit_times=0), and so no traces", errno);
		return Error::from_errno(errno, fmt::format("cannot trace vCPU {}", vcpu.id));
	}
	size_t size = static_cast<size_t>(sysconf(_SC_PAGESIZE)) + sizeof(vmx_x_trace_record) * records;
	VMX_TRY_ASSIGN(Mapping map, Mapping::read_only(fd.get(), size, "a ring of exits"));
	VMX_TRY_ASSIGN(RingReader ring, RingReader::create(map.bytes()));
	return Traced{std::move(vcpu), std::move(fd), std::move(map), ring};
}

class Recorder {
public:
	explicit Recorder(const TraceRecordOptions &options) : options_(options) {}

	Result<void> open();
	Result<void> run();

	const TraceInfo &info() const { return info_; }
	const std::string &path() const { return path_; }
	uint64_t recorded() const { return recorded_; }
	uint64_t lost() const;

private:
	Result<void> enable(bool on);
	Result<void> drain_all();
	Result<bool> drain(size_t i);
	Result<void> wait_and_drain();
	bool enough() const { return options_.records && recorded_ >= options_.records; }

	const TraceRecordOptions &options_;
	std::string path_;
	TraceInfo info_;
	std::vector<Traced> vcpus_;
	std::unique_ptr<TraceWriter> file_;
	UniqueFd process_, signals_;
	std::vector<vmx_x_trace_record> buffer_;
	uint64_t recorded_ = 0;
};

Result<void> Recorder::open()
{
	process_ = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, options_.pid, 0)));
	VMX_TRY_ASSIGN(auto vcpus, vcpus_of(options_.pid));
	if (options_.vcpu)
		std::erase_if(vcpus, [&](const VcpuHandle &v) { return v.id != *options_.vcpu; });
	if (vcpus.empty())
		return Error(fmt::format("process {} has no vCPU {}", options_.pid, *options_.vcpu));
	VMX_TRY_ASSIGN(StatsPage page, StatsPage::of_vcpu(vcpus[0].fd.get()));
	vmx_x_info module{};
	module.size = sizeof(module);
	if (ioctl(vcpus[0].fd.get(), VMX_X_INFO, &module) != 0)
		return Error::from_errno(errno, "this is no vCPU of vmx");
	info_.pid = options_.pid;
	info_.command = command_of(options_.pid);
	info_.backend = module.backend == VMX_X_BACKEND_VT ? "vt" : "svm";
	info_.tsc_khz = page.layout().header.tsc_khz;
	info_.reasons = page.layout().reasons;
	info_.only = split_names(options_.reasons);
	VMX_TRY_ASSIGN(uint64_t mask, reason_mask(info_));
	for (VcpuHandle &vcpu : vcpus) {
		info_.vcpus.push_back({vcpu.vm_id, vcpu.id, 0, 0, 0, 0});
		VMX_TRY_ASSIGN(Traced traced, open_ring(std::move(vcpu), options_.ring, mask));
		vcpus_.push_back(std::move(traced));
	}
	path_ = options_.output.empty() ? fmt::format("vmx-{}.trace", options_.pid) : options_.output;
	VMX_TRY_ASSIGN(TraceWriter file, TraceWriter::create(path_, info_));
	file_ = std::make_unique<TraceWriter>(std::move(file));
	return {};
}

Result<void> Recorder::enable(bool on)
{
	for (const Traced &t : vcpus_)
		if (ioctl(t.ring_fd.get(), VMX_X_TRACE_ENABLE, on ? 1UL : 0UL) != 0)
			return Error::from_errno(errno, "cannot switch the trace");
	return {};
}

// What came of one vCPU. Was it much?
Result<bool> Recorder::drain(size_t i)
{
	bool busy = false;
	TraceVcpu &total = info_.vcpus[i];
	// Not more than was there at first, so that no vCPU keeps the others waiting.
	for (uint64_t left = vcpus_[i].ring.waiting(); left && !enough();) {
		uint64_t most = std::min<uint64_t>(left, most_at_once);
		if (options_.records)
			most = std::min(most, options_.records - recorded_);
		auto chunk = vcpus_[i].ring.read(buffer_, most);
		VMX_TRY(file_->block(static_cast<uint32_t>(i), chunk.first, chunk.lost, buffer_));
		total.recorded += buffer_.size();
		total.lost += chunk.lost;
		recorded_ += buffer_.size();
		busy |= buffer_.size() == most_at_once || chunk.lost;
		left -= std::min(left, buffer_.size() + chunk.lost);
	}
	return busy;
}

Result<void> Recorder::drain_all()
{
	bool busy = true;
	while (busy && !enough()) {
		busy = false;
		for (size_t i = 0; i < vcpus_.size(); i++) {
			VMX_TRY_ASSIGN(bool much, drain(i));
			busy |= much;
		}
	}
	return {};
}

// Until a signal, the VMM's end, the time or the number of records.
Result<void> Recorder::wait_and_drain()
{
	using Clock = std::chrono::steady_clock;
	const auto end = Clock::now() + std::chrono::duration<double>(options_.duration);
	while (!enough()) {
		bool busy = false;
		for (size_t i = 0; i < vcpus_.size(); i++) {
			VMX_TRY_ASSIGN(bool much, drain(i));
			busy |= much;
		}
		if (options_.duration > 0 && Clock::now() >= end)
			break;
		struct pollfd fds[] = {{signals_.get(), POLLIN, 0}, {process_.get(), POLLIN, 0}};
		if (poll(fds, std::size(fds), busy ? 0 : rest_ms) > 0)
			break;
	}
	return {};
}

Result<void> Recorder::run()
{
	// They stay blocked: the one that ends the recording must not end the program before it has said how it went.
	sigset_t set;
	sigemptyset(&set);
	for (int signal : {SIGINT, SIGTERM, SIGHUP})
		sigaddset(&set, signal);
	sigprocmask(SIG_BLOCK, &set, nullptr);
	signals_ = UniqueFd(signalfd(-1, &set, SFD_CLOEXEC));
	VMX_TRY(enable(true));
	VMX_TRY(wait_and_drain());
	VMX_TRY(enable(false));
	VMX_TRY(drain_all());
	for (size_t i = 0; i < vcpus_.size(); i++)
		note_entry_points(vcpus_[i].vcpu, info_.vcpus[i]);
	VMX_TRY(file_->finish(info_));
	return {};
}

uint64_t Recorder::lost() const
{
	uint64_t sum = 0;
	for (const TraceVcpu &v : info_.vcpus)
		sum += v.lost;
	return sum;
}

void report(const Recorder &recorder, bool json)
{
	if (!json) {
		fmt::print("{}: {} exits of {} vCPU{} recorded, {} lost\n", recorder.path(), recorder.recorded(),
			   recorder.info().vcpus.size(), recorder.info().vcpus.size() == 1 ? "" : "s", recorder.lost());
		return;
	}
	nlohmann::ordered_json vcpus = nlohmann::ordered_json::array();
	for (const TraceVcpu &v : recorder.info().vcpus)
		vcpus.push_back({{"vm", v.vm_id}, {"vcpu", v.id}, {"recorded", v.recorded}, {"lost", v.lost}});
	nlohmann::ordered_json all{{"file", recorder.path()},
				   {"recorded", recorder.recorded()},
				   {"lost", recorder.lost()},
				   {"vcpus", std::move(vcpus)}};
	fmt::print("{}\n", all.dump());
}

} // namespace

int trace_record(const TraceRecordOptions &options)
{
	Recorder recorder(options);
	Result<void> end = recorder.open();
	if (end.ok())
		end = recorder.run();
	if (!end.ok()) {
		fmt::print(stderr, "vmx: {}\n", end.error().text());
		return 1;
	}
	report(recorder, options.json);
	return 0;
}

} // namespace vmx
