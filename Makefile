# Two commands matter: `make demo` and `make test`. Each makes the virtual environment it needs.

PYTHON ?= python3.11
PYTHON := $(if $(shell command -v $(PYTHON)),$(PYTHON),python3)
# The demo's environment is a sensor's: no torch.
SENSOR := .venv-sensor
DEV := .venv
PIP := -m pip --disable-pip-version-check -q install -c constraints.txt

.PHONY: demo featuretools test test-long lint starter bench bench-long soak clean

demo: $(SENSOR)/.ready
	rm -rf demo
	$(SENSOR)/bin/oddlog simulate demo/office --hosts 200 --days 1 --seed 11 --start 2024-03-04 --attacks
	$(SENSOR)/bin/oddlog score demo/office/2024-03-04 --bundle starter --out demo/found --table

# Compiled once, before two processes would each do so.
test: $(DEV)/.ready lint
	$(DEV)/bin/oddlog warm
	$(DEV)/bin/pytest -n 2 --dist loadfile
	NUMBA_DISABLE_JIT=1 $(DEV)/bin/pytest -q tests/core/kernels tests/core/features -n 2 -W "ignore:overflow encountered:RuntimeWarning"

# What random actions and kills find only now and then: some minutes.
test-long: $(DEV)/.ready
	TEST_LONG=1 $(DEV)/bin/pytest -q tests/plugin/watch tests/plugin/tail -n 2

lint: $(DEV)/.ready
	$(DEV)/bin/ruff check
	$(DEV)/bin/ruff format --check
	$(DEV)/bin/mypy
	$(DEV)/bin/lint-imports

# What a test and a benchmark compare features of sessions with; it wants an older pandas than oddlog has.
featuretools:
	$(PYTHON) -m venv build/featuretools
	build/featuretools/bin/python -m pip --disable-pip-version-check -q install "featuretools==1.31.0" "pandas<2.3" "numpy<2.3" setuptools

# What the wheel ships as `--bundle starter`: three days of a simulated office, for a first look only.
starter: $(DEV)/.ready
	rm -rf build/starter-office
	$(DEV)/bin/oddlog simulate build/starter-office --hosts 200 --days 3 --seed 11 --start 2024-02-28
	$(DEV)/bin/oddlog train build/starter-office/2024-* --bundle plugin/oddlog/starter \
	    --comment "Learned from three days of a simulated office. For a first look only: train one on your own logs."

# Under ten minutes on two idle cores. Rewrites the tables in README.md and docs/growth.svg.
bench: $(DEV)/.benched
	$(DEV)/bin/python benchmarks/readme.py archive kernels_rolling reading
	$(DEV)/bin/python benchmarks/kernels_growth.py

# What is found, not how fast: learns for minutes, and prints what README.md says in words.
bench-long: $(DEV)/.benched
	$(DEV)/bin/python benchmarks/attacks.py
	$(DEV)/bin/python benchmarks/captures.py
	$(DEV)/bin/python benchmarks/one_queue.py

# Twenty minutes; `make soak MINUTES=2` for a try.
soak: $(DEV)/.benched
	$(DEV)/bin/python benchmarks/live_soak.py $(MINUTES)

$(DEV)/.benched: $(DEV)/.ready benchmarks/requirements.txt
	$(DEV)/bin/python $(PIP) -r benchmarks/requirements.txt
	touch $@

$(SENSOR)/.ready: pyproject.toml
	$(PYTHON) -m venv $(SENSOR)
	$(SENSOR)/bin/python $(PIP) .
	touch $@

$(DEV)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/python $(PIP) --upgrade "pip>=25.1"
	$(DEV)/bin/python $(PIP) "$$(sed -n 's/^\(torch==.*\)/\1/p' constraints.txt)"
	$(DEV)/bin/python $(PIP) -e ".[cluster,report,train]" --group dev
	touch $@

clean:
	rm -rf $(SENSOR) $(DEV) demo build dist
