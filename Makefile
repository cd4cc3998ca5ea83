# make         list these targets
# make run     train the attention classifier on real digits and show where it looks
# make study   open the book in JupyterLab
# make test    run the tests (make test-all adds the slow ones)
# make book    build notebooks/ and exercises/ from their sources
# make slides  build the lectures
# make web     build the web edition (CHAPTER=06 one chapter of it)
# make live    fetch Python for the browser (98 MB): then cells run in the pages of `make web`
# make one-file  a chapter, its exercises and Python to run them as one page (CHAPTER=06)
# make prove   mutate the right answers, and see what the checks let pass
# make lint    style, floors and types
# make bench   time this library beside others (benchmarks/README.md)
# make gpu     six minutes on an NVIDIA GPU: tests, steps, attention, memory, in runs/gpu.json
# make wheel   pack the library and the whole book for pip, in dist/
# make lowest  test with the lowest versions that pyproject.toml promises
# make lock    pin anew what `make` installs
# make clean   delete what make made: environments, caches, runs

PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
PY := $(BIN)/python

.PHONY: help run study test test-all book slides web live one-file prove lint bench gpu wheel lock lowest clean
help:
	@sed -n 's/^# \(make [a-z-]*  .*\)/\1/p' Makefile

run: .venv/run.stamp
	$(PY) -m minitorch_attn train --data cued --out runs/cued --resume
	@echo
	@echo "Look at runs/cued/where_it_looks.png. All that was installed is in .venv; make clean removes it."
	@echo "Next: make study opens the book, which builds this model step by step."

study: .venv/study.stamp
	$(PY) -m minitorch_attn study

# One more than the two cores that the tests are timed on: a third of the time a test waits for a
# process that it started. Slow ones keep two cores busy by two.
JOBS ?= 3
test: .venv/test.stamp
	$(PY) -m pytest -n $(JOBS)

test-all: .venv/test.stamp
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "slow or not slow"

book: .venv/test.stamp
	$(PY) -m minitorch_attn book

slides: .venv/test.stamp
	$(PY) -m minitorch_attn slides

CHAPTER ?=
web: .venv/web.stamp
	$(PY) -m minitorch_attn web $(CHAPTER)

live: .venv/web.stamp
	$(PY) -m minitorch_attn live

one-file: $(if $(CHAPTER),.venv/web.stamp)
	@test -n "$(CHAPTER)" || { echo "Name a chapter: make one-file CHAPTER=06"; exit 2; }
	$(PY) -m minitorch_attn live
	$(PY) -m minitorch_attn one-file $(CHAPTER)

PROVE ?=
prove: .venv/test.stamp
	$(PY) -m minitorch_attn prove $(PROVE)

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

# An environment of its own: PyTorch is large, and nothing else needs it. For Linux without a GPU:
# make bench TORCH_INDEX="--extra-index-url https://download.pytorch.org/whl/cpu"
TORCH_INDEX ?=
BENCH ?=
BENCH_PY := .cache/bench/$(notdir $(BIN))/python
bench: .cache/bench/bench.stamp
	$(BENCH_PY) -m benchmarks $(BENCH)

.cache/bench/bench.stamp: requirements/run.txt pyproject.toml
	@echo "Installing what make bench compares with, PyTorch too, into .cache/bench; it takes minutes ..."
	$(PYTHON) -m venv .cache/bench
	$(BENCH_PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/run.txt
	$(BENCH_PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation $(TORCH_INDEX) -e ".[bench]"
	@touch $@

GPU_PY := .cache/gpu/$(notdir $(BIN))/python
gpu:
	@$(PYTHON) -c "import ctypes; ctypes.CDLL('libcuda.so.1')" 2>/dev/null || \
	  { echo "make gpu needs an NVIDIA GPU, and this machine has no driver of one"; exit 2; }
	$(MAKE) --no-print-directory .cache/gpu/gpu.stamp
	$(GPU_PY) -m benchmarks.gpu

.cache/gpu/gpu.stamp: requirements/test.txt pyproject.toml
	$(PYTHON) -m venv .cache/gpu
	$(GPU_PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/test.txt
	$(GPU_PY) -m pip install --quiet --disable-pip-version-check --no-build-isolation $(TORCH_INDEX) -e ".[cuda,bench]"
	@touch $@

# Each stamp says that .venv holds what requirements/NAME.txt pins, and this package, editable.
.venv/%.stamp: requirements/%.txt pyproject.toml | .venv/python.stamp
	@echo "Installing what requirements/$*.txt pins into .venv, once; for a minute or more pip says nothing ..."
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/$*.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

.venv/python.stamp:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
	  { echo "minitorch_attn needs Python 3.11 or newer; name one: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	$(PYTHON) -m venv .venv
	@touch $@

# The lowest versions of what pyproject.toml names, what these need in turn as new as it goes. NumPy
# 2.0.0 has wheels for Python 3.11 and 3.12.
LOWEST_PY := .cache/lowest/$(notdir $(BIN))/python
lowest: .cache/lowest/lowest.stamp
	PYTHONPATH= $(LOWEST_PY) -m pytest -n $(JOBS) tests/engine tests/commands/test_cli.py

.cache/lowest/lowest.stamp: requirements/lowest.txt pyproject.toml
	$(PYTHON) -m venv .cache/lowest
	$(LOWEST_PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/lowest.txt
	$(LOWEST_PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

wheel: .venv/run.stamp
	$(PY) -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .
	@ls -l dist

# A universal lock: one file serves every platform and every Python from 3.11 on.
lock:
	$(PYTHON) -m venv .cache/lock && .cache/lock/$(notdir $(BIN))/python -m pip install --quiet uv
	for extra in run study web test; do \
	  .cache/lock/$(notdir $(BIN))/uv pip compile --quiet --universal --python-version 3.11 \
	    --generate-hashes --no-header --no-emit-index-url --no-annotate $(UPGRADE) \
	    --extra $$extra pyproject.toml requirements/build.in -o requirements/$$extra.txt || exit 1; \
	done
	.cache/lock/$(notdir $(BIN))/uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --no-annotate $(UPGRADE) \
	  -c requirements/test.txt requirements/ci.in -o requirements/ci.txt
	.cache/lock/$(notdir $(BIN))/uv pip compile --quiet --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-emit-index-url --no-annotate --resolution lowest-direct \
	  --extra test pyproject.toml requirements/build.in -o requirements/lowest.txt

clean:
	rm -rf .venv .cache runs dist node_modules
