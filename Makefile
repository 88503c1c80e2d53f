# Two commands matter: `make nightly` and `make test`. Everything else is a thin call too.
# uv installs the locked environment; it is fetched from the package index when missing and
# always uses the Python that is there.
PYTHON ?= python3
VENV := .venv
UV_HOME := .venv-uv
UV := $(shell command -v uv 2>/dev/null || echo $(UV_HOME)/bin/uv)
RUN := $(VENV)/bin
export DO_NOT_TRACK := 1
export UV_PYTHON_DOWNLOADS := never

.DEFAULT_GOAL := help
.PHONY: help setup nightly test lint types contracts pytest nights faults bench ui clean

help: ## List the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.synced ## Create the environment from the lock file

$(VENV)/.synced: pyproject.toml uv.lock
	@command -v $(UV) >/dev/null 2>&1 || { echo "Installing uv into $(UV_HOME) …"; $(PYTHON) -m venv $(UV_HOME) && $(UV_HOME)/bin/pip install --quiet --disable-pip-version-check uv; }
	@echo "Installing the locked environment into $(VENV) …"
	@$(UV) sync --frozen --quiet --python $(PYTHON)
	@touch $@

nightly: setup ## Run the night on the sandbox company (or on ./warehouse.yml)
	@$(RUN)/warehouse nightly

# The linters use one core each; the tests use both.
test: setup ## Lint, types, import contracts and tests
	@$(MAKE) --no-print-directory -j2 lint types contracts
	@$(MAKE) --no-print-directory pytest

lint: setup ## Ruff and sqruff
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/sqruff lint --parsing-errors dbt_project/models

types: setup ## Static types
	@$(RUN)/basedpyright

contracts: setup ## Import contracts
	@$(RUN)/lint-imports

# Files in order, so that whole nights come before the unit tests and both workers end together.
pytest: setup ## All tests of the short lane
	@$(RUN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

nights: setup ## Long lane: thirty nights, each compared with the truth; closes, policies, billing histories
	@$(RUN)/pytest -m long tests/pipeline

faults: setup ## Long lane: kills at random instants, full disks, readers across a hundred publishes
	@$(RUN)/pytest -m faults tests/faults

bench: setup ## Long lane: ratios against plain DuckDB SQL, in one run
	@$(RUN)/pytest -m bench -s tests/benchmarks

ui: setup ## Dagster on loopback: asset graph, lineage, run history
	@$(RUN)/warehouse ui

clean: ## Remove the environment and the sandbox's warehouse
	@rm -rf $(VENV) $(UV_HOME) .warehouse dbt_project/target dbt_project/logs
