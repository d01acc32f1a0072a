# Everything that is built, tested or measured starts here; `make` alone lists it.
# Only Go is needed. Targets that want more (race: a C compiler; interop: node,
# npm, python3-hl7) say so.

GO        ?= go
PKGS      ?= ./...
BENCH     ?= .
COUNT     ?= 1
FUZZTIME  ?= 30s

# The packages in which goroutines share state; `make ci` runs the race detector
# over these only, and with the smaller counts of -short, because it costs ten times the CPU time of a
# plain run; `make race` alone runs everything.
RACEFLAGS ?= -timeout 60m
CONCURRENT ?= $(patsubst %/,./%/...,$(wildcard consent/ mllp/ repository/ broker/ projection/ query/ cmd/))

# The binary is static and holds no path of the machine that built it. Where git
# is missing, or refuses the folder, the version stamp is left out and the build
# still passes.
export CGO_ENABLED = 0
STAMP      := $(shell git rev-parse HEAD >/dev/null 2>&1 || echo -buildvcs=false)
BUILDFLAGS  = -trimpath $(STAMP)
STATICCHECK = $(GO) tool -modfile=tools/go.mod staticcheck
BENCHSTAT   = $(GO) tool -modfile=tools/go.mod benchstat

.DEFAULT_GOAL := help
.PHONY: help build run test race lint fuzz figures bench benchstat cover interop torture ci

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## build bin/lockport, static
	$(GO) build $(BUILDFLAGS) -o bin/lockport ./cmd/lockport

run: build ## build and start the demo: a live region on loopback
	bin/lockport demo

test: ## all tests that need nothing but Go
	$(GO) test $(PKGS)

race: ## tests under the race detector (needs a C compiler)
	CGO_ENABLED=1 $(GO) test -race $(RACEFLAGS) $(PKGS)

lint: ## gofmt, go vet, staticcheck, architecture rules
	@bad=$$("$$($(GO) env GOROOT)/bin/gofmt" -l $$(find . -name '.?*' -prune -o -name '*.go' -print)) || exit 1; \
	if [ -n "$$bad" ]; then echo "gofmt is wanted in:"; echo "$$bad"; exit 1; fi
	$(GO) vet $(PKGS)
	$(STATICCHECK) $(PKGS)
	$(GO) test ./internal/archtest

fuzz: ## every fuzz target for FUZZTIME (a duration, or a count such as 20000x)
	@grep -rEo --include='*_test.go' --exclude-dir='.?*' '^func Fuzz[A-Za-z0-9_]+' . | sort | \
	while IFS=: read -r file decl; do \
		dir=$$(dirname "$$file"); name=$${decl#func }; \
		echo "fuzz $$dir $$name $(FUZZTIME)"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$dir" </dev/null || exit 1; \
	done

figures: build ## the store's figures beside their bounds, ten quiet minutes (PRELOAD=n)
	scripts/figures.sh $(PRELOAD)

bench: ## benchmarks (BENCH=regexp COUNT=n); keep the output to compare. The store's: make figures
	@$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(COUNT) $(PKGS)

benchstat: ## compare two kept outputs: make benchstat OLD=a.txt NEW=b.txt
	@$(BENCHSTAT) $(OLD) $(NEW)

cover: ## statement coverage by package, profile in bin/cover.out
	@mkdir -p bin
	$(GO) test -coverprofile=bin/cover.out $(PKGS)
	@$(GO) tool cover -func=bin/cover.out | tail -n 1

interop: build ## exchange messages with other people's HL7 software
	scripts/interop.sh

torture: ## the long crash and load runs (hours)
	LOCKPORT_TORTURE=1 $(GO) test -run Torture -count=1 -timeout 0 -v $(PKGS)

ci: ## what must pass before a change lands
	$(MAKE) lint
	$(MAKE) build
	$(MAKE) test
	@if command -v "$${CC:-$$($(GO) env CC)}" >/dev/null 2>&1; then $(MAKE) race PKGS="$(CONCURRENT)" RACEFLAGS="-short -timeout 15m"; \
	else echo "SKIPPED: race detector: no C compiler on this machine"; fi
	$(MAKE) fuzz FUZZTIME=10000x
