// SPDX-License-Identifier: GPL-2.0-only
/*
 * emu_diff: each random instruction runs on the real CPU and in the emulator from the same state; registers,
 * defined flags, memory, vector registers and exceptions must agree.
 *
 *	emu_diff [--seed N] [--seconds S] [--count N] [--verbose]
 */
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "cases.h"
#include "kernel_names.h"

namespace {

struct Options {
	uint64_t seed = 1;
	double seconds = 10;
	uint64_t count = ~0ULL;
	bool verbose = false;
	bool keep_going = false;
};

bool parse(int argc, char **argv, Options &o)
{
	for (int i = 1; i < argc; i++) {
		std::string_view a = argv[i];

		if (a == "--verbose") {
			o.verbose = true;
		} else if (a == "--keep-going") {
			o.keep_going = true;
		} else if (i + 1 < argc && a == "--seed") {
			o.seed = strtoull(argv[++i], nullptr, 0);
		} else if (i + 1 < argc && a == "--seconds") {
			o.seconds = strtod(argv[++i], nullptr);
		} else if (i + 1 < argc && a == "--count") {
			o.count = strtoull(argv[++i], nullptr, 0);
		} else {
			fprintf(stderr, "usage: emu_diff [--seed N] [--seconds S] [--count N] "
					"[--verbose] [--keep-going]\n");
			return false;
		}
	}
	return true;
}

/* Only what the instruction's faults tell in a way that does not depend on the page tables. */
constexpr uint64_t kPfBits = 2 | 4 | 16;

std::string compare(const Case &t, Guest &g, const native::Outcome &n, const native::Outcome &e,
		    const uint8_t *emu_mem)
{
	char buf[256];
	uint64_t mask, keep = t.mode == EMU_MODE_LONG64 ? ~0ULL : 0xffffffff;

	if (g.last_result() == EMU_UNHANDLEABLE)
		return "";
	/* A jump to where no code is: the emulator has jumped, the fault is the next instruction's. */
	bool jumped = n.vector == EMU_EXC_PF && e.vector == native::kNoTrap && n.cr2 == n.state.rip &&
		      (n.error & 16);
	if (n.vector != e.vector && !jumped) {
		snprintf(buf, sizeof(buf), "exception: native %d, emulated %d", n.vector, e.vector);
		return buf;
	}
	if (e.vector == EMU_EXC_PF && (n.cr2 != e.cr2 || ((n.error ^ e.error) & kPfBits))) {
		snprintf(buf, sizeof(buf), "page fault: native 0x%lx error 0x%lx, emulated 0x%lx error 0x%lx",
			 n.cr2, n.error, e.cr2, e.error);
		return buf;
	}
	if ((e.vector == EMU_EXC_GP || e.vector == EMU_EXC_SS) && n.error != e.error) {
		snprintf(buf, sizeof(buf), "error code: native 0x%lx, emulated 0x%lx", n.error, e.error);
		return buf;
	}
	/* POPA that faults in its middle: a CPU may have loaded some registers, and loads them again. */
	bool loaded = e.vector != native::kNoTrap && g.ctxt().insn.op->fn == emu_op_popa;
	for (size_t i = 0; i < (t.mode == EMU_MODE_LONG64 ? 16 : 8); i++) {
		if (loaded && i != EMU_RSP)
			continue;
		if (!((n.state.regs[i] ^ e.state.regs[i]) & keep))
			continue;
		snprintf(buf, sizeof(buf), "r%zu: native 0x%lx, emulated 0x%lx (was 0x%lx)", i,
			 n.state.regs[i], e.state.regs[i], t.in.regs[i]);
		return buf;
	}
	if (n.state.rip != e.state.rip) {
		snprintf(buf, sizeof(buf), "rip: native 0x%lx, emulated 0x%lx", n.state.rip, e.state.rip);
		return buf;
	}
	mask = defined_flags(g.ctxt(), t.in);
	if ((n.state.rflags ^ e.state.rflags) & mask) {
		snprintf(buf, sizeof(buf), "flags: native 0x%lx, emulated 0x%lx (was 0x%lx)",
			 n.state.rflags & mask, e.state.rflags & mask, t.in.rflags);
		return buf;
	}
	for (size_t i = 0; i < 16; i++)
		if (memcmp(n.state.vec[i].data(), e.state.vec[i].data(), native::have_avx() ? 32 : 16))
			return "vector register " + std::to_string(i);
	if (memcmp(native::data().data(), emu_mem, native::kDataSize))
		for (size_t i = 0; i < native::kDataSize; i++)
			if (native::data()[i] != emu_mem[i]) {
				snprintf(buf, sizeof(buf), "memory at +0x%zx: native %02x, emulated %02x", i,
					 native::data()[i], emu_mem[i]);
				return buf;
			}
	return "";
}

void print_case(const Case &t)
{
	printf("# %s-bit:", t.mode == EMU_MODE_LONG64 ? "64" : "32");
	for (unsigned int i = 0; i < t.len; i++)
		printf(" %02x", t.bytes[i]);
	printf("\n#");
	for (size_t i = 0; i < 16; i++)
		printf(" r%zu=%lx%s", i, t.in.regs[i], i == 7 ? "\n#" : "");
	printf(" flags=%lx\n", t.in.rflags);
}

class Session {
public:
	explicit Session(const Options &o) : opt_(o), rnd_(o.seed) { }
	bool run();

private:
	bool one();

