# Everything starts from a bare Python 3.11+, make and a package index. `make help` lists the targets.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/.installed
# make scan BARS=path/to/bars.parquet ARGS="--top 50"
BARS ?=
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup scan test check verify bench campaign format lock models golden factors-doc licences-doc clean

help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 12

setup: $(INSTALLED) ## make .venv with `technic` in it

# Again whenever the pins, the protos or the build change.
$(INSTALLED): requirements.lock pyproject.toml hatch_build.py $(shell find protos -name '*.proto')
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Technic needs Python 3.11 or newer, this is " + sys.version)'
	@echo "setting up .venv (about a minute the first time) ..." >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --use-pep517 --disable-pip-version-check --require-hashes -r requirements.lock >&2
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable . >&2
	@touch $(INSTALLED)

scan: setup ## scan the simulated market, or the real bars in BARS
	@$(BIN)/technic scan $(if $(BARS),--bars $(BARS)) $(ARGS)

# Two at a time; a module stays in one process, so that what its tests share is made once.
test: setup ## run all tests
	@$(BIN)/python -m pytest -q -n 2 --dist loadfile $(ARGS)

check: setup ## format, lint, types, protos, import rules, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	$(BIN)/lint-imports --no-cache
	$(BIN)/mypy
	@$(MAKE) --no-print-directory test

verify: check ## what CI checks: all of check, and that the bench still runs
	@$(BIN)/python -m tests.benchmarks --quick

bench: setup ## measure everything on this machine: minutes; ARGS="--only scans", --full, --quick
	@$(BIN)/python -m tests.benchmarks $(ARGS)

campaign: setup ## try what is promised for hours: ARGS="--only budgets", cancels, kills, soak; --runs N
	@$(BIN)/python -m tests.campaign $(ARGS)

format: setup ## put the code and the protos into shape
	$(BIN)/ruff check --fix --select I .
	$(BIN)/ruff format .
	$(BIN)/buf format --write

lock: setup ## pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --universal --python-version 3.11 --upgrade \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --output-file requirements.lock

models: setup ## train the default models anew, on BARS or the real bars beside the checkout
	$(BIN)/technic train --bars $(or $(BARS),../shared/data/bars_2025.parquet --judge ../shared/data/bars_2017.parquet --judge ../shared/data/bars_2026.parquet) $(ARGS)

golden: setup ## write the golden results of the simulated market anew
	$(BIN)/python -m tests.system.golden $$(mktemp -d)

factors-doc: setup ## write docs/factors.md anew from the registry
	$(BIN)/python -m tests.scorer.factors_page

licences-doc: setup ## write docs/licences.md anew from what is installed
	$(BIN)/python -m tests.licences_page

clean: ## remove everything that can be made again
	rm -rf .venv gen build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find services tests -name __pycache__ -type d -prune -exec rm -rf {} +
