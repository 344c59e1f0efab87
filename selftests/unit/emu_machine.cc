// SPDX-License-Identifier: GPL-2.0-only
#include "emu_machine.h"

#include <cstring>

namespace {

Machine &of(emu_ctxt *c)
{
	return *static_cast<Machine *>(c->opaque);
}

bool user_device(uint64_t a)
{
	return a >= kUserDevice && a < kUserDevice + 0x2000;
}

bool kernel_device(uint64_t a)
{
	return a >= kKernelDevice && a < kKernelDevice + 0x1000;
}

int fault(emu_ctxt *c, u64 la, unsigned int acc)
{
	bool user = c->cpl == 3 && !(acc & EMU_ACC_SUPER);

	return emu_raise_pf(c, la, (acc & EMU_ACC_WRITE ? 2u : 0u) | (user ? 4u : 0u));
}

int op_read(emu_ctxt *c, u64 la, void *buf, unsigned int len, unsigned int acc)
{
	Machine &m = of(c);
	uint8_t *p = m.find(la);

	m.reads++;
	if ((la & 4095) + len > 4096)
		abort();
	if (p) {
		memcpy(buf, p, len);
		return EMU_OK;
	}
	if (user_device(la)) {
		c->mmio_gpa = la;
		return EMU_IO;
	}
	if (kernel_device(la)) {
		memcpy(buf, &m.device_value, len > 8 ? 8 : len);
		m.log.push_back({ 'r', la, len, 0 });
		return EMU_OK;
	}
	return fault(c, la, acc);
}

int op_fetch(emu_ctxt *c, u64 la, void *buf, unsigned int len)
{
	uint8_t *p = of(c).find(la);

	if ((la & 4095) + len > 4096)
		abort();
	if (!p)
		return emu_raise_pf(c, la, 0x10);
	memcpy(buf, p, len);
	return EMU_OK;
}

int op_write(emu_ctxt *c, u64 la, const void *buf, unsigned int len, unsigned int acc)
{
	Machine &m = of(c);
	uint8_t *p = m.find(la);
	uint64_t val = 0;

	if ((la & 4095) + len > 4096)
		abort();
	if (p) {
		memcpy(p, buf, len);
		return EMU_OK;
	}
	if (user_device(la)) {
		c->mmio_gpa = la;
		return EMU_IO;
	}
	if (kernel_device(la)) {
		memcpy(&val, buf, len > 8 ? 8 : len);
		m.log.push_back({ 'w', la, len, val });
		return EMU_OK;
	}
	return fault(c, la, acc | EMU_ACC_WRITE);
}

int op_probe(emu_ctxt *c, u64 la, unsigned int len, unsigned int acc)
{
	if ((la & 4095) + len > 4096)
		abort();
	if (of(c).find(la))
		return EMU_OK;
	return user_device(la) || kernel_device(la) ? EMU_IO : fault(c, la, acc);
}

int op_cmpxchg(emu_ctxt *c, u64 la, void *old, const void *new_, unsigned int len, unsigned int acc)
{
	Machine &m = of(c);
	uint8_t *p = m.find(la);

	if (!p)
		return user_device(la) || kernel_device(la) ? (c->mmio_gpa = la, EMU_IO) :
							      fault(c, la, acc | EMU_ACC_WRITE);
	if (m.before_cmpxchg)
		m.before_cmpxchg();
	if (!memcmp(p, old, len))
		memcpy(p, new_, len);
	else
		memcpy(old, p, len);
	return EMU_OK;
}

int op_read_bulk(emu_ctxt *c, u64 la, void *buf, unsigned int len)
{
	if (user_device(la) || kernel_device(la))
		return EMU_UNHANDLEABLE;
	return op_read(c, la, buf, len, EMU_ACC_READ);
}

int op_write_bulk(emu_ctxt *c, u64 la, const void *buf, unsigned int len)
{
	if (user_device(la) || kernel_device(la))
		return EMU_UNHANDLEABLE;
	return op_write(c, la, buf, len, EMU_ACC_WRITE);
}

int op_pio_in(emu_ctxt *c, u16 port, unsigned int size, unsigned int count)
{
	Machine &m = of(c);

	if (!m.port_in_kernel)
		return EMU_IO;
	for (unsigned int i = 0; i < count; i++) {
		uint32_t v = 0xa0 + i;

		memcpy(c->pio_buf + i * size, &v, size);
		m.log.push_back({ 'i', port, size, v });
	}
	return EMU_OK;
}

int op_pio_out(emu_ctxt *c, u16 port, unsigned int size, unsigned int count)
{
	Machine &m = of(c);

	if (!m.port_in_kernel)
		return EMU_IO;
	for (unsigned int i = 0; i < count; i++) {
		uint32_t v = 0;

		memcpy(&v, c->pio_buf + i * size, size);
		m.log.push_back({ 'o', port, size, v });
	}
	return EMU_OK;
}

constexpr void add_memory_ops(emu_ops &o)
{
	o.fetch = op_fetch;
	o.read = op_read;
	o.write = op_write;
	o.probe = op_probe;
	o.cmpxchg = op_cmpxchg;
	o.read_bulk = op_read_bulk;
	o.write_bulk = op_write_bulk;
	o.pio_in = op_pio_in;
	o.pio_out = op_pio_out;
}

constexpr void add_register_ops(emu_ops &o)
{
	o.get_seg = [](emu_ctxt *c, unsigned int seg, struct emu_seg *s) { *s = of(c).segs[seg]; };
	o.set_seg = [](emu_ctxt *c, unsigned int seg, const struct emu_seg *s) { of(c).segs[seg] = *s; };
	o.get_dt = [](emu_ctxt *c, unsigned int w, emu_dtr *d) { *d = w == EMU_GDT ? of(c).gdt : of(c).idt; };
	o.set_dt = [](emu_ctxt *c, unsigned int w, const emu_dtr *d) {
		(w == EMU_GDT ? of(c).gdt : of(c).idt) = *d;
	};
	o.get_cr = [](emu_ctxt *c, unsigned int n) -> u64 { return of(c).cr[n]; };
	o.set_cr = [](emu_ctxt *c, unsigned int n, u64 v) -> int {
		of(c).cr[n] = v;
		return EMU_OK;
	};
	o.get_dr = [](emu_ctxt *c, unsigned int n, u64 *v) -> int {
		*v = of(c).dr[n];
		return EMU_OK;
	};
	o.set_dr = [](emu_ctxt *c, unsigned int n, u64 v) -> int {
		of(c).dr[n] = v;
		return EMU_OK;
	};
	o.get_msr = [](emu_ctxt *c, u32 n, u64 *v) -> int {
		auto it = of(c).msr.find(n);

		if (it == of(c).msr.end())
			return emu_raise_err(c, EMU_EXC_GP, 0);
		*v = it->second;
		return EMU_OK;
	};
	o.set_msr = [](emu_ctxt *c, u32 n, u64 v) -> int {
		of(c).msr[n] = v;
		return EMU_OK;
	};
}

constexpr void add_other_ops(emu_ops &o)
{
	o.rdtsc = [](emu_ctxt *, u64 *t, u32 *aux) -> int {
		*t = 0x1122334455667788ULL;
		*aux = 7;
		return EMU_OK;
	};
	o.get_xcr = [](emu_ctxt *c, u32 i, u64 *v) -> int {
		if (i)
			return emu_raise_err(c, EMU_EXC_GP, 0);
		*v = of(c).xcr0;
		return EMU_OK;
	};
	o.set_xcr = [](emu_ctxt *c, u32, u64 v) -> int {
		of(c).xcr0 = v;
		return EMU_OK;
	};
	o.cpuid = [](emu_ctxt *, u32 *a, u32 *b, u32 *cx, u32 *d) -> int {
		*a += 1;
		*b = 2;
		*cx += 3;
		*d = 4;
		return EMU_OK;
	};
	o.halt = [](emu_ctxt *c) -> int {
		of(c).halted = true;
		return EMU_OK;
	};
	o.rsm = [](emu_ctxt *c) -> int {
		if (!of(c).smm)
			return emu_raise(c, EMU_EXC_UD);
		if (of(c).smm_broken)
			return EMU_RESTART;
		c->mode = EMU_MODE_LONG64;
		c->rip = 0x123456789aULL;
		c->rflags = EFL_FIXED | EFL_RF;
		c->regs[EMU_RBX] = 0xb0b0b0b0b0b0b0b0ULL;
		return EMU_OK;
	};
	o.invlpg = [](emu_ctxt *c, u64 la) -> int {
		of(c).flushed.push_back(la);
		return EMU_OK;
	};
	o.invpcid = [](emu_ctxt *c, unsigned int type, u16 pcid, u64 la) -> int {
		of(c).pcids_flushed.push_back({type, pcid, la});
		return EMU_OK;
	};
	o.wbinvd = [](emu_ctxt *) -> int { return EMU_OK; };
	o.hypercall = [](emu_ctxt *c) -> int {
		of(c).hypercalls++;
		return EMU_OK;
	};
	o.iret = [](emu_ctxt *c) { of(c).irets++; };
	o.get_vec = [](emu_ctxt *c, unsigned int r, void *buf, unsigned int len) -> int {
		memcpy(buf, len == 8 ? of(c).mmx[r].data() : of(c).vec[r].data(), len);
		return EMU_OK;
	};
	o.set_vec = [](emu_ctxt *c, unsigned int r, const void *buf, unsigned int len, bool clear) -> int {
		uint8_t *p = len == 8 ? of(c).mmx[r].data() : of(c).vec[r].data();

		memcpy(p, buf, len);
		if (clear)
			memset(p + len, 0, 32 - len);
		return EMU_OK;
	};
}

constexpr emu_ops make_ops()
{
	emu_ops o{};

	add_memory_ops(o);
	add_register_ops(o);
	add_other_ops(o);
	return o;
}

constexpr emu_ops ops = make_ops();

} // namespace

