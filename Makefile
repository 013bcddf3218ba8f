# `make run` opens the app, `make test` runs the tests. Each installs what it needs into .venv.

PYTHON ?=
ADDRESS ?= localhost
# No file watcher: every file that is opened in .venv would wake the server (decision 0017).
SERVER = --server.address=$(ADDRESS) --server.fileWatcherType=none
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
# Personal if only this machine can reach the app, public otherwise.
MODE = $(if $(filter localhost 127.0.0.1 ::1,$(ADDRESS)),personal,public)
ARGS ?=
# Test processes. Browser tests mostly wait: one process more than the two cores.
WORKERS ?= 3
NPM := $(shell command -v npm)

# If the Python of the environment was uninstalled, create the environment again.
$(shell [ -x $(BIN)/python ] || rm -f $(VENV)/.app $(VENV)/.dev)

.DEFAULT_GOAL := help
.PHONY: help install run test lint format unit slow corpus cluster reliability screenshots clean

help:  ## list the targets
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 20
	@echo
	@echo "PYTHON=python3.12 chooses the Python (3.11 to 3.13). ADDRESS=0.0.0.0 opens the app to the network, in public mode."
	@echo "ARGS='-k camera' is passed to pytest. WORKERS=2 sets the number of test processes."
	@echo "Tests that need large datasets read the folders TUSKER_TEST_DATASETS, TUSKER_TEST_PHOTOS and"
	@echo "TUSKER_TEST_CORPORA; without them they are skipped."

install: $(VENV)/.app  ## install the app, without opening it

run: $(VENV)/.app  ## install the app and open it, with its HTTP API
	TUSKER_MODE=$${TUSKER_MODE:-$(MODE)} $(BIN)/streamlit run server.py $(SERVER)

test: lint unit  ## install the test tools; lint, then run all tests except the slow ones

lint: $(VENV)/.dev $(if $(NPM),node_modules/.stamp)  ## ruff, mypy, import rules; eslint, prettier and tsc if npm is there
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	@if [ -d node_modules/eslint ]; then npm run --silent lint; else echo "JavaScript is not checked: npm is missing or could not install the linters."; fi

# Compiled modules are kept, also where the environment says otherwise: tests start many processes.
unit: export PYTHONDONTWRITEBYTECODE :=
unit: $(VENV)/.dev  ## all tests except the slow ones, without the linters
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

slow: $(VENV)/.dev  ## the tests that take long
	$(BIN)/python -m pytest -m slow $(ARGS)

corpus: $(VENV)/.dev  ## the tests with hostile archives and pictures
	$(BIN)/python -m pytest -m corpus $(ARGS)

cluster:  ## the tests that need Ray, in a separate environment
	@$(MAKE) --no-print-directory VENV=$(VENV)-ray $(VENV)-ray/.ray
	$(VENV)-ray/bin/python -m pytest -m cluster $(ARGS)

reliability: $(VENV)/.dev  ## fault injection, hostile input and load; write docs/reliability.md
	$(BIN)/python -m benchmarks.reliability $(ARGS)

screenshots: $(VENV)/.dev  ## take the screenshots of the README
	$(BIN)/python -m tests.browser.screenshots

format: $(VENV)/.dev  ## format the code and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	@if [ -d node_modules/eslint ]; then npm run --silent format; fi

clean:  ## delete the environment and the caches; runs and models stay
	rm -rf $(VENV) $(VENV)-ray node_modules .pytest_cache .ruff_cache .mypy_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamp files: newer than the requirements that were installed.
$(VENV)/.app: requirements.txt core/__init__.py | environment
	$(PIP) install --quiet --no-compile -r requirements.txt
	$(PIP) install --quiet --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt requirements.txt core/__init__.py | environment
	$(PIP) install --quiet --no-compile -r requirements-dev.txt
	$(PIP) install --quiet --no-deps -e .
	@touch $@ $(VENV)/.app

node_modules/.stamp: package.json package-lock.json
	@npm ci --silent --no-audit --no-fund --ignore-scripts && touch $@ || rm -rf node_modules

$(VENV)/.ray: requirements-ray-dev.txt requirements-ray.txt $(VENV)/.dev
	$(PIP) install --quiet --no-compile -r requirements-ray-dev.txt
	@touch $@

# pip is installed last: if it is missing, creating the environment failed half-way.
.PHONY: environment
environment:
	@set -e; { [ -x $(BIN)/python ] && [ -x $(BIN)/pip ]; } || { \
	  fits='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'; \
	  for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11); do \
	    if $$python -c "$$fits" 2>/dev/null; then \
	      echo "Creating $(VENV) with $$($$python --version). The first installation takes a minute or two."; \
	      $$python -m venv --clear --upgrade-deps $(VENV); exit; \
	    fi; \
	  done; \
	  echo "Tusker needs Python 3.11, 3.12 or 3.13; found $$($(or $(PYTHON),python3) --version 2>&1 | head -n 1)." >&2; \
	  echo "Install one of them and name it: make $(or $(MAKECMDGOALS),run) PYTHON=python3.12" >&2; \
	  exit 1; }
