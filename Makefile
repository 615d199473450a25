# `make help` lists what can be done here. Two commands suffice: `make explore` and `make test`.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV ?= .venv
ONLY ?=
PORT ?= 8888
WORKERS ?= 2
BIN := $(VENV)/bin
SETUP := settings.ini setup.py pyproject.toml .ci/environment .ci/constraints.txt
export JUPYTER_PREFER_ENV_PATH := 1
export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: help explore test check docs notebooks export readme pins clean

help: ## This list
	@echo 'matnb: a memory for microscope images, in notebooks'; echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo 'Variables: PYTHON=python3.12, VENV=folder, PORT=8888, ONLY=one/notebook.ipynb, PINS= (newest versions),'
	@echo '           WORKERS=2 (processes that run tests at a time; 0: this one),'
	@echo '           MATNB_DATA=folder with data files, MATNB_CHROMIUM=/path/to/chromium'

# What has been installed is remembered in the environment, so that a second run starts at once.
$(VENV)/.notebook: $(SETUP)
	@.ci/environment $(VENV) notebook
	@touch $@

$(VENV)/.dev: $(SETUP)
	@.ci/environment $(VENV) dev
	@touch $@ $(VENV)/.notebook

explore: $(VENV)/.notebook ## Install what is needed and open JupyterLab on the first notebook
	@python -c 'import matnb; matnb.open_corpus("pfm-demo")'
	@.ci/explore nbs 00_start.ipynb $(PORT)

test: check ## Everything that continuous integration checks: lint, types, every notebook, the tests, the browser
	@.ci/chromium --install > /dev/null
	@python -c 'import matnb; from matnb.corpus.public import PUBLIC; [matnb.fetch(name) for name in PUBLIC]'
	@python -c 'import matnb; from matnb.symmetry.real_lattices import LATTICE_DATA; [*map(matnb.fetch, LATTICE_DATA.values())]'
	@pytest -n $(WORKERS) --cov --cov-report=term

check: $(VENV)/.dev ## The quick part of the tests: lint and types
	@ruff check nbs tests docs .ci setup.py
	@mypy

docs: $(VENV)/.dev ## Build the documentation site from the notebooks into docs/_build
	@python docs/prepare.py
	@sphinx-build -W --keep-going -q -b html -c docs docs/_src docs/_build
	@echo 'open docs/_build/index.html'

notebooks: export ## Run all notebooks (or ONLY=one) and store their outputs
	@python .ci/notebooks.py $(ONLY)
	@nbdev_clean

export: $(VENV)/.dev ## Write the package matnb/ and README.md from the notebooks
	@nbdev_export
	@nbdev_clean
	@python docs/front.py
	@python docs/templates.py
	@python docs/readme.py

pins: ## Resolve all dependencies anew and pin them in .ci/constraints.txt
	@rm -rf build/pins
	@PINS= .ci/environment build/pins dev,all
	@build/pins/bin/python -m pip freeze --all --exclude-editable | grep -v -i '^matnb' | sed 's/+cpu$$//' > build/constraints.txt
	@{ echo '# Versions that were tested together (Python 3.11); written by `make pins`'; cat build/constraints.txt; } > .ci/constraints.txt
	@rm -rf build/pins build/constraints.txt
	@wc -l .ci/constraints.txt

clean: ## Remove what can be made again: the environment, builds, caches
	@rm -rf $(VENV) build dist _proc docs/_src docs/_build docs/jupyter_execute .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage*
	@find . -path ./.git -prune -o \( -name __pycache__ -o -name '*.egg-info' -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
