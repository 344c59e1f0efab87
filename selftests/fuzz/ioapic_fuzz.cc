// SPDX-License-Identifier: GPL-2.0-only
// The I/O APIC model under any sequence of lines, accesses and EOIs; and routing tables.
#include "pure/ioapic.h"
#include "pure/irq_route.h"
#include "selftests/fuzz/irqchip_input.h"

namespace {

constexpr u32 kPins = (1u << IOAPIC_PINS) - 1;

// What may be sent: pins that exist and are not masked; a level pin has its remote IRR set then.
void check_fire(const struct ioapic* io, u32 fire) {
  FUZZ_CHECK(!(fire & ~kPins));
  for (u32 pin = 0; pin < IOAPIC_PINS; pin++) {
    if (!(fire >> pin & 1)) continue;
    struct apic_msg m;
    FUZZ_CHECK(!(io->rte[pin] & IOAPIC_RTE_MASKED));
    FUZZ_CHECK(io->irr >> pin & 1);
    FUZZ_CHECK(!(io->rte[pin] & IOAPIC_RTE_LEVEL) || (io->rte[pin] & IOAPIC_RTE_REMOTE_IRR));
    ioapic_msg(io, pin, true, &m);
    FUZZ_CHECK(m.vector == (io->rte[pin] & 0xff));
  }
}

void check(const struct ioapic* io) {
  FUZZ_CHECK(!(io->irr & ~kPins));
  for (u32 pin = 0; pin < IOAPIC_PINS; pin++) {
    // A pin is requested only while somebody drives it.
    FUZZ_CHECK(!(io->irr >> pin & 1) || io->lines[pin]);
    // A level that is up, not masked and not in service would have been sent.
    FUZZ_CHECK(!(io->rte[pin] & IOAPIC_RTE_LEVEL) || !(io->irr >> pin & 1) ||
               (io->rte[pin] & (IOAPIC_RTE_MASKED | IOAPIC_RTE_REMOTE_IRR)));
  }
}

void fuzz_routes(FuzzInput& in) {
  struct vmx_irq_routing_entry e[8];
  in.bytes(e, sizeof(e));
  for (auto& r : e) {
    r.type = 1 + r.type % 4;
    if (r.type == VMX_IRQ_ROUTING_IRQCHIP) {
      r.u.irqchip.irqchip %= 4;
      r.u.irqchip.pin %= 30;
    }
    r.gsi %= 4200;
    r.flags %= 3;
  }
  u32 nr = in.take<u8>() % 9;
  int n = irq_routes_count(e, nr);
  if (n < 0) return;
  FUZZ_CHECK(n <= IRQ_ROUTE_MAX);
  auto* t = static_cast<struct irq_routes*>(std::calloc(1, irq_routes_size(n)));
  if (!irq_routes_build(t, n, e, nr, in.take<u8>() & 3)) {
    for (u32 i = 0; i < nr; i++) FUZZ_CHECK(irq_route(t, e[i].gsi)->kind != IRQ_ROUTE_NONE);
    FUZZ_CHECK(!irq_route(t, n));
  }
  std::free(t);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  FuzzInput in(data, size);
  struct ioapic io;
  if (in.take<u8>() == 0xff) {
    fuzz_routes(in);
    return 0;
  }
  ioapic_reset(&io);
  for (int i = 0; i < 300 && in.more(); i++) {
    bool coalesced;
    switch (in.take<u8>() % 6) {
      case 0:
      case 1: {
        u8 b = in.take<u8>(), src = in.take<u8>();
        check_fire(&io, ioapic_set_line(&io, b % 26, src % 66, b & 0x80, &coalesced));
        break;
      }
      case 2:
        ioapic_write(&io, 0, in.take<u8>() % 0x44);
        check_fire(&io, ioapic_write(&io, 0x10, in.take<u32>()));
        break;
      case 3:
        ioapic_write(&io, 0, in.take<u8>());
        ioapic_read(&io, in.take<u8>());
        break;
      case 4: {
        u8 vec = in.take<u8>();
        u32 pins = ioapic_eoi_pins(&io, vec);
        check_fire(&io, ioapic_eoi(&io, vec, pins & in.take<u32>()));
        break;
      }
      case 5: {
        struct vmx_ioapic_state s;
        ioapic_get_state(&io, &s);
        s.irr ^= in.take<u32>() & in.take<u32>();
        s.redirtbl[in.take<u8>() % IOAPIC_PINS].bits ^= in.take<u64>();
        check_fire(&io, ioapic_set_state(&io, &s));
        break;
      }
    }
    check(&io);
  }
  return 0;
}
