// SPDX-License-Identifier: GPL-2.0-only
#include "hv/vcpu.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fmt/format.h>
#include <iterator>
#include <sys/ioctl.h>

#include "base/bytes.h"

namespace vmx {

namespace {

enum : uint32_t { // SDM 4, table 2-2
	msr_misc_enable = 0x1a0,
	msr_mtrr_default_type = 0x2ff,
};
constexpr uint64_t misc_enable_fast_strings = 1;
constexpr uint64_t mtrr_enable = 1 << 11;
constexpr uint64_t mtrr_write_back = 6;

enum : size_t { lapic_lvt_lint0 = 0x350, lapic_lvt_lint1 = 0x360 };
enum : uint32_t { lvt_mode_mask = 0x700, lvt_nmi = 0x400, lvt_extint = 0x700, lvt_masked = 1 << 16 };

enum : uint64_t { // SDM 3A 2.5, AMD EFER
	cr0_pe = 1 << 0,
	cr0_et = 1 << 4,
	cr0_pg = 1ull << 31,
	cr4_pae = 1 << 5,
	efer_lme = 1 << 8,
	efer_lma = 1 << 10,
	rflags_fixed = 1 << 1,
};

Result<void> check(int rc, const char *what, unsigned id)
{
	if (rc < 0)
		return Error::from_errno(errno, fmt::format("vCPU {}: cannot {}", id, what));
	return {};
}

} // namespace

Result<Vcpu> Vcpu::create(const Hypervisor &hypervisor, const Vm &vm, unsigned id)
{
	VMX_TRY_ASSIGN(UniqueFd fd, vm.create_vcpu(id));
	VMX_TRY_ASSIGN(Mapping run, Mapping::of_fd(fd.get(), hypervisor.vcpu_mmap_size(), 0, "a vCPU's run area"));
	return Vcpu(id, std::move(fd), std::move(run));
}

Result<void> Vcpu::set_cpuid(std::span<const vmx_cpuid_entry2> entries)
{
	std::vector<uint64_t> buffer((sizeof(vmx_cpuid2) + entries.size_bytes() + 7) / 8);
	auto *list = reinterpret_cast<vmx_cpuid2 *>(buffer.data());
	list->nent = static_cast<uint32_t>(entries.size());
	std::copy(entries.begin(), entries.end(), list->entries);
	return check(::ioctl(fd_.get(), VMX_SET_CPUID2, list), "set CPUID", id_);
}

Result<void> Vcpu::set_firmware_state()
{
	std::array<uint64_t, (sizeof(vmx_msrs) + 2 * sizeof(vmx_msrs_entry)) / 8> buffer = {};
	auto *msrs = reinterpret_cast<vmx_msrs *>(buffer.data());
	msrs->nmsrs = 2;
	msrs->entries[0].index = msr_misc_enable;
	msrs->entries[0].data = misc_enable_fast_strings;
	msrs->entries[1].index = msr_mtrr_default_type;
	msrs->entries[1].data = mtrr_enable | mtrr_write_back;
	int n = ::ioctl(fd_.get(), VMX_SET_MSRS, msrs);
	VMX_TRY(check(n, "set MSRs", id_));
	if (n != 2)
		return Error(fmt::format("vCPU {}: the hypervisor refuses MSR {:#x}", id_, msrs->entries[n].index),
			     EINVAL);

	struct vmx_lapic_state lapic = {};
	VMX_TRY(check(::ioctl(fd_.get(), VMX_GET_LAPIC, &lapic), "read the local APIC", id_));
	std::span<uint8_t> regs(reinterpret_cast<uint8_t *>(lapic.regs), sizeof(lapic.regs));
	auto set_mode = [&regs](size_t offset, uint32_t mode) {
		auto lvt = load<uint32_t>(regs, offset);
		store<uint32_t>(regs, offset, (lvt & ~(lvt_mode_mask | lvt_masked)) | mode);
	};
	if (id_ == 0)
		set_mode(lapic_lvt_lint0, lvt_extint);
	set_mode(lapic_lvt_lint1, lvt_nmi);
	return check(::ioctl(fd_.get(), VMX_SET_LAPIC, &lapic), "set the local APIC", id_);
}

Result<void> Vcpu::set_boot_state(const BootState &boot)
{
	struct vmx_sregs sregs = {};
	VMX_TRY(check(::ioctl(fd_.get(), VMX_GET_SREGS, &sregs), "read system registers", id_));
	struct vmx_segment data = {};
	data.limit = 0xffffffff;
	data.selector = boot.ds;
	data.type = 3; // read, write, accessed
	data.present = 1;
	data.s = 1;
	data.db = 1;
	data.g = 1;
	struct vmx_segment code = data;
	code.selector = boot.cs;
	code.type = 11; // execute, read, accessed
	code.db = 0;
	code.l = 1;
	struct vmx_segment tr = {};
	tr.selector = boot.tr;
	tr.limit = 0x67;
	tr.type = 11; // busy 64-bit TSS
	tr.present = 1;
	sregs.cs = code;
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = data;
	sregs.tr = tr;
	sregs.gdt.base = boot.gdt_base;
	sregs.gdt.limit = boot.gdt_limit;
	sregs.idt.base = 0;
	sregs.idt.limit = 0; // any exception before the kernel's IDT is a crash
	sregs.cr0 = cr0_pe | cr0_et | cr0_pg;
	sregs.cr3 = boot.cr3;
	sregs.cr4 = cr4_pae;
	sregs.efer = efer_lme | efer_lma;
	VMX_TRY(check(::ioctl(fd_.get(), VMX_SET_SREGS, &sregs), "set system registers", id_));

	struct vmx_regs regs = {};
	regs.rip = boot.rip;
	regs.rsi = boot.rsi;
	regs.rsp = boot.rsp;
	regs.rflags = rflags_fixed;
	return check(::ioctl(fd_.get(), VMX_SET_REGS, &regs), "set registers", id_);
}

int Vcpu::run() noexcept
{
	return ::ioctl(fd_.get(), VMX_RUN, 0) < 0 ? errno : 0;
}

std::span<uint8_t> Vcpu::io_data() const
{
	const auto &io = run_area().io;
	uint64_t len = uint64_t{io.size} * io.count;
	if (io.data_offset > run_.size() || len > run_.size() - io.data_offset)
		return {};
	return run_.bytes().subspan(io.data_offset, len);
}

void Vcpu::set_immediate_exit(bool on) noexcept
{
	__atomic_store_n(&run_area().immediate_exit, static_cast<uint8_t>(on), __ATOMIC_SEQ_CST);
}

Result<void> Vcpu::inject_nmi()
{
	return check(::ioctl(fd_.get(), VMX_NMI, 0), "inject an NMI", id_);
}

namespace {

const char *mp_state_name(uint32_t state)
{
	switch (state) {
	case VMX_MP_STATE_RUNNABLE:
		return "runnable";
	case VMX_MP_STATE_UNINITIALIZED:
		return "waiting for INIT";
	case VMX_MP_STATE_INIT_RECEIVED:
		return "waiting for SIPI";
	case VMX_MP_STATE_HALTED:
		return "halted";
	case VMX_MP_STATE_SIPI_RECEIVED:
		return "got SIPI";
	default:
		return "unknown";
	}
}

void dump_segment(std::string &out, const char *name, const vmx_segment &s)
{
	fmt::format_to(std::back_inserter(out), "  {} {:04x} base {:016x} limit {:08x} type {:x}{}{}{}{} dpl {}{}\n",
		       name, s.selector, s.base, s.limit, s.type, s.s ? " s" : "", s.l ? " l" : "", s.db ? " db" : "",
		       s.g ? " g" : "", s.dpl, s.unusable || !s.present ? " unusable" : "");
}

void dump_regs(std::string &out, const vmx_regs &r)
{
	fmt::format_to(std::back_inserter(out),
		       "  rip {:016x} rflags {:08x}\n"
		       "  rax {:016x} rbx {:016x} rcx {:016x} rdx {:016x}\n"
		       "  rsi {:016x} rdi {:016x} rbp {:016x} rsp {:016x}\n"
		       "  r8  {:016x} r9  {:016x} r10 {:016x} r11 {:016x}\n"
		       "  r12 {:016x} r13 {:016x} r14 {:016x} r15 {:016x}\n",
		       r.rip, r.rflags, r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.rsp, r.r8, r.r9, r.r10,
		       r.r11, r.r12, r.r13, r.r14, r.r15);
}

void dump_sregs(std::string &out, const vmx_sregs &s)
{
	dump_segment(out, "cs ", s.cs);
	dump_segment(out, "ds ", s.ds);
	dump_segment(out, "es ", s.es);
	dump_segment(out, "fs ", s.fs);
	dump_segment(out, "gs ", s.gs);
	dump_segment(out, "ss ", s.ss);
	dump_segment(out, "tr ", s.tr);
	dump_segment(out, "ldt", s.ldt);
	fmt::format_to(std::back_inserter(out),
		       "  gdt base {:016x} limit {:04x}  idt base {:016x} limit {:04x}\n"
		       "  cr0 {:08x} cr2 {:016x} cr3 {:016x} cr4 {:08x} cr8 {:x}\n"
		       "  efer {:x} apic base {:x}\n",
		       s.gdt.base, s.gdt.limit, s.idt.base, s.idt.limit, s.cr0, s.cr2, s.cr3, s.cr4, s.cr8, s.efer,
		       s.apic_base);
}

} // namespace

std::string Vcpu::dump() const
{
	std::string out;
	struct vmx_mp_state mp = {};
	bool have_mp = ::ioctl(fd_.get(), VMX_GET_MP_STATE, &mp) == 0;
	fmt::format_to(std::back_inserter(out), "vCPU {}: {}\n", id_,
		       have_mp ? mp_state_name(mp.mp_state) : "(state cannot be read)");
	struct vmx_regs regs = {};
	if (::ioctl(fd_.get(), VMX_GET_REGS, &regs) == 0)
		dump_regs(out, regs);
	else
		out += "  (registers cannot be read)\n";
	struct vmx_sregs sregs = {};
	if (::ioctl(fd_.get(), VMX_GET_SREGS, &sregs) == 0)
		dump_sregs(out, sregs);
	else
		out += "  (system registers cannot be read)\n";
	return out;
}

} // namespace vmx
