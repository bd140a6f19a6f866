# Everything runs with the Node that package-lock.json pins, whatever Node the machine has.
NODE := node_modules/.bin/node
READY := node_modules/.netdoctor-ready

.DEFAULT_GOAL := help
.PHONY: help test test-cilium demo build dist image lint format lab-up lab-down bench kernels diff-test clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "make %-12s %s\n", $$1, $$2}'

$(READY): package.json package-lock.json
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

test: $(READY) ## lint, types, unit tests, then end-to-end tests on the lab (the lab needs Linux and root; without, it says what it skipped)
	@$(NODE) scripts/test.ts

test-cilium: $(READY) ## the tests of network policies on a lab that runs Cilium itself (Linux, root; 10 minutes more on a new machine)
	@$(NODE) scripts/test-cilium.ts

demo: build ## replay a cluster whose underlay drops VXLAN: `path`, then `veth`, offline, on any machine
	@$(NODE) scripts/demo.ts

build: $(READY) ## bundle the plugin into build/
	@$(NODE) scripts/build.ts

dist: build ## the krew archive of this machine's platform and its manifest, into dist/
	@$(NODE) scripts/dist.ts

image: $(READY) ## the agent image as an OCI archive, into build/ (on Debian; ARCH=amd64|arm64)
	@scripts/build-image.sh $(ARCH)

lint: $(READY) ## linter, formatter and types
	@node_modules/.bin/biome ci --error-on-warnings .
	@$(NODE) node_modules/typescript/bin/tsc --noEmit

format: $(READY) ## let the formatter rewrite the sources
	@node_modules/.bin/biome check --write .

lab-up: $(READY) ## a real Kubernetes cluster in network namespaces (Linux, root); LAB="--backend host-gw --proxy nftables --ip dual"
	@$(NODE) test/lab/main.ts up $(LAB)

lab-down: $(READY) ## remove the lab and everything it made
	@$(NODE) test/lab/main.ts down $(LAB)

bench: $(READY) ## print the figures: policies, collector, path on the lab
	@$(NODE) scripts/bench.ts

kernels: $(READY) ## `path` on the stock Debian kernels 5.10, 6.1 and 6.12 under emulation (Debian, root; a quarter of an hour)
	@$(NODE) scripts/kernels.ts

diff-test: $(READY) ## the forwarding model against this machine's kernel, N random clusters from SEED on (Linux, root, Go)
	@$(NODE) test/diff/main.ts --count $(or $(N),300) --seed $(or $(SEED),1)

clean: ## remove what was built here
	rm -rf build dist node_modules
