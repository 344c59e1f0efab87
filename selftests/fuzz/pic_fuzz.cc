// SPDX-License-Identifier: GPL-2.0-only
// The pair of 8259A under any sequence of lines, port accesses and acknowledges.
#include "pure/pic.h"
#include "selftests/fuzz/irqchip_input.h"

namespace {

// The priority resolver as the data sheet tells it, line by line.
int request(const struct vmx_pic_state& c, bool master) {
  for (int i = 0; i < 8; i++) {
    int line = (c.priority_add + i) & 7;
    u8 bit = static_cast<u8>(1 << line);
    bool in_service = c.isr & bit;
    if (c.special_mask && (c.imr & bit)) in_service = false;
    if (master && c.special_fully_nested_mode && line == 2) in_service = false;
    if (in_service) return -1;
    if (c.irr & ~c.imr & bit) return line;
  }
  return -1;
}

void check(const struct pic* p) {
  FUZZ_CHECK(((p->chip[0].irr >> 2) & 1) == (request(p->chip[1], false) >= 0));
  FUZZ_CHECK(p->output == (request(p->chip[0], true) >= 0));
  FUZZ_CHECK(!(p->chip[0].elcr & 0x07) && !(p->chip[1].elcr & 0x21));
  for (int line = 0; line < 16; line++) {
    const struct vmx_pic_state& c = p->chip[line >> 3];
    u8 bit = static_cast<u8>(1 << (line & 7));
    if (line != 2) FUZZ_CHECK(!(c.last_irr & bit) == !p->lines[line]);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const u16 ports[] = {0x20, 0x21, 0xa0, 0xa1, 0x4d0, 0x4d1, 0x60, 0x4d2};
  FuzzInput in(data, size);
  struct pic p;
  pic_reset(&p);
  for (int i = 0; i < 400 && in.more(); i++) {
    switch (in.take<u8>() % 5) {
      case 0: {
        u8 b = in.take<u8>();
        pic_set_line(&p, b & 0x1f, b >> 5 & 3, b & 0x80);
        break;
      }
      case 1:
        pic_write(&p, ports[in.take<u8>() % 8], in.take<u8>());
        break;
      case 2:
        pic_read(&p, ports[in.take<u8>() % 8]);
        break;
      case 3: {
        int master = request(p.chip[0], true), slave = request(p.chip[1], false);
        int want = master < 0   ? p.chip[0].irq_base + 7
                   : master != 2 ? p.chip[0].irq_base + master
                   : slave < 0   ? p.chip[1].irq_base + 7
                                 : p.chip[1].irq_base + slave;
        FUZZ_CHECK(pic_ack(&p) == want);
        break;
      }
      case 4: {
        struct vmx_pic_state s;
        u32 chip = in.take<u8>() & 1;
        in.bytes(&s, sizeof(s));
        // Line 2 of the master is the slave, whatever a VMM says.
        if (!chip) s.last_irr &= ~4;
        // Lines of other sources stay as they were: start from none.
        for (u32 n = 0; n < PIC_SOURCES; n++) pic_clear_source(&p, n);
        pic_set_state(&p, chip, &s);
        break;
      }
    }
    check(&p);
    pic_take_ended(&p);
  }
  return 0;
}
