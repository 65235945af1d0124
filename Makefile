# `make help` lists what can be done. The only need is Python 3.11 or newer: make test PYTHON=python3.12
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs
WEB_STAMP := $(VENV)/.installed-web
DEFAULT_ESTIMATORS := models/default
# What needs what only developers install (docs, notebooks, mypy) is left out.
VERSION_TESTS := tests --ignore tests/test_docs.py --ignore tests/test_notebooks.py --ignore tests/test_wheel.py
ENGINES := build/engines
# A file's tests share what they set up, so they stay in one process.
PROCESSES := -n logical --maxprocesses 4 --dist loadfile

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install demo test test-slow test-faults test-spark test-models models lint check train evaluate experiments notebooks docs numbers mlflow-ui wheel lock clean test-versions test-web screenshots

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP)  ## make .venv with the locked packages and guide-ml in editable form

# The lock is complete, hence --no-deps.
# uv takes seconds where pip takes minutes; an index that only pip is set up for is left to pip.
$(STAMP): requirements.lock pyproject.toml hatch_build.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "guide-ml needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps "$$(grep '^uv==' requirements.lock)"
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -r requirements.lock || \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: install  ## predict a few deployments and show them
	$(BIN)/python experiments/00_demo.py

# While mypy has one core, another compiles what two processes of tests would each compile.
test: install  ## style, types and the tests that take seconds
	@$(BIN)/python -W ignore tests/compiling.py & $(MAKE) --no-print-directory lint && wait
	$(BIN)/python -m pytest -q $(PROCESSES) -m "not slow and not web"

test-slow: install $(ENGINES)/.installed  ## the tests that train, and the engines' own parsers
	$(BIN)/python -m pytest -q -m slow

test-faults: install  ## kill, starve and race the commands; FAULTS="--kills 20" bounds it
	$(BIN)/python -W ignore experiments/20_faults.py $(FAULTS)

# The wheels come without what they need to serve, which weighs gigabytes; the parsers need no GPU.
$(ENGINES)/.installed: tests/engines/requirements.txt
	$(PYTHON) -m venv $(ENGINES)
	$(ENGINES)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile "torch==2.13.0"
	$(ENGINES)/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps -r $<
	@touch $@

test-spark: install  ## the registered model as a Spark UDF; brings PySpark, needs Java
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "pyspark>=4.0"
	$(BIN)/python -m pytest -q -m spark

test-models: install  ## configs against the classes of the newest transformers; brings it and PyTorch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade torch transformers
	$(BIN)/python -m pytest -q -m models

# Floors that are lower than the code needs, and releases that break it, both show here first.
test-versions: install  ## the quick tests with the lowest and the newest allowed dependencies
	@set -e; for way in lowest-direct highest; do echo "== $$way"; \
	  $(BIN)/uv venv --quiet --clear --python $(BIN)/python $(VENV)-$$way; \
	  $(BIN)/uv pip install --quiet --python $(VENV)-$$way/bin/python --resolution $$way -e ".[dask,plot,prices]" pytest hypothesis polars; \
	  $(VENV)-$$way/bin/python -m pytest -q -m "not slow and not web" -o filterwarnings=default $(VERSION_TESTS); done
test-web: $(WEB_STAMP)  ## the service and its page, in a real Chromium; brings Playwright
	$(BIN)/python -m pytest -q -m web tests/web

screenshots: $(WEB_STAMP)  ## the same, and keep the pictures of docs/images/page
	GUIDE_SCREENSHOTS=1 $(BIN)/python -m pytest -q -m web tests/web/test_page.py

# Chromium is the system's: Debian's package where there is none and this is root.
$(WEB_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "axe-playwright-python>=0.1.4" "playwright>=1.50"
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core; } || \
	  { echo "make test-web needs Chromium: install it, so that 'chromium' can be called" >&2; exit 1; }
	@touch $@

models: install  ## write the class defaults and the oracle's table anew; brings PyTorch and transformers
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade torch transformers
	$(BIN)/python experiments/model_defaults.py
	$(BIN)/python experiments/15_models.py

lint: install  ## style (ruff) and types (mypy)
	$(BIN)/ruff check
	$(BIN)/mypy

check: test test-slow wheel  ## all that must hold before a release

train: install  ## fit the estimators on data/measurements, write models/default
	$(BIN)/guide train

evaluate: install  ## score the estimators on deployments they have not seen
	$(BIN)/guide evaluate

experiments: install  ## run every experiment, write experiments/results
	@set -e; for script in experiments/[0-9]*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

notebooks: install  ## execute the notebooks, write their outputs anew
	$(BIN)/python experiments/notebooks/run.py

docs: install $(DOCS_STAMP)  ## build the site into build/docs; broken links fail
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
	@echo "build/docs/index.html; with search: $(PYTHON) -m http.server -d build/docs"

$(DOCS_STAMP): docs/requirements.lock $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r docs/requirements.lock
	@touch $@

numbers: install  ## write the numbers of README.md and docs/ anew, from experiments/results and commands
	$(BIN)/python experiments/90_readme.py

mlflow-ui: install  ## show tracked retrainings (mlflow.db) in a browser at http://127.0.0.1:5000
	MLFLOW_DISABLE_TELEMETRY=true $(BIN)/mlflow ui --backend-store-uri sqlite:///mlflow.db --port 5000

wheel: install  ## build the wheel and the source distribution into dist/
	@test -d $(DEFAULT_ESTIMATORS) || { echo "$(DEFAULT_ESTIMATORS) is missing: run make train first" >&2; exit 1; }
	rm -rf dist
	$(BIN)/python -m build --no-isolation

lock: install  ## resolve both lock files anew, keeping their versions where they still serve
	$(BIN)/uv pip compile pyproject.toml --quiet --extra dask --extra dev --extra plot --extra prices --extra web --universal --fork-strategy fewest \
	  --python-version 3.11 --no-annotate --custom-compile-command "make lock" -o requirements.lock
	$(BIN)/uv pip compile --group docs --quiet --constraints requirements.lock --universal --fork-strategy fewest \
	  --python-version 3.11 --no-annotate --custom-compile-command "make lock" -o docs/requirements.lock

clean:  ## remove the environment, caches and builds; data and models stay
	rm -rf $(VENV) $(VENV)-lowest-direct $(VENV)-highest __pycache__ dist build .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find guide_ml tests experiments -name __pycache__ -type d -prune -exec rm -rf {} +
