# Every command has one name. `make help` lists them.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
RUN    := OMP_NUM_THREADS=1 $(BIN)/python
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help book read lab test style units pages notebooks real full claims bench clean

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
	@OMP_NUM_THREADS=1 $(BIN)/jupyter-book build . -n -W --keep-going --quiet
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

units: $(VENV)/test  ## the tests of the code, with doctests
	@$(RUN) -m pytest -n 2 --dist loadscope --ignore tests/test_book.py

pages: $(VENV)/test  ## run every notebook and compare; build the book and check its pages
	@$(RUN) -m pytest -n 2 --dist loadscope --nbval --nbval-current-env \
	  --nbval-sanitize-with tests/nbval.cfg notebooks tests/test_book.py

notebooks: $(VENV)/test  ## weave the notebooks whose manuscript changed
	@$(RUN) book/weave.py

real: $(VENV)/real
real full claims: $(VENV)/book  ## the recorded runs: real data, full scale, five seeds
	@$(RUN) -m companion run $@

bench: $(VENV)/bench  ## measure against other libraries and write book/speed.md
	@$(RUN) -m benchmarks

clean:  ## remove what was built, and the environment
	rm -rf _build $(VENV) .pytest_cache .mypy_cache .ruff_cache
