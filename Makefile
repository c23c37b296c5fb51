# make run     starts the casino at http://127.0.0.1:8080
# make test    all checks that a change must pass
# make help    all other targets

GO       ?= go
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
COMMIT   := $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
BUILD    := -trimpath -buildvcs=false -ldflags '-s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)'
# By inputs, not by time: if the time ends while an input runs, go test may report a failure.
FUZZTIME ?= 4000x
# The race detector needs cgo; the program itself is built without.
# The timeout allows for a busy machine: a package that takes minutes on a quiet one may take an hour there.
TESTFLAGS ?= -race -timeout 60m
# A copy of bbolt whose writes and syncs the tests can make fail.
FAULTS := -tags faults -modfile build/faults/go.mod

# What is built without the race detector is built with the same flags everywhere: by lint, and by tests that build the program, too.
# So each package is compiled once. bin/imperio, releases and packages are built with these flags in any case.
PLAIN := CGO_ENABLED=0 GOFLAGS='-trimpath -buildvcs=false'

# These packages only drive processes of the program, which is built without the race detector. Those that take longest begin.
DRIVERS := appliance/web/browsertest cmd/imperio/endtoend cmd/imperio/debian cmd/imperio/campaign cmd/imperio/soak

# run-tests runs all tests; its argument is flags for go test. The games compute exact figures and play millions of rounds, six
# times slower under the race detector, which has nothing to find in arithmetic. So all their tests run without it, and
# only those of -short, such as the ones with several workers, once more with it. DRIVERS run without it, too. They mostly wait
# for processes, so more of them run at a time than there are processors. go vet is a part of lint.
define run-tests
$(GO) test $(1) -vet=off -p 3 $(TESTFLAGS) $(FAULTS) $$($(GO) list ./... | grep -vE '^imperio/(games|$(subst $() ,|,$(DRIVERS)))(/|$$)') && \
$(PLAIN) $(GO) test $(1) -vet=off -p 4 $(filter-out -race,$(TESTFLAGS)) $(addprefix ./,$(DRIVERS)) ./games/... && \
$(GO) test $(1) -vet=off $(TESTFLAGS) -short ./games/...
endef

.DEFAULT_GOAL := help
.PHONY: help run build test backup-torture upgrade-torture lint pages description man platforms container recipes soak deb release fixture notices screenshots unit short times fuzz bench bench-backups bench-restart bench-import bench-mirror bench-keys bench-cluster bench-ratio edge-check clean torture cluster-torture

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 16

run: build ## start the casino at http://127.0.0.1:8080, with its data in ./imperio-data
	./bin/imperio serve

build: ## build bin/imperio
	CGO_ENABLED=0 $(GO) build $(BUILD) -o bin/imperio ./cmd/imperio

test: lint recipes unit fuzz ## run lint, all tests with the race detector, and each fuzz target for a short time
	@echo "== all passed"

lint: pages description ## run gofmt, go vet and staticcheck, and check the types of the pages and the description of the API
	@echo "== gofmt"
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "not formatted by gofmt:" $$unformatted; exit 1; fi
	@echo "== go vet"
	@$(PLAIN) $(GO) vet ./...
	@echo "== staticcheck"
	@$(PLAIN) $(GO) tool staticcheck ./...

pages: ## check format, types and the states of the games of the players' pages (needs npm)
	@echo "== the pages: prettier, tsc, node --test"
	@if command -v npm >/dev/null; then \
	  npm ci --prefix appliance/web/check --silent --no-audit --no-fund && npm run --prefix appliance/web/check --silent check; \
	elif [ "$$CI" = true ]; then echo "npm is missing" >&2; exit 1; \
	else echo "skipped: npm is not installed"; fi

description: build ## check openapi.yaml with Redocly's rules, and make clients of it that compile: TypeScript (needs npm), and Go, which plays
	@echo "== openapi.yaml"
	@if command -v npm >/dev/null; then \
	  npm ci --prefix appliance/api/check --silent --no-audit --no-fund && npm run --prefix appliance/api/check --silent lint && \
	  npm run --prefix appliance/api/check --silent types; \
	elif [ "$$CI" = true ]; then echo "npm is missing" >&2; exit 1; \
	else echo "skipped: npm is not installed"; fi
	@cd appliance/api/check && $(PLAIN) $(GO) tool oapi-codegen --config oapi-codegen.yaml ../openapi.yaml && $(PLAIN) $(GO) vet ./... && \
	  $(PLAIN) IMPERIO=$(CURDIR)/bin/imperio $(GO) test -vet=off -count=1 .

