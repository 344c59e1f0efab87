// SPDX-License-Identifier: GPL-2.0-only
/*
 * Random instructions in random modes and states over a small memory whose contents are the input too, so that
 * descriptor tables, TSSs and stacks are what the fuzzer makes of them. Checked besides what the sanitizers see:
 * work is bounded, no access crosses a page, a fault leaves the instruction pointer where it was.
 */
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "kernel_names.h"

namespace {

constexpr unsigned int kMem = 0x4000; /* linear addresses wrap into it, but for holes and devices */

struct World {
	uint8_t mem[kMem];
	const uint8_t *in;
	size_t left;
	unsigned int accesses;
	struct emu_seg segs[EMU_NR_SEGS];
	emu_dtr gdt, idt;
	uint64_t cr0, cr4;
	uint8_t vec[16][32];
};

World w;
emu_ctxt c;
uint8_t pio[4096];

uint64_t take(unsigned int n)
{
	uint64_t v = 0;

	while (n-- && w.left) {
		v = v << 8 | *w.in++;
		w.left--;
	}
	return v;
}

void check(bool ok)
{
	if (!ok)
		abort();
}

/* By address: memory mostly, a hole, a device of user space's, one of the kernel's. */
enum Kind { Memory, Hole, UserDevice, KernelDevice };

Kind kind(u64 la)
{
	switch (la >> 12 & 15) {
	case 13:
		return Hole;
	case 14:
		return UserDevice;
	case 15:
		return KernelDevice;
	default:
		return Memory;
	}
}

int access(emu_ctxt *ctxt, u64 la, unsigned int len, unsigned int acc)
{
	check(len > 0 && (la & 4095) + len <= 4096);
	check(++w.accesses < 100000);
	switch (kind(la)) {
	case Hole:
		return emu_raise_pf(ctxt, la, acc);
	case UserDevice:
		ctxt->mmio_gpa = la;
		return EMU_IO;
	default:
		return EMU_OK;
	}
}

uint8_t *at(u64 la)
{
	return &w.mem[la & (kMem - 1)];
}

int op_fetch(emu_ctxt *ctxt, u64 la, void *buf, unsigned int len)
{
	int r = access(ctxt, la, len, EMU_ACC_FETCH);

	check(len <= 15);
	if (r == EMU_OK)
		memcpy(buf, at(la), len);
	return r == EMU_IO ? EMU_UNHANDLEABLE : r;
}

int op_read(emu_ctxt *ctxt, u64 la, void *buf, unsigned int len, unsigned int acc)
{
	int r = access(ctxt, la, len, acc);

	check(len <= 32);
	if (r == EMU_OK)
		memcpy(buf, at(la), len);
	return r;
}

int op_write(emu_ctxt *ctxt, u64 la, const void *buf, unsigned int len, unsigned int acc)
{
	int r = access(ctxt, la, len, acc);

	check(len <= 32);
	if (r == EMU_OK)
		memcpy(at(la), buf, len);
	return r;
}

int op_probe(emu_ctxt *ctxt, u64 la, unsigned int len, unsigned int acc)
{
	int r = access(ctxt, la, len, acc);

	return r == EMU_OK && kind(la) == KernelDevice ? EMU_IO : r;
}

int op_cmpxchg(emu_ctxt *ctxt, u64 la, void *old, const void *new_, unsigned int len, unsigned int acc)
{
	int r = access(ctxt, la, len, acc);

	if (r != EMU_OK)
		return r;
	if (kind(la) == KernelDevice) {
		ctxt->mmio_gpa = la;
		return EMU_IO;
	}
	/* Another CPU interferes at times. */
	if (take(1) & 1)
		at(la)[0]++;
	if (!memcmp(at(la), old, len))
		memcpy(at(la), new_, len);
	else
		memcpy(old, at(la), len);
	return EMU_OK;
}

int op_bulk_read(emu_ctxt *ctxt, u64 la, void *buf, unsigned int len)
{
	int r = access(ctxt, la, len, 0);

	check(len <= sizeof(pio));
	if (kind(la) != Memory)
		return r == EMU_EXCEPTION ? r : EMU_UNHANDLEABLE;
	memcpy(buf, at(la), len);
	return r;
}

int op_bulk_write(emu_ctxt *ctxt, u64 la, const void *buf, unsigned int len)
{
	int r = access(ctxt, la, len, EMU_ACC_WRITE);

	check(len <= sizeof(pio));
	if (kind(la) != Memory)
		return r == EMU_EXCEPTION ? r : EMU_UNHANDLEABLE;
	memcpy(at(la), buf, len);
	return r;
}

int op_pio(emu_ctxt *, u16 port, unsigned int size, unsigned int count)
{
	check((size == 1 || size == 2 || size == 4) && count && size * count <= sizeof(pio));
	return port & 1 ? EMU_IO : EMU_OK;
}

int maybe_gp(emu_ctxt *ctxt)
{
	return take(1) & 1 ? emu_raise_err(ctxt, EMU_EXC_GP, 0) : EMU_OK;
}

constexpr emu_ops make_ops()
{
	emu_ops o{};

	o.fetch = op_fetch;
	o.read = op_read;
	o.write = op_write;
	o.probe = op_probe;
	o.cmpxchg = op_cmpxchg;
	o.read_bulk = op_bulk_read;
	o.write_bulk = op_bulk_write;
	o.pio_in = op_pio;
	o.pio_out = op_pio;
	o.get_seg = [](emu_ctxt *, unsigned int s, struct emu_seg *out) {
		check(s < EMU_NR_SEGS);
		*out = w.segs[s];
	};
	o.set_seg = [](emu_ctxt *, unsigned int s, const struct emu_seg *in) {
		check(s < EMU_NR_SEGS);
		w.segs[s] = *in;
	};
	o.get_dt = [](emu_ctxt *, unsigned int t, emu_dtr *d) { *d = t == EMU_GDT ? w.gdt : w.idt; };
	o.set_dt = [](emu_ctxt *, unsigned int t, const emu_dtr *d) { (t == EMU_GDT ? w.gdt : w.idt) = *d; };
	o.get_cr = [](emu_ctxt *, unsigned int n) -> u64 { return n == 0 ? w.cr0 : w.cr4; };
	o.set_cr = [](emu_ctxt *ctxt, unsigned int, u64) { return maybe_gp(ctxt); };
	o.get_dr = [](emu_ctxt *, unsigned int n, u64 *v) -> int {
		check(n < 8);
		*v = take(8);
		return EMU_OK;
	};
	o.set_dr = [](emu_ctxt *ctxt, unsigned int n, u64) {
		check(n < 8);
		return maybe_gp(ctxt);
	};
	o.get_msr = [](emu_ctxt *ctxt, u32, u64 *v) {
		*v = take(8);
		return maybe_gp(ctxt);
	};
	o.set_msr = [](emu_ctxt *ctxt, u32, u64) { return maybe_gp(ctxt); };
	o.rdtsc = [](emu_ctxt *, u64 *t, u32 *a) -> int {
		*t = 1;
		*a = 2;
		return EMU_OK;
	};
	o.get_xcr = [](emu_ctxt *ctxt, u32, u64 *v) {
		*v = 7;
		return maybe_gp(ctxt);
	};
	o.set_xcr = [](emu_ctxt *ctxt, u32, u64) { return maybe_gp(ctxt); };
	o.cpuid = [](emu_ctxt *, u32 *, u32 *, u32 *, u32 *) -> int { return EMU_OK; };
	o.halt = [](emu_ctxt *) -> int { return EMU_OK; };
	o.invlpg = [](emu_ctxt *, u64) -> int { return EMU_OK; };
	o.wbinvd = [](emu_ctxt *) -> int { return EMU_OK; };
	o.hypercall = [](emu_ctxt *) -> int { return EMU_OK; };
	o.get_vec = [](emu_ctxt *, unsigned int r, void *buf, unsigned int len) -> int {
		check(r < 16 && (len == 8 || len == 16 || len == 32) && (len != 8 || r < 8));
		memcpy(buf, w.vec[r], len);
		return EMU_OK;
	};
	o.set_vec = [](emu_ctxt *, unsigned int r, const void *buf, unsigned int len, bool) -> int {
		check(r < 16 && (len == 8 || len == 16 || len == 32) && (len != 8 || r < 8));
		memcpy(w.vec[r], buf, len);
		return EMU_OK;
	};
	return o;
}

constexpr emu_ops ops = make_ops();

/* Flat and sane, or whatever the input says. */
void make_seg(unsigned int n)
{
	struct emu_seg &s = w.segs[n];
	uint8_t how = static_cast<uint8_t>(take(1));

	memset(&s, 0, sizeof(s));
	s.limit = how & 1 ? static_cast<u32>(take(4)) : 0xffffffff;
	s.base = how & 2 ? take(4) : 0;
	s.selector = static_cast<u16>(take(2));
	s.type = how & 4 ? take(1) & 15 : n == EMU_CS ? 11 : 3;
	s.s = n < EMU_LDTR;
	s.present = 1;
	s.dpl = c.cpl;
	s.db = how >> 3 & 1;
	s.l = how >> 4 & 1;
	s.unusable = (how & 0xe0) == 0xe0;
}

void check_exit(int r)
{
	check(r >= EMU_OK && r <= EMU_UNHANDLEABLE);
	check(c.mode < EMU_NR_MODES && c.cpl <= 3);
	if (r == EMU_IO)
		check(c.io.kind != EMU_IO_NONE && c.io.nr <= EMU_MAX_FRAGS);
	else
		check(c.io.kind == EMU_IO_NONE);
	for (unsigned int i = 0; r == EMU_IO && c.io.kind <= EMU_IO_MMIO_WRITE && i < c.io.nr; i++)
		check(c.io.frag[i].len >= 1 && c.io.frag[i].len <= 8);
}

void run_one()
{
	uint64_t rip = c.rip;
	int r = emu_decode(&c, w.in, static_cast<unsigned int>(w.left > 15 ? 15 : w.left));
	unsigned int rounds = 0;

	if (r == EMU_OK) {
		check(c.insn.len >= 1 && c.insn.len <= 15);
		take(c.insn.len);
		r = emu_exec(&c);
	}
	check_exit(r);
	if (r == EMU_EXCEPTION && !c.branch_far && !(c.insn.flags & OPF_RIP))
		check(c.rip == rip);
	/* User space answers for a while, then gives up. */
	while (r == EMU_IO && rounds++ < 64) {
		for (unsigned int i = 0; i < c.io.nr; i++)
			memset(c.io.frag[i].data, 0x5a, 8);
		w.accesses = 0;
		r = emu_resume(&c);
		check_exit(r);
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	memset(&w, 0, sizeof(w));
	memset(&c, 0, sizeof(c));
	w.in = data;
	w.left = size;
	c.ops = &ops;
	c.pio_buf = pio;
	c.pio_buf_size = sizeof(pio);
	c.features = static_cast<u32>(take(4));
	c.mode = static_cast<u8>(take(1) % EMU_NR_MODES);
	c.cpl = take(1) & 3;
	if (c.mode == EMU_MODE_REAL)
		c.cpl = 0;
	if (c.mode == EMU_MODE_VM86)
		c.cpl = 3;
	c.rflags = (take(3) & 0x3fffff) | 2;
	if (c.mode == EMU_MODE_VM86)
		c.rflags |= 0x20000;
	c.rip = take(2);
	w.cr0 = take(1) & 1 ? 0x80050033 : take(4);
	w.cr4 = take(3);
	w.gdt = { take(2) & 0x3fff, static_cast<u16>(take(1) << 3 | 7) };
	w.idt = { take(2) & 0x3fff, static_cast<u16>(take(2)) };
	for (unsigned int i = 0; i < EMU_NR_SEGS; i++)
		make_seg(i);
	w.segs[EMU_TR].type = take(1) & 15;
	for (u64 &r : c.regs)
		r = take(1) & 1 ? take(2) : take(8);
	/* Half of what is left is memory, repeated. */
	size_t n = w.left / 2 < kMem ? w.left / 2 : kMem;
	if (n) {
		memcpy(w.mem, w.in + w.left - n, n);
		for (size_t have = n, more; have < kMem; have += more) {
			more = have < kMem - have ? have : kMem - have;
			memcpy(w.mem + have, w.mem, more);
		}
	}
	for (unsigned int i = 0; i < 8 && w.left; i++) {
		w.accesses = 0;
		run_one();
		if (take(1) & 1) {
			w.accesses = 0;
			int r = emu_deliver(&c, static_cast<u8>(take(1)), static_cast<emu_event>(take(1) & 3),
					    take(1) & 1, static_cast<u32>(take(2)), c.rip, true);
			check(r >= EMU_OK && r <= EMU_UNHANDLEABLE);
			c.io.kind = EMU_IO_NONE;
		}
	}
	return 0;
}
