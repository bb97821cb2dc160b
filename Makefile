# Two commands: `make demo` and `make test`. Both set up .venv on their own.
# TORCH_INDEX: pip index to take torch from; on Linux the CPU index named in README.md saves gigabytes of CUDA.

PYTHON ?= python3
TORCH_INDEX ?=
BIN := .venv/bin
ALONE := tests/unit tests/papers
DOORS := tests/contract
COMMANDS := $(wildcard tests/integration/test_cli*.py)
CAPTURE := $(wildcard tests/integration/test_capture*.py)
ATTACKS := $(wildcard $(addprefix tests/integration/test_,hostile*.py *canaries.py s*_faults.py http_server*.py long_bodies.py reach.py))
ROOMS := tests/integration
CLIENTS := tests/e2e/test_client_flows.py
PIP := $(BIN)/pip --disable-pip-version-check

.PHONY: demo test test-alone test-attacks test-capture test-doors test-rooms test-commands test-clients test-whole check unit bench faults soak clean

demo: .venv/installed
	$(BIN)/sextant demo $(if $(KEEP),--keep)

# Servers are installed beside everything that needs none. Then seven at a time: tests with processes wait for the most
# part, the others only count. What each prints comes when it has ended. Every file of tests is in one of the eight: the
# first takes what the others leave. Modules are compiled once, not by each of the hundreds of processes where Python is
# told to keep no bytecode.
test:
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target servers check
	$(BIN)/python -m compileall -q service monitor_jobs tests
	$(MAKE) --no-print-directory --jobs=7 --output-sync=target $(addprefix test-,whole doors alone rooms capture attacks clients commands)

# Beside others, the threads of one computation mostly wait for each other, and burn what the others need.
test-%: export OMP_NUM_THREADS := 1

test-alone:
	$(BIN)/python -m pytest --durations=10 $(ALONE)

test-doors:
	$(BIN)/python -m pytest --durations=25 $(DOORS)

test-rooms:
	$(BIN)/python -m pytest --durations=25 $(ROOMS) $(addprefix --ignore=,$(COMMANDS) $(CAPTURE) $(ATTACKS))

test-capture:
	$(BIN)/python -m pytest --durations=25 $(CAPTURE)

test-attacks:
	$(BIN)/python -m pytest --durations=25 $(ATTACKS)

test-commands:
	$(BIN)/python -m pytest --durations=25 $(COMMANDS)

test-clients:
	$(BIN)/python -m pytest --durations=25 $(CLIENTS)

test-whole:
	$(BIN)/python -m pytest --durations=25 $(addprefix --ignore=,$(ALONE) $(DOORS) $(ROOMS) $(CLIENTS))

check: .venv/installed-for-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tests.house_rules

unit: .venv/installed-for-tests test-alone

bench: .venv/installed-for-tests
	$(BIN)/python -m tests.benchmarks.all --write docs/benchmarks.md

# Minutes of kill -9 at the worst moments: what capture promises, counted.
faults: .venv/installed-for-tests
	$(BIN)/python -m tests.benchmarks.capture_faults

# Half an hour of load on one endpoint: whether it takes ever more memory.
soak: .venv/installed-for-tests
	$(BIN)/python -m tests.benchmarks.serving_soak

# Real servers for the tests, by apt, only where asked for; elsewhere a test whose server is absent is skipped by name.
.PHONY: servers
servers:
ifeq ($(SEXTANT_TEST_SERVERS),install)
	sh tests/servers/install.sh
endif

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml constraints.txt
	$(PIP) install --quiet $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) torch==2.13.0
	$(PIP) install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/installed-for-tests: .venv/installed
	$(PIP) install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf .venv .demo .bench build dist *.egg-info
