// SPDX-License-Identifier: GPL-2.0-only
/* SVM's control block as a list of fields. */
#include "pure/svm_fields.h"

const struct svm_field_row svm_field_rows[] = {
#define SVM_FIELD_ROW(member, offset, width, kind, words) { (offset), (width), SVM_FIELD_##kind, words },
	SVM_FIELDS(SVM_FIELD_ROW)
#undef SVM_FIELD_ROW
};

const unsigned int svm_nr_fields = ARRAY_SIZE(svm_field_rows);

const struct svm_field_row *svm_field_find(u32 offset)
{
	unsigned int low = 0, high = ARRAY_SIZE(svm_field_rows);

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (svm_field_rows[mid].offset == offset)
			return &svm_field_rows[mid];
		if (svm_field_rows[mid].offset < offset)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

bool svm_field_is_host_address(u32 offset, bool shadow)
{
	switch (offset) {
	case 0x040:	/* permission maps */
	case 0x048:
	case 0x0a0:	/* GHCB */
	case 0x0b0:	/* nested CR3 */
	case 0x0e0:	/* AVIC: backing page, logical and physical table */
	case 0x0f0:
	case 0x0f8:
	case 0x108:	/* VMSA */
		return true;
	case 0x550:	/* CR3 */
		return shadow;
	default:
		return false;
	}
}
