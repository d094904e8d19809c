PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
SEEDS  := 2000
FIRST  := 100000
FAULTS := 'import json; from reconcile.simulator import faults; print(json.dumps(faults.schema(), indent=2, ensure_ascii=False))'

.DEFAULT_GOAL := help
.PHONY: help install demo test cover cases accept soak storages bench bench-large lint format docs lock spark clean

help: ## show what can be made
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed ## a .venv in this clone, from the lock, with .venv/bin/reconcile

$(VENV)/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "reconcile needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install ## the main job, end to end, on a made-up shop and a simulated account
	$(BIN)/reconcile demo

test: install ## all tests
	$(BIN)/python -m pytest -n auto --dist loadgroup

soak: install ## thousands of seeds of faults, stops and damaged files (SEEDS=2000 FIRST=100000); prints those to repeat
	PYTHONPATH=tests $(BIN)/python tests/stories/fault_matrix.py --seeds $(SEEDS) --first $(FIRST)

storages: install ## the same rows in every kind of source give the same plan: a hundred tables of them
	RECONCILE_STORAGES=100 $(BIN)/python -m pytest -q --timeout 0 tests/laws/test_storages.py

bench: install benchmarks/.venv/.installed ## the benchmarks, some twenty minutes, into benchmarks/RESULTS.md
	$(BIN)/python benchmarks/results.py

bench-large: install benchmarks/.venv/.installed ## those of ten million profiles: half an hour, 15 GB of disk
	$(BIN)/python benchmarks/results.py large

benchmarks/.venv/.installed: benchmarks/requirements.lock
	$(PYTHON) -m venv benchmarks/.venv
	benchmarks/.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

spark: install ## install Spark too (450 MB), from a lock of its own: then `make test` tries it where Java is
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-spark.lock

cover: install ## all tests, with branch coverage shown
	$(BIN)/python -m coverage run -m pytest
	$(BIN)/python -m coverage report

cases: install ## all planner cases on both engines (`make test` takes some to Spark); after `make spark`
	RECONCILE_ALL_CASES=1 $(BIN)/python -m pytest -q tests/cases/test_plans.py tests/stories/test_identity.py

accept: install ## write the expected plans of tests/cases anew; then look at the git diff
	RECONCILE_ACCEPT=1 $(BIN)/python -m pytest -q tests/cases/test_plans.py

lint: install ## format, rules, types, the contracts of the house, the workflows, and whether `make docs` has been run
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --no-progress --quiet --config ci/zizmor.yml ci/github action.yml
	@made=$$(mktemp -d) && trap 'rm -r "$$made"' EXIT && cp docs/values.md docs/sources.md "$$made" && \
	  $(BIN)/python -m reconcile.spec.schema "$$made" && $(BIN)/python -m reconcile.sources.handbook "$$made" && \
	  cmp "$$made/values.md" docs/values.md && cmp "$$made/sources.md" docs/sources.md && \
	  $(BIN)/python -c $(FAULTS) > "$$made/faults.schema.json" && cmp "$$made/spec.md" docs/spec.md && \
	  cmp "$$made/spec.schema.json" docs/spec.schema.json && cmp "$$made/operators.md" docs/operators.md && \
	  cmp "$$made/faults.schema.json" reconcile/simulator/faults.schema.json || { echo 'Run `make docs`.' >&2; exit 1; }

format: install ## put the code into form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: install ## write the spec reference, the tables of types, the schemas and README's transcript anew from the code
	$(BIN)/python -m reconcile.spec.schema docs
	$(BIN)/python -m reconcile.sources.handbook docs
	$(BIN)/python -c $(FAULTS) > reconcile/simulator/faults.schema.json
	PYTHONPATH=tests $(BIN)/python tests/transcript.py README.md

lock: install ## resolve the dependencies anew into locks (hashes, no hosts)
	$(BIN)/uv pip compile pyproject.toml --extra postgres --extra mysql --extra state --group dev --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --upgrade -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --extra postgres --extra mysql --extra state --extra spark --group dev --universal \
	  --python-version 3.11 --constraint requirements.lock \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --upgrade -o requirements-spark.lock
	$(BIN)/uv pip compile benchmarks/requirements.in --universal --python-version 3.11 \
	  --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet --upgrade -o benchmarks/requirements.lock

clean: ## remove what was made
	rm -rf $(VENV) benchmarks/.venv .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
