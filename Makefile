# make run | test | check | fix | bench | train | notebooks | fuzz : each works on a fresh machine that has Python 3.11+ and make.
SHELL := /bin/bash
PYTHON ?= $(firstword $(foreach name,python3.12 python3.11 python3,$(if $(shell $(name) -c "import sys; sys.exit(not (3,11) <= sys.version_info[:2] < (3,13))" 2>/dev/null && echo yes),$(name))))
BIN := .venv/bin
READY := .venv/.ready
export MATCHER_HOME ?= $(CURDIR)/.local
export PYTHONUNBUFFERED = 1

.PHONY: run test check fix bench train notebooks fuzz clean
.DELETE_ON_ERROR:

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed: none was found on PATH."; exit 1; }
	@echo "[setup] creating .venv with $$($(PYTHON) --version)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install -q --disable-pip-version-check "uv>=0.9"
	@echo "[setup] installing the locked packages"
	@$(BIN)/uv pip install --python $(BIN)/python -r requirements.lock
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e .
	@touch $@

run: $(READY)
	@$(BIN)/matcher run

test: $(READY)
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder
	@echo "[test] once more on PostgreSQL: the store and the edge"
	@$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --store postgresql tests/store tests/api

check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m pytest --doctest-modules --ignore=matcher/store/migrations features matcher training api tests/house

fix: $(READY)
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

bench: $(READY)
	@$(BIN)/matcher bench

train: $(READY)
	@$(BIN)/matcher-train train

notebooks: $(READY)
	@$(BIN)/python -m tests.notebooks.execution

# Different cases every time, some twenty minutes: FUZZ_EXAMPLES=1000 make fuzz for a night.
fuzz: $(READY)
	@FUZZ_EXAMPLES=$${FUZZ_EXAMPLES:-100} $(BIN)/python -m pytest --timeout 3600 tests/api/test_fuzzed.py

clean:
	rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache build *.egg-info