container: build ## prepare the directory build/container for building the container's image
	@rm -rf build/container && mkdir -p build/container/empty
	@chmod 755 build/container/empty && install -m 755 bin/imperio build/container/ && install -m 644 LICENSE deploy/container/Dockerfile build/container/
	@install -m 644 cmd/imperio/notices.txt build/container/NOTICES
	@if [ -r /etc/ssl/certs/ca-certificates.crt ]; then install -m 644 /etc/ssl/certs/ca-certificates.crt build/container/; \
	else echo "/etc/ssl/certs/ca-certificates.crt is missing: install ca-certificates" >&2; exit 1; fi
	@echo "docker build -t imperio build/container"

recipes: container ## check compose.yaml, the Kubernetes manifests, and the Dockerfile by following it (no engine is needed)
	@echo "== recipes for containers"
	@cd deploy/check && $(PLAIN) $(GO) vet ./... && $(PLAIN) IMPERIO=$(CURDIR)/build/container/imperio $(GO) test -vet=off -count=1 .

PLATFORMS := linux/amd64 linux/arm64 linux/arm darwin/arm64 freebsd/amd64

man: ## write the manual page, build/imperio.1
	@mkdir -p build
	$(GO) run $(BUILD) ./cmd/imperio man >build/imperio.1

platforms: ## build the program for each platform that it supports (with an empty build cache, a minute of a processor each)
	@for platform in $(PLATFORMS); do echo "== go build for $$platform"; \
	  CGO_ENABLED=0 GOOS=$${platform%/*} GOARCH=$${platform#*/} $(GO) build -o /dev/null ./cmd/imperio || exit 1; done

# What makes Debian packages. It takes half a minute of a processor, so it is built once.
build/bin/nfpm:
	@echo "== building nfpm, which makes packages"
	@GOBIN=$(CURDIR)/build/bin CGO_ENABLED=0 $(GO) install -trimpath -buildvcs=false -ldflags '-s -w' github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2

# The commit's time, not the clock's: the same commit gives the same files.
RELEASE  = $(GO) run ./deploy/release -version '$(VERSION)' -commit '$(COMMIT)' -epoch '$(shell git log -1 --format=%ct)'
DEB_ARCH ?= host
DEBS     ?= amd64 arm64 armhf

deb: build/bin/nfpm ## build a Debian package into build (DEB_ARCH=arm64 or armhf for other machines)
	@$(RELEASE) -debs '$(DEB_ARCH)' -out build

release: build/bin/nfpm ## build archives for PLATFORMS, packages for DEBS, lists of components and checksums into build/release (MINISIGN_KEY=FILE signs)
	@rm -rf build/release
	@$(RELEASE) -platforms '$(PLATFORMS)' -debs '$(DEBS)' -minisign-key '$(MINISIGN_KEY)' -out build/release

notices: ## write cmd/imperio/notices.txt, the licences of everything in the program
	$(GO) test -count=1 -run '^TestNotices' ./docs -update

# Whatever a release leaves on disk must serve in every later version. The file of a released version is never written again.
RELEASED ?= unreleased
fixture: ## write storage/testdata/releases/$(RELEASED).txt, a data directory of this version that the tests start (RELEASED=v1.0.0)
	$(GO) test -count=1 -run '^TestWriteRelease$$' ./cmd/imperio/endtoend -write-release '$(RELEASED)'

screenshots: ## take screenshots of every page for docs/screenshots
	$(GO) test -tags screenshots -count=1 -timeout 10m -run '^TestScreenshots$$' ./appliance/web/browsertest

# The S3 server that tests of backups start. It takes two minutes of a processor, so it is built once.
build/bin/versitygw:
	@echo "== building versitygw, the S3 server of the tests"
	@GOBIN=$(CURDIR)/build/bin CGO_ENABLED=0 $(GO) install -trimpath -buildvcs=false -ldflags '-s -w' github.com/versity/versitygw/cmd/versitygw@v1.8.0

# A Debian with systemd, which the tests of cmd/imperio/debian boot copies of. It takes a minute.
build/debian:
	@./cmd/imperio/debian/debootstrap.sh build/debian

unit: build/bin/versitygw build/bin/nfpm build/debian ## run all tests, with a copy of bbolt whose writes and syncs tests can make fail, and with the race detector but for DRIVERS
	@echo "== go test $(TESTFLAGS) ./..."
	@$(GO) run ./storage/storagetest/faults/patch -out build/faults
	@$(PLAIN) $(GO) vet $(FAULTS) ./storage/storagetest/faults ./replication/logstore # lint does not see their files with this tag
	@$(call run-tests)

short: ## run the tests that take about a minute in all, without the race detector
	$(GO) test -short ./...

times: build/bin/versitygw build/bin/nfpm build/debian ## run all tests once, and print how long each package took, in seconds
	@$(GO) run ./storage/storagetest/faults/patch -out build/faults
	@{ $(call run-tests,-count=1); } >build/times.txt; status=$$?; \
	awk '$$1 != "ok" && !/no test files/; $$1 == "ok" { sub("s$$", "", $$3); print $$3, $$2 }' build/times.txt | sort -rn; exit $$status

