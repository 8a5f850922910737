# `make run` sets everything up and opens the dashboard; `make test` sets everything up and
# passes the tests. Both need only Python 3.11 or newer with venv, gcc and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PORT ?= 8501
# Who may reach the dashboard: this machine only. It has no login of its own yet.
ADDRESS ?= localhost

.PHONY: run setup test check unit e2e bench lock clean system-packages

run: $(VENV)/.ready
	$(BIN)/python -m streamlit run app.py --server.port $(PORT) --server.address $(ADDRESS)

setup: $(VENV)/.ready

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "hccsurv needs Python 3.11 or newer; this is $$($(PYTHON) --version). Try: make PYTHON=python3.12 run"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || \
	  { echo "Python's venv is missing. On Debian or Ubuntu: apt-get install python3-venv python3-dev gcc"; exit 1; }
	$(PYTHON) -m venv $(VENV)

# pyradiomics 3.0.1 imports numpy while it builds, declares none of its build tools, and needs two
# names that Python 3.12 dropped (tools/build_shim).
$(VENV)/.ready: requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing packages (about 5 GB with torch; minutes the first time, never again)…"
	$(PIP) install -c constraints.txt pip setuptools wheel numpy cython versioneer
	PYTHONPATH="$(CURDIR)/tools/build_shim" $(PIP) install -c constraints.txt --no-build-isolation -r requirements.txt
	@# `python -m hccsurv_core` works from any folder, as an installed package would.
	@$(BIN)/python -c 'import sysconfig, pathlib; \
	  pathlib.Path(sysconfig.get_path("purelib"), "hccsurv.pth").write_text("$(CURDIR)\n")'
	@echo "Compiling the radiomics engine (once)…"
	@$(BIN)/python -m hccsurv_core.features.radiomics.warmup
	@touch $@

$(VENV)/.ready-dev: requirements-dev.txt $(VENV)/.ready
	$(PIP) install -c constraints.txt -r requirements-dev.txt
	@touch $@

system-packages:
	@command -v chromium >/dev/null || command -v google-chrome >/dev/null || \
	  { command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ] && \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium >/dev/null; } || \
	  echo "chromium is not installed and cannot be installed here: the browser tests will skip"

test: check unit

check: $(VENV)/.ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.ready-dev system-packages
	$(BIN)/python -m tools.run_tests

e2e: $(VENV)/.ready-dev system-packages
	$(BIN)/python -m pytest tests/e2e

bench: $(VENV)/.ready-dev
	$(BIN)/python -m benchmarks.zip_to_definitions
	$(BIN)/python -m benchmarks.first_page
	$(BIN)/python -m benchmarks.accuracy
	$(BIN)/python -m benchmarks.survival_statistics
	$(BIN)/python -m benchmarks.cutpoint
	$(BIN)/python -m benchmarks.explorer
	$(BIN)/python -m benchmarks.radiomics
	$(BIN)/python -m benchmarks.radiomics_shape
	$(BIN)/python -m benchmarks.muscle_evaluation
	$(BIN)/python -m benchmarks.roi_editor
	$(BIN)/python -m benchmarks.muscle_oracle
	$(BIN)/python -m benchmarks.lesion_signs
	$(BIN)/python -m benchmarks.treatment_oracle
	$(BIN)/python -m benchmarks.ceus_kinetics
	$(BIN)/python -m benchmarks.ceus_oracle

lock: $(VENV)/.ready-dev
	$(BIN)/python -m pip freeze --all | grep -v -i -E '^(pip|hccsurv)==' > constraints.txt

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
