// SPDX-License-Identifier: GPL-2.0-only
#include "doctor/doctor.h"

#include <gtest/gtest.h>
#include <map>
#include <nlohmann/json.hpp>

namespace vmx::test {
namespace {

// A host in good health; tests break one thing.
struct FakeHost final : HostView {
	FakeHost()
	{
		files["/proc/cpuinfo"] = "processor\t: 0\nvmx flags\t: ept\nflags\t\t: fpu svm npt\n";
		files["/proc/modules"] = "vmx 200000 0 - Live 0x0\next4 1 1 - Live 0x0\n";
		files["/lib/modules/6.1.0/build/Makefile"] = "";
		files["/sys/kernel/security/lockdown"] = "[none] integrity confidentiality\n";
		files["/dev/vmx"] = "";
		config = "CONFIG_MODULES=y\nCONFIG_KVM=m\nCONFIG_KVM_AMD=m\nCONFIG_KVM_INTEL=m\n"
			 "CONFIG_PREEMPT_NOTIFIERS=y\nCONFIG_MMU_NOTIFIER=y\nCONFIG_USER_RETURN_NOTIFIER=y\n"
			 "CONFIG_GUEST_PERF_EVENTS=y\nCONFIG_KVM_XFER_TO_GUEST_WORK=y\n";
		msrs = {{0xc0010114, 0}, {0x3a, 5}};
	}
	std::optional<std::string> read_file(const std::string &path) const override
	{
		auto it = files.find(path);
		return it == files.end() ? std::nullopt : std::optional(it->second);
	}
	bool exists(const std::string &path) const override { return files.count(path) > 0; }
	int open_error(const std::string &) const override { return device_error; }
	std::optional<uint64_t> read_msr(uint32_t index) const override
	{
		auto it = msrs.find(index);
		return it == msrs.end() ? std::nullopt : std::optional(it->second);
	}
	std::string kernel_release() const override { return "6.1.0"; }
	std::optional<std::string> kernel_config() const override { return config; }

	std::map<std::string, std::string> files;
	std::map<uint32_t, uint64_t> msrs;
	std::optional<std::string> config;
	int device_error = 0;
};

struct DoctorTest : testing::Test {
	FakeHost host;

	Finding find(const std::string &id)
	{
		for (const Finding &f : examine(host)) {
			if (f.id == id)
				return f;
		}
		ADD_FAILURE() << "no finding " << id;
		return {};
	}
	void expect(const std::string &id, Health health, const std::string &remedy)
	{
		Finding f = find(id);
		EXPECT_EQ(f.health, health) << f.says;
		EXPECT_NE(f.remedy.find(remedy), std::string::npos) << f.remedy;
		EXPECT_EQ(can_run(examine(host)), health != Health::bad);
	}
};

TEST_F(DoctorTest, GoodHost)
{
	for (const Finding &f : examine(host)) {
		EXPECT_EQ(f.health, Health::good) << f.id << ": " << f.says;
		EXPECT_EQ(f.remedy, "") << f.id;
	}
	EXPECT_TRUE(can_run(examine(host)));
}

TEST_F(DoctorTest, NoVirtualization)
{
	host.files["/proc/cpuinfo"] = "flags : fpu\n";
	expect("cpu", Health::bad, "firmware");
	host.files["/proc/cpuinfo"] = "flags : fpu hypervisor\n";
	expect("cpu", Health::bad, "nested");
	host.files.erase("/proc/cpuinfo");
	EXPECT_FALSE(can_run(examine(host)));
	host.files["/proc/cpuinfo"] = "flags : fpu svm\n";
	expect("cpu", Health::bad, "newer CPU");
	host.files["/proc/cpuinfo"] = "flags : fpu vmx ept\n";
	expect("cpu", Health::bad, "--device /dev/kvm");
}

TEST_F(DoctorTest, FirmwareLock)
{
	host.msrs[0xc0010114] = 0x10;
	expect("firmware", Health::bad, "firmware setup");
	host.msrs.clear();
	expect("firmware", Health::unknown, "modprobe msr");
	host.files["/proc/cpuinfo"] = "flags : vmx\n";
	host.msrs[0x3a] = 1; // locked, VMX off
	expect("firmware", Health::bad, "firmware setup");
	host.msrs[0x3a] = 0; // not locked: the module turns it on
	EXPECT_EQ(find("firmware").health, Health::good);
}

TEST_F(DoctorTest, InTreeKvm)
{
	host.files["/proc/modules"] = "kvm_amd 1 0 - Live 0x0\nkvm 1 1 kvm_amd, Live 0x0\n";
	expect("in-tree-kvm", Health::bad, "modprobe -r kvm_amd kvm");
	EXPECT_EQ(find("in-tree-kvm").remedy.find("stop the guests"), std::string::npos);
	host.files["/proc/modules"] = "kvm_amd 1 3 - Live 0x0\n";
	expect("in-tree-kvm", Health::bad, "stop the guests");
	host.files["/proc/modules"] = "kvm 1 0 - Live 0x0\n";
	expect("in-tree-kvm", Health::bad, "modprobe -r kvm");
}

TEST_F(DoctorTest, KernelConfig)
{
	host.config = "CONFIG_KVM=y\n";
	Finding f = find("kernel-config");
	EXPECT_EQ(f.health, Health::bad);
	EXPECT_NE(f.says.find("CONFIG_KVM=y (not m)"), std::string::npos) << f.says;
	EXPECT_NE(f.says.find("CONFIG_MMU_NOTIFIER=n"), std::string::npos);
	EXPECT_EQ(f.says.find("KVM_INTEL"), std::string::npos); // an AMD host
	host.config.reset();
	expect("kernel-config", Health::unknown, "configs");
}

TEST_F(DoctorTest, HeadersAndSignature)
{
	host.files.erase("/lib/modules/6.1.0/build/Makefile");
	expect("headers", Health::warning, "linux-headers-6.1.0");
	host.files["/sys/kernel/security/lockdown"] = "none [integrity] confidentiality\n";
	EXPECT_EQ(find("signature").health, Health::good); // it is loaded
	host.files["/proc/modules"] = "";
	EXPECT_EQ(find("signature").health, Health::warning);
	EXPECT_NE(find("signature").remedy.find("mokutil"), std::string::npos);
	host.files["/sys/kernel/security/lockdown"] = "[none]";
	*host.config += "CONFIG_MODULE_SIG_FORCE=y\n";
	EXPECT_EQ(find("signature").health, Health::warning);
}

TEST_F(DoctorTest, Device)
{
	host.device_error = EACCES;
	expect("device", Health::bad, "setfacl");
	host.device_error = EBUSY;
	expect("device", Health::bad, "dmesg");
	host.files.erase("/dev/vmx");
	expect("device", Health::bad, "udevadm");
	host.files["/proc/modules"] = "";
	expect("device", Health::bad, "insmod");
}

TEST_F(DoctorTest, Reports)
{
	host.files.erase("/dev/vmx");
	auto findings = examine(host);
	auto json = nlohmann::json::parse(report_json(findings));
	EXPECT_EQ(json["can_run"], false);
	EXPECT_EQ(json["checks"].size(), findings.size());
	EXPECT_EQ(json["checks"].back()["id"], "device");
	EXPECT_EQ(json["checks"].back()["status"], "bad");
	EXPECT_NE(report_text(findings).find("cannot run guests"), std::string::npos);
}

} // namespace
} // namespace vmx::test
