/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef SELFTESTS_ABI_PARA_H
#define SELFTESTS_ABI_PARA_H

#include <stddef.h>

struct abi_pair {
	const char *name;
	unsigned long long ours;
	unsigned long long theirs;
};

#ifdef __cplusplus
extern "C" {
#endif
/* The table of pairs that must be equal; *count receives its length. */
const struct abi_pair *abi_para_pairs(size_t *count);
/* The kernel's twelve-byte CPUID signature. */
const char *abi_para_kvm_signature(void);
#ifdef __cplusplus
}
#endif

#endif /* SELFTESTS_ABI_PARA_H */
