# SPDX-License-Identifier: GPL-2.0
#
# From a clean clone to working modules: `make`. `make help` lists the rest.
#
# Everything that this machine lacks is fetched by scripts/bootstrap.sh into $(CACHE), and
# the build runs inside the Debian tree there (scripts/in-tree).

# kbuild reads the file Kbuild and never this one.

MAKEFLAGS += --no-print-directory

# The knobs of the scripts. Given on the command line or in the environment, they pass on.
export CACHE MIRROR KDIR JOBS V
export CMD VM_KERNEL
export VM_CPUS VM_MEM VM_QEMU VM_APPEND VM_MOUNT VM_KLOG VM_TIMEOUT VM_ACCEL
ifeq ($(CACHE),)
unexport CACHE
endif
ifeq ($(KDIR),)
unexport KDIR
endif

IN_TREE := scripts/in-tree
VM := $(IN_TREE) env PYTHONPATH=selftests python3 -m vm

.PHONY: all
all: modules

.PHONY: prepare
prepare: ## Fetch and make all that the build needs (once per user)
	@scripts/bootstrap.sh

.PHONY: modules
modules: prepare ## Build pf_driver/rigb.ko and vf_driver/rigbvf.ko (the default)
	@scripts/kbuild.sh modules

.PHONY: modules_install
modules_install: modules ## Install both modules into the running system (INSTALL_MOD_PATH=)
	@scripts/install.sh

.PHONY: vm
vm: modules ## Run CMD='...' as root in the test VM
	@$(VM) run

.PHONY: shell
shell: modules ## A root prompt in the test VM
	@$(VM) shell

.PHONY: clean
clean: ## Remove what was built here
	@scripts/clean.sh

.PHONY: distclean
distclean: ## Remove that and the cache of this user ($(CACHE))
	@scripts/clean.sh --cache

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z_-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20
