# `make` lists what there is to make. Everything needs Go and git; the tests
# install PostgreSQL, Redis and Chromium from Debian's packages if they may
# (scripts/with-postgres, scripts/with-redis, scripts/with-browser).

GO ?= go
FUZZTIME ?= 30s
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Packages whose own goroutines share memory.
CONCURRENT = ./rt/trace ./rt/agent ./watch ./server ./server/aggregate ./server/block ./server/ingest ./server/outline ./server/store

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## build bin/weft
	$(GO) build -o bin/weft ./cmd/weft

.PHONY: demo
demo: ## weave the example shop, run it under load, show one whole trace; OPEN=1 in a browser
	@sh scripts/demo $(if $(OPEN),--open)

.PHONY: test
test: check ## everything CI runs: check, then all tests
	scripts/with-postgres scripts/with-redis $(MAKE) --no-print-directory unit race shop
	@$(MAKE) --no-print-directory ui-test

.PHONY: check
check: ## gofmt, go vet and staticcheck
	@files=$$(git ls-files '*.go' | grep -v /testdata/ | xargs gofmt -l); \
		[ -z "$$files" ] || { echo "not formatted, run gofmt -w on:"; echo "$$files"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	cd examples/shop && $(GO) vet ./...

.PHONY: unit
unit: ## the tests of the main module
	$(GO) test -timeout 30m ./...

.PHONY: race
race: ## the concurrent packages under the race detector
	$(GO) test -race -short -timeout 20m $(CONCURRENT)

.PHONY: shop
shop: ## the tests of examples/shop, a module of its own
	cd examples/shop && SHOP_TEST_POSTGRES="$${WEFT_TEST_POSTGRES:-}" $(GO) test -timeout 10m ./...

.PHONY: ui
ui: ## build the web page into ui/dist, which is committed; after changes in ui/
	@scripts/with-browser --node $(MAKE) --no-print-directory ui-build

.PHONY: ui-test
ui-test: ## the tests of the web page: types, units, ui/dist, and all of it in Chromium
	@scripts/with-browser $(MAKE) --no-print-directory ui-check ui-browser

# The rest of the page's targets run inside scripts/with-browser.

ui/node_modules/.package-lock.json: ui/package-lock.json
	cd ui && npm ci --no-audit --no-fund
	@touch $@

.PHONY: ui-build
ui-build: ui/node_modules/.package-lock.json
	cd ui && npm run --silent check
	cd ui && npx vite build --logLevel warn

.PHONY: ui-check
ui-check: ui/node_modules/.package-lock.json
	cd ui && npm run --silent check
	cd ui && npm run --silent unit
	@echo "ui/dist is what ui/src gives?"
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && (cd ui && npx vite build --logLevel warn --outDir "$$dir" --emptyOutDir) && \
		{ diff -rq "$$dir" ui/dist || { echo "ui/dist is not what ui/src gives: run make ui, and commit ui/dist with the change"; exit 1; }; }

.PHONY: ui-browser
ui-browser: ui/node_modules/.package-lock.json build
	cd ui && WEFT="$(CURDIR)/bin/weft" npm run --silent e2e

.PHONY: storm
storm: ## what takes long: the runtime patch on every Go version, storms of goroutines
	WEFT_LONG=1 $(GO) test -count=1 -timeout 60m ./e2e/context
	WEFT_LONG=1 $(GO) test -count=1 -p 1 -timeout 60m ./e2e/grpc ./e2e/otel

.PHONY: ways
ways: ## what takes long: every way of building, those included that need another standard library
	WEFT_LONG=1 $(GO) test -count=1 -timeout 120m ./cli

.PHONY: wholeness
wholeness: ## what takes long: random programs that know the true parent of each of their spans
	WEFT_LONG=1 $(GO) test -count=1 -v -timeout 60m ./e2e/wholeness

.PHONY: soundness
soundness: ## what takes long: the own tests of std and of some thirty modules, plain and woven
	$(GO) run ./e2e/soundness

.PHONY: versions
versions: ## what takes long: patch, weaver, integrations and debugging on the first and the newest release of each Go version
	WEFT_LONG=1 $(GO) test -count=1 -p 1 -timeout 120m ./rt/patch ./weave ./e2e/debug
	WEFT_LONG=1 $(GO) test -count=1 -timeout 60m -run Paths ./e2e/context
	WEFT_TEST_TOOLCHAINS=all $(GO) test -count=1 -p 1 -timeout 120m ./e2e/http ./e2e/log ./e2e/sql ./e2e/exit ./e2e/export

.PHONY: crash
crash: ## what takes long: the server killed 200 times, full and damaged disks, hostile clients, a day of data
	WEFT_LONG=1 $(GO) test -count=1 -v -timeout 120m ./e2e/serve

.PHONY: soak
soak: ## 50 million spans into the store
	$(GO) run ./bench/soak

.PHONY: fuzz
fuzz: ## every fuzz test, 30 seconds each; FUZZTIME=5m for longer
	@set -e; for f in $$(git ls-files '*_test.go'); do \
		for t in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' $$f); do \
			echo "go test -fuzz $$t ./$$(dirname $$f)"; \
			$(GO) test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) ./$$(dirname $$f); \
		done; \
	done

.PHONY: bench
bench: ## the benchmarks in bench/; they take a while
	$(GO) run ./bench/span
	$(GO) run ./bench/http
	$(GO) run ./bench/build
	$(GO) run ./bench/runtime
	$(GO) run ./bench/store
	scripts/with-browser sh -c '$(GO) run ./bench/ui -chromium "$$CHROMIUM"'
