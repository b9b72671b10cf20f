# runecast-ingest: `make` lists what can be done.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# The release, and the commit where there is a repository: `sam build` builds a copy without one.
RELEASE := 0.1.0
VERSION ?= $(RELEASE)$(addprefix +,$(shell git describe --always --dirty --exclude '*' 2>/dev/null))

# A stage of samconfig.toml: default, dev or prod. Each is a stack of its own.
STAGE ?= default
STACK ?= runecast-ingest$(addprefix -,$(filter-out default,$(STAGE)))
FUNCTION ?= collector
EVENT ?= events/$(FUNCTION)-start.json
ARGS ?=
ROUNDS ?= 300

TOOL := go tool -modfile=infra/tools.mod
S3_SERVER := out/bin/versitygw

# What the shell holds for a real account must reach neither the tests nor the local stack. The go command itself keeps the
# certificates: it may need them to download.
ACCOUNT := $(filter AWS_%,$(.VARIABLES))
WITHOUT_ACCOUNT := env $(addprefix -u ,$(ACCOUNT))
WITHOUT_CERTIFICATES := env -u SSL_CERT_FILE -u SSL_CERT_DIR

# Reproducible: nothing of the machine, the folder or the time gets in.
LAMBDA_BUILD := CGO_ENABLED=0 GOOS=linux GOARCH=arm64 GOFLAGS= go build -trimpath -buildvcs=false \
	-tags lambda.norpc,grpcnotrace -ldflags "-s -w -buildid= -X main.version=$(VERSION)"

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-zA-Z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile
	@echo

##@ develop

.PHONY: build test chaos lint fmt bench validate mutants workflows tools clean
build: build-CollectorFunction build-ForwarderFunction ## Build both Lambda binaries (linux/arm64) under out/

test: tools ## Run every test, shuffled, and with -race where a C compiler is found
	@race=-race; \
	if ! printf '#include <stdlib.h>\nint main(void) { return 0; }' | $$(go env CC) -x c -o /dev/null - 2>/dev/null; then \
		race=; echo 'make test: no C compiler, so without -race (Debian: apt-get install gcc libc6-dev)'; \
	fi; set -x; \
	CGO_ENABLED=$${race:+1} $(WITHOUT_ACCOUNT) go test $$race -shuffle=on -exec '$(WITHOUT_CERTIFICATES)' $(ARGS) ./...

chaos: tools ## Deliver under every fault, and among random crashes: make chaos ROUNDS=1000
	$(WITHOUT_ACCOUNT) go test -run 'TestFaults|TestChaos' -timeout 2h ./internal/forward -faults.full -chaos.rounds=$(ROUNDS) $(ARGS)

lint: ## Vet and lint
	go vet ./...
	$(TOOL) golangci-lint run ./...

fmt: ## Format
	$(TOOL) golangci-lint fmt ./...

bench: tools ## Run the benchmarks; with larger results: make bench RESULTS_MB=1000
	$(WITHOUT_ACCOUNT) go test -run '^$$' -bench . -benchmem $(ARGS) ./...

validate: ## Validate template.yaml by four gates, without an account: infra/template/gates/validate says which, and what they need
	infra/template/gates/validate

mutants: ## Prove that the gates find what they are there for: deliberate errors in template.yaml (minutes)
	go test -run Mutants ./infra/template
	python3 infra/template/gates/mutants.py $(ARGS)

