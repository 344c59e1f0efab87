/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The three tables that abi_test.cc compares: the kernel's header in C, ours in C, ours in C++.
 * (The kernel's header cannot be used from C++ here: its flexible arrays sit behind an empty
 * struct, which takes a byte there.)
 */
#ifndef SELFTESTS_ABI_TABLE_H
#define SELFTESTS_ABI_TABLE_H

#include <stddef.h>

struct abi_item {
	const char *name; /* KVM's name for it */
	unsigned long long value;
};

struct abi_table {
	const struct abi_item *items;
	size_t count;
};

#ifdef __cplusplus
extern "C" {
#endif
struct abi_table abi_table_kvm(void);
struct abi_table abi_table_vmx_c(void);
struct abi_table abi_table_vmx_cxx(void);
#ifdef __cplusplus
}
#endif

#endif /* SELFTESTS_ABI_TABLE_H */
