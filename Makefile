# Everything is made from here. `make` alone lists what there is.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# The oldest Python we support: what runs on it runs on all. Another one: make PYTHON=python3.12
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
# uv lives in a venv of its own, so that syncing ours does not remove it.
UV := $(VENV)/uv/bin/uv
READY := $(VENV)/.ready

CODE := presence streams projections ws_edge control migrations

##@ Run
.PHONY: run
run: $(READY) ## start everything on this machine; Ctrl-C stops it
	exec $(BIN)/presence up $(ARGS)

.PHONY: demo
demo: $(READY) ## people who come and go, in a second terminal
	exec $(BIN)/presence demo --watch $(ARGS)

##@ Check
.PHONY: test
test: $(READY) ## all tests, on embedded servers; one: make test ARGS='-k grace'
	$(BIN)/pytest $(ARGS)

.PHONY: check
check: lint types imports cover wheel ## all gates but the long tests

.PHONY: lint
lint: $(READY) ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: fmt
fmt: $(READY) ## put the format right, and what ruff can mend
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

.PHONY: types
types: $(READY) ## mypy --strict
	$(BIN)/mypy

.PHONY: imports
imports: $(READY) ## imports flow one way
	$(BIN)/lint-imports

.PHONY: cover
cover: $(READY) ## the pure layers' own tests cover every branch of them
	$(BIN)/python -m tests.support.coverage_gate

.PHONY: wheel
wheel: $(READY) ## build the wheel and try it in an empty environment
	$(BIN)/python tests/support/wheel_check.py --uv $(UV)

.PHONY: bench
bench: $(READY) ## measure; figures as JSON in bench-results/
	$(BIN)/python -m tests.bench $(ARGS)

##@ Keep
.PHONY: setup
setup: $(READY) ## make .venv; done by itself where it is needed

$(UV):
	@test -x $(BIN)/python || { $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: Python 3.11 or newer is needed, $(PYTHON) is older; name one: make PYTHON=/path/to/python3.11" >&2; \
	  exit 1; }; $(PYTHON) -m venv --without-pip $(VENV); }
	$(PYTHON) -m venv $(VENV)/uv
	$(VENV)/uv/bin/pip install --quiet --disable-pip-version-check uv

# Synced again only when what is wanted changed.
$(READY): requirements/dev.txt pyproject.toml | $(UV)
	$(UV) pip sync --quiet --python $(BIN)/python requirements/dev.txt
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --editable .
	@touch $@

.PHONY: lock
lock: $(READY) ## choose newer packages: requirements/*.txt
	for kind in run dev; do \
	  $(UV) pip compile --quiet --upgrade --universal --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.11 pyproject.toml $$(test $$kind = dev && echo --group dev) -o requirements/$$kind.txt; \
	done

.PHONY: docs
docs: $(READY) ## write the pages that are generated from the code
	$(BIN)/presence settings --markdown > docs/reference/settings.md
	$(BIN)/presence reference > docs/reference/cli.md
	$(BIN)/python docs/generate_diagram.py

.PHONY: hooks
hooks: $(READY) ## run the fast gates at each commit
	$(BIN)/pre-commit install

.PHONY: clean
clean: ## remove what was built; keeps .venv and the data in .presence
	rm -rf build dist bench-results .coverage .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find $(CODE) tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
