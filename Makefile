# SPDX-License-Identifier: Apache-2.0
SHELL := /bin/bash
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/node_modules/.bin:$(PATH)

INSTALLED := node_modules/.package-lock.json

.PHONY: help
help: ## Print the targets
	@printf 'Homeostat: a Kubernetes operator that keeps a cluster inside its invariants.\n\n'
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'
	@printf '\nStart with `make demo` (the product at work) or `make test` (all tests).\n'

$(INSTALLED): package.json package-lock.json
	@command -v npm >/dev/null || { echo 'npm is missing: install Node.js 20 or later with npm (the project brings its own Node 24)'; exit 1; }
	@echo 'Installing npm packages ...'
	@npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: install
install: $(INSTALLED) ## Install the npm packages, the pinned Node 24 among them

.PHONY: tools
tools: $(INSTALLED) ## Build the control plane and the node from Go modules, once, into a cache
	@node test/rig/toolchain/main.ts ensure all

.PHONY: demo
demo: $(INSTALLED) ## Watch a real leak found, a pod healed, and the proof (SHORT=1: in four minutes)
	@node tools/node24.cjs demo/main.ts $(if $(SHORT),--short) $(if $(NODE),--node=$(NODE))

.PHONY: check
check: $(INSTALLED) ## Types, lint, import directions, unused code, generated files
	@npm run -s check

.PHONY: test
test: $(INSTALLED) ## Run every check and every test; ends with the counts
	@npm run -s check
	@node test/rig/toolchain/main.ts ensure all
	@npm run -s test:all

.PHONY: test-fast
test-fast: $(INSTALLED) ## Unit and contract tests: no cluster, seconds
	@npm test

.PHONY: gen
gen: $(INSTALLED) ## Write the generated files: CRDs, chart RBAC, reference pages
	@npm run -s gen

.PHONY: manifests
manifests: $(INSTALLED) ## Write manifests/ from the chart (needs helm, which is built when missing)
	@node tools/node24.cjs tools/manifests/main.ts

.PHONY: format
format: $(INSTALLED) ## Format and fix what can be fixed
	@npm run -s format

.PHONY: bench
bench: $(INSTALLED) ## Benchmarks (QUICK=1: under three minutes)
	@npm run -s bench:leak -- $(if $(QUICK),--quick)
	@npm run -s bench:list -- $(if $(QUICK),--quick)

.PHONY: image-tree
image-tree: $(INSTALLED) ## Assemble the file tree of the image below dist/image
	@node tools/node24.cjs tools/image/main.ts tree

.PHONY: image
image: $(INSTALLED) ## Pack that tree as an OCI archive, without an engine
	@node tools/node24.cjs tools/image/main.ts archive

.PHONY: clean
clean: ## Remove what was built in the checkout (not the cache of binaries)
	@rm -rf dist coverage
