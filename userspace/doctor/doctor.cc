// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/doctor.h"

#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>

namespace vmx {

namespace {

enum class Vendor { none, amd, intel };

constexpr uint32_t msr_feature_control = 0x3a; // SDM 3C 23.7
constexpr uint64_t feature_control_locked = 1 << 0;
constexpr uint64_t feature_control_vmx = 1 << 2; // outside SMX
constexpr uint32_t msr_vm_cr = 0xc0010114;	 // APM 2 15.30.1
constexpr uint64_t vm_cr_svm_disable = 1 << 4;

constexpr const char firmware_remedy[] =
	"turn on \"Intel VT-x\" or \"SVM Mode\" in the firmware setup, then cycle the power";

std::vector<std::string> words(const std::string &text)
{
	std::istringstream in(text);
	return {std::istream_iterator<std::string>(in), {}};
}

// The words after the colon of the first line of /proc/cpuinfo named `key`.
std::vector<std::string> cpuinfo_words(const std::string &cpuinfo, const std::string &key)
{
	std::istringstream in(cpuinfo);
	for (std::string line; std::getline(in, line);) {
		size_t colon = line.find(':');
		if (colon != std::string::npos && line.starts_with(key) &&
		    line.find_first_not_of(" \t", key.size()) == colon)
			return words(line.substr(colon + 1));
	}
	return {};
}

bool contains(const std::vector<std::string> &list, const std::string &what)
{
	return std::find(list.begin(), list.end(), what) != list.end();
}

// The users of a loaded module ("0" if it is idle), or nothing if not loaded.
std::optional<int> module_users(const std::string &modules, const std::string &name)
{
	std::istringstream in(modules);
	for (std::string line; std::getline(in, line);) {
		auto fields = words(line);
		if (fields.size() >= 3 && fields[0] == name)
			return std::atoi(fields[2].c_str());
	}
	return std::nullopt;
}

// The value of a kernel configuration symbol, "n" if it is not set.
std::string config_value(const std::string &config, const std::string &symbol)
{
	std::string key = symbol + "=";
	for (size_t at = config.find(key); at != std::string::npos; at = config.find(key, at + 1)) {
		if (at != 0 && config[at - 1] != '\n')
			continue;
		size_t start = at + key.size();
		return config.substr(start, config.find('\n', start) - start);
	}
	return "n";
}

class Examination {
public:
	explicit Examination(const HostView &host)
	    : host_(host), release_(host.kernel_release()), modules_(host.read_file("/proc/modules").value_or("")),
	      config_(host.kernel_config())
	{
	}

	std::vector<Finding> run()
	{
		check_cpu();
		check_firmware();
		check_in_tree();
		check_config();
		check_headers();
		check_signature();
		check_device();
		return std::move(findings_);
	}

private:
	void add(const char *id, Health health, std::string says, std::string remedy = {})
	{
		findings_.push_back({id, health, std::move(says), std::move(remedy)});
	}

	void check_cpu();
	void check_firmware();
	void check_in_tree();
	void check_config();
	void check_headers();
	void check_signature();
	void check_device();
	bool module_loaded() const { return module_users(modules_, "vmx").has_value(); }

