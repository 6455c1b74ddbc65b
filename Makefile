# Microgrid Hub: set up what is missing, then run, test or measure it.
# `make help` lists the targets. Needed beforehand: Python >= 3.11, make, a network.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# All paths are relative, so the tree may lie in a folder with blanks in its name.
VENV   := .venv
BIN    := $(VENV)/bin
PYTHON_FILES := hub plugins tests tools benchmarks
# The tests of a file share a worker. Should native code (solver, EVM) crash one, pytest names the
# test and goes on; the few long files of one test each come last, with a core to themselves.
WORKERS := --numprocesses 2 --dist loadfile

# The environment's programs come first: `npm` below is the one of the Node.js wheel.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Errors only: hints about the configuration of the machine's pip are not ours to show.
PIP_QUIET := --quiet --quiet --no-input
export npm_config_fund := false
export npm_config_audit := false
export npm_config_update_notifier := false

# Each finished setup stage leaves a stamp; a stage runs again when what it was made from changed.
# An environment knows its own path: after the tree was moved it is made anew.
VENV_STAMP      := $(VENV)/.made-in-$(shell printf %s "$(CURDIR)" | cksum | cut -d ' ' -f 1)
PACKAGES_STAMP  := $(VENV)/.packages
NODE_STAMP      := $(VENV)/.node
TEST_STAMP      := $(VENV)/.test-packages
TOOLS_STAMP     := $(VENV)/.system-tools
CONTRACT_STAMP  := contracts/node_modules/.installed
PAGE_STAMP      := dapp-static/node_modules/.installed
PAGE_TOOLS      := dapp-static/node_modules/.bin
PAGE_TEST_STAMP := dapp-static/node_modules/.installed-for-tests
CONTRACT        := contracts/build/EnergyDoubleAuction.json
CONTRACT_SOURCES := $(shell find contracts -path contracts/node_modules -prune -o \
    \( -path 'contracts/src/*.sol' -o -path 'contracts/scripts/*' -o -name 'hardhat.config.*' \) -type f -print 2>/dev/null)

STAGES := $(if $(filter run setup,$(MAKECMDGOALS)),6,9)

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

# --- run --------------------------------------------------------------------

.PHONY: run
run: setup ## Set up what is missing and start the hub on hub.yaml; ARGS are passed to `hub run`
	@$(BIN)/hub run $(ARGS)

# --- checks -----------------------------------------------------------------

.PHONY: test
test: setup-test ## Run every check: style, imports, types, documentation, contract, Python, browser
	@echo "[check 1/5] style and imports"
	@$(MAKE) --no-print-directory lint
	@echo "[check 2/5] types"
	@$(MAKE) --no-print-directory types
	@echo "[check 3/5] documentation"
	@$(MAKE) --no-print-directory docs
	@echo "[check 4/5] contract"
	@$(MAKE) --no-print-directory test-contracts
	@echo "[check 5/5] Python and browser"
	@$(MAKE) --no-print-directory test-python

.PHONY: test-python
test-python: setup-test ## Run the Python and browser tests; ARGS are passed to pytest
	@$(BIN)/python -m pytest $(WORKERS) --cov --cov-report=term $(ARGS)

.PHONY: test-contracts
test-contracts: $(CONTRACT) ## Run the contract's own tests; hold its gas and branch coverage against their limits
	@cd contracts && npm test --silent
	@cd contracts && npm run gas --silent
	@cd contracts && npm run coverage --silent

.PHONY: test-long
test-long: setup-test ## Run the tests that take minutes, too, with many more generated examples
	@cd contracts && npm run --silent test:long
	@$(BIN)/python -m pytest $(WORKERS) -m "long or not long" --hypothesis-profile=long $(ARGS)

.PHONY: lint
lint: $(TEST_STAMP) $(PAGE_TEST_STAMP) $(CONTRACT_STAMP) ## Check style (ruff, ESLint), who imports whom, and the pages' types
	@$(BIN)/ruff check $(PYTHON_FILES)
	@$(BIN)/ruff format --check $(PYTHON_FILES)
	@$(BIN)/lint-imports --no-logo
	@$(PAGE_TOOLS)/eslint --config dapp-static/eslint.config.mjs dapp-static plugins
	@$(PAGE_TOOLS)/tsc --project dapp-static/jsconfig.json
	@cd contracts && npm run --silent --if-present lint

.PHONY: types
types: $(TEST_STAMP) ## Check types (mypy --strict)
	@$(BIN)/python -m mypy

