# Every target sets up what it needs first; a finished set-up costs a moment.
# Pass options with ARGS, e.g. `make demo ARGS=--once`, `make test ARGS="-k config"`.

BIN := .venv/bin
CODE := src tests bench scripts
export PYTHONPATH := .
# Compiled once and kept outside of the sources: a process that compiles starts a second later.
export PYTHONDONTWRITEBYTECODE :=
export PYTHONPYCACHEPREFIX := $(CURDIR)/.venv/pycache

.PHONY: help setup demo test lint format lock example roles bench crash truth chaos torture attack fuzz properties browser screenshots clean

help: ## show this list
	@grep -E '^[a-z]+:.*## ' Makefile | sed -E 's/^([a-z]+):.*## /  \1\t/' | expand -t 12

setup: ## install what is missing: Debian packages, .venv from the lock
	@scripts/setup

demo: setup ## a small country on this machine; ARGS=--once runs the main job and ends
	@$(BIN)/depesha demo $(ARGS)

test: setup ## all tests
	@$(BIN)/pytest -n auto $(ARGS)

lint: setup ## form, rules, types, layers, lock files
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/lock.py --check

format: setup ## put the code into form
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

lock: setup ## refresh requirements/*.txt from pyproject.toml
	@$(BIN)/python scripts/lock.py $(ARGS)

example: setup ## write docs/depesha.example.toml anew
	@$(BIN)/python -c "from depesha.config import render_example as r; print(r(), end='')" \
	  > docs/depesha.example.toml

roles: setup ## write docs/operations/roles.md anew
	@$(BIN)/python -m tests.support.roles_page

bench: setup ## drive the real server and print the figures
	@$(BIN)/python bench/run.py $(ARGS)

crash: setup ## kill the gateway at every committed step and between them
	@$(BIN)/python tests/crash/run.py $(ARGS)

chaos: setup ## random documents under random faults and deaths; N=1000 SEED=7
	@$(BIN)/python -m tests.chaos.run --number $(or $(N),1000) $(if $(SEED),--seed $(SEED)) $(ARGS)

torture: setup ## an hour of kills, full disks, shifted clocks; ARGS="--minutes 3 --seed 7"
	@$(BIN)/python -m tests.torture.run $(ARGS)

truth: setup ## the sender's word against what the recipient has: each channel, each fault, each death
	@$(BIN)/python -m tests.truth.run $(ARGS)

attack: setup ## the attack corpus against the running endpoint
	@$(BIN)/python -m tests.attack.run $(ARGS)

fuzz: setup ## 10,000 random and mutated documents against the running endpoint; ARGS="--seed 1"
	@$(BIN)/python -m tests.attack.fuzz $(ARGS)

properties: setup ## 10,000 examples of every property
	@$(BIN)/pytest -n auto --hypothesis-profile=fuzz --timeout=1800 tests/property $(ARGS)

browser: setup ## real pages of the console in a real browser: journeys, keyboard, axe, four languages
	@BROWSER_TESTS=1 $(BIN)/pytest -n 0 --timeout=900 tests/browser $(ARGS)

screenshots: setup ## take the pictures of docs/screenshots anew
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

clean: ## remove what was made here; .venv stays
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage* build dist demo simulator
	@find src tests bench scripts -name __pycache__ -type d -prune -exec rm -rf {} +
