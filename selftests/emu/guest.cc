// SPDX-License-Identifier: GPL-2.0-only
#include "guest.h"

#include <cpuid.h>
#include <cstring>

namespace {

constexpr uint16_t kCs64 = 0x33, kCs32 = 0x23, kDs = 0x2b;

Guest &guest(emu_ctxt *c)
{
	return *static_cast<Guest *>(c->opaque);
}

int page_fault(emu_ctxt *c, uint64_t la, unsigned int acc)
{
	return emu_raise_pf(c, la, 4 | (acc & EMU_ACC_WRITE ? 2 : 0));
}

int op_fetch(emu_ctxt *c, u64 la, void *buf, unsigned int len)
{
	/* Behind the instruction there are traps. */
	if (la < native::kCode || la + len > native::kCode + native::kCodeSize)
		return emu_raise_pf(c, la, 0x14);
	memset(buf, 0xcc, len);
	return EMU_OK;
}

int op_read(emu_ctxt *c, u64 la, void *buf, unsigned int len, unsigned int acc)
{
	uint8_t *p = guest(c).find(la, len);

	if (!p)
		return page_fault(c, la, acc);
	memcpy(buf, p, len);
	return EMU_OK;
}

int op_write(emu_ctxt *c, u64 la, const void *buf, unsigned int len, unsigned int acc)
{
	uint8_t *p = guest(c).find(la, len);

	if (!p)
		return page_fault(c, la, acc | EMU_ACC_WRITE);
	memcpy(p, buf, len);
	return EMU_OK;
}

int op_probe(emu_ctxt *c, u64 la, unsigned int len, unsigned int acc)
{
	return guest(c).find(la, len) ? EMU_OK : page_fault(c, la, acc);
}

int op_cmpxchg(emu_ctxt *c, u64 la, void *old, const void *new_, unsigned int len, unsigned int acc)
{
	uint8_t *p = guest(c).find(la, len);

	if (!p)
		return page_fault(c, la, acc | EMU_ACC_WRITE);
	if (!memcmp(p, old, len))
		memcpy(p, new_, len);
	else
		memcpy(old, p, len);
	return EMU_OK;
}

int op_read_bulk(emu_ctxt *c, u64 la, void *buf, unsigned int len)
{
	return op_read(c, la, buf, len, EMU_ACC_READ);
}

int op_write_bulk(emu_ctxt *c, u64 la, const void *buf, unsigned int len)
{
	return op_write(c, la, buf, len, EMU_ACC_WRITE);
}

int op_no_pio(emu_ctxt *c, u16, unsigned int, unsigned int)
{
	return emu_raise_err(c, EMU_EXC_GP, 0);
}

void op_get_seg(emu_ctxt *c, unsigned int seg, emu_seg *s)
{
	bool is64 = c->mode == EMU_MODE_LONG64;

	memset(s, 0, sizeof(*s));
	s->limit = 0xffffffff;
	s->s = 1;
	s->dpl = 3;
	s->present = 1;
	s->g = 1;
	s->db = 1;
	s->type = 3;
	s->selector = kDs;
	switch (seg) {
	case EMU_CS:
		s->type = 11;
		s->l = is64;
		s->db = !is64;
		s->selector = is64 ? kCs64 : kCs32;
		break;
	case EMU_GS:
		s->base = native::kData;
		s->selector = 0;
		s->unusable = !is64;
		break;
	case EMU_FS:
		s->selector = 0;
		s->unusable = !is64;
		break;
	case EMU_LDTR:
	case EMU_TR:
		s->unusable = 1;
		break;
	default:
		break;
	}
}

void op_set_seg(emu_ctxt *, unsigned int, const emu_seg *) { }

void op_get_dt(emu_ctxt *, unsigned int, emu_dtr *d)
{
	*d = {};
}

void op_set_dt(emu_ctxt *, unsigned int, const emu_dtr *) { }

u64 op_get_cr(emu_ctxt *, unsigned int nr)
{
	/* CR0: PG, AM, WP, NE, ET, MP, PE; CR4: OSXSAVE, OSFXSR, PAE, UMIP as the host has it, no TSD. */
	return nr == 0 ? 0x80050033 : nr == 4 ? 0x40620 : 0;
}

int op_set_cr(emu_ctxt *c, unsigned int, u64)
{
	return emu_raise_err(c, EMU_EXC_GP, 0);
}

int op_get_dr(emu_ctxt *c, unsigned int, u64 *)
{
	return emu_raise_err(c, EMU_EXC_GP, 0);
}

int op_get_msr(emu_ctxt *c, u32, u64 *)
{
	return emu_raise_err(c, EMU_EXC_GP, 0);
}

int op_set_msr(emu_ctxt *c, u32, u64)
{
	return emu_raise_err(c, EMU_EXC_GP, 0);
}

int op_rdtsc(emu_ctxt *, u64 *, u32 *)
{
	return EMU_UNHANDLEABLE;
}

int op_get_xcr(emu_ctxt *c, u32 idx, u64 *val)
{
	uint32_t a, d;

	if (idx)
		return emu_raise_err(c, EMU_EXC_GP, 0);
	asm volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(idx));
	*val = a | static_cast<u64>(d) << 32;
	return EMU_OK;
}

int op_set_xcr(emu_ctxt *c, u32, u64)
{
	return emu_raise_err(c, EMU_EXC_GP, 0);
}

int op_cpuid(emu_ctxt *, u32 *a, u32 *b, u32 *cx, u32 *d)
{
	__cpuid_count(*a, *cx, *a, *b, *cx, *d);
	return EMU_OK;
}

