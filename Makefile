# `make` lists what there is to make. Everything needs Go and git; the tests
# install a PostgreSQL server from Debian's packages if they may (scripts/with-postgres).

GO ?= go
STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# Packages whose own goroutines share memory.
CONCURRENT = ./rt/trace ./rt/agent ./watch ./weave ./cli

# Modules of their own, so that users never download what they import.
MODULES = examples/shop bench

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: build
build: ## build bin/weft
	$(GO) build -o bin/weft ./cmd/weft

.PHONY: demo
demo: ## weave the example shop, run it, put load on it, show one whole trace
	@sh scripts/demo

.PHONY: test
test: check ## everything CI runs: check, then all tests
	scripts/with-postgres $(MAKE) --no-print-directory unit race modules

.PHONY: check
check: ## gofmt, go vet and staticcheck
	@files=$$(git ls-files '*.go' | grep -v /testdata/ | xargs gofmt -l); \
		[ -z "$$files" ] || { echo "not formatted, run gofmt -w on:"; echo "$$files"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	@set -e; for m in $(MODULES); do [ ! -f $$m/go.mod ] || (cd $$m && echo "cd $$m && go vet ./..." && $(GO) vet ./...); done

.PHONY: unit
unit: ## the tests of the main module
	$(GO) test -timeout 30m ./...

.PHONY: race
race: ## the concurrent packages under the race detector
	$(GO) test -race -short -timeout 20m $(CONCURRENT)

.PHONY: modules
modules: ## the tests of the modules beside the main one
	@set -e; for m in $(MODULES); do [ ! -f $$m/go.mod ] || \
		(cd $$m && echo "cd $$m && go test ./..." && SHOP_TEST_POSTGRES="$${WEFT_TEST_POSTGRES:-}" $(GO) test -timeout 10m ./...); done
