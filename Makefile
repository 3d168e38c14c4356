# SPDX-License-Identifier: GPL-2.0
#
# From a clean clone to working modules: `make`. `make help` lists the rest.
#
# Everything that this machine lacks is fetched by scripts/bootstrap.sh into $(CACHE), and
# the build runs inside the Debian tree there (scripts/in-tree).

# kbuild reads the file Kbuild and never this one.

MAKEFLAGS += --no-print-directory

# The knobs of the scripts. Given on the command line or in the environment, they pass on.
export CACHE MIRROR KDIR JOBS V KREL INSTALL_MOD_PATH FUZZ_SECONDS DRIVERS TARGETS TESTS
export CMD VM_KERNEL COMPILERS
export VM_CPUS VM_MEM VM_QEMU VM_APPEND VM_MOUNT VM_KLOG VM_TIMEOUT VM_ACCEL
# A shell's $x in CMD is not make's; who knows make writes $$x, and means the same.
override CMD := $(subst $$$$,$$,$(value CMD))
ifeq ($(CACHE),)
unexport CACHE
endif
ifeq ($(KDIR),)
unexport KDIR
endif
# What guests are to do goes on by other names, as it is (targets kvm and xen). Exported by these
# names, or left in MAKEFLAGS for a make that this one calls, it would be expanded.
unexport HOST GUEST DOM0 DOMU GUESTS TYPE
MAKEOVERRIDES :=

IN_TREE := scripts/in-tree
VM := $(IN_TREE) env PYTHONPATH=selftests python3 -m vm

.PHONY: all
all: modules

.PHONY: prepare
prepare: ## Fetch and make all that the build needs (once per user)
	@scripts/bootstrap.sh

.PHONY: modules
modules: prepare ## Build rigb.ko, rigbvf.ko and rigb_vfio.ko (the default)
	@scripts/kbuild.sh modules

.PHONY: modules_install
modules_install: modules ## Install the modules for the running kernel (KREL=, INSTALL_MOD_PATH=)
	@scripts/install.sh

.PHONY: vm
vm: vm-modules ## Run CMD='...' as root in the test VM
	@$(VM) run

.PHONY: shell
shell: vm-modules ## A root prompt in the test VM
	@$(VM) shell

.PHONY: vm-debug
vm-debug: debug-modules ## Run CMD='...' on the debug kernel; modules are in build/debug
	@VM_KERNEL=$$(scripts/debug-kernel.sh) $(VM) run

.PHONY: shell-debug
shell-debug: debug-modules ## A root prompt on the debug kernel
	@VM_KERNEL=$$(scripts/debug-kernel.sh) $(VM) shell

# VM_BUILD=no runs what is there, also while the sources do not build.
.PHONY: vm-modules
ifeq ($(VM_BUILD),no)
vm-modules: prepare
else
vm-modules: modules build/hammer build/xsk build/xdp.bpf.o build/xdp_meta.bpf.o
endif

# Programs of the selftests, linked statically: the VM has no compiler.
build/hammer build/xsk: build/%: selftests/%.c | prepare
	@mkdir -p $(@D)
	@$(IN_TREE) gcc-14 -O2 -Wall -Wextra -static -o $@ $<

# The programs of selftests/xdp.py and of the benchmark, for the virtual machine of the kernel.
build/xdp.bpf.o build/xdp_meta.bpf.o: build/%.bpf.o: selftests/%.bpf.c
build/bench.bpf.o: selftests/bench/bench.bpf.c
build/xdp.bpf.o build/xdp_meta.bpf.o build/bench.bpf.o: | prepare
	@mkdir -p $(@D)
	@$(IN_TREE) clang -target bpf -O2 -g -Wall -Wextra -I/usr/include/x86_64-linux-gnu -c -o $@ $<

.PHONY: debug-modules
debug-modules: prepare build/hammer build/xsk build/xdp.bpf.o build/xdp_meta.bpf.o
	@kernel=$$(scripts/debug-kernel.sh) && source=$$(scripts/copy-source debug) && \
		KDIR=$$kernel/build SOURCE=$$source scripts/kbuild.sh modules

