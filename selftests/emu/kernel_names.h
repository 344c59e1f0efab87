/* SPDX-License-Identifier: GPL-2.0-only */
/* The emulator's inner header for C++: the tests name handlers to say which instruction they mean. */
#ifndef EMU_KERNEL_NAMES_H
#define EMU_KERNEL_NAMES_H

#include "pure/env.h"

extern "C" {
#include "pure/emu_core.h"
}

#endif
