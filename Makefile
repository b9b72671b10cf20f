# How runecast-ingest is built, tested, packed and deployed: `make` lists the targets. Needs GNU make, Go and a POSIX shell.

.SHELLFLAGS := -eu -c
.DEFAULT_GOAL := help

# Values are given on the command line. Of the environment only variables with the prefix RUNECAST_INGEST_ are read, which CI sets:
# a variable with a general name such as VERSION may be there for something else.
RELEASE := 0.1.0
# The release, followed by the commit if this folder is a git repository: `sam build` may build a copy that is none.
VERSION := $(or $(RUNECAST_INGEST_VERSION),$(RELEASE)$(addprefix +,$(shell git describe --always --dirty --exclude '*' 2>/dev/null)))
# Each stage has its own stack and its own settings file. samconfig.toml says how the SAM CLI works for a stage; a stage without
# a table there works as the stage default.
STAGE := $(or $(RUNECAST_INGEST_STAGE),default)
STACK := runecast-ingest$(if $(filter-out default,$(STAGE)),-$(STAGE))
CONFIG_ENV := $(if $(filter default dev prod,$(STAGE)),$(STAGE),default)
# The folder of an unpacked release, or one of its templates. Its zips are deployed as they are, and nothing is built. In a folder,
# the template for the stage's processor is taken.
TEMPLATE :=
TEMPLATE_FOR_STAGE = $(if $(filter %.yaml,$(TEMPLATE)),$(TEMPLATE),$(TEMPLATE)/template$$(sed -n 's/^Architecture = "x86_64"$$/-x86_64/p' out/settings/$(STAGE).toml).yaml)
# The processor that the functions are built for, in Lambda's words: arm64 or x86_64. `make deploy` takes it from the stage's settings.
ARCHITECTURE := $(or $(RUNECAST_INGEST_ARCHITECTURE),arm64)
GOARCH_arm64 := arm64
GOARCH_x86_64 := amd64
GOARCH_LAMBDA = $(or $(GOARCH_$(ARCHITECTURE)),$(error ARCHITECTURE must be arm64 or x86_64))
# The binaries that a release packs.
RELEASED := $(foreach p,arm64 x86_64,out/$p/collector/bootstrap out/$p/forwarder/bootstrap)
ARGS :=
ROUNDS := 300
SEED := 0
# The commit with which `make bench` compares this work tree; empty: none.
BASE :=

TOOL := go tool -modfile=infra/tools.mod
PROGRAM := out/bin/runecast-ingest
S3_SERVER := $(or $(RUNECAST_INGEST_S3_SERVER),out/bin/versitygw)
# AWS's emulator of the Lambda runtime. Only tests use it, and look for it at this path.
EMULATOR := out/bin/aws-lambda-rie
ACTIONLINT := 1.7.12
# The flag with which tests run under the race detector; empty: they run without it.
RACE := -race

# Variables of the shell that are for a real AWS account must reach neither the tests nor the local stack. The go command itself
# keeps the certificates: it may need them to download modules.
ACCOUNT := $(filter AWS_%,$(.VARIABLES))
WITHOUT_ACCOUNT := env $(addprefix -u ,$(ACCOUNT))
WITHOUT_CERTIFICATES := env -u SSL_CERT_FILE -u SSL_CERT_DIR
# Tests start programs that they build. A hardened machine forbids that in its temporary folder, so tests have one under out/.
TEST := mkdir -p out/tmp; TMPDIR="$$PWD/out/tmp" $(WITHOUT_ACCOUNT)

# The build is reproducible: the bytes do not depend on the machine, the folder or the time.
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

# Tests under functions/ and infra/ mostly start processes of their own, which the race detector does not see. The parts of the local
# stack are servers in the process of the test, and so run under the race detector.
RACED := ./internal/... $(addprefix ./infra/local/,display schedule secrets tracing trigger)
test: tools ## Run every test, shuffled; those of internal/ and of the local stack's parts with -race if there is a C compiler
	@race=$(RACE); \
	if [ -n "$$race" ] && ! printf '#include <stdlib.h>\nint main(void) { return 0; }' | $$(go env CC) -x c -o /dev/null - 2>/dev/null; then \
		race=; echo 'make test: no C compiler, so without -race (Debian: apt-get install gcc libc6-dev)'; \
	fi; set -x; \
	$(TEST) CGO_ENABLED=$${race:+1} go test $$race -shuffle=on -exec '$(WITHOUT_CERTIFICATES)' $(ARGS) $(RACED); \
	$(TEST) CGO_ENABLED= go test -shuffle=on -exec '$(WITHOUT_CERTIFICATES)' $(ARGS) $$(go list ./functions/... ./infra/... | grep -v '/infra/local/')