	const HostView &host_;
	std::string release_;
	std::string modules_;
	std::optional<std::string> config_;
	Vendor vendor_ = Vendor::none;
	std::vector<Finding> findings_;
};

void Examination::check_cpu()
{
	std::string cpuinfo = host_.read_file("/proc/cpuinfo").value_or("");
	auto flags = cpuinfo_words(cpuinfo, "flags");
	if (contains(flags, "svm"))
		vendor_ = Vendor::amd;
	else if (contains(flags, "vmx"))
		vendor_ = Vendor::intel;
	if (vendor_ == Vendor::amd && contains(flags, "npt")) {
		add("cpu", Health::good, "the CPU has AMD SVM with nested paging");
		return;
	}
	if (vendor_ == Vendor::amd) {
		add("cpu", Health::bad, "the CPU has AMD SVM without nested paging, which the module needs",
		    "use a machine with a newer CPU, or `make demo`, which emulates one");
		return;
	}
	if (vendor_ == Vendor::intel) {
		add("cpu", Health::bad, "the CPU has Intel VT-x; so far the module drives AMD SVM only",
		    "use in-tree KVM: vmx run --device /dev/kvm; or `make demo`, which emulates an AMD machine");
		return;
	}
	if (contains(flags, "hypervisor"))
		add("cpu", Health::bad,
		    "this host is a virtual machine, and its hypervisor offers no nested virtualization",
		    "turn on nested virtualization for this machine, or use `make demo`, which emulates a host");
	else
		add("cpu", Health::bad, "the CPU shows neither AMD SVM nor Intel VT-x, or the firmware hides it",
		    firmware_remedy);
}

void Examination::check_firmware()
{
	if (vendor_ == Vendor::none)
		return; // said above
	uint32_t index = vendor_ == Vendor::amd ? msr_vm_cr : msr_feature_control;
	auto value = host_.read_msr(index);
	if (!value) {
		add("firmware", Health::unknown, "whether the firmware has locked virtualization off cannot be read",
		    "modprobe msr, and run `vmx doctor` as root");
		return;
	}
	bool off = vendor_ == Vendor::amd ? (*value & vm_cr_svm_disable) != 0 :
					    (*value & feature_control_locked) && !(*value & feature_control_vmx);
	if (off)
		add("firmware", Health::bad,
		    fmt::format("the firmware has switched virtualization off (MSR {:#x} is {:#x})", index, *value),
		    firmware_remedy);
	else
		add("firmware", Health::good, "the firmware leaves virtualization on");
}

void Examination::check_in_tree()
{
	std::string loaded;
	int users = 0;
	for (const char *name : {"kvm_amd", "kvm_intel"}) {
		if (auto n = module_users(modules_, name)) {
			loaded = name;
			users = *n;
		}
	}
	if (loaded.empty() && !module_users(modules_, "kvm")) {
		add("in-tree-kvm", Health::good, "in-tree KVM is not loaded");
		return;
	}
	std::string remedy = fmt::format("modprobe -r {}{}kvm", loaded, loaded.empty() ? "" : " ");
	std::string says = fmt::format("in-tree KVM ({}) is loaded: both cannot have the CPU at the same time",
				       loaded.empty() ? "kvm" : loaded);
	if (users > 0)
		remedy = "stop the guests that use it, then " + remedy;
	if (!loaded.empty())
		remedy += fmt::format("; to keep it out: echo 'blacklist {}' > /etc/modprobe.d/vmx.conf", loaded);
	add("in-tree-kvm", Health::bad, says, remedy + "; or use it: vmx run --device /dev/kvm");
}

void Examination::check_config()
{
	if (!config_) {
		add("kernel-config", Health::unknown,
		    fmt::format(
			    "the configuration of kernel {} cannot be read: neither /boot/config-{} nor /proc/config.gz",
			    release_, release_),
		    "modprobe configs");
		return;
	}
	// vmx.ko uses what Linux builds only for KVM as a module: not for y
	// (in-tree KVM holds the single-owner hooks) and not for n.
	std::vector<std::string> wrong;
	auto want = [&](const std::string &symbol, const std::string &value) {
		if (std::string is = config_value(*config_, symbol); is != value)
			wrong.push_back(fmt::format("{}={} (not {})", symbol, is, value));
	};
	want("CONFIG_MODULES", "y");
	want("CONFIG_KVM", "m");
	if (vendor_ != Vendor::intel)
		want("CONFIG_KVM_AMD", "m");
	if (vendor_ != Vendor::amd)
		want("CONFIG_KVM_INTEL", "m");
	for (const char *symbol : {"CONFIG_PREEMPT_NOTIFIERS", "CONFIG_MMU_NOTIFIER", "CONFIG_USER_RETURN_NOTIFIER",
				   "CONFIG_GUEST_PERF_EVENTS", "CONFIG_KVM_XFER_TO_GUEST_WORK"})
		want(symbol, "y");
	if (wrong.empty()) {
		add("kernel-config", Health::good, fmt::format("kernel {} has what the module needs", release_));
		return;
	}
	std::string list = wrong.front();
	for (size_t i = 1; i < wrong.size(); i++)
		list += ", " + wrong[i];
	add("kernel-config", Health::bad, fmt::format("kernel {} is not configured for the module: {}", release_, list),
	    "boot a distribution kernel: apt-get install linux-image-amd64");
}

void Examination::check_headers()
{
	if (host_.exists("/lib/modules/" + release_ + "/build/Makefile")) {
		add("headers", Health::good, fmt::format("the headers of kernel {} are installed", release_));
		return;
	}
	// Needed to build the module, not to run it.
	add("headers", Health::warning,
	    fmt::format("the headers of kernel {} are not installed: the module cannot be built", release_),
	    "apt-get install linux-headers-" + release_);
}

void Examination::check_signature()
{
	std::string lockdown = host_.read_file("/sys/kernel/security/lockdown").value_or("");
	bool locked = !lockdown.empty() && lockdown.find("[none]") == std::string::npos;
	std::string enforce = host_.read_file("/sys/module/module/parameters/sig_enforce").value_or("N");
	bool forced = enforce.starts_with("Y") || (config_ && config_value(*config_, "CONFIG_MODULE_SIG_FORCE") == "y");
	if (!locked && !forced) {
		add("signature", Health::good, "the kernel loads modules without a signature");
		return;
	}
	std::string why = locked ? "the kernel is locked down (Secure Boot): it" : "the kernel";
	add("signature", module_loaded() ? Health::good : Health::warning,
	    why + " loads only modules with a signature that it trusts",
	    module_loaded() ? "" :
			      "sign the module: `make dkms` does it with the machine's key; enrol that once with "
			      "mokutil --import /var/lib/dkms/mok.pub and reboot. Or turn Secure Boot off");
}

void Examination::check_device()
{
	const std::string node = "/dev/vmx";
	if (!host_.exists(node)) {
		if (module_loaded())
			add("device", Health::bad, "the module is loaded but /dev/vmx is missing",
			    "udevadm trigger --name-match=vmx; in a container, pass the device in");
		else
			add("device", Health::bad, "the module is not loaded: there is no /dev/vmx",
			    "make load (or: insmod build/kmod/" + release_ + "/vmx.ko)");
		return;
	}
	int err = host_.open_error(node);
	if (err == 0)
		add("device", Health::good, "/dev/vmx opens");
	else if (err == EACCES || err == EPERM)
		add("device", Health::bad, "you may not open /dev/vmx", "sudo setfacl -m u:$USER:rw /dev/vmx");
	else
		add("device", Health::bad, fmt::format("/dev/vmx does not open: {}", std::strerror(err)),
		    module_loaded() ? "dmesg | grep vmx" : "make load");
}

const char *health_word(Health health)
{
	switch (health) {
	case Health::good:
		return "ok";
	case Health::unknown:
		return "unknown";
	case Health::warning:
		return "warning";
	case Health::bad:
		return "bad";
	}
	return "bad";
}

} // namespace

std::vector<Finding> examine(const HostView &host)
{
	return Examination(host).run();
}

bool can_run(const std::vector<Finding> &findings)
{
	return std::none_of(findings.begin(), findings.end(), [](const Finding &f) { return f.health == Health::bad; });
}

std::string report_text(const std::vector<Finding> &findings)
{
	std::string out;
	for (const Finding &f : findings) {
		fmt::format_to(std::back_inserter(out), "{:<8} {:<14} {}\n", health_word(f.health), f.id, f.says);
		if (!f.remedy.empty())
			fmt::format_to(std::back_inserter(out), "{:<8} {:<14} -> {}\n", "", "", f.remedy);
	}
	out += can_run(findings) ? "This host can run guests.\n" :
				   "This host cannot run guests yet: mend what is bad, from the top.\n";
	return out;
}

std::string report_json(const std::vector<Finding> &findings)
{
	nlohmann::ordered_json checks = nlohmann::ordered_json::array();
	for (const Finding &f : findings)
		checks.push_back(
			{{"id", f.id}, {"status", health_word(f.health)}, {"says", f.says}, {"remedy", f.remedy}});
	nlohmann::ordered_json report = {{"can_run", can_run(findings)}, {"checks", checks}};
	return report.dump(2) + "\n";
}

int doctor_command(bool json)
{
	auto findings = examine(RealHost());
	fmt::print("{}", json ? report_json(findings) : report_text(findings));
	return can_run(findings) ? 0 : 1;
}

} // namespace vmx
