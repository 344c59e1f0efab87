# SPDX-License-Identifier: GPL-2.0-only
# Native tests of kmod/pure/. A test is NAME_test.cc, NAME_*_test.cc and the pure sources they need:
#
#	UNIT_PURE_NAME := a.c b.c
#	$(eval $(call unit_test,NAME))
#
# makes build/tests/NAME_unit, under the address and undefined-behaviour sanitizers.

UNIT_OUT := build/obj/unit
UNIT_SAN := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
UNIT_FLAGS := -I. -Ikmod -Iselftests/unit -O1 -g -Wall -Wextra -MMD -MP $(UNIT_SAN)

$(UNIT_OUT)/pure/%.o: kmod/pure/%.c
	@mkdir -p $(@D)
	$(CC) -std=gnu11 $(UNIT_FLAGS) -c -o $@ $<

# The tests themselves are not optimised: it would only cost the compiler time.
$(UNIT_OUT)/%.o: selftests/unit/%.cc
	@mkdir -p $(@D)
	$(CXX) -std=c++20 $(UNIT_FLAGS) -O0 -c -o $@ $<

define unit_test
UNIT_TESTS += build/tests/$(1)_unit
build/tests/$(1)_unit: \
		$(patsubst selftests/unit/%.cc,$(UNIT_OUT)/%.o,$(wildcard selftests/unit/$(1)_test.cc \
			selftests/unit/$(1)_*_test.cc)) \
		$(patsubst %.c,$(UNIT_OUT)/pure/%.o,$(UNIT_PURE_$(1)))
	@mkdir -p $$(@D)
	$(CXX) $(UNIT_SAN) -o $$@ $$^ -lgtest -lgtest_main -lpthread
endef

UNIT_PURE_cpuid := cpuid.c cpuid_bits.c cpuid_policy.c
$(eval $(call unit_test,cpuid))

UNIT_PURE_msr := msr.c msr_rules.c cpuid.c cpuid_bits.c cpuid_policy.c
$(eval $(call unit_test,msr))

UNIT_PURE_smram := smram.c
$(eval $(call unit_test,smram))

UNIT_PURE_hyperv := hyperv_cpuid.c hyperv_call.c hyperv_synic.c hyperv_stimer.c cpuid.c
$(eval $(call unit_test,hyperv))

UNIT_PURE_vt := vmcs.c vt_caps.c vt_check.c vt_check_ctl.c vt_check_host.c vt_check_guest.c vt_check_seg.c
$(eval $(call unit_test,vt))

UNIT_PURE_shadow := shadow_page.c shadow_rmap.c shadow_fault.c shadow_sync.c shadow_log.c shadow_audit.c shadow_look.c walk.c pte.c
$(eval $(call unit_test,shadow))

-include $(wildcard $(UNIT_OUT)/*.d $(UNIT_OUT)/pure/*.d)
