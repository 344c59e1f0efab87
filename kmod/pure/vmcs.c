// SPDX-License-Identifier: GPL-2.0-only
/* Names of VMCS fields, exit reasons and VM-instruction errors. */
#include "pure/vmcs.h"

const struct vmcs_field_row vmcs_field_rows[] = {
#define VMCS_FIELD_ROW(name, code, words) { (code), words },
	VMCS_FIELDS(VMCS_FIELD_ROW)
#undef VMCS_FIELD_ROW
};

const unsigned int vmcs_nr_fields = ARRAY_SIZE(vmcs_field_rows);

static const struct vmcs_field_row *field_find(u32 field)
{
	unsigned int low = 0, high = ARRAY_SIZE(vmcs_field_rows);

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (vmcs_field_rows[mid].field == field)
			return &vmcs_field_rows[mid];
		if (vmcs_field_rows[mid].field < field)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

const char *vmcs_field_name(u32 field)
{
	const struct vmcs_field_row *row = field_find(field);

	return row ? row->words : "unknown field";
}

bool vmcs_field_known(u32 field)
{
	return field_find(field);
}

static bool host_state_is_address(u32 field)
{
	switch (field) {
	case VMCS_HOST_FRED_RSP1:
	case VMCS_HOST_FRED_RSP2:
	case VMCS_HOST_FRED_RSP3:
	case VMCS_HOST_FRED_SSP1:
	case VMCS_HOST_FRED_SSP2:
	case VMCS_HOST_FRED_SSP3:
	case VMCS_HOST_FRED_CONFIG:	/* the entry point */
	case VMCS_HOST_CR3:
	case VMCS_HOST_FS_BASE:
	case VMCS_HOST_GS_BASE:
	case VMCS_HOST_TR_BASE:
	case VMCS_HOST_GDTR_BASE:
	case VMCS_HOST_IDTR_BASE:
	case VMCS_HOST_SYSENTER_ESP:
	case VMCS_HOST_SYSENTER_EIP:
	case VMCS_HOST_RSP:
	case VMCS_HOST_RIP:
	case VMCS_HOST_S_CET:		/* with the address of the legacy bitmap */
	case VMCS_HOST_SSP:
	case VMCS_HOST_SSP_TABLE:
		return true;
	default:
		return false;
	}
}

static bool control_is_address(u32 field)
{
	switch (field) {
	case VMCS_IO_BITMAP_A:
	case VMCS_IO_BITMAP_B:
	case VMCS_MSR_BITMAP:
	case VMCS_EXIT_MSR_STORE_ADDR:
	case VMCS_EXIT_MSR_LOAD_ADDR:
	case VMCS_ENTRY_MSR_LOAD_ADDR:
	case VMCS_EXECUTIVE_POINTER:
	case VMCS_PML_ADDRESS:
	case VMCS_VIRTUAL_APIC:
	case VMCS_APIC_ACCESS:
	case VMCS_POSTED_DESC:
	case VMCS_EPT_POINTER:
	case VMCS_EPTP_LIST:
	case VMCS_VMREAD_BITMAP:
	case VMCS_VMWRITE_BITMAP:
	case VMCS_VE_INFO_ADDR:
	case VMCS_SPPT_POINTER:
	case VMCS_LOW_PASID_DIR:
	case VMCS_HIGH_PASID_DIR:
	case VMCS_SHARED_EPT_POINTER:
	case VMCS_PID_TABLE:
		return true;
	default:
		return false;
	}
}

bool vmcs_field_is_host_address(u32 field, bool shadow)
{
	switch (vmcs_field_kind(field)) {
	case VMCS_KIND_HOST:
		return host_state_is_address(field);
	case VMCS_KIND_CONTROL:
		return control_is_address(field);
	case VMCS_KIND_GUEST:
		return shadow && field == VMCS_GUEST_CR3;
	default:
		return false;
	}
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
