# Two commands do all the set-up: `make demo` runs the product on the samples, `make test` passes the tests.
# System packages (Debian) and Python packages are installed once, quietly, the latter into .venv.
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	command -v $$p >/dev/null && $$p -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
TEST_JOBS ?= 2

.PHONY: demo serve test lint bench lock clean help
help: ## what can be asked of make
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: $(VENV)/.runtime ## process samples/ through the real pipeline and open the web UI
	@$(BIN)/depli demo

serve: $(VENV)/.runtime ## web UI, hot folder and workers in one process
	@$(BIN)/depli serve

test: $(VENV)/.dev ## the test suite
	@$(BIN)/python -m pytest -n $(TEST_JOBS) --dist loadfile

lint: $(VENV)/.dev ## ruff, mypy --strict, import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check -q .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(VENV)/.dev ## measure on ../shared/data and write docs/benchmarks.md
	@$(BIN)/depli bench

lock: $(VENV)/.python ## pin again what pyproject.toml asks for
	@$(BIN)/pip install -q uv
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra services -o requirements.lock
	@$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml --extra services --extra dev --extra label --override tools/lock-overrides.txt -o requirements-dev.lock

clean: ## remove what make installed here
	rm -rf $(VENV) var

$(VENV)/.python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv"; exit 1; }
	@tools/system-packages.sh runtime
	@echo "Installing into $(VENV) (once)..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.runtime: $(VENV)/.python requirements.lock pyproject.toml
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.lock
	@tools/system-packages.sh test
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	@touch $@
