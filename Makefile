# make demo    train the hybrid network on handwritten digits
# make test    run all tests
# make test-xla  the tests of what simulates, without the native engine
# make sanitize  tests of the native engine under the address and undefined-behaviour sanitizers
# make lint    style, types, floors
# make environment  all that tests and site need, in one installation
# make docs    the site: pages that run, a reference from the docstrings; docs/_build/html
# make bench   measure ourselves and every peer, for hours (ARGS=--quick: about half an hour)
# make clean   remove the environment and every cache
#
# PYTHON=python3.12  the interpreter for the environment (default: the first one >= 3.11 found)
# VENV=.venv         where the environment lives
# WORKERS=2          processes that run tests
# ARGS=...           further arguments of the example, of pytest, of the benchmarks

SHELL := bash
PYTHON ?= python3 python3.13 python3.12 python3.11
VENV ?= .venv
WORKERS ?= 2
ARGS ?=
BIN := $(VENV)/bin

# What simulates, and what is differentiated; the rest does not know which engine runs.
XLA_TESTS := $(addprefix tests/qjax/, simulators/test_statevector.py simulators/test_repeated_layers.py engine/test_execution.py engine/test_reverse_mode.py)
SANITIZED_TESTS := tests/qjax/simulators/test_native_memory.py

# Each environment is made and filled once; again only after a change of what it is made from.
EXAMPLES_READY := $(VENV)/.ready-examples
TEST_READY := $(VENV)/.ready-test
DOCS_READY := $(VENV)/.ready-docs
BENCH_READY := $(VENV)/.ready-bench

.PHONY: demo test test-xla sanitize lint docs bench environment clean
.DELETE_ON_ERROR:

demo: $(EXAMPLES_READY)
	$(BIN)/python examples/hybrid_digits.py $(ARGS)

test: $(TEST_READY)
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-xla: $(TEST_READY)
	QJAX_ENGINE=xla $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(XLA_TESTS) $(ARGS)

# Of GCC's, the sanitizers' libraries come before Python, which was built without.
sanitize: $(TEST_READY)
	cmake -S . -B build/sanitize -DQJAX_SANITIZE=address,undefined -DPython_EXECUTABLE="$(abspath $(BIN)/python)"
	cmake --build build/sanitize --parallel $(WORKERS)
	QJAX_NATIVE_LIBRARY="$(CURDIR)/build/sanitize/libqjax_native.so" \
	  LD_PRELOAD="$$(c++ -print-file-name=libasan.so) $$(c++ -print-file-name=libubsan.so)" \
	  ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	  $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(SANITIZED_TESTS) $(ARGS)

lint: $(TEST_READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(DOCS_READY)
	$(BIN)/python -m sphinx -W --keep-going -E -j $(WORKERS) -b html -d docs/_build/doctrees docs docs/_build/html

bench: $(BENCH_READY)
	$(BIN)/python -m tests.benchmarks $(ARGS)
	$(BIN)/python -m tests.benchmarks.bench_hybrid_step
	$(BIN)/python -m tests.benchmarks.bench_torch_layers
	$(BIN)/python -m tests.benchmarks.bench_primitives
	$(BIN)/python -m tests.benchmarks.bench_kernels
	$(BIN)/python -m tests.benchmarks.bench_memory
	$(BIN)/python -m tests.benchmarks.bench_noise
	$(BIN)/python -m tests.benchmarks.bench_trajectories
	$(BIN)/python -m tests.benchmarks.bench_shots

clean:
	rm -rf $(VENV) build dist docs/_build .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find qjax bridge tests examples docs -name __pycache__ -type d -prune -exec rm -rf {} +

# The native engine is compiled when the package is installed: again after a change.
NATIVE := CMakeLists.txt $(wildcard qjax/_simulators/native/*.h qjax/_simulators/native/*.cc)

$(EXAMPLES_READY): $(BIN)/python pyproject.toml constraints.txt $(NATIVE)
	$(BIN)/python -m pip install -c constraints.txt -e '.[examples]'
	@touch $@

$(TEST_READY): $(BIN)/python pyproject.toml constraints.txt $(NATIVE)
	$(BIN)/python -m pip install -c constraints.txt -e '.[test,examples]'
	@touch $@ $(EXAMPLES_READY)

$(DOCS_READY): $(BIN)/python pyproject.toml constraints.txt $(NATIVE)
	$(BIN)/python -m pip install -c constraints.txt -e '.[docs]'
	@touch $@ $(EXAMPLES_READY)

# For all but the benchmarks at once: the native engine is compiled once.
environment: $(BIN)/python
	$(BIN)/python -m pip install -c constraints.txt -e '.[test,examples,docs]'
	@touch $(EXAMPLES_READY) $(TEST_READY) $(DOCS_READY)

$(BENCH_READY): $(BIN)/python pyproject.toml constraints.txt $(NATIVE)
	$(BIN)/python -m pip install -c constraints.txt -e '.[bench,examples]'
	@touch $@ $(EXAMPLES_READY)

$(BIN)/python:
	@for python in $(PYTHON); do \
	  command -v "$$python" >/dev/null || continue; \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || continue; \
	  echo "making $(VENV) with $$python"; \
	  exec "$$python" -m venv --clear $(VENV); \
	done; \
	echo "error: no Python 3.11 or newer among: $(PYTHON)" >&2; \
	echo "Install one, or say where it is: make $(or $(MAKECMDGOALS),demo) PYTHON=/path/to/python3" >&2; \
	exit 1
