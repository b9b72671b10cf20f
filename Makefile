# runecast-ingest: `make` lists what can be done. Needs GNU make, Go and a POSIX shell.

.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help

# Values are given on the command line; of the environment only what has the product's own prefix is taken, as CI gives it:
# names such as VERSION may be there for something else.
RELEASE := 0.1.0
# The release, and the commit where there is a repository: `sam build` builds a copy without one.
VERSION := $(or $(RUNECAST_INGEST_VERSION),$(RELEASE)$(addprefix +,$(shell git describe --always --dirty --exclude '*' 2>/dev/null)))
# A stage is a stack of its own, and a settings file of its own. How the SAM CLI works is in samconfig.toml, for each stage that
# has a table there, else as for the stage default.
STAGE := $(or $(RUNECAST_INGEST_STAGE),default)
STACK := runecast-ingest$(if $(filter-out default,$(STAGE)),-$(STAGE))
CONFIG_ENV := $(if $(filter default dev prod,$(STAGE)),$(STAGE),default)
# An unpacked release, or one of its templates: its zips are deployed as they are, and nothing is built. Of a release the template for
# the stage's processor is taken.
TEMPLATE :=
TEMPLATE_FOR_STAGE = $(if $(filter %.yaml,$(TEMPLATE)),$(TEMPLATE),$(TEMPLATE)/template$$(sed -n 's/^Architecture = "x86_64"$$/-x86_64/p' out/settings/$(STAGE).toml).yaml)
# Of the functions, in Lambda's words: arm64 or x86_64. `make deploy` takes it from the stage's settings.
ARCHITECTURE := $(or $(RUNECAST_INGEST_ARCHITECTURE),arm64)
GOARCH_arm64 := arm64
GOARCH_x86_64 := amd64
GOARCH_LAMBDA = $(or $(GOARCH_$(ARCHITECTURE)),$(error ARCHITECTURE must be arm64 or x86_64))
# What a release packs.
RELEASED := $(foreach p,arm64 x86_64,out/$p/collector/bootstrap out/$p/forwarder/bootstrap)
ARGS :=
ROUNDS := 300
SEED := 0
# A commit to measure this work tree beside.
BASE :=

TOOL := go tool -modfile=infra/tools.mod
PROGRAM := out/bin/runecast-ingest
S3_SERVER := $(or $(RUNECAST_INGEST_S3_SERVER),out/bin/versitygw)
# Of the tests alone, which find it there.
EMULATOR := out/bin/aws-lambda-rie
ACTIONLINT := 1.7.12
# Of the tests; empty: without the race detector.
RACE := -race

# What the shell holds for a real account must reach neither the tests nor the local stack. The go command itself keeps the
# certificates: it may need them to download.
ACCOUNT := $(filter AWS_%,$(.VARIABLES))
WITHOUT_ACCOUNT := env $(addprefix -u ,$(ACCOUNT))
WITHOUT_CERTIFICATES := env -u SSL_CERT_FILE -u SSL_CERT_DIR
# Tests start what they build, which a hardened machine forbids in its temporary folder.
TEST := mkdir -p out/tmp; TMPDIR="$$PWD/out/tmp" $(WITHOUT_ACCOUNT)

# Reproducible: nothing of the machine, the folder or the time gets in.
LAMBDA_BUILD = CGO_ENABLED=0 GOOS=linux GOARCH=$(GOARCH_LAMBDA) GOFLAGS= go build -trimpath -buildvcs=false \
	-tags lambda.norpc,grpcnotrace -ldflags "-s -w -buildid= -X main.version=$(VERSION)"

.PHONY: help
help: ## List the targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-zA-Z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile
	@echo

##@ develop

.PHONY: build test chaos lint fmt bench validate tools sdk clean
build: build-CollectorFunction build-ForwarderFunction $(PROGRAM) ## Build both Lambda binaries (for arm64, or ARCHITECTURE=x86_64), and the operator's program, under out/

# What functions/ and infra/ test runs mostly in processes of its own, which the race detector does not see. The parts of the local stack
# are servers in the tests' own process, and are raced.
RACED := ./internal/... $(addprefix ./infra/local/,display schedule secrets tracing trigger)
test: tools ## Run every test, shuffled, those of internal/ and the local stack's parts with -race where a C compiler is found
	@race=$(RACE); \
	if [ -n "$$race" ] && ! printf '#include <stdlib.h>\nint main(void) { return 0; }' | $$(go env CC) -x c -o /dev/null - 2>/dev/null; then \
		race=; echo 'make test: no C compiler, so without -race (Debian: apt-get install gcc libc6-dev)'; \
	fi; set -x; \
	$(TEST) CGO_ENABLED=$${race:+1} go test $$race -shuffle=on -exec '$(WITHOUT_CERTIFICATES)' $(ARGS) $(RACED); \
	$(TEST) CGO_ENABLED= go test -shuffle=on -exec '$(WITHOUT_CERTIFICATES)' $(ARGS) $$(go list ./functions/... ./infra/... | grep -v '/infra/local/')

chaos: tools ## Deliver under every fault, and among random crashes: make chaos ROUNDS=1000 SEED=1, or of a new seed
	$(TEST) go test -run 'TestFaults|TestChaos' -timeout 2h ./internal/forward -faults.full -chaos.rounds=$(ROUNDS) -chaos.seed=$(SEED) $(ARGS)