Machine::Machine()
{
	c.ops = &ops;
	c.opaque = this;
	c.pio_buf = pio_.data();
	c.pio_buf_size = 4096;
	c.features = ~0U & ~(EMU_F_LA57 | EMU_F_INTEL | EMU_F_FAR_JUMP64 | EMU_F_FAR_LOAD64 | EMU_F_BACKDOOR);
	map(kCodeAt, 0x1000);
	map(kStackTop - 0x1000, 0x1000);
	map(kDataAt, 0x2000);
	map(kGdtAt, 0x5000);
}

void Machine::map(uint64_t addr, uint64_t len)
{
	for (uint64_t a = addr & ~4095ULL; a < addr + len; a += 4096)
		pages_.try_emplace(a);
}

void Machine::unmap(uint64_t addr)
{
	pages_.erase(addr & ~4095ULL);
}

uint8_t *Machine::find(uint64_t addr)
{
	auto it = pages_.find(addr & ~4095ULL);

	return it == pages_.end() ? nullptr : it->second.data() + (addr & 4095);
}

void Machine::put(uint64_t addr, uint64_t val, unsigned int len)
{
	for (unsigned int i = 0; i < len; i++, val >>= 8)
		*find(addr + i) = static_cast<uint8_t>(val);
}

uint64_t Machine::get(uint64_t addr, unsigned int len)
{
	uint64_t v = 0;

	for (unsigned int i = len; i-- > 0;)
		v = v << 8 | *find(addr + i);
	return v;
}

