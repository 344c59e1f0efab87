// SPDX-License-Identifier: GPL-2.0-only
/* Names of SVM's exit codes. */
#include "pure/svm_codec.h"

struct svm_exit_row {
	u32 code;
	const char *words;
};

static const struct svm_exit_row svm_exit_rows[] = {
#define SVM_EXIT_ROW(name, code, words) { (code), words },
	SVM_EXITS(SVM_EXIT_ROW)
#undef SVM_EXIT_ROW
	{ (u32)SVM_EXIT_INVALID, "control block refused" },
	{ (u32)SVM_EXIT_BUSY, "control block busy" },
	{ (u32)SVM_EXIT_IDLE_REQUIRED, "sibling thread not idle" },
	{ (u32)SVM_EXIT_SVM_OFF, "SVM is switched off on this CPU" },
};

const char *svm_exit_name(u32 code)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(svm_exit_rows); i++)
		if (svm_exit_rows[i].code == code)
			return svm_exit_rows[i].words;
	return "unknown exit";
}
