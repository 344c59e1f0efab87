# SPDX-License-Identifier: GPL-2.0-only
#
# vmx: build, demonstrate, test, measure, load. `make help` lists the targets.

MAKEFLAGS += --no-builtin-rules --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

TOP := $(CURDIR)
BUILD := build
VERSION := 0.1.0
JOBS ?= $(shell nproc)
CPU ?= amd
DEBUG ?= 0
WERROR ?= 0

export PYTHONDONTWRITEBYTECODE := 1
VMX_CACHE ?= $(HOME)/.cache/vmx

# A checkout at the same place, or the same file in another, is not compiled twice. `CCACHE=`
# turns it off. (The variable with DEBIAN in its name is that of Debian's kernel headers.)
CCACHE ?= $(shell command -v ccache)
ifneq ($(CCACHE),)
export CCACHE_DIR ?= $(VMX_CACHE)/ccache
export CCACHE_BASEDIR := $(TOP)
export CCACHE_NOHASHDIR := 1
export DEBIAN_KERNEL_USE_CCACHE := 1
endif
CC := $(strip $(CCACHE) gcc)
CXX := $(strip $(CCACHE) g++)
CLANG := $(strip $(CCACHE) clang)
CLANGXX := $(strip $(CCACHE) clang++)
ST_CC := $(CC)
VMM_CXX := $(CXX)
VMM_CLANGXX := $(CLANGXX)

DEBUG_KDIR := $(VMX_CACHE)/debug-kernel/build
KSELFTEST_INC := $(VMX_CACHE)/kselftest

# ---- programs and tests: each part appends to these lists -------------------------------------
# BINS        programs below build/bin
# TESTS       ioctl tests that run inside an emulated host (TAP)
# UNIT_TESTS  native tests (GoogleTest or TAP)
# STRESS      programs that run in an emulated host and try to break it (TAP)
# FUZZERS     libFuzzer targets
# BENCHES     benchmarks that run inside an emulated host
BINS :=
TESTS :=
UNIT_TESTS :=
STRESS :=
FUZZERS :=
BENCHES :=

-include userspace/build.mk
-include selftests/build.mk
-include $(sort $(wildcard selftests/*/build.mk))
TESTS += $(filter-out $(TESTS),$(ST_TESTS))
BENCHES += $(filter-out $(BENCHES),$(ST_BENCH))
UNIT_TESTS += scripts/test-check scripts/test-emulab

# ---- modules -----------------------------------------------------------------------------------
# Kernels whose headers are here; KVER=R takes only that one.
KERNELS := $(patsubst /lib/modules/%/build/Makefile,%,$(wildcard /lib/modules/*/build/Makefile))
ifdef KVER
KERNELS := $(KVER)
endif
MODULE_PARTS := kmod $(if $(wildcard vhost/Kbuild),vhost)
MODULES := $(foreach r,$(KERNELS),$(addprefix module-,$(r)))

# A module is built in a tree of links, so that no object lands beside the sources and several
# kernels can be built at once.
# $(call link_tree,PART,FOLDER)
define link_tree
	mkdir -p $(2)
	cp -rsu --remove-destination $(TOP)/$(1)/. $(2)/
	ln -sfn $(TOP)/uapi $(2)/uapi
	find $(2) -xtype l -delete
endef

# $(call build_module,PART,RELEASE,KDIR,DEBUG)
define build_module
	$(call link_tree,$(1),$(BUILD)/$(1)/$(2))
	+flock $(BUILD)/$(1)/$(2).lock $(MAKE) -C $(3) M=$(TOP)/$(BUILD)/$(1)/$(2) \
		$(if $(filter $(DEBUG_KDIR),$(3)),CC="$(CC)") VMX_DEBUG=$(4) VMX_WERROR=$(WERROR) VMX_VERSION=$(VERSION) modules

endef

.PHONY: all
all: modules programs

.PHONY: modules $(MODULES)
modules: $(MODULES)
$(MODULES): module-%:
	@$(if $(wildcard /lib/modules/$*/build/Makefile),:,echo "no headers for kernel $*: run \
		\`make setup\`, or install linux-headers-$*" >&2; exit 1)
	@set -e; $(foreach p,$(MODULE_PARTS),$(call build_module,$(p),$*,/lib/modules/$*/build,$(DEBUG)))

# The module that makes NMIs, for a test.
.PHONY: $(MODULES:module-%=test-module-%)
$(MODULES:module-%=test-module-%): test-module-%:
	@set -e; $(call build_module,selftests/kmod-nmi,$*,/lib/modules/$*/build,0)