void Machine::desc(uint64_t table, uint16_t sel, uint32_t base, uint32_t limit, unsigned int type, bool s,
		   unsigned int dpl, bool l, bool db, bool present)
{
	bool g = limit > 0xfffff;
	uint64_t lim = g ? limit >> 12 : limit;
	uint64_t hi = (base >> 16 & 0xff) | type << 8 | static_cast<uint64_t>(s) << 12 | dpl << 13 |
		      static_cast<uint64_t>(present) << 15 | (lim & 0xf0000) |
		      static_cast<uint64_t>(l) << 21 | static_cast<uint64_t>(db) << 22 |
		      static_cast<uint64_t>(g) << 23 | static_cast<uint64_t>(base & 0xff000000);

	put(table + (sel & 0xfff8), (lim & 0xffff) | static_cast<uint64_t>(base & 0xffff) << 16 | hi << 32, 8);
}

void Machine::gate(uint64_t at, uint16_t sel, uint64_t off, unsigned int type, unsigned int dpl, bool wide,
		   unsigned int ist, bool present)
{
	put(at,
	    (off & 0xffff) | static_cast<uint64_t>(sel) << 16 | static_cast<uint64_t>(ist) << 32 |
		    static_cast<uint64_t>(type) << 40 | static_cast<uint64_t>(dpl) << 45 |
		    static_cast<uint64_t>(present) << 47 | (off >> 16 & 0xffff) << 48,
	    8);
	if (wide)
		put(at + 8, off >> 32, 8);
}

