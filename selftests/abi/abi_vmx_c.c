// SPDX-License-Identifier: GPL-2.0-only
/* The ABI as our header defines it, in C. */
#include "uapi/vmx.h"

#include "abi_table.h"

#define ABI_FN abi_table_vmx_c
#define ABI_NAME_CONST(n) VMX_##n
#define ABI_NAME_STRUCT(v, k) struct vmx_##v
#define ABI_PICK(v, k) v
#include "abi_fill.h"
