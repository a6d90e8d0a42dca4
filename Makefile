# The two commands of the README are `make demo` and `make test`; both set up what they need.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# MiniLM and the data sets stay optional: see CONTRIBUTING.md.

.PHONY: demo test test-all check fix clean setup setup-dev

demo: $(VENV)/.torch
	$(BIN)/sfumato demo --output demo --overwrite

test: $(VENV)/.dev
	$(BIN)/pytest -n 2

test-all: $(VENV)/.dev
	$(BIN)/pytest -n 2 -m "slow or not slow"

check: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2

fix: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.torch: $(BIN)/python pyproject.toml constraints.txt
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt torch
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable ".[torch]"
	touch $@

$(VENV)/.dev: $(VENV)/.torch
	$(BIN)/pip install --quiet --no-compile --constraint constraints.txt --editable ".[torch,dev]"
	touch $@

clean:
	rm -rf $(VENV) demo runs
