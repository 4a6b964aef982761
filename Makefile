# Each target creates the virtual environment it needs; a fresh clone and Python 3.11 or newer are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PEERS := simple-elmo elmoformanylangs
# Its parameters were recorded with a newer PyTorch; the last bits of an update differ, and Adam amplifies them.
NOT_ON_OLDEST := tests/test_earlier_version.py::test_a_run_resumes_with_the_same_losses_and_parameters[characters]
PYTEST_IN_PARALLEL := -m pytest --numprocesses logical --maxprocesses 8 --dist loadscope --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: demo test lint test-core test-oldest peers test-peers notebooks docs release bench help clean

demo: $(READY)  ## train a small biLM on real text and show what it learned (4 to 7 minutes)
	PATH="$(CURDIR)/$(BIN):$$PATH" bash examples/demo.sh

test: $(READY)  ## run the linters, the type checker and all tests, as continuous integration does
	$(MAKE) --no-print-directory lint
	$(BIN)/python $(PYTEST_IN_PARALLEL)

lint: $(READY)  ## run ruff and mypy (before every commit: pip install pre-commit && pre-commit install)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test-core: .venv-core/.ready  ## test an installation without extras
	.venv-core/bin/python -m pytest tests/test_core_install.py

test-oldest: .venv-oldest/.ready  ## test with the oldest supported dependencies, on Python 3.11 (downloads 3 GB)
	.venv-oldest/bin/python $(PYTEST_IN_PARALLEL) -m 'not browser' --ignore tests/test_notebooks.py --deselect '$(NOT_ON_OLDEST)'

peers: $(PEERS:%=.venv-%/.ready)  ## create the environments of the packages that elmokit is compared with (2.5 GB)

test-peers: $(READY) peers  ## compare with those packages
	$(BIN)/python -m pytest -m peer

notebooks: $(READY)  ## run the tutorials and store their output (about 3 minutes)
	$(BIN)/python examples/run_notebooks.py

docs: $(READY)  ## build the documentation: open site/index.html
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

release: $(READY)  ## build the package, check it, and try the wheel in an environment of its own
	rm -rf dist .venv-release
	$(BIN)/python -m build --outdir dist
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv .venv-release
	.venv-release/bin/python -m pip install --quiet --constraint constraints.txt dist/*.whl
	cd dist && PYTHONPATH= ../.venv-release/bin/elmokit info tiny-en
	cd dist && echo "Child is playing" | PYTHONPATH= ../.venv-release/bin/elmokit embed tiny-en - smoke.hdf5
	rm -rf dist/smoke.hdf5 .venv-release

bench: $(READY)  ## measure speed and print ratios, beside other packages after `make peers` (several minutes)
	$(BIN)/python benchmarks/bench.py $(BENCH)

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

clean:  ## remove the virtual environments and all generated files
	rm -rf $(VENV) .venv-core .venv-oldest $(PEERS:%=.venv-%)
	rm -rf demo-output tiny-en-output site .pytest_cache .mypy_cache .ruff_cache

$(READY): pyproject.toml constraints.txt hatch_build.py $(wildcard src/elmokit/kernels/*.[ch])
	$(PYTHON) -c 'import sys; sys.exit("elmokit needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev,dev-large]'
	touch $@

.venv-core/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear .venv-core
	.venv-core/bin/python -m pip install --quiet --constraint constraints.txt --editable . pytest
	touch $@

# uv chooses versions from metadata, where pip would download hundreds of large files to compare.
.venv-oldest/.ready: pyproject.toml .ci/lowest_versions.py
	$(PYTHON) -c 'import sys; sys.exit("the oldest dependencies need Python 3.11, this is " + sys.version.split()[0] + ": make test-oldest PYTHON=python3.11") if sys.version_info[:2] != (3, 11) else None'
	$(PYTHON) -m venv --clear .venv-oldest
	.venv-oldest/bin/python -m pip install --quiet uv
	.venv-oldest/bin/python .ci/lowest_versions.py > .venv-oldest/lowest.txt
	.venv-oldest/bin/uv pip install --quiet --python .venv-oldest/bin/python --constraint .venv-oldest/lowest.txt --editable '.[dev,s3]'
	touch $@

.venv-%/.ready: tests/peer/%.txt
	$(PYTHON) -c 'import sys; sys.exit("the packages of tests/peer need Python 3.11, this is " + sys.version.split()[0] + ": make peers PYTHON=python3.11") if sys.version_info[:2] != (3, 11) else None'
	$(PYTHON) -m venv .venv-$*
	.venv-$*/bin/python -m pip install --quiet --requirement $<
	touch $@
