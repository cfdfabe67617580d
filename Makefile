# The commands of this project. `make` alone lists them.

GO ?= go
# The tests that talk to real parts need these programs; of Debian's packages.
PARTS := strace:strace chromium:chromium pg_ctlcluster:postgresql node:nodejs npm:npm

.PHONY: help
help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.PHONY: test
test: parts lint ## everything: static checks, all tests under the race detector, the tests with real parts
	$(GO) test -race -timeout 30m -tags real ./...
	$(GO) test -v -run 'TestExhaustively|TestBySeed' ./testkit/simulate

.PHONY: quick
quick: ## the hermetic tests alone, no part of the system needed
	$(GO) test ./...

.PHONY: logs
logs: ## run the hermetic tests once more, and look for secrets in whatever any of them makes any part log
	IMPREST_LOGS="$$($(GO) list ./... | grep -v -e internal/house -e internal/planted)" $(GO) test -count=1 -timeout 30m -v -run TestNoTestLogsASecret ./testkit/internal/house

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, go.mod
	@unformatted=$$(gofmt -l core adapters functions testkit template); test -z "$$unformatted" || { echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	$(GO) vet -tags real ./...
	$(GO) tool staticcheck -tags real ./...
	$(GO) mod tidy -diff
	cd testkit/bench && $(GO) vet ./... && $(GO) mod tidy -diff

.PHONY: parts
parts: ## install what the tests with real parts need, where it is missing
	@missing=""; for part in $(PARTS); do command -v $${part%:*} >/dev/null || missing="$$missing $${part#*:}"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
	  as_root=""; [ "$$(id -u)" = 0 ] || as_root=sudo; \
	  $$as_root apt-get update -q && $$as_root apt-get install -q -y --no-install-recommends $$missing; fi
	@for part in testkit/internal/dynalite:dynalite/cli.js functions/imprest/internal/axe:axe-core/axe.min.js; do file="node_modules/$${part#*:}"; \
	  ( cd "$${part%%:*}" && { test "$$file" -nt package-lock.json || { echo "installing $${part#*:}"; npm ci --no-audit --no-fund --ignore-scripts && touch "$$file"; }; } ) || exit 1; done

.PHONY: soak
soak: parts ## some minutes of a fleet whose processes are killed, on PostgreSQL and on dynalite; the end must be exact
	$(GO) run ./testkit/internal/fleet/soak

.PHONY: fuzz
fuzz: ## fuzz every target for a while (FUZZTIME=30s)
	@for target in $$(grep -rlE '^func Fuzz' --include='*_test.go' core adapters testkit | xargs -n1 dirname | sort -u); do \
	  for name in $$(grep -hoE '^func Fuzz[A-Za-z0-9]+' $$target/*_test.go | cut -c6-); do \
	    echo "$$target $$name"; $(GO) test ./$$target -run '^$$' -fuzz "^$$name$$" -fuzztime $${FUZZTIME:-30s} || exit 1; done; done

.PHONY: bench
bench: parts ## measure beside others in one run, print tables, write testkit/bench/RESULTS.md
	cd testkit/bench && $(GO) run . -write

.PHONY: bench-check
bench-check: parts ## the same, and fail where a ratio is worse than its bar
	cd testkit/bench && $(GO) run . -check

.PHONY: sandbox
sandbox: ## a shop and a fake VVChat on this machine: http://127.0.0.1:8700
	$(GO) run ./functions/imprest sandbox