fuzz: ## run each fuzz target with some thousand inputs (FUZZTIME=4000x, or a time such as 10m)
	@echo "== fuzz targets, $(FUZZTIME) each"
	@grep -rhoE --include='*_test.go' '^func Fuzz\w+' . >/dev/null || { echo "no fuzz targets found"; exit 1; }
	@for file in $$(grep -rlE --include='*_test.go' '^func Fuzz' . | sort); do \
	  for target in $$(grep -oE '^func Fuzz\w+' "$$file" | cut -d' ' -f2); do \
	    echo "$$(dirname "$$file") $$target"; \
	    $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x -parallel 2 "$$(dirname "$$file")" || exit 1; \
	  done; \
	done

BENCHFLAGS ?=
CAMPAIGN   := $(GO) test -count=1 -timeout 6h -run '^TestCampaign$$' -v ./cmd/imperio/campaign \
  -args -quick=false -binary $(CURDIR)/bin/imperio -report $(CURDIR)/bin/bench.md

bench: build ## measure the performance promises, up to a million accounts, within 25 minutes (BENCHFLAGS=--quick)
	$(CAMPAIGN) $(BENCHFLAGS)

bench-backups: build ## measure play while a casino with a million accounts and ten million rounds is backed up, and its restore, within 2 hours
	$(CAMPAIGN) -only backups -rounds 10000000 -within 2h $(BENCHFLAGS)

bench-mirror: build ## measure how fast a mirror in PostgreSQL catches up with ten million rounds, and what it costs players, within an hour
	$(CAMPAIGN) -only mirror -many 100000 -rounds 10000000 -within 1h $(BENCHFLAGS)

bench-restart: build ## measure what 64 busy connections see of 5 restarts of each kind, with a million accounts
	$(CAMPAIGN) -only restart $(BENCHFLAGS)

bench-import: build ## measure how long a million players of an older casino take to move in, from SQLite and PostgreSQL, and what others notice
	$(CAMPAIGN) -only import $(BENCHFLAGS)

bench-keys: build ## measure play after 10,000 players have used 20 million idempotency keys, within 2 hours
	$(CAMPAIGN) -only keys -keys 20000000 -key-players 10000 -within 2h $(BENCHFLAGS)

bench-cluster: build ## measure three processes on this machine: spins against a lone node, 50 kills of the leader, rolling restarts; a quarter of an hour
	$(CAMPAIGN) -only cluster,failover,rolling -within 1h $(BENCHFLAGS)

bench-ratio: build ## measure the ratio to a bare handler with a small casino, in a minute
	./bin/imperio bench --start --baseline --duration 20s

edge-check: build ## test the edge with testssl.sh, a real NGINX, floods and promtool
	./deploy/edge-check.sh

clean: ## remove what was built; the casino's data stays
	rm -rf bin

KILLS ?= 120
KEYS  ?= 1000000

backup-torture: ## kill each step of backing up and restoring KILLS=120 times under load; compare every answer with the books
	BACKUP_KILLS=$(KILLS) $(GO) test -count=1 -timeout 6h -run "^TestBackupTorture" -v ./cmd/imperio/endtoend

upgrade-torture: build/debian ## upgrade to versions that are broken in every way, and kill the verb after each step, with and without systemd; compare every answer with the books
	UPGRADE_TORTURE=1 $(GO) test -count=1 -timeout 3h -run "^TestUpgrade" -v ./cmd/imperio/endtoend ./cmd/imperio/debian

SOAK ?= 10m

soak: ## play for SOAK=10m with everything that people and programs do, and see that memory, goroutines, descriptors and the log stay flat
	SOAK=$(SOAK) $(GO) test -count=1 -timeout 26h -run "^TestSoak$$" -v ./cmd/imperio/soak

torture: ## kill the real binary KILLS=120 times under load after KEYS=1000000 used keys, set its clock, take files away; compare every answer with the books
	TORTURE_KILLS=$(KILLS) TORTURE_KEYS=$(KEYS) $(GO) test -count=1 -timeout 60m -run "^TestTorture" -v ./cmd/imperio/endtoend

CLUSTER_ROUNDS ?= 100

cluster-torture: ## disturb three real processes in network namespaces CLUSTER_ROUNDS=100 times: cables, bad lines, kills, pauses, clocks, full disks; check every answer with Porcupine
	CLUSTER_ROUNDS=$(CLUSTER_ROUNDS) $(GO) test -count=1 -timeout 3h -run "^TestClusterTorture" -v ./cmd/imperio/endtoend
