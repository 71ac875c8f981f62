# make run builds and serves on http://127.0.0.1:5000 with data in ./var; make test runs all tests.
export CGO_ENABLED := 0
export GOFLAGS     := -trimpath -buildvcs=false

.PHONY: run build test check generate bench soak seed-demo
run: build
	./bin/slipway serve --data ./var

build:
	go build -ldflags "-s -w" -o bin/slipway ./cmd/slipway

generate:
	go tool templ generate -path web -log-level error

test:
	./.ci/test

check:
	./.ci/check

bench: build
	./bench/run

soak:
	./bench/soak

# Fills a running server with realistic experiments, through its public API.
URL ?= http://127.0.0.1:5000
seed-demo:
	go run ./bench/seed -url $(URL)