void Machine::set_flat(unsigned int seg, uint16_t sel, unsigned int type, unsigned int dpl, bool l, bool db,
		       uint32_t limit)
{
	struct emu_seg &s = segs[seg];

	memset(&s, 0, sizeof(s));
	s.selector = sel;
	s.limit = limit;
	s.type = static_cast<u8>(type);
	s.s = 1;
	s.dpl = static_cast<u8>(dpl);
	s.present = 1;
	s.l = l;
	s.db = db;
	s.g = limit > 0xfffff;
}

void Machine::tables(bool lm)
{
	gdt = { kGdtAt, 0xff };
	idt = { kIdtAt, 0xfff };
	desc(kGdtAt, kSelCode32, 0, 0xffffffff, 11, true, 0);
	desc(kGdtAt, kSelData, 0, 0xffffffff, 3, true, 0);
	desc(kGdtAt, kSelUserCode32, 0, 0xffffffff, 11, true, 3);
	desc(kGdtAt, kSelUserData, 0, 0xffffffff, 3, true, 3);
	desc(kGdtAt, kSelCode64, 0, 0xffffffff, 11, true, 0, true, false);
	desc(kGdtAt, kSelUserCode64, 0, 0xffffffff, 11, true, 3, true, false);
	desc(kGdtAt, kSelTss, kTssAt, 0x2067, 11, false, 0, false, false);
	put(kGdtAt + kSelTss + 8, 0, 8);
	desc(kGdtAt, kSelCode16, 0, 0xffff, 11, true, 0, false, false);
	desc(kGdtAt, kSelConforming, 0, 0xffffffff, 15, true, 0, lm, !lm);
	segs[EMU_TR] = {};
	segs[EMU_TR].base = kTssAt;
	segs[EMU_TR].limit = 0x2067;
	segs[EMU_TR].selector = kSelTss;
	segs[EMU_TR].type = 11;
	segs[EMU_TR].present = 1;
	segs[EMU_LDTR] = {};
	segs[EMU_LDTR].unusable = 1;
}

void Machine::base_state(unsigned int mode, unsigned int cpl)
{
	c.mode = static_cast<u8>(mode);
	c.cpl = static_cast<u8>(cpl);
	c.rip = kCodeAt;
	c.rflags = 2;
	c.regs[EMU_RSP] = kStackTop - 0x100;
	cr[0] = 0x80000031;
	cr[4] = 0x40620;
}

void Machine::real()
{
	base_state(EMU_MODE_REAL, 0);
	cr[0] = 0x10;
	for (unsigned int s = 0; s < 6; s++) {
		set_flat(s, 0, 3, 0, false, false, 0xffff);
	}
	segs[EMU_CS].selector = kCodeAt >> 4;
	segs[EMU_CS].base = kCodeAt;
	segs[EMU_CS].type = 11;
	segs[EMU_SS].selector = (kStackTop - 0x1000) >> 4;
	segs[EMU_SS].base = kStackTop - 0x1000;
	segs[EMU_DS].selector = segs[EMU_ES].selector = kDataAt >> 4;
	segs[EMU_DS].base = segs[EMU_ES].base = kDataAt;
	c.rip = 0;
	c.regs[EMU_RSP] = 0x800;
	map(0, 0x400);
	idt = { 0, 0x3ff };
}

