// SPDX-License-Identifier: GPL-2.0-only
/* Names of VMCS fields, exit reasons and VM-instruction errors. */
#include "pure/vmcs.h"

const struct vmcs_field_row vmcs_field_rows[] = {
#define VMCS_FIELD_ROW(name, code, words) { (code), words },
	VMCS_FIELDS(VMCS_FIELD_ROW)
#undef VMCS_FIELD_ROW
};

const unsigned int vmcs_nr_fields = ARRAY_SIZE(vmcs_field_rows);

const char *vmcs_field_name(u32 field)
{
	unsigned int low = 0, high = ARRAY_SIZE(vmcs_field_rows);

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (vmcs_field_rows[mid].field == field)
			return vmcs_field_rows[mid].words;
		if (vmcs_field_rows[mid].field < field)
			low = mid + 1;
		else
			high = mid;
	}
	return "unknown field";
}

const char *vt_exit_reason_name(u32 reason)
{
	switch (reason & VT_REASON_BASIC) {
#define VT_EXIT_CASE(name, code, words) \
	case (code):                    \
		return words;
	VT_EXIT_REASONS(VT_EXIT_CASE)
#undef VT_EXIT_CASE
	default:
		return "unknown exit";
	}
}

const char *vt_insn_error_text(u32 error)
{
	switch (error) {
#define VT_INSN_ERROR_CASE(name, code, words) \
	case (code):                          \
		return words;
	VT_INSN_ERRORS(VT_INSN_ERROR_CASE)
#undef VT_INSN_ERROR_CASE
	default:
		return "unknown VM-instruction error";
	}
}