	Options opt_;
	Random rnd_;
	Guest guest_;
	bool compat_ = native::have_compat();
	std::unique_ptr<Case> case_ = std::make_unique<Case>();
	std::array<uint8_t, native::kDataSize> emu_mem_{};
	std::map<const emu_opcode *, uint64_t> seen_;
	uint64_t cases_ = 0, faults_ = 0, unhandled_ = 0, compat_cases_ = 0, failures_ = 0;
};

bool Session::one()
{
	Case &t = *case_;
	native::Outcome n, e;
	std::string why;

	while (!make_case(rnd_, guest_, compat_, t))
		;
	if (opt_.verbose)
		print_case(t);
	emu_mem_ = t.mem;
	memcpy(native::data().data(), t.mem.data(), t.mem.size());
	e = guest_.run(t.in, emu_mem_);
	if (guest_.last_result() == EMU_UNHANDLEABLE) {
		unhandled_++;
		return true;
	}
	n = native::run(t.in, { t.bytes.data(), t.len },
			t.mode == EMU_MODE_LONG64 ? native::Code::Bits64 : native::Code::Bits32);
	cases_++;
	compat_cases_ += t.mode != EMU_MODE_LONG64;
	faults_ += e.vector != native::kNoTrap;
	seen_[guest_.ctxt().insn.op]++;
	why = compare(t, guest_, n, e, emu_mem_.data());
	if (why.empty())
		return true;
	failures_++;
	printf("not ok: %s\n", why.c_str());
	print_case(t);
	return false;
}

bool Session::run()
{
	auto start = std::chrono::steady_clock::now();
	double elapsed = 0;

	if (!compat_)
		printf("# 32-bit code cannot run here: left out\n");
	while (cases_ < opt_.count) {
		if (!one() && (!opt_.keep_going || failures_ >= 200))
			break;
		if (cases_ % 1024)
			continue;
		elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
		if (elapsed >= opt_.seconds)
			break;
	}
	elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
	printf("%s 1 - seed %lu: %lu cases (%lu in 32-bit code, %lu faults) of %zu opcodes in %.1f s, "
	       "%.0f a second\n",
	       failures_ ? "not ok" : "ok", opt_.seed, cases_, compat_cases_, faults_, seen_.size(),
	       elapsed, static_cast<double>(cases_) / elapsed);
	return !failures_;
}

} // namespace

int main(int argc, char **argv)
{
	Options opt;

	setvbuf(stdout, nullptr, _IOLBF, 0);
	if (!parse(argc, argv, opt) || !native::init())
		return 2;
	printf("1..1\n");
	return Session(opt).run() ? 0 : 1;
}
