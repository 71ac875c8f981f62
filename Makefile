# make run builds and serves on http://127.0.0.1:5000 with data in ./var; make test runs all tests.
export CGO_ENABLED := 0
export GOFLAGS     := -trimpath -buildvcs=false

.PHONY: run build test check generate charts catalog-snapshot bench soak seed-demo
run: build
	./bin/slipway serve --data ./var

build:
	go build -ldflags "-s -w" -o bin/slipway ./cmd/slipway

generate:
	go tool templ generate -path web -log-level error

# Builds the parts of the chart library that our charts use; static/echarts names them and the versions.
charts:
	cd static/echarts && npm ci --no-audit --no-fund --silent && npx esbuild charts.js --bundle --minify --format=iife --target=es2022 --legal-comments=inline --log-level=warning --outfile=../js/echarts.min.js

# Makes the catalog that comes with the program of the price map in this release of LiteLLM (MIT).
LITELLM := 1.110.2
LITELLM_DATE := 2026-11-27
catalog-snapshot:
	dir=$$(mktemp -d) && pip download --quiet --no-deps --dest $$dir litellm==$(LITELLM) && \
	(cd clients/catalogsource/snapshot && go run make.go $$dir/litellm-*.whl $(LITELLM_DATE)); rm -rf $$dir

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