void Machine::vm86()
{
	tables(false);
	real();
	idt = { kIdtAt, 0xfff };
	cr[0] = 0x80000031;
	c.mode = EMU_MODE_VM86;
	c.cpl = 3;
	c.rflags = 0x20002;
	for (unsigned int s = 0; s < 6; s++) {
		segs[s].dpl = 3;
		segs[s].type = 3;
	}
}

void Machine::protected32(unsigned int cpl)
{
	base_state(EMU_MODE_PROT32, cpl);
	tables(false);
	set_flat(EMU_CS, static_cast<uint16_t>(cpl ? kSelUserCode32 | 3 : kSelCode32), 11, cpl, false, true);
	for (unsigned int s : { EMU_ES, EMU_SS, EMU_DS, EMU_FS, EMU_GS })
		set_flat(s, static_cast<uint16_t>(cpl ? kSelUserData | 3 : kSelData), 3, cpl, false, true);
}

void Machine::protected16()
{
	protected32();
	c.mode = EMU_MODE_PROT16;
	set_flat(EMU_CS, kSelCode16, 11, 0, false, false);
}

void Machine::long64(unsigned int cpl)
{
	base_state(EMU_MODE_LONG64, cpl);
	tables(true);
	msr[EMSR_EFER] = 0x501;
	set_flat(EMU_CS, static_cast<uint16_t>(cpl ? kSelUserCode64 | 3 : kSelCode64), 11, cpl, true, false);
	for (unsigned int s : { EMU_ES, EMU_SS, EMU_DS, EMU_FS, EMU_GS })
		set_flat(s, static_cast<uint16_t>(cpl ? kSelUserData | 3 : kSelData), 3, cpl, false, true);
}

void Machine::compat32(unsigned int cpl)
{
	long64(cpl);
	c.mode = EMU_MODE_COMPAT32;
	set_flat(EMU_CS, static_cast<uint16_t>(cpl ? kSelUserCode32 | 3 : kSelCode32), 11, cpl, false, true);
}

int Machine::start(std::initializer_list<int> bytes)
{
	std::vector<uint8_t> b(bytes.begin(), bytes.end());
	uint64_t at = c.rip + (c.mode == EMU_MODE_LONG64 ? 0 : segs[EMU_CS].base);
	int r;

	for (size_t i = 0; i < b.size(); i++)
		if (find(at + i))
			*find(at + i) = b[i];
	r = emu_decode(&c, b.data(), static_cast<unsigned int>(b.size()));
	return r == EMU_OK ? emu_exec(&c) : r;
}

int Machine::serve()
{
	emu_io &io = c.io;
	bool in = io.kind == EMU_IO_PIO_IN;

	switch (io.kind) {
	case EMU_IO_MMIO_READ:
	case EMU_IO_MMIO_WRITE:
		for (unsigned int i = 0; i < io.nr; i++) {
			emu_frag &f = io.frag[i];
			uint64_t v = device_value;

			if (io.kind == EMU_IO_MMIO_READ)
				memcpy(f.data, &device_value, 8);
			else
				memcpy(&v, f.data, 8);
			exits.push_back({ io.kind == EMU_IO_MMIO_READ ? 'r' : 'w', f.gpa, f.len,
					  io.kind == EMU_IO_MMIO_READ ? 0 : v });
		}
		break;
	default:
		for (unsigned int i = 0; i < io.count; i++) {
			uint32_t v = 0xc0 + i;

			if (in)
				memcpy(c.pio_buf + i * io.size, &v, io.size);
			else
				v = 0, memcpy(&v, c.pio_buf + i * io.size, io.size);
			exits.push_back({ in ? 'i' : 'o', io.port, io.size, v });
		}
	}
	return emu_resume(&c);
}

int Machine::run(std::initializer_list<int> bytes)
{
	int r = start(bytes);

	for (int i = 0; i < 10000 && (r == EMU_IO || r == EMU_RESTART); i++)
		r = r == EMU_IO ? serve() : emu_exec(&c);
	return r;
}
