# Each target makes the virtual environment it needs; a fresh clone and Python >= 3.11 are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := simple-elmo elmoformanylangs

.DEFAULT_GOAL := help
.PHONY: demo test lint notebooks docs bench peers test-peers help clean

demo: $(READY)  ## train a small biLM on real text and show what it learned (4 to 7 minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: $(READY)  ## lint, type-check and run the tests
	$(MAKE) --no-print-directory lint
	$(BIN)/python -m pytest --numprocesses logical --maxprocesses 8 --dist loadscope --no-loadscope-reorder

lint: $(READY)  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

notebooks: $(READY)  ## run the tutorials and store what they show (about 3 minutes)
	$(BIN)/python examples/run_notebooks.py

docs: $(READY)  ## build the documentation site into site/, to be opened at site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

bench: $(READY)  ## measure speed; prints ratios, takes some minutes
	$(BIN)/python benchmarks/train_speed.py
	$(BIN)/python benchmarks/embed_speed.py

peers: $(PEERS:%=.venv-%/.ready)  ## make the environments of the packages that we compare with (2.5 GB)

test-peers: $(READY) peers  ## compare with those packages
	$(BIN)/python -m pytest -m peer

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

clean:  ## remove the virtual environments and everything the demo made
	rm -rf $(VENV) $(PEERS:%=.venv-%) demo-output tiny-en-output site .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("elmokit needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $(READY)

.venv-%/.ready: tests/peer/%.txt
	$(PYTHON) -c 'import sys; sys.exit("the packages of tests/peer need Python 3.11, this is " + sys.version.split()[0] + ": make peers PYTHON=python3.11") if sys.version_info[:2] != (3, 11) else None'
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --requirement $<
	touch $@
