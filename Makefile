# Every command has one name. `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# One thread, where nothing else is set: two on busy cores can be tens of times slower.
export OMP_NUM_THREADS ?= 1
RUN    := $(BIN)/python
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help book read lab test style units pages processors oldest mutants notebooks real full claims bench clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z ]+:.*## / { printf "%-18s%s\n", $$1, $$2 }' Makefile

# One environment. A stamp per set of extras: made again when the requirements change.
$(VENV)/book: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or newer is needed: make PYTHON=python3.12 book")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (once; takes a few minutes) ..."
	@$(PIP) -e ".[book]"
	@touch $@

$(VENV)/test $(VENV)/lab $(VENV)/bench $(VENV)/real: $(VENV)/%: $(VENV)/book
	@$(PIP) -e ".[$*]"
	@touch $@

book: $(VENV)/book  ## build the book from the committed notebooks
	@rm -rf _build
	@$(BIN)/jupyter-book build . -n -W --keep-going --quiet
	@echo "Built. Open _build/html/index.html in a browser, or run: make read"

read:  ## serve the built book at http://127.0.0.1:8000
	@test -f _build/html/index.html || $(MAKE) book
	@$(RUN) -m http.server 8000 --bind 127.0.0.1 --directory _build/html

lab: $(VENV)/lab  ## open JupyterLab on the notebooks
	@$(RUN) -m jupyter trust notebooks/*.ipynb notebooks/solutions/*.ipynb
	@$(BIN)/jupyter lab --LabApp.default_url=/lab/tree/notebooks

test: style units pages  ## check everything: style, code, notebooks, the built book

style: $(VENV)/test  ## formatting, lint, types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(RUN) book/weave.py --check

CODE := --ignore tests/test_book.py --ignore tests/test_reruns.py

units: $(VENV)/test  ## the tests of the code, with doctests
	@$(RUN) -m pytest -n 2 --dist loadscope $(CODE)

pages: $(VENV)/test  ## run every notebook and compare; build the book and check its pages
	@$(RUN) -m pytest -n 2 --dist loadgroup tests/test_reruns.py tests/test_book.py

# What computes: the notebooks, and the tests that compare numbers.
NUMERICAL := tests/test_reruns.py tests/claims tests/checks $(wildcard tests/runs) $(shell grep -lE "assert_close|allclose|approx" tests/test_*.py)
PROCESSORS ?= avx2 oldest threads

processors: $(VENV)/test  ## notebooks and numerical tests as on other processors, or on PROCESSORS=oldest
	@for processor in $(PROCESSORS); do echo "As on: $$processor"; \
	  $(RUN) -m runs.processors $$processor $(BIN)/python -m pytest -q -n 2 --dist worksteal $(NUMERICAL) || exit 1; \
	done

# An environment of its own: what nobody pins is as new as the pins allow.
$(VENV)-oldest/test: pyproject.toml tests/_oldest.py
	@rm -rf $(VENV)-oldest && $(PYTHON) -m venv $(VENV)-oldest
	@$(PYTHON) tests/_oldest.py > $(VENV)-oldest/pins.txt
	@$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check -c $(VENV)-oldest/pins.txt -e ".[book,test]"
	@touch $@

oldest: $(VENV)-oldest/test  ## the tests of the code with the oldest versions that pyproject.toml allows
	@$(VENV)-oldest/bin/python -m pytest -n 2 --dist loadscope $(CODE)

mutants: $(VENV)/test  ## try every small fault of each exercise's solution on its check
	@$(RUN) -m pytest -q -n 2 --dist loadscope tests/checks -k small_faults --mutants 1000

notebooks: $(VENV)/test  ## weave what changed: code is run again, prose alone takes seconds
	@$(RUN) book/weave.py

real: $(VENV)/real
real full claims: $(VENV)/book  ## record long runs: real data, full scale, fourteen runs a chapter (TOPIC=som: one chapter)
	@$(RUN) -m runs $@ $(TOPIC)

bench: $(VENV)/bench  ## measure against other libraries and write book/speed.md
	@$(RUN) -m benchmarks

clean:  ## remove what was built, and the environment
	rm -rf _build $(VENV) $(VENV)-oldest .pytest_cache .mypy_cache .ruff_cache