# commands NAME: the text that the user gave, with $$ for $ as in CMD above.
commands = $(subst $$$$,$$,$(value $(1)))
# tcsh and others have the machine's name in HOST, which is no command.
HOST_COMMAND = $(if $(subst $(shell uname -n),,$(value HOST)),$(call commands,HOST))

# Which IOMMU the KVM host has: kvm-amd or kvm-intel.
KVM_TOPOLOGY ?= kvm-amd

.PHONY: kvm
kvm: export RIGB_HOST := $(HOST_COMMAND)
kvm: export RIGB_GUEST := $(call commands,GUEST)
kvm: export RIGB_GUESTS := $(or $(value GUESTS),1)
kvm: kvm-arguments vm-modules ## Run HOST='...' in a KVM host, GUEST='...' in its guests with VFs (GUESTS=1)
	@VM_TOPOLOGY=$(KVM_TOPOLOGY) $(VM) run selftests/run_guests.py kvm

.PHONY: xen
xen: export RIGB_HOST := $(call commands,DOM0)
xen: export RIGB_GUEST := $(call commands,DOMU)
xen: export RIGB_GUESTS := $(or $(value GUESTS),1)
xen: export RIGB_TYPE := $(or $(value TYPE),pv)
xen: xen-arguments vm-modules ## The same for Xen: DOM0='...', DOMU='...', TYPE=pv or hvm (GUESTS=1)
	@VM_TOPOLOGY=xen $(VM) run selftests/run_guests.py "$$RIGB_TYPE"

.PHONY: kvm-arguments xen-arguments
kvm-arguments xen-arguments:
	@scripts/check-guests.sh $(@:-arguments=)

.PHONY: demo
demo: modules ## Boot the VM and show VFs that carry traffic
	@CMD='selftests/demo.sh' $(VM) run

# With -icount a nanosecond of the guest is an instruction, so a busy host changes nothing. What the
# kernel does against speculation, memory that it clears and string instructions are left as they are,
# for they cost each driver what they cost users.
.PHONY: bench
bench: export RIGB_PROFILE := $(if $(PROFILE),$(CURDIR)/build/profile)
bench: modules build/bench.bpf.o $(if $(PROFILE),build/tcg_profile.so) ## Instructions and interrupts per packet, beside the C drivers (PROFILE=1)
	@VM_CPUS=1 VM_TIMEOUT=3600 VM_KLOG=ignore VM_APPEND="mitigations=auto init_on_alloc=1 $(VM_APPEND)" \
		VM_QEMU='-cpu max -icount shift=0,sleep=off $(BENCH_PLUGIN)' \
		CMD='selftests/bench/compare.py' $(VM) run

# With PROFILE=1 QEMU also counts which functions the instructions belong to.
BENCH_PLUGIN = $(if $(PROFILE),-plugin $(CURDIR)/build/tcg_profile.so$(comma)out=$(RIGB_PROFILE))
comma := ,

build/tcg_profile.so: selftests/bench/tcg_profile.c selftests/bench/qemu_plugin.h | prepare
	@mkdir -p $(@D)
	@$(IN_TREE) gcc-14 -O2 -Wall -Wextra -shared -fPIC -fvisibility=hidden -o $@ $<

.PHONY: demo-kvm
demo-kvm: modules ## The same with the VFs in two guests under KVM
	@VM_TOPOLOGY=$(KVM_TOPOLOGY) $(VM) run selftests/demo_guests.py kvm

.PHONY: demo-xen
demo-xen: modules ## The same with a PV and an HVM guest of Xen
	@VM_TOPOLOGY=xen $(VM) run selftests/demo_guests.py xen

.PHONY: check
check: vm-modules ## Every test; prints its totals
	@scripts/check.sh $(CHECK_STAGES)

# The stages of `make check`, in this order. Each is a target check-STAGE here, which prints
# TAP or what cargo test prints; scripts/check.sh adds up. Those in VMs run from one queue.
CHECK_STAGES := tools lint mbox control datapath page kapi fuzz vm kvm xen

.PHONY: check-fast
check-fast: vm-modules ## What a change breaks first, in 5 minutes: lint, crates, a pair of drivers, a life cycle
	@RIGB_PAIRS=rigb+rigbvf RIGB_ROUNDS=3 TESTS='interop_matrix.py life_cycle.py' \
		scripts/check.sh tools lint mbox control datapath page kapi vm

