// SPDX-License-Identifier: GPL-2.0-only
/* The native side: mappings, signal handlers, one run. */
#include "native.h"

#include <asm/prctl.h>
#include <cpuid.h>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

extern "C" {
void native_enter(const native::State *in, int use_avx);
void native_leave();
extern uint64_t native_rsp;
extern uint8_t native_vec[512];
extern struct {
	uint32_t offset;
	uint16_t selector;
} __attribute__((packed)) native_target;
}

namespace native {
namespace {

constexpr uint16_t kCs64 = 0x33;
constexpr uint16_t kCs32 = 0x23;
constexpr uint16_t kDs = 0x2b;
constexpr uint64_t kPage = 4096;
constexpr int kBreakpoint = 3;

bool running;
Outcome outcome;

/* Order of the GPRs in the hardware's numbering. */
constexpr int kGregs[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
			     REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15 };

void on_signal(int sig, siginfo_t *, void *arg)
{
	auto *uc = static_cast<ucontext_t *>(arg);
	auto &g = uc->uc_mcontext.gregs;

	if (!running) {
		signal(sig, SIG_DFL);
		return;
	}
	running = false;
	for (int i = 0; i < 16; i++)
		outcome.state.regs[static_cast<size_t>(i)] = static_cast<uint64_t>(g[kGregs[i]]);
	outcome.state.rflags = static_cast<uint64_t>(g[REG_EFL]);
	outcome.state.rip = static_cast<uint64_t>(g[REG_RIP]);
	outcome.vector = static_cast<int>(g[REG_TRAPNO]);
	outcome.error = static_cast<uint64_t>(g[REG_ERR]);
	outcome.cr2 = static_cast<uint64_t>(g[REG_CR2]);
	g[REG_CSGSFS] = static_cast<greg_t>((static_cast<uint64_t>(g[REG_CSGSFS]) & ~0xffffULL) | kCs64);
	g[REG_RIP] = reinterpret_cast<greg_t>(&native_leave);
	g[REG_RSP] = static_cast<greg_t>(native_rsp);
	g[REG_EFL] &= ~0x40d00; /* AC, OF and DF, TF */
}

bool map_at(uint64_t addr, uint64_t size, int prot)
{
	void *p = mmap(reinterpret_cast<void *>(addr), size, prot,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (p == MAP_FAILED) {
		perror("emu_diff: mmap");
		return false;
	}
	return true;
}

bool probe_avx()
{
	unsigned int a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE) || !(c & bit_AVX))
		return false;
	asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
	return (a & 6) == 6;
}

bool avx;

} // namespace

bool have_avx()
{
	return avx;
}

std::span<uint8_t> data()
{
	return { reinterpret_cast<uint8_t *>(kData), kDataSize };
}

bool init()
{
	static uint8_t alt_stack[65536];
	stack_t ss{};
	struct sigaction sa{};
	cpu_set_t cpus;

	if (!map_at(kData - 0x4000, kDataSize + 0x8000, PROT_NONE) ||
	    !map_at(kCode, kCodeSize, PROT_READ | PROT_WRITE | PROT_EXEC))
		return false;
	if (mprotect(reinterpret_cast<void *>(kData), kDataSize, PROT_READ | PROT_WRITE)) {
		perror("emu_diff: mprotect");
		return false;
	}
	memset(reinterpret_cast<void *>(kCode), 0xcc, kCodeSize);
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, kData)) {
		perror("emu_diff: ARCH_SET_GS");
		return false;
	}
	/* CPUID must not change between its two executions. */
	CPU_ZERO(&cpus);
	CPU_SET(static_cast<size_t>(sched_getcpu()), &cpus);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	ss.ss_sp = alt_stack;
	ss.ss_size = sizeof(alt_stack);
	sigaltstack(&ss, nullptr);
	sa.sa_sigaction = on_signal;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
	for (int sig : { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP })
		sigaction(sig, &sa, nullptr);
	/* 32-bit code needs them; 64-bit code does not look. */
	asm volatile("mov %0, %%ds; mov %0, %%es" : : "r"(kDs));
	avx = probe_avx();
	return true;
}

bool have_compat()
{
	/* B8 imm32: MOV EAX in both; 48 is DEC EAX in 32-bit code, REX.W in 64-bit code. */
	static const uint8_t bytes[] = { 0x48, 0xcc };
	State in{};
	Outcome o;

	in.regs[0] = 5;
	in.regs[4] = kData + kPage;
	in.rflags = 0x202;
	in.rip = kCode + kPage;
	o = run(in, bytes, Code::Bits32);
	return o.vector == kNoTrap && static_cast<uint32_t>(o.state.regs[0]) == 4;
}

Outcome run(const State &in, std::span<const uint8_t> bytes, Code code)
{
	auto *where = reinterpret_cast<uint8_t *>(in.rip);

	memcpy(where, bytes.data(), bytes.size());
	native_target.offset = static_cast<uint32_t>(in.rip);
	native_target.selector = code == Code::Bits64 ? kCs64 : kCs32;
	outcome = Outcome{};
	running = true;
	native_enter(&in, avx);
	memcpy(outcome.state.vec.data(), native_vec, sizeof(native_vec));
	memset(where, 0xcc, bytes.size());
	if (outcome.vector == kBreakpoint) {
		outcome.vector = kNoTrap;
		outcome.state.rip--;
	}
	return outcome;
}

} // namespace native