.PHONY: programs bins tests unit-tests fuzzers
programs: bins tests
bins: $(BINS)
tests: $(TESTS) $(BENCHES)
unit-tests: $(UNIT_TESTS)
fuzzers: $(FUZZERS)

# The kernel's KVM selftests, from Debian's linux-source.
.PHONY: kvm-selftests
kvm-selftests:
	@scripts/kvm-selftests-build --jobs $(JOBS) >/dev/null

# Debian on a disk image, which the QEMU tests boot.
.PHONY: guest-disk
guest-disk:
	@scripts/guest-disk >/dev/null

# The debug kernel, and the module with the oracles for it.
.PHONY: debug-kernel modules-debug
debug-kernel:
	@scripts/debug-kernel --jobs $(JOBS)
modules-debug: debug-kernel
	@set -e; release=$$(cat $(DEBUG_KDIR)/include/config/kernel.release); \
	$(MAKE) module-debug-tree DEBUG_RELEASE=$$release
.PHONY: module-debug-tree
module-debug-tree:
	@set -e; $(foreach p,$(MODULE_PARTS),$(call build_module,$(p),$(DEBUG_RELEASE),$(DEBUG_KDIR),1))

# ---- what a person types -----------------------------------------------------------------------
.PHONY: setup demo check check-unit check-amd check-intel check-debug check-fuzz check-clients \
	check-long bench
setup:
	@scripts/setup

demo: setup
	@scripts/demo --cpu $(CPU) $(if $(SHELL_GUEST),--shell) $(DEMO_ARGS)

check: setup
	@scripts/check --jobs $(JOBS) all
check-unit check-amd check-intel check-debug check-fuzz check-clients check-long: check-%: setup
	@scripts/check --jobs $(JOBS) $*

bench: setup
	@scripts/bench --cpu $(CPU) $(BENCH_ARGS)

# ---- on a real host ----------------------------------------------------------------------------
HOST := $(shell uname -r)
SUDO := $(if $(filter 0,$(shell id -u)),,sudo)

.PHONY: load unload dkms
load:
	@$(MAKE) module-$(HOST)
	$(SUDO) insmod $(BUILD)/kmod/$(HOST)/vmx.ko $(ARGS)
unload:
	$(SUDO) rmmod vmx

DKMS_TREE := /usr/src/vmx-$(VERSION)
dkms:
	@scripts/setup --dkms
	@if dkms status -m vmx -v $(VERSION) | grep -q .; then \
		$(SUDO) dkms remove -m vmx -v $(VERSION) --all; fi
	$(SUDO) rm -rf $(DKMS_TREE)
	$(SUDO) mkdir -p $(DKMS_TREE)
	$(SUDO) cp -r kmod/. $(DKMS_TREE)/
	$(SUDO) cp -r uapi $(DKMS_TREE)/uapi
	sed 's/@VERSION@/$(VERSION)/' scripts/dkms.conf.in | $(SUDO) tee $(DKMS_TREE)/dkms.conf >/dev/null
	$(SUDO) dkms add -m vmx -v $(VERSION)
	$(SUDO) dkms build -m vmx -v $(VERSION) $(if $(KVER),-k $(KVER))
	$(SUDO) dkms install -m vmx -v $(VERSION) $(if $(KVER),-k $(KVER))

.PHONY: clean help format print-%
clean:
	rm -rf $(BUILD)
# What scripts/style checks the format of.
format:
	clang-format -i $(shell git ls-files 'userspace/*.cc' 'userspace/*.h')

# For scripts: `make print-TESTS` prints a list.
print-%:
	@echo $($*)

help:
	@echo 'make                 modules for every kernel whose headers are installed, programs'
	@echo '                     (KVER=R only for that kernel, DEBUG=1 with the oracles, WERROR=1)'
	@echo 'make setup           install every package the rest needs'
	@echo 'make demo            a Linux guest on vmx.ko in an emulated host (CPU=amd|intel,'
	@echo '                     SHELL_GUEST=1 leaves you in its shell)'
	@echo 'make check           all tests; parts: check-unit check-amd check-intel check-debug'
	@echo '                     check-fuzz; and check-clients (QEMU, libvirt, KVM selftests) and'
	@echo '                     check-long, which are not part of it'
	@echo 'make bench           instructions per operation beside in-tree KVM'
	@echo 'make load, unload    on this host (ARGS="kvm_node=1" ...)'
	@echo 'make dkms            rebuild the module with every kernel of this host'
	@echo 'make format          clang-format over userspace/'
	@echo 'make clean           remove build/'