# Not in infra/tools.mod: it does not build with the YAML library that the other tools choose.
workflows: ## Lint the delivery pipeline in .github/
	go run github.com/rhysd/actionlint/cmd/actionlint@v1.7.12 -shellcheck= -pyflakes= .github/workflows/*.yml

tools: $(S3_SERVER) ## Build the S3 server of the local stack (about a minute, once)

$(S3_SERVER): infra/tools.mod infra/tools.sum
	@echo 'building the S3 server of the local stack, about a minute …'
	@mkdir -p $(@D)
	go build -modfile=infra/tools.mod -buildvcs=false -o $@ github.com/versity/versitygw/cmd/versitygw
	@touch $@

clean: ## Remove everything that was built, the local archive too
	rm -rf out .aws-sam

##@ run

.PHONY: run
run: tools ## Watch the whole product work on this machine: make run ARGS="-objects 200000 -seed 7"
	$(WITHOUT_ACCOUNT) go run -buildvcs=false ./infra/local $(ARGS)

.PHONY: replay-local
replay-local: ## Map a saved document to events, or to a dashboard: make replay-local FILE=results.json REPORT=out/report.html
	@go run -buildvcs=false ./infra/map $(if $(REPORT),-report '$(REPORT)') $(if $(SYSTEM),-system '$(SYSTEM)') $(if $(CATALOG),-catalog '$(CATALOG)') $(if $(FILE),'$(FILE)')

##@ deploy

.PHONY: dist deploy
dist: build ## Pack both functions reproducibly, with checksums and a bill of materials, under out/dist/
	go run -buildvcs=false ./infra/dist -version $(VERSION) -out out/dist out/collector/bootstrap out/forwarder/bootstrap

deploy: ## Build and deploy a stage with SAM; the first time: make deploy STAGE=prod ARGS=--guided
	sam build --config-env $(STAGE)
	sam deploy --config-env $(STAGE) $(ARGS)

##@ operate

# Every target asks the deployed functions by the AWS CLI; JSON=1 shows their answers as they come, WIDE=1 all columns.
OPERATE ?= go run -buildvcs=false ./infra/operate
flag = $(if $($(1)), -$(2) '$($(1))')
switch = $(if $($(1)), -$(2))
ASK = @$(OPERATE) $(1) -stack '$(STACK)'$(call switch,JSON,json)$(call switch,WIDE,wide)

.PHONY: first-run check status start tick cancel sweep replay quarantine redrive invoke logs replay-batch
first-run: ## Check both functions, archive and deliver what the appliance has, and say where to look
	$(call ASK,first-run)

check: ## Try every step of both functions' ways, each failure with its cure
	$(call ASK,check)

status: ## How runs and deliveries stand: make status SYSTEM=vc1.example SINCE=2026-03-01 UNTIL=2026-03-31
	$(call ASK,status)$(call flag,SYSTEM,system)$(call flag,SINCE,since)$(call flag,UNTIL,until)

start: ## Start a run: make start SYSTEMS=vc1.example,prod-aws MODE=latest FORCE=1
	$(call ASK,start)$(call flag,SYSTEMS,systems)$(call flag,MODE,mode)$(call switch,FORCE,force)

tick: ## Carry the active run on; the schedule does it every 5 minutes
	$(call ASK,tick)

cancel: ## End the active run
	$(call ASK,cancel)

sweep: ## Deliver now what is not delivered yet; the schedule does it every 15 minutes
	$(call ASK,sweep)

replay: ## Send archived scans again: make replay SYSTEM= SINCE= UNTIL= RUN= PREFIX= KEY= STATE= LIMIT= RATE= DRY_RUN=1 PRICE= FORCE=1
	$(call ASK,replay)$(call flag,SYSTEM,system)$(call flag,SINCE,since)$(call flag,UNTIL,until)$(call flag,RUN,run)$(call \
		flag,PREFIX,prefix)$(call flag,KEY,key)$(call flag,STATE,state)$(call flag,LIMIT,limit)$(call flag,RATE,rate)$(call \
		switch,DRY_RUN,dry-run)$(call flag,PRICE,price)$(call switch,FORCE,force)

quarantine: ## What Dynatrace refused, and why: make quarantine KEY=raw/v1/… INDEX=7
	$(call ASK,quarantine)$(call flag,KEY,key)$(call flag,INDEX,index)

redrive: ## Give the functions again what the dead-letter queue keeps
	$(call ASK,redrive)

invoke: ## Invoke a function with a payload: make invoke FUNCTION=collector EVENT=events/collector-capture.json JSON=1
	$(call ASK,invoke) -function '$(FUNCTION)' -event '$(EVENT)'

logs: ## Follow a deployed function's log: make logs FUNCTION=forwarder
	aws logs tail /aws/lambda/$(STACK)-$(FUNCTION) --follow --since 1h

replay-batch: ## Replay very many objects with S3 Batch Operations: make replay-batch PREFIX=raw/v1/dt=2026-11- SINCE=2026-11-01
	infra/batch-replay/create '$(STACK)' '$(PREFIX)' '$(SINCE)'

# `sam build` calls these, in a copy of this folder, with ARTIFACTS_DIR.
.PHONY: build-CollectorFunction build-ForwarderFunction
build-CollectorFunction: NAME := collector
build-ForwarderFunction: NAME := forwarder
build-CollectorFunction build-ForwarderFunction:
	$(LAMBDA_BUILD) -o $(or $(ARTIFACTS_DIR),out/$(NAME))/bootstrap ./functions/$(NAME)
