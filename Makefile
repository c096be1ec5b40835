# make scan HOST=mx1.example.org    look at a mail host (without HOST: the embedded weak one)
# make test                         everything that can run on this machine
# Everything happens in an environment of its own: VENV (default .venv), made on first use.

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --quiet --disable-pip-version-check
LOCK   := .ci/requirements.lock

.DEFAULT_GOAL := help
.PHONY: help scan test check docs lock tools lab-packages clean

help:
	@sed -n '1,3s/^# //p' Makefile
	@echo 'make check    linters and types only      make docs    generated pages      make clean    remove $(VENV)'

# The shell says when make itself is missing; this says what else is.
tools:
	@command -v git >/dev/null || { echo "git is missing: apt install git" >&2; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: apt install python3 python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "$(PYTHON) is older than 3.11: Debian 12 and 13 have a newer one; PYTHON=/path/to/python3 chooses" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null \
	  || { echo "python3-venv is missing: apt install python3-venv" >&2; exit 1; }

$(BIN)/python: | tools
	@echo "Making an environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.runs: pyproject.toml $(LOCK) | $(BIN)/python
	@echo "Installing auditor into $(VENV)"
	@$(PIP) install -c $(LOCK) -e .
	@touch $@

$(VENV)/.tests: pyproject.toml $(LOCK) | $(BIN)/python
	@echo "Installing auditor and its test tools into $(VENV)"
	@$(PIP) install -c $(LOCK) -e '.[test]'
	@touch $@ $(VENV)/.runs

# Exit codes 1 and 3 are findings, not failures of make.
scan: $(VENV)/.runs
ifdef HOST
	@$(BIN)/auditor scan $(HOST) $(ARGS) || { code=$$?; [ $$code -eq 1 ] || [ $$code -eq 3 ] || exit $$code; }
else
	@$(BIN)/auditor demo $(ARGS)
endif

check: $(VENV)/.tests
	$(BIN)/ruff check auditor tests
	$(BIN)/ruff format --check auditor tests
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/auditor runbook lint
	cd playbooks && PATH="$(abspath $(BIN)):$$PATH" $(abspath $(BIN))/ansible-lint --offline -q
	$(BIN)/yamllint --strict playbooks inventory.example.yml

# As root on Debian the tests boot real mail hosts, and need a few packages for that.
lab-packages:
	@if [ "$$(id -u)" -eq 0 ] && grep -qx 'ID=debian' /etc/os-release 2>/dev/null; \
	  then sh .ci/install-packages; \
	  else echo "Not root on Debian: the tests on real mail hosts are skipped, and say so."; fi

# A laboratory a file: what one did to its hosts (Sendmail counts connections for ten minutes, fail2ban remembers) is none of
# the next one's business. Some run side by side, since much of their time is waiting; LABS=1 runs one after the other.
# The longest come first, so that nobody waits for one of them at the end.
PYTEST  := PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python -m pytest
LABS    ?= 4
LONGEST := fix incident_plays submission replay_002 faults backup isolation books actions replay_003 replay_000 playbooks
LAB     := $(LONGEST) $(filter-out $(LONGEST),$(patsubst tests/lab/test_%.py,%,$(wildcard tests/lab/test_*.py)))

test: lab-packages check
	$(PYTEST) -m 'not lab' --cov --cov-report=term:skip-covered $(ARGS)
	+@$(MAKE) --jobs=$(LABS) --keep-going --output-sync=target --no-print-directory $(addprefix lab-,$(LAB))

# Exit code 5: nothing in this file is meant by ARGS.
lab-%: $(VENV)/.tests
	$(PYTEST) tests/lab/test_$*.py $(ARGS) || [ $$? -eq 5 ]

docs: $(VENV)/.runs
	$(BIN)/auditor checks --format markdown >docs/checks.md

lock: $(VENV)/.tests
	$(PIP) install pip-tools
	$(BIN)/pip-compile --quiet --upgrade --extra test --strip-extras --no-annotate --no-header \
	  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links -o $(LOCK) pyproject.toml
	sed -i '1i # Exact versions for CI (make lock renews them). Constraints only: pip install . stays free.' $(LOCK)

clean:
	rm -rf $(VENV)
