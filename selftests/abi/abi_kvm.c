// SPDX-License-Identifier: GPL-2.0-only
/* The ABI as the kernel's header defines it. */
#include <stddef.h>
#include <linux/kvm.h>

#include "abi_table.h"

#define ABI_FN abi_table_kvm
#define ABI_NAME_CONST(n) KVM_##n
#define ABI_NAME_STRUCT(v, k) struct kvm_##k
#define ABI_PICK(v, k) k
#include "abi_fill.h"
