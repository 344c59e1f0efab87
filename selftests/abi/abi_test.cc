// SPDX-License-Identifier: GPL-2.0-only
// Our headers against the kernel's: every number, size and offset.
#include <gtest/gtest.h>

#include <cstring>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "abi_para.h"
#include "abi_table.h"
#include "uapi/vmx.h"
#include "uapi/vmx_ext.h"
#include "uapi/vmx_para.h"

#ifndef ABI_UAPI_DIR
#error "the build says where the uapi headers are"
#endif

namespace {

void expect_same(const abi_table& ours, const abi_table& theirs)
{
	ASSERT_GT(theirs.count, 500u);
	ASSERT_EQ(ours.count, theirs.count);
	for (size_t i = 0; i < theirs.count; i++) {
		ASSERT_STREQ(ours.items[i].name, theirs.items[i].name);
		EXPECT_EQ(ours.items[i].value, theirs.items[i].value) << theirs.items[i].name;
	}
}

TEST(Abi, KernelAndOursInC)
{
	expect_same(abi_table_vmx_c(), abi_table_kvm());
}

TEST(Abi, KernelAndOursInCxx)
{
	expect_same(abi_table_vmx_cxx(), abi_table_kvm());
}

TEST(Abi, ParavirtualInterface)
{
	size_t count = 0;
	const abi_pair* pairs = abi_para_pairs(&count);

	ASSERT_GT(count, 50u);
	for (size_t i = 0; i < count; i++)
		EXPECT_EQ(pairs[i].ours, pairs[i].theirs) << pairs[i].name;

	EXPECT_EQ(std::memcmp(VMX_PV_SIGNATURE, abi_para_kvm_signature(), 12), 0);
	const __u32 words[3] = {VMX_PV_SIGNATURE_EBX, VMX_PV_SIGNATURE_ECX, VMX_PV_SIGNATURE_EDX};
	EXPECT_EQ(std::memcmp(words, VMX_PV_SIGNATURE, 12), 0);
	// The clock pages are in no exported header; their sizes are fixed all the same.
	EXPECT_EQ(sizeof(vmx_pv_vcpu_time_info), 32u);
	EXPECT_EQ(sizeof(vmx_pv_wall_clock), 12u);
}

std::string header(const std::string& name)
{
	std::ifstream in(std::string(ABI_UAPI_DIR "/") + name);
	std::stringstream text;
	text << in.rdbuf();
	EXPECT_FALSE(text.str().empty()) << name;
	return text.str();
}

// A name that someone adds to a header and not to the tables would never be compared.
TEST(Abi, EveryNameIsCompared)
{
	// Ours alone: no counterpart in <linux/kvm.h>.
	const std::set<std::string> own = {"COALESCED_MMIO_ENTRIES", "SYNC_REGS_SIZE_BYTES"};
	std::set<std::string> compared;
	const abi_table table = abi_table_vmx_c();
	for (size_t i = 0; i < table.count; i++)
		compared.insert(table.items[i].name);

	const std::regex define("#define VMX_([A-Z]\\w*)[ \\t(]");
	const std::regex cap("\\tVMX_(CAP_\\w+) =");
	const std::regex structure("\\nstruct vmx_(\\w+) \\{");
	size_t names = 0;
	for (const char* file : {"vmx.h", "vmx_caps.h", "vmx_ioctl.h", "vmx_x86.h"}) {
		const std::string text = header(file);
		for (const std::regex* re : {&define, &cap, &structure}) {
			for (std::sregex_iterator it(text.begin(), text.end(), *re), end; it != end; ++it) {
				std::string name = (*it)[1];
				names++;
				if (own.count(name))
					continue;
				if (re == &structure)
					name = "sizeof " + (name == "msrs_entry" ? "msr_entry" : name);
				EXPECT_TRUE(compared.count(name)) << file << ": " << name;
			}
		}
	}
	EXPECT_GT(names, 500u);
}

// With a type of its own an extension can never collide with an ioctl that Linux adds later.
TEST(Abi, ExtensionIoctlsHaveTheirOwnType)
{
	EXPECT_NE(_IOC_TYPE(VMX_X_INFO), static_cast<unsigned>(VMXIO));
	EXPECT_EQ(sizeof(vmx_x_info), 48u);
}

} // namespace
