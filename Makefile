# make demo   train, evaluate and report on real digits, on a machine that has only Python
# make test   everything that has to hold: format, lint, types, tests, examples in the docs
# make lint   format, lint, types
# make wheel  the wheel: under 2 MB, and of use where nothing but its own requirements is
# make docs   the site, into site/
# make bench  the figures of the README

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3
# One thread for each of the two test processes: they share the cores.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 POLARS_MAX_THREADS=1
INSTALL := $(BIN)/python -m pip install --quiet --quiet --constraint constraints.txt

.PHONY: demo test lint wheel docs bench schema clean

demo: $(VENV)/installed
	$(BIN)/trainwell demo

test: lint wheel
	$(ONE_THREAD) $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

lint: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

wheel: $(VENV)/installed-dev
	$(ONE_THREAD) $(BIN)/python scripts/check_wheel.py

docs: $(VENV)/installed-docs
	$(BIN)/mkdocs build --strict

schema: $(VENV)/installed
	$(BIN)/python scripts/schema.py

bench: $(VENV)/installed-dev
	for file in benchmarks/*.py; do $(BIN)/python $$file || exit 1; done

clean:
	rm -rf $(VENV) site dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Each marker is newer than the files that decide what is installed, so a second `make` installs nothing.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing trainwell and what it needs into $(VENV); the first time this takes a few minutes.'
	$(INSTALL) --editable .
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing trainwell and what it needs into $(VENV); the first time this takes a few minutes.'
	$(INSTALL) --editable '.[dev]'
	@touch $@ $(VENV)/installed

$(VENV)/installed-docs: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[dev,docs]'
	@touch $@ $(VENV)/installed-dev $(VENV)/installed
