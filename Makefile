# The commands of Stormglass. `make` alone lists them.
# Artefacts lie outside the clone, so that a fresh checkout finds the last build.
export CARGO_TARGET_DIR ?= $(HOME)/.cache/stormglass/target

.DEFAULT_GOAL := help
.PHONY: help demo test fmt bench

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Run the server with a live retail company that sends to it; ARGS="--for 60s" ends it
	@tests/prerequisites build
	@dashboards/web/build
	cargo build --quiet --package server --package dependencies
	@$(CARGO_TARGET_DIR)/debug/stormglass demo $(ARGS)

test: ## Run every test and count: N passed, N failed, N skipped
	@tests/run

fmt: ## Format the code
	cargo fmt --all

bench: ## Measure a release build against its goals; ARGS="--data FILE --scale 1"
	@tests/prerequisites build
	@dashboards/web/build
	cargo build --release --package server --package dependencies
	@for subject in ingest storage query; do \
		$(CARGO_TARGET_DIR)/release/stormglass bench $$subject $(ARGS) || exit 1; \
	done
