# Each target sets up what it needs: a fresh machine with Python 3.11+ and make is enough.
PYTHON ?= python3
VENV   := .venv
# Windows keeps a virtual environment's programs elsewhere.
BIN    := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
RUN    := $(BIN)/python -m

.PHONY: install demo test lint format bench docs lines clean

install: $(VENV)/.installed

# pip 25.1 is the first that reads dependency groups.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(RUN) pip install --quiet --upgrade "pip>=25.1"
	$(RUN) pip install --quiet -c constraints.txt -e ".[all]" --group test --group lint
	$(BIN)/python -c "open('$@', 'w').close()"

demo: install
	$(BIN)/wordladder demo

# Waiting threads sleep: there is a process a core.
test: install
	OMP_WAIT_POLICY=passive $(RUN) pytest --numprocesses auto

lint: install
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy

format: install
	$(RUN) ruff check --fix .
	$(RUN) ruff format .

bench: install
	$(BIN)/python benchmarks/run.py

docs: install
	$(BIN)/python tools/reference_pages.py

lines:
	$(PYTHON) tools/code_lines.py

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
