# Every task of the project. What is compiled is kept in $(CACHE), outside the clone.
CACHE := $(or $(WASMILL_CACHE),$(HOME)/.cache/wasmill)
export WASMILL_CACHE := $(CACHE)
export FEATURES
HOST := CARGO_TARGET_DIR=$(CACHE)/host cargo
FUNCTIONS := tools/steady.sh && cd functions && CARGO_TARGET_DIR=$(CACHE)/functions cargo
QUICK := WASMILL_COMPONENTS=$(CACHE)/components/quick

.DEFAULT_GOAL := help
.PHONY: help setup components components-quick build demo demo-lake reports serve test test-functions test-host test-full test-faults test-app fuzz conformance check fmt bench bench-serve bench-events bench-lake bench-query bench-documents eval-explain bench-explain data train schema clean

help: ## list the tasks
	@grep -hE '^[a-z-]+:.*## ' Makefile | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | expand -t 20

setup: ## find or make what is needed to build for WebAssembly
	@tools/wasm-toolchain.sh >/dev/null

components: setup ## build the functions as they ship: small and fast
	@tools/components.sh release

components-quick: setup ## build the functions as the tests use them: compiled quickly
	@tools/components.sh quick

build: ## build wasmill into bin/, with the functions beside it; FEATURES=warehouse for tables of Delta Lake
	@tools/build.sh

demo: build ## run a month of real flights through the pipeline, and look at what came out
	@tools/demo.sh

demo-lake: ## the same flights, joined with tables of PostgreSQL and Delta Lake, into a table of Delta Lake
	@$(MAKE) --no-print-directory build FEATURES=warehouse
	@tools/demo-lake.sh

reports: ## the same, with a page of reports on 127.0.0.1:8080
	@$(MAKE) --no-print-directory build FEATURES=warehouse
	@tools/demo-lake.sh reports

serve: build ## serve the flights' model over HTTP, on 127.0.0.1:8080
	@tools/serve.sh

test: test-functions test-host ## run everything that a change can break quickly

test-functions: ## the functions' logic, natively
	@$(FUNCTIONS) test --workspace --exclude hostile --exclude scale --exclude webhook

test-host: components-quick ## the host, with the functions in their sandboxes
	@$(QUICK) $(HOST) test --workspace --exclude wasmill-tests-full --exclude wasmill-warehouse

test-full: test ## and what needs more: a zoo of models, the ONNX project's cases of its operators
	@tools/test-full.sh

test-faults: components-quick ## crashes at every point, kills at any moment, stores and servers that fail; SEED=… KILLS=…
	@tools/test-faults.sh

test-app: components-quick ## the client for TypeScript, and the flights' page in Chromium
	@tools/test-app.sh

fuzz: ## feed ingest's decoders what nobody would write; SECONDS=60 for each, TARGET=…
	@SECONDS_EACH=$(SECONDS) tools/fuzz.sh

conformance: components-quick ## HTTP cases on wasmill serve, wasmtime serve and wasmCloud's host
	@tools/conformance.sh

check: ## formatting, lints, documentation, licences
	@tools/check.sh

fmt: ## format all code
	@cargo fmt && cd functions && cargo fmt

data: ## bring the full year of flights (336,776 rows) into the cache
	@tools/data.sh

train: build ## train the demo's model again, from what the pipeline gives
	@tools/train.sh

bench: build data ## the same pipeline by Wasmill, natively and in Python
	@tools/bench.sh

bench-serve: build ## sandboxes, batches and scoring endpoints, beside native code, wasmtime serve and FastAPI
	@tools/bench-serve.sh

bench-events: build ## small events from HTTP and NATS to documents, and what the journal costs
	@tools/bench-events.sh

bench-lake: data ## files of CSV and JSON into tables of Delta Lake, beside native code, Polars, DuckDB and PySpark
	@$(MAKE) --no-print-directory build FEATURES=warehouse
	@tools/bench-lake.sh

bench-query: ## TPC-H over tables of Delta Lake, beside DuckDB and DataFusion, and what PostgreSQL's protocol costs
	@$(MAKE) --no-print-directory build FEATURES=warehouse
	@tools/bench-query.sh

bench-documents: build ## documents in four databases beside their own clients, the change feed, and reads
	@tools/bench-documents.sh

eval-explain: ## how well causes are found where they are known, beside other methods; CASES=1000 of each setting
	@tools/eval-explain.sh

bench-explain: ## how long that takes for tables of up to a million leaves and ten dimensions, and how much memory
	@tools/eval-explain.sh bench

schema: ## write the manifest's JSON schema, for editors
	@$(HOST) run -q -p wasmill -- schema > manifests/pipeline.schema.json

clean: ## remove what was built, here and in the cache (the toolchain stays)
	rm -rf bin $(CACHE)/host $(CACHE)/functions $(CACHE)/guests $(CACHE)/components $(CACHE)/code $(CACHE)/registry $(CACHE)/cosmos