lint: out/bin/actionlint ## Vet and lint, the workflows in .github/ too
	go vet ./...
	$(TOOL) golangci-lint run ./...
	out/bin/actionlint -shellcheck= -pyflakes= .github/workflows/*.yml

fmt: ## Format
	$(TOOL) golangci-lint fmt ./...

bench: tools $(if $(BASE),out/bin/bench) ## Run the benchmarks, with larger results: RESULTS_MB=1000; both functions beside another commit's: make bench BASE=feb982f
	$(TEST) $(if $(BASE),out/bin/bench -base $(BASE) $(ARGS),go test -run '^$$' -bench . -benchmem $(ARGS) ./...)

validate: ## Validate template.yaml by four gates, without an account: infra/template/gates/validate says which, and what they need
	infra/template/gates/validate

tools: $(S3_SERVER) $(EMULATOR) ## Build the S3 server of the local stack, and AWS's emulator of its runtime (about a minute, once)

# Of npm: a test lets it ask the simulated query service. Each package is held to the hash in the lock file.
SDK := internal/simulate/receiver/testdata/sdk
sdk: out/sdk/installed ## Install Dynatrace's published client of the query service under out/sdk, for the test that needs it
out/sdk/installed: $(SDK)/package.json $(SDK)/package-lock.json $(SDK)/contract.mjs
	mkdir -p $(@D) && cp $^ $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

clean: ## Remove everything that was built, the local archive too
	rm -rf out .aws-sam

##@ run

.PHONY: run dist deploy
run: tools out/bin/local ## Watch the whole product work on this machine: make run ARGS="-objects 200000 -seed 7"
	$(WITHOUT_ACCOUNT) out/bin/local $(ARGS)

dist: out/bin/dist $(RELEASED) ## Pack both functions for both processors reproducibly, with templates, checksums and a bill of materials, under out/dist/
	out/bin/dist -version $(VERSION) -out out/dist $(RELEASED)

# What is typed behind --parameter-overrides is cut at spaces by the SAM CLI, and --guided writes into samconfig.toml, which git tracks. It looks for
# samconfig.toml beside the template.
deploy: $(PROGRAM) ## Build and deploy a stage with SAM; the first time after `runecast-ingest settings new`: make deploy STAGE=prod
	$(if $(findstring --guided,$(ARGS))$(findstring --parameter-overrides,$(ARGS)),$(error settings stand in the stage's settings file: change them with `$(PROGRAM) settings set NAME=VALUE --stage $(STAGE)`, and leave --guided and --parameter-overrides out))
	$(PROGRAM) settings prepare --stage $(STAGE) --out out/settings/$(STAGE).toml
	$(if $(TEMPLATE),,RUNECAST_INGEST_ARCHITECTURE=$$(sed -n 's/^Architecture = "\(.*\)"$$/\1/p' out/settings/$(STAGE).toml) sam build --config-env $(CONFIG_ENV) --parameter-overrides file://out/settings/$(STAGE).toml)
	sam deploy --config-file "$(CURDIR)/samconfig.toml" $(if $(TEMPLATE),--template-file "$(TEMPLATE_FOR_STAGE)") --config-env $(CONFIG_ENV) --stack-name $(STACK) --parameter-overrides file://out/settings/$(STAGE).toml $(ARGS)

# Programs are built once under out/bin, and started there: where the temporary folder lets nothing start, `go run` cannot.
.PHONY: force
$(PROGRAM): force
	go build -trimpath -buildvcs=false -ldflags '-X main.version=$(VERSION)' -o $@ ./infra/operate

out/bin/local out/bin/dist out/bin/bench: force
	go build -buildvcs=false -o $@ ./infra/$(@F)

$(S3_SERVER): infra/tools.mod infra/tools.sum
	@echo 'building the S3 server of the local stack, about a minute …'
	@mkdir -p $(@D)
	go build -modfile=infra/tools.mod -buildvcs=false -o $@ github.com/versity/versitygw/cmd/versitygw
	@touch $@

# In a file of its own: it needs a newer Go than the other tools.
$(EMULATOR): infra/emulator.mod infra/emulator.sum
	@mkdir -p $(@D)
	go build -modfile=infra/emulator.mod -buildvcs=false -o $@ github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie
	@touch $@

# Not in infra/tools.mod: it does not build with the YAML library that the other tools choose.
out/bin/actionlint: Makefile
	GOBIN="$$PWD/out/bin" go install github.com/rhysd/actionlint/cmd/actionlint@v$(ACTIONLINT)
	@touch $@

# `sam build` calls these, in a copy of this folder, with ARTIFACTS_DIR.
.PHONY: build-CollectorFunction build-ForwarderFunction
build-CollectorFunction: NAME := collector
build-ForwarderFunction: NAME := forwarder
build-CollectorFunction build-ForwarderFunction:
	$(LAMBDA_BUILD) -o $(or $(ARTIFACTS_DIR),out/$(NAME))/bootstrap ./functions/$(NAME)

# What a release packs, for either processor: out/x86_64/collector/bootstrap.
out/x86_64/%: override ARCHITECTURE := x86_64
out/arm64/%: override ARCHITECTURE := arm64
$(RELEASED): force
	$(LAMBDA_BUILD) -o $@ ./functions/$(notdir $(patsubst %/bootstrap,%,$@))
