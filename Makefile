# Every target sets the project up first; a set-up that is done costs nothing.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.setup-done
UV := $(shell uv --version >/dev/null 2>&1 && command -v uv || echo $(BIN)/uv)
# Extra words for pytest and for the resolver: make test ARGS="-k split", make constraints ARGS=--upgrade
ARGS ?=

# A download may stall longer than uv waits by default, and a home that cannot be written has no place for a cache.
export UV_HTTP_TIMEOUT ?= 300
HOME_OR_CACHE := $(or $(XDG_CACHE_HOME),$(HOME))
ifneq ($(HOME_OR_CACHE),$(shell test -w "$(HOME_OR_CACHE)" && echo "$(HOME_OR_CACHE)"))
export UV_CACHE_DIR ?= $(CURDIR)/.uv_cache
endif

.DELETE_ON_ERROR:
.PHONY: help setup demo test test-all lint format docs bench constraints

help:
	@echo "make setup        install into $(VENV) (exact versions from constraints.txt)"
	@echo "make demo         train, test, export and predict on handwritten digits, offline"
	@echo "make test         the tests, without the slow ones"
	@echo "make test-all     all tests"
	@echo "make lint         ruff, mypy, pydoclint, import-linter"
	@echo "make format       let ruff rewrite what it can"
	@echo "make docs         generate the tables of the docs from the code"
	@echo "make bench        run the benchmarks that need no data set"
	@echo "make constraints  resolve constraints.txt again (ARGS=--upgrade for newer versions)"

setup: $(STAMP)

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if (3, 11) <= sys.version_info < (3, 14) else \
	"OTX needs Python 3.11, 3.12 or 3.13, and $(PYTHON) is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv $(VENV)

$(BIN)/uv: | $(BIN)/python
	$(BIN)/python -m pip install --quiet --constraint constraints.txt uv

$(STAMP): pyproject.toml constraints.txt | $(BIN)/python $(UV)
	$(UV) pip install --python $(BIN)/python --constraints constraints.txt --compile-bytecode --editable '.[dev]'
	@touch $@

demo: setup
	$(BIN)/otx demo

test: setup
	scripts/run_tests.sh -m "not slow" $(ARGS)

test-all: setup
	scripts/run_tests.sh $(ARGS)

lint: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/flake8 src
	$(BIN)/lint-imports --no-logo

format: setup
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: setup
	$(BIN)/python scripts/build_docs.py

# The others need a data set: each says how it is called.
BENCHMARKS := $(patsubst %,benchmarks/%.py,check_large_coco cli_startup predict_throughput train_overhead)

bench: setup
	@set -e; for file in $(BENCHMARKS); do echo "== $$file"; $(BIN)/python $$file; done

constraints: | $(UV)
	$(UV) pip compile pyproject.toml --all-extras --universal --python-version 3.11 --no-annotate --quiet \
		--custom-compile-command "make constraints" --output-file constraints.txt $(ARGS)