.PHONY: check-tools
check-tools:
	@$(IN_TREE) env PYTHONPATH=selftests:scripts python3 -m unittest series.test_series vm.tests.test_agent \
		vm.tests.test_guests vm.tests.test_impossible vm.tests.test_klog vm.tests.test_machine \
		vm.tests.test_stages vm.tests.test_totals vm.tests.test_xenstore

.PHONY: check-lint
check-lint:
	@scripts/lint.sh

.PHONY: check-mbox
check-mbox:
	@$(IN_TREE) $(MAKE) -C mbox test

.PHONY: check-control
check-control:
	@$(IN_TREE) $(MAKE) -C control test

.PHONY: check-datapath
check-datapath:
	@$(IN_TREE) $(MAKE) -C datapath test

.PHONY: check-page
check-page:
	@$(IN_TREE) $(MAKE) -C vfio_driver/page test

.PHONY: check-kapi
check-kapi:
	@$(IN_TREE) $(MAKE) -C kapi test
	@kapi/tests/compile.sh

.PHONY: check-fuzz
check-fuzz:
	@FUZZ_SECONDS=10 scripts/fuzz.sh

.PHONY: check-vm
check-vm: vm-modules ## The kselftests in the test VM, on the stock kernel
	@$(VM) selftests vm

.PHONY: check-kvm
check-kvm: vm-modules ## VFs in guests under KVM, with both kinds of IOMMU
	@$(VM) selftests kvm

.PHONY: check-xen
check-xen: vm-modules ## VFs in guests of Xen
	@$(VM) selftests xen

# Those of the three that scripts/check.sh names, from one queue.
.PHONY: check-machines
check-machines: vm-modules
	@$(VM) selftests $(MACHINES)

# That kernel is several times slower: bounds are wider, a VM has a processor of the host to itself, and
# the C drivers alone as a control are for `make check`. More rounds of the life cycle are for this
# one, as it sees more in each.
.PHONY: check-debug
check-debug: debug-modules ## The tests of selftests/ that look for bugs, on the debug kernel
	@RIGB_ROUNDS=$${RIGB_ROUNDS:-25} RIGB_CONTROL=$${RIGB_CONTROL:-no} \
		RIGB_TIMEOUT=$${RIGB_TIMEOUT:-7200} VM_TIMEOUT=$${VM_TIMEOUT:-10800} \
		RIGB_VM_SLOTS=$${RIGB_VM_SLOTS:-1} \
		VM_KERNEL=$$(scripts/debug-kernel.sh) scripts/check.sh debug-vm

.PHONY: check-debug-vm
check-debug-vm:
	@$(VM) selftests vm

.PHONY: series
series: prepare ## The series for the kernel's lists: cut, applied, looked at, built (COMPILERS="clang gcc")
	@scripts/series.sh

.PHONY: fuzz
fuzz: prepare ## The fuzz targets, 60 seconds each (FUZZ_SECONDS=)
	@scripts/fuzz.sh

.PHONY: lint
lint: modules ## All that judges the sources: clippy, ruff, mypy, sparse, the documentation, ...
	@scripts/lint.sh

.PHONY: doc
doc: modules ## What rustdoc says of modules and crates, in build/doc
	@scripts/doc.sh rust

.PHONY: htmldocs
htmldocs: prepare ## Documentation/ as pages, in build/doc/html
	@scripts/doc.sh html

.PHONY: fmt
fmt: prepare ## Format all Rust sources
	@git ls-files -co --exclude-standard '*.rs' | xargs -r $(IN_TREE) rustfmt --edition 2021

.PHONY: rust-analyzer
rust-analyzer: prepare ## rust-project.json for editors
	@scripts/kbuild.sh rust-analyzer

.PHONY: clean
clean: ## Remove what was built here
	@scripts/clean.sh

.PHONY: distclean
distclean: ## Remove that, and this user's cache
	@scripts/clean.sh --cache

.PHONY: help
help: ## This list
	@sed -n 's/^\([a-z_-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20
