# `make run` serves the dashboard and `make test` checks everything; each sets itself up in .venv first.
PYTHON ?= $(firstword $(shell command -v python3.11 python3 2>/dev/null) python3)
PY := .venv/bin/python
# Modules are compiled when they are first imported; to compile all of torch at once takes as long as all else.
PIP := $(PY) -m pip install --quiet --disable-pip-version-check --no-compile -c deploy/constraints.txt

# Byte code that is kept takes two thirds off the start of every process.
unexport PYTHONDONTWRITEBYTECODE

.NOTPARALLEL:
.PHONY: install run serve test walk faults constraints clean

install: .venv/runtime.stamp

run: install
	@$(PY) -m engine.work.settings > /dev/null
	$(PY) -m streamlit run app.py

serve: install
	@$(PY) -m engine.work.settings
	$(PY) -m streamlit run app.py --server.address=0.0.0.0

.venv/python.stamp:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo 'Ravine needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python' >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo 'Ravine needs the venv module: apt-get install python3-venv' >&2; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

.venv/runtime.stamp: requirements.txt deploy/constraints.txt .venv/python.stamp
	@echo 'Installing into .venv; the first time takes minutes.'
	$(PIP) -r requirements.txt
	@touch $@

# All at once, what the app needs among it.
.venv/test.stamp: tests/requirements.txt requirements.txt deploy/constraints.txt .venv/python.stamp
	@echo 'Installing into .venv; the first time takes minutes.'
	$(PIP) -r tests/requirements.txt
	@touch .venv/runtime.stamp $@

# Each step says how long it took; the first that fails ends the run.
define step
@echo "== $(1)"; start=$$(date +%s); $(2); code=$$?; echo "== $(1): $$(($$(date +%s) - start)) s"; exit $$code
endef

test: export OMP_NUM_THREADS = 1
test:
	$(call step,install,$(MAKE) --no-print-directory .venv/test.stamp)
	$(call step,chromium,$(PY) tests/chromium.py)
	$(call step,ruff,$(PY) -m ruff check . && $(PY) -m ruff format --check .)
	$(call step,types and tests,$(PY) -m pytest -q --ignore=tests/browser -n 3 --dist loadgroup)
	$(call step,browser journeys,$(PY) -m pytest -q tests/browser -m 'not walk' -n 2 --dist loadgroup)

# Whether every experiment's page fits a phone and a notebook; takes minutes.
walk: .venv/test.stamp
	$(PY) -m pytest -q -m walk

# Says of each of sixty faults, planted in a copy of the engine, whether the tests catch it; takes half an hour.
faults: .venv/test.stamp
	$(PY) -m tests.faults

# Chooses anew what the pinned packages need in turn, in an environment of its own: the newest releases that fit. Not
# torch, whose build differs from machine to machine, and not what it names to the release by itself (CUDA's parts).
constraints:
	$(PYTHON) -m venv .venv/anew
	.venv/anew/bin/python -m pip install --quiet --disable-pip-version-check --no-compile -r tests/requirements.txt
	@echo '# What the pinned packages need in turn. Made by `make constraints`.' > deploy/constraints.txt
	.venv/anew/bin/python -m pip freeze --all | grep -Eiv '^(pip=|torch=|triton=|nvidia|cuda)' >> deploy/constraints.txt
	rm -rf .venv/anew

clean:
	rm -rf .venv .pytest_cache .ruff_cache test-results