chaos: tools ## Deliver under every fault, and among random crashes, of a new seed or of a given one: make chaos ROUNDS=1000 SEED=1
	$(TEST) go test -run 'TestFaults|TestChaos' -timeout 2h ./internal/forward -faults.full -chaos.rounds=$(ROUNDS) -chaos.seed=$(SEED) $(ARGS)

lint: out/bin/actionlint ## Vet and lint, the workflows in .github/ too
	go vet ./...
	$(TOOL) golangci-lint run ./...
	out/bin/actionlint -shellcheck= -pyflakes= .github/workflows/*.yml

fmt: ## Format
	$(TOOL) golangci-lint fmt ./...

bench: tools $(if $(BASE),out/bin/bench) ## Run the benchmarks (with larger results: RESULTS_MB=1000), or compare both functions with those of a commit: make bench BASE=feb982f
	$(TEST) $(if $(BASE),out/bin/bench -base $(BASE) $(ARGS),go test -run '^$$' -bench . -benchmem $(ARGS) ./...)

validate: ## Validate template.yaml by four gates, without an account: infra/template/gates/validate says what they check and need
	infra/template/gates/validate

tools: $(S3_SERVER) $(EMULATOR) ## Build the S3 server of the local stack, and AWS's emulator of its runtime (about a minute, once)

# Dynatrace's published client comes from npm; a test lets it query the simulated query service. The lock file has a hash of each package.
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
run: tools out/bin/local ## Run the whole product on this machine: make run ARGS="-objects 200000 -seed 7"
	$(WITHOUT_ACCOUNT) out/bin/local $(ARGS)

dist: out/bin/dist $(RELEASED) ## Pack both functions for both processors reproducibly, with templates, checksums and a bill of materials, under out/dist/
	out/bin/dist -version $(VERSION) -out out/dist $(RELEASED)

# --guided and --parameter-overrides are refused: the SAM CLI writes the values of --guided into samconfig.toml, which git tracks, and cuts typed
# values of --parameter-overrides at spaces. The SAM CLI looks for samconfig.toml beside the template, so its path is given.
deploy: $(PROGRAM) ## Build and deploy a stage with SAM; the first time after `runecast-ingest settings new`: make deploy STAGE=prod
	$(if $(findstring --guided,$(ARGS))$(findstring --parameter-overrides,$(ARGS)),$(error settings stand in the stage's settings file: change them with `$(PROGRAM) settings set NAME=VALUE --stage $(STAGE)`, and leave --guided and --parameter-overrides out))
	$(PROGRAM) settings prepare --stage $(STAGE) --out out/settings/$(STAGE).toml
	$(if $(TEMPLATE),,RUNECAST_INGEST_ARCHITECTURE=$$(sed -n 's/^Architecture = "\(.*\)"$$/\1/p' out/settings/$(STAGE).toml) sam build --config-env $(CONFIG_ENV) --parameter-overrides file://out/settings/$(STAGE).toml)
	sam deploy --config-file "$(CURDIR)/samconfig.toml" $(if $(TEMPLATE),--template-file "$(TEMPLATE_FOR_STAGE)") --config-env $(CONFIG_ENV) --stack-name $(STACK) --parameter-overrides file://out/settings/$(STAGE).toml $(ARGS)

# Programs are built under out/bin and started there: `go run` starts them in the temporary folder, which some machines forbid.
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

# The emulator has its own module file, since it needs a newer Go than the other tools.
$(EMULATOR): infra/emulator.mod infra/emulator.sum
	@mkdir -p $(@D)
	go build -modfile=infra/emulator.mod -buildvcs=false -o $@ github.com/aws/aws-lambda-runtime-interface-emulator/cmd/aws-lambda-rie
	@touch $@

# actionlint is not in infra/tools.mod, since it does not build with the YAML library that the other tools need.
out/bin/actionlint: Makefile
	GOBIN="$$PWD/out/bin" go install github.com/rhysd/actionlint/cmd/actionlint@v$(ACTIONLINT)
	@touch $@

# `sam build` calls these two targets, and sets ARTIFACTS_DIR to the folder for the binary.
.PHONY: build-CollectorFunction build-ForwarderFunction
build-CollectorFunction: NAME := collector
build-ForwarderFunction: NAME := forwarder
build-CollectorFunction build-ForwarderFunction:
	$(LAMBDA_BUILD) -o $(or $(ARTIFACTS_DIR),out/$(NAME))/bootstrap ./functions/$(NAME)

# The binaries that a release packs, for both processors, such as out/x86_64/collector/bootstrap.
out/x86_64/%: override ARCHITECTURE := x86_64
out/arm64/%: override ARCHITECTURE := arm64
$(RELEASED): force
	$(LAMBDA_BUILD) -o $@ ./functions/$(notdir $(patsubst %/bootstrap,%,$@))
