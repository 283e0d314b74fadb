# Two commands do everything: `make demo` and `make test`. Both make their own environment in .venv.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: help demo test lint format bench bench-models bench-identity bench-pageviews bench-kpis images
.DEFAULT_GOAL := help

help:  ## what can be made
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, $(PYTHON) is older; name another: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/developer: .venv/installed
	$(BIN)/python -m pip install --quiet --group dev
	touch $@

.venv/bench: .venv/developer
	$(BIN)/python -m pip install --quiet --group bench
	touch $@

demo: .venv/installed  ## a store from the bundled fixtures, its tables and report.html, in ./demo
	$(BIN)/attribution demo demo

test: .venv/developer  ## all tests, on SQLite and on PostgreSQL, and the examples of the documentation
	$(BIN)/python -m pytest -n 3 --dist worksteal $(ARGS)

lint: .venv/developer  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/developer  ## put the code into shape
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/bench  ## times and memory, beside a peer measured in the same run
	$(BIN)/python -m benchmarks

bench-models: .venv/bench  ## every model's time, memory and exactness, beside other packages
	$(BIN)/python -m benchmarks.models $(ARGS)

bench-identity: .venv/bench  ## ten million edges of evidence resolved, then one at a time
	$(BIN)/python -m benchmarks.identity $(ARGS)

bench-pageviews: .venv/bench  ## ten million page views imported and cut into sessions
	$(BIN)/python -m benchmarks.pageviews $(ARGS)

bench-kpis: .venv/bench  ## KPIs by channel and the report, on a million touches
	$(BIN)/python -m benchmarks.kpis $(ARGS)

images: demo .venv/developer  ## the pictures of the documentation; needs Chromium
	$(BIN)/python tools/make_images.py demo/report.html
	$(BIN)/python -m tools.make_truth_image
	$(BIN)/attribution --store sqlite:///demo/demo.db identity show user:u1712 --picture docs/images/evidence.svg
