# `make run` opens the app, `make test` passes the tests. Each installs what it needs into .venv.

PYTHON ?=
ADDRESS ?= localhost
# Without watching files: every file that is opened in the environment would wake the server.
SERVER = --server.address=$(ADDRESS) --server.fileWatcherType=none
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Whoever is on this machine owns what is here; whoever comes from elsewhere is a stranger.
MODE = $(if $(filter localhost 127.0.0.1 ::1,$(ADDRESS)),personal,public)
ARGS ?=
# Tests that run side by side; those of one file stay together, as they share what is costly.
WORKERS ?= 2
NPM := $(shell command -v npm)

# An environment whose Python is gone from the machine is made anew.
$(shell [ -x $(BIN)/python ] || rm -f $(VENV)/.app $(VENV)/.dev)

.DEFAULT_GOAL := help
.PHONY: help run serve test lint format unit slow corpus cluster reliability screenshots clean

help:  ## show this list
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo
	@echo "PYTHON=python3.12 chooses the Python (3.11 to 3.13); ADDRESS=0.0.0.0 opens the app to the network, and is a public host."
	@echo "ARGS='-k camera' goes to pytest. Tests that need pictures of yours read"
	@echo "TUSKER_TEST_DATASETS, TUSKER_TEST_PHOTOS and TUSKER_TEST_CORPORA (folders; unset: skipped)."

run: $(VENV)/.app  ## install what the app needs and open it
	TUSKER_MODE=$${TUSKER_MODE:-$(MODE)} $(BIN)/streamlit run app.py $(SERVER)

serve: $(VENV)/.app  ## the same with the HTTP endpoint beside the pages
	TUSKER_MODE=$${TUSKER_MODE:-$(MODE)} $(BIN)/streamlit run server.py $(SERVER)

test: lint unit  ## install what the tests need; lint, then every test but the slow ones

lint: $(VENV)/.dev $(if $(NPM),node_modules/.stamp)  ## ruff, mypy, import rules; eslint, prettier and tsc where npm is
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@if [ -d node_modules/eslint ]; then npm run --silent lint; else echo "JavaScript is not checked: npm is missing or could not install the linters."; fi

unit: $(VENV)/.dev  ## every test but the slow ones, without the linters
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile $(ARGS)

slow: $(VENV)/.dev  ## the tests that take minutes
	$(BIN)/python -m pytest -m slow $(ARGS)

corpus: $(VENV)/.dev  ## the tests over hostile archives and pictures
	$(BIN)/python -m pytest -m corpus $(ARGS)

cluster:  ## the tests that need Ray, in an environment of their own
	@$(MAKE) --no-print-directory VENV=$(VENV)-ray $(VENV)-ray/.ray
	$(VENV)-ray/bin/python -m pytest -m cluster $(ARGS)

reliability: $(VENV)/.dev  ## strike and load the app, and write docs/reliability.md
	$(BIN)/python -m benchmarks.reliability $(ARGS)

screenshots: $(VENV)/.dev  ## make the pictures of the README again
	$(BIN)/python -m tests.browser.screenshots

format: $(VENV)/.dev  ## put the code in shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@if [ -d node_modules/eslint ]; then npm run --silent format; fi

clean:  ## forget the environment and the caches; runs and models stay
	rm -rf $(VENV) $(VENV)-ray node_modules .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps are younger than the requirements they installed.
$(VENV)/.app: requirements.txt core/__init__.py | environment
	$(PIP) install --quiet -r requirements.txt
	$(PIP) install --quiet --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt core/__init__.py | environment
	$(PIP) install --quiet -r requirements-dev.txt
	$(PIP) install --quiet --no-deps -e .
	@touch $@ $(VENV)/.app

node_modules/.stamp: package.json package-lock.json
	@npm ci --silent --no-audit --no-fund --ignore-scripts && touch $@ || rm -rf node_modules

$(VENV)/.ray: requirements-ray-dev.txt requirements-ray.txt $(VENV)/.dev
	$(PIP) install --quiet -r requirements-ray-dev.txt
	@touch $@

# pip comes last in a new environment: without it, the making failed half-way.
.PHONY: environment
environment:
	@set -e; { [ -x $(BIN)/python ] && [ -x $(BIN)/pip ]; } || { \
	  fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; \
	  for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    if $$python -c "$$fits" 2>/dev/null; then \
	      echo "Making $(VENV) with $$($$python --version). The first installation takes a minute or two."; \
	      $$python -m venv --clear $(VENV); exit; \
	    fi; \
	  done; \
	  echo "Tusker needs Python 3.11, 3.12 or 3.13; found $$($(or $(PYTHON),python3) --version 2>&1 | head -n 1)." >&2; \
	  echo "Install one of them and name it: make $(or $(MAKECMDGOALS),run) PYTHON=python3.12" >&2; \
	  exit 1; }