int op_unit(emu_ctxt *)
{
	return EMU_UNHANDLEABLE;
}

int op_invlpg(emu_ctxt *, u64)
{
	return EMU_UNHANDLEABLE;
}

int op_get_vec(emu_ctxt *c, unsigned int reg, void *buf, unsigned int len)
{
	if (len == 8)
		return EMU_UNHANDLEABLE;
	memcpy(buf, guest(c).state().vec[reg].data(), len);
	return EMU_OK;
}

int op_set_vec(emu_ctxt *c, unsigned int reg, const void *buf, unsigned int len, bool clear)
{
	auto &v = guest(c).state().vec[reg];

	if (len == 8)
		return EMU_UNHANDLEABLE;
	memcpy(v.data(), buf, len);
	if (clear)
		memset(v.data() + len, 0, v.size() - len);
	return EMU_OK;
}

constexpr emu_ops make_ops()
{
	emu_ops o{};

	o.fetch = op_fetch;
	o.read = op_read;
	o.write = op_write;
	o.probe = op_probe;
	o.cmpxchg = op_cmpxchg;
	o.read_bulk = op_read_bulk;
	o.write_bulk = op_write_bulk;
	o.pio_in = op_no_pio;
	o.pio_out = op_no_pio;
	o.get_seg = op_get_seg;
	o.set_seg = op_set_seg;
	o.get_dt = op_get_dt;
	o.set_dt = op_set_dt;
	o.get_cr = op_get_cr;
	o.set_cr = op_set_cr;
	o.get_dr = op_get_dr;
	o.set_dr = op_set_cr;
	o.get_msr = op_get_msr;
	o.set_msr = op_set_msr;
	o.rdtsc = op_rdtsc;
	o.get_xcr = op_get_xcr;
	o.set_xcr = op_set_xcr;
	o.cpuid = op_cpuid;
	o.halt = op_unit;
	o.invlpg = op_invlpg;
	o.wbinvd = op_unit;
	o.hypercall = op_unit;
	o.get_vec = op_get_vec;
	o.set_vec = op_set_vec;
	return o;
}

constexpr emu_ops ops = make_ops();

/* What this CPU has: both sides must agree on what is #UD. */
uint32_t host_features()
{
	uint32_t a = 0, b = 0, c = 0, d = 0, f = 0;

	__get_cpuid(0, &a, &b, &c, &d);
	if (b == 0x756e6547)
		f |= EMU_F_INTEL | EMU_F_FAR_JUMP64 | EMU_F_FAR_LOAD64;
	__get_cpuid(1, &a, &b, &c, &d);
	f |= c & (1u << 0) ? EMU_F_SSE3 : 0;
	f |= c & (1u << 13) ? EMU_F_CX16 : 0;
	f |= c & (1u << 19) ? EMU_F_SSE41 : 0;
	f |= c & (1u << 20) ? EMU_F_CRC32 : 0;
	f |= c & (1u << 22) ? EMU_F_MOVBE : 0;
	f |= c & (1u << 23) ? EMU_F_POPCNT : 0;
	f |= native::have_avx() ? EMU_F_AVX : 0;
	if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
		f |= b & (1u << 3) ? EMU_F_BMI1 : 0;
		f |= b & (1u << 5) ? EMU_F_AVX2 : 0;
		f |= b & (1u << 8) ? EMU_F_BMI2 : 0;
		f |= b & (1u << 19) ? EMU_F_ADX : 0;
		f |= b & (1u << 23) ? EMU_F_CLFLUSHOPT : 0;
		f |= c & (1u << 22) ? EMU_F_RDPID : 0;
	}
	__get_cpuid(0x80000001, &a, &b, &c, &d);
	f |= c & (1u << 5) ? EMU_F_LZCNT : 0;
	f |= d & (1u << 27) ? EMU_F_RDTSCP : 0;
	return f;
}

} // namespace

Guest::Guest()
{
	c_.ops = &ops;
	c_.opaque = this;
	c_.pio_buf = pio_.data();
	c_.pio_buf_size = static_cast<u32>(pio_.size());
	c_.features = host_features();
	c_.cpl = 3;
}

uint8_t *Guest::find(uint64_t la, unsigned int len)
{
	if (la < native::kData || la + len > native::kData + native::kDataSize)
		return nullptr;
	return mem_.data() + (la - native::kData);
}

bool Guest::decode(std::span<const uint8_t> bytes, emu_mode mode, uint64_t rip)
{
	c_.mode = static_cast<u8>(mode);
	c_.cpl = 3;
	c_.rip = rip;
	return emu_decode(&c_, bytes.data(), static_cast<unsigned int>(bytes.size())) == EMU_OK;
}

native::Outcome Guest::run(const native::State &in, std::span<uint8_t> mem)
{
	native::Outcome o;

	state_ = in;
	mem_ = mem;
	memcpy(c_.regs, in.regs.data(), sizeof(c_.regs));
	c_.rip = in.rip;
	c_.rflags = in.rflags;
	do {
		result_ = emu_exec(&c_);
	} while (result_ == EMU_RESTART);
	memcpy(state_.regs.data(), c_.regs, sizeof(c_.regs));
	state_.rip = c_.rip;
	state_.rflags = c_.rflags;
	if (result_ == EMU_EXCEPTION) {
		o.vector = c_.exc.vector;
		o.error = c_.exc.err;
		o.cr2 = c_.exc.addr;
	}
	o.state = state_;
	return o;
}
