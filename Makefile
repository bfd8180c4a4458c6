# Everything a newcomer or CI does. Each target sets up what it needs; `make` alone lists them.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
BENCH ?= replay
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
INSTALL := $(BIN)/uv pip install --python $(BIN)/python --no-deps
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--annotation-style line --custom-compile-command "make lock"

# $(call told,WHAT,COMMAND): says what is being set up, and every 5 s that it still is.
told = @echo "setting up: $(1)"; (s=0; while sleep 5; do s=$$((s + 5)); echo "  still at it, $$s s"; done) & ticker=$$!; \
	trap "kill $$ticker 2>/dev/null" EXIT; $(2)

.DEFAULT_GOAL := help
.PHONY: help setup lock audit demo test soak check bench quality up down train docs notebook clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo '  options are passed on with ARGS, for instance: make demo ARGS="--seconds 20"'

setup: $(STAMP) ## install everything into .venv

$(STAMP): pyproject.toml requirements/all.txt requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' || \
		{ echo "Python 3.11 to 3.13 is needed: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(call told,an environment in $(VENV),test -x $(BIN)/python || $(PYTHON) -m venv $(VENV))
	$(call told,the installer,$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --requirement requirements/uv.txt)
	$(call told,the pinned packages,$(INSTALL) --require-hashes --requirement requirements/all.txt)
	$(call told,this checkout,$(INSTALL) --no-build-isolation --editable .)
	@touch $@

lock: $(STAMP) ## pin requirements anew after a change of pyproject.toml; ARGS=--upgrade takes newer releases
	$(LOCK) $(ARGS) pyproject.toml --all-extras --group build --group installer --output-file requirements/all.txt
	$(LOCK) pyproject.toml --extra s3 --extra archive --extra oidc --extra traces --group build --constraint requirements/all.txt --output-file requirements/image.txt
	$(LOCK) --group installer --constraint requirements/all.txt --output-file requirements/uv.txt
	$(LOCK) --group audit --constraint requirements/all.txt --output-file requirements/audit.txt

audit: $(STAMP) ## known vulnerabilities of what we use, and a bill of materials of the image: build/sbom.json
	@VENV=$(VENV) .ci/audit

demo: $(STAMP) ## the whole system on this machine: broker, worker, traffic, live decisions
	$(BIN)/robocall demo $(ARGS)

test: $(STAMP) ## all tests, on real Kafkas and Valkeys, several at a time; -n 0 in ARGS: one at a time
	$(call told,the machine code that all processes of the tests share,$(BIN)/python -m streams.worker.warming)
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

soak: $(STAMP) ## all faults, long and often; writes the table of docs/reliability.md
	$(BIN)/python -m tests.faults.soak $(ARGS)

check: $(STAMP) ## lint, format, types, import rules, generated pages, the site and its links
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m streams.contract_docs.generated --check
	$(BIN)/python -m tests.import_graph --check
	$(BIN)/python docs/build_site.py

bench: $(STAMP) ## cost of an event in a replay; BENCH=throughput, latency, ... for the others: benchmarks/README.md
	$(BIN)/python -m benchmarks.$(BENCH) $(ARGS)

quality: $(STAMP) ## judge the shipped model in worlds it never saw, some twenty minutes; writes the tables of docs/quality.md
	$(BIN)/python -m models.judge.report.quality $(ARGS)

up: $(STAMP) ## leave a local Kafka and Valkey running
	$(BIN)/robocall local up $(ARGS)

down: $(STAMP) ## stop them
	$(BIN)/robocall local down $(ARGS)

train: $(STAMP) ## train the shipped model again, a quarter of an hour; ARGS for another
	$(BIN)/robocall train $(or $(ARGS),--worlds 150 --world-calls 24000 --seed 7 --out models/default)

docs: $(STAMP) ## regenerate the pages that come from code, and build the site in build/site
	$(BIN)/python -m streams.contract_docs.generated
	$(BIN)/python -m tests.import_graph
	$(BIN)/python docs/build_site.py

notebook: $(STAMP) ## run the example notebook, and keep what it shows
	$(BIN)/python -c "import nbclient, nbformat; name = 'examples/retraining.ipynb'; page = nbformat.read(name, 4); \
		nbclient.NotebookClient(page, timeout=900, record_timing=False).execute(); nbformat.write(page, name)"

clean: ## remove what can be made again, .venv included
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