.PHONY: format
format: $(TEST_STAMP) ## Format the Python code
	@$(BIN)/ruff check --fix-only --quiet $(PYTHON_FILES)
	@$(BIN)/ruff format $(PYTHON_FILES)

# --- documents and measurements ---------------------------------------------

.PHONY: docs
docs: $(TEST_STAMP) ## Build the documentation into site/
	@$(BIN)/python -m mkdocs build --strict --quiet

.PHONY: bench
bench: setup-test ## Run all benchmarks, one after the other
	@set -e; for benchmark in benchmarks/*.py; do \
	    echo "== $$benchmark"; $(BIN)/python "$$benchmark"; \
	done

.PHONY: lock
lock: $(VENV_STAMP) ## Write constraints.txt anew from the newest versions setup.cfg allows
	@rm -rf build/lock && $(BIN)/python -m venv build/lock
	@build/lock/bin/python -m pip install $(PIP_QUIET) ".[dev]"
	@{ echo "# The versions the hub is tested with; made by 'make lock'."; \
	   build/lock/bin/python -m pip freeze --exclude microgrid-hub; } > constraints.txt
	@rm -rf build/lock

# --- clean ------------------------------------------------------------------

.PHONY: clean
clean: ## Remove build products, caches and reports; keep environments and the hub's data
	rm -rf build dist site htmlcov .coverage .coverage.* *.egg-info contracts/build contracts/artifacts contracts/cache
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache tests/e2e/screenshots
	find $(PYTHON_FILES) -type d -name __pycache__ -prune -exec rm -rf {} +

.PHONY: distclean
distclean: clean ## Remove the Python environment and the npm packages, too
	rm -rf $(VENV) contracts/node_modules dapp-static/node_modules

# --- setup, stage by stage --------------------------------------------------

.PHONY: setup
setup: $(PACKAGES_STAMP) $(NODE_STAMP) $(CONTRACT) $(PAGE_STAMP) ## Set up what running needs

.PHONY: setup-test
setup-test: setup $(TEST_STAMP) $(PAGE_TEST_STAMP) $(TOOLS_STAMP) ## Set up what the tests need, too

$(VENV_STAMP):
	@echo "[1/$(STAGES)] creating the Python environment in $(VENV) ..."
	@tools/create_venv.sh $(VENV)
	@touch $@

$(PACKAGES_STAMP): setup.cfg constraints.txt | $(VENV_STAMP)
	@echo "[2/$(STAGES)] installing Python packages (a minute or two) ..."
	@$(BIN)/python -m pip install $(PIP_QUIET) --constraint constraints.txt --editable ".[node]"
	@touch $@

$(NODE_STAMP): $(PACKAGES_STAMP) tools/link_node.py
	@echo "[3/$(STAGES)] setting up Node.js ..."
	@$(BIN)/python tools/link_node.py
	@touch $@

$(CONTRACT_STAMP): contracts/package.json contracts/package-lock.json | $(NODE_STAMP)
	@echo "[4/$(STAGES)] installing the Ethereum node and the contract's tools ..."
	@cd contracts && npm ci --loglevel=error
	@touch $@

$(CONTRACT): $(CONTRACT_STAMP) $(CONTRACT_SOURCES)
	@echo "[5/$(STAGES)] compiling the contract ..."
	@cd contracts && npm run build --silent
	@touch $@

$(PAGE_STAMP): dapp-static/package.json dapp-static/package-lock.json | $(NODE_STAMP)
	@echo "[6/$(STAGES)] installing the page's modules ..."
	@cd dapp-static && npm ci --omit=dev --loglevel=error
	@touch $@

$(PAGE_TEST_STAMP): $(PAGE_STAMP)
	@echo "[8/$(STAGES)] installing the page's test tools ..."
	@cd dapp-static && npm ci --loglevel=error
	@touch $(PAGE_STAMP) $@

$(TEST_STAMP): $(PACKAGES_STAMP)
	@echo "[7/$(STAGES)] installing the test tools (a minute) ..."
	@$(BIN)/python -m pip install $(PIP_QUIET) --constraint constraints.txt --editable ".[dev]"
	@touch $@

$(TOOLS_STAMP): tools/system_tools.py | $(VENV_STAMP)
	@echo "[9/$(STAGES)] looking for Chromium and Mosquitto ..."
	@$(BIN)/python tools/system_tools.py
	@touch $@
