# Everything a newcomer needs: `make run` to see it work, `make test` to check it.
SHELL := /bin/bash
TOOLS := $(CURDIR)/bin/tools
GOLANGCI := v2.15.0
GOFUMPT := v0.12.0
BUILD := CGO_ENABLED=0 go build -trimpath -ldflags '-s -w'
LINT_PACKAGES := ./...

.PHONY: run build setup setup-test setup-lint test race check lint bench fmt clean generate web

run: build
	@rm -rf bin/demo && cp -r examples/finance bin/demo
	@cd bin/demo && ../cowork run "/finance:variance-analysis budget.xlsx actuals.csv"

# Go itself is asked for by go.mod; nothing else is needed to build.
build: bin/cowork

bin/cowork: $(shell git ls-files -co --exclude-standard -- '*.go' '*.cue' go.mod go.sum builtin-plugins host 2>/dev/null)
	@command -v go >/dev/null || { echo "install Go 1.26 or newer: https://go.dev/dl"; exit 1; }
	$(BUILD) -o $@ ./cmd/cowork

setup: setup-test setup-lint

# The race detector needs a C compiler; deliverables are checked with
# LibreOffice. Without them the tests say what they skip.
setup-test:
	@.ci/install gcc libc6-dev libreoffice-calc-nogui poppler-utils fonts-liberation chromium

setup-lint: $(TOOLS)/golangci-lint-$(GOLANGCI) $(TOOLS)/gofumpt-$(GOFUMPT)

$(TOOLS)/golangci-lint-$(GOLANGCI):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI)
	@touch $@

$(TOOLS)/gofumpt-$(GOFUMPT):
	@mkdir -p $(TOOLS)
	GOBIN=$(TOOLS) go install mvdan.cc/gofumpt@$(GOFUMPT)
	@touch $@

test: setup-test
	go test ./...
	cd examples/plugin-hello && go test ./...
	cd tools/webbuild && go test ./...

race: setup-test
	CGO_ENABLED=1 go test -race ./...

lint: setup-lint
	@test -z "$$($(TOOLS)/gofumpt -l . | grep -v '\.pb\.go$$')" || { echo "not formatted:"; $(TOOLS)/gofumpt -l . | grep -v '\.pb\.go$$'; exit 1; }
	go vet ./...
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...
	$(TOOLS)/golangci-lint run $(LINT_PACKAGES)
	go mod tidy -diff
	cd examples/plugin-hello && go vet ./... && go mod tidy -diff
	cd tools/webbuild && go vet ./... && go mod tidy -diff

check: lint race

# Ratios are of one run on one machine; absolute times are not comparable. The
# table at the end has the goals. BENCH_BASE is the commit of the program that
# this one's size and start are compared with.
BENCH_BASE := e50ecfe
bench: build bin/cowork-base
	@set -o pipefail; { \
	  go test -run '^$$' -bench . -benchtime 3x -short -timeout 30m ./bench && \
	  go test -run '^$$' -bench 'Turn|Cached|Resume' -benchtime 5x ./host/internal/engine && \
	  go test -run '^$$' -bench . ./host/internal/event ./host/internal/task ./host/internal/window ./host/internal/tool ./host/internal/workspace ./host/internal/runtime ./sandbox/jail && \
	  go test -run '^$$' -bench . -benchtime 3x ./host/internal/model/anthropic ./host/internal/web; \
	} | go run ./bench/report

bin/cowork-base:
	@if git cat-file -e '$(BENCH_BASE)^{commit}' 2>/dev/null; then \
	  mkdir -p bin && rm -rf bin/base && git archive --prefix=bin/base/ $(BENCH_BASE) | tar x && \
	  (cd bin/base && CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o ../cowork-base ./cmd/cowork); rm -rf bin/base; \
	else echo "there is no $(BENCH_BASE) to compare with"; fi

fmt: setup-lint
	$(TOOLS)/gofumpt -w .

# The web page's files, from web/; needs nothing but Go.
web:
	cd tools/webbuild && go run .

# The gRPC code of the plugin contract; needs protoc.
generate:
	cd pluginsdk/rpc/pb && protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative plugin.proto

clean:
	rm -rf bin
