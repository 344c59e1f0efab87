/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Body of one table function. The including file defines ABI_FN (the function), and
 * ABI_NAME_CONST(n), ABI_NAME_STRUCT(v, k), ABI_PICK(v, k): which of the two spellings it uses.
 */
#include <string.h>

#define ABI_MAX 2048
#define ABI_ADD(n, v)                                                              \
	do {                                                                       \
		items[count].name = (n);                                           \
		items[count++].value = (unsigned long long)(v);                    \
	} while (0);

#define ABI_CONST(n) ABI_ADD(#n, ABI_NAME_CONST(n))
#define ABI_STRUCT(v, k) ABI_ADD("sizeof " #k, sizeof(ABI_NAME_STRUCT(v, k)))
#define ABI_FIELD(v, k, vf, kf)                                                    \
	ABI_ADD("offset " #k "." #kf,                                              \
		offsetof(ABI_NAME_STRUCT(v, k), ABI_PICK(vf, kf)))                 \
	ABI_ADD("sizeof " #k "." #kf,                                              \
		sizeof(((ABI_NAME_STRUCT(v, k) *)0)->ABI_PICK(vf, kf)))
#define ABI_FLEX(v, k, vf, kf)                                                     \
	ABI_ADD("offset " #k "." #kf,                                              \
		offsetof(ABI_NAME_STRUCT(v, k), ABI_PICK(vf, kf)))
/* Where the bits of a bit-field land: all its bits set, the first redirection entry read back. */
#define ABI_BITFIELD(v, k, f)                                                      \
	do {                                                                       \
		ABI_NAME_STRUCT(v, k) state;                                       \
		memset(&state, 0, sizeof(state));                                  \
		state.f = ~state.f;                                                \
		ABI_ADD("bits " #k "." #f, state.redirtbl[0].bits)                 \
	} while (0);

struct abi_table ABI_FN(void)
{
	static struct abi_item items[ABI_MAX];
	size_t count = 0;
	struct abi_table table;

#include "abi_const.h"
#include "abi_struct.h"

	table.items = items;
	table.count = count;
	return table;
}
