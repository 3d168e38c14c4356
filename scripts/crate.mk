# SPDX-License-Identifier: GPL-2.0
#
# What the Makefiles of the crates have in common: tests on the host.
#
#   make test        those of the crate
#   make lint        clippy with the kernel's list
#
# CARGO   the cargo to use, 1.85 or newer
# BUILD   where products go
#
# PRODUCTS names what else of BUILD the crate makes.

CARGO ?= cargo
BUILD ?= $(abspath $(dir $(lastword $(MAKEFILE_LIST)))../build)

export CARGO_TARGET_DIR := $(BUILD)/cargo

.PHONY: test lint clean

test:
	$(CARGO) test --locked --quiet

lint:
	$(CARGO) clippy --locked --all-targets --quiet -- -D warnings

clean:
	rm -rf $(addprefix $(BUILD)/,cargo $(PRODUCTS))
