# Everything that a person types. `make run` and `make test` need Python 3.11 or newer and nothing else.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LITELLM := .venv-litellm
PYTEST := $(BIN)/python -m pytest
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCK := $(BIN)/pip-compile --quiet --strip-extras --no-header --no-emit-find-links --no-emit-index-url \
	--no-emit-trusted-host --no-emit-options
export PYTHONUNBUFFERED = 1

.PHONY: help run env install install-dev install-litellm migrate static test test-long lint format e2e bench soak lighthouse messages lock clean

help:
	@echo "make run        the whole thing on this machine: http://127.0.0.1:8000 (Ctrl-C stops it)"
	@echo "make test       every test, browser tests included where a browser is or can be installed"
	@echo "make test-long  the tests that take minutes, too"
	@echo "make install-litellm  the real LiteLLM, for its tests; make test does it too"
	@echo "make lint       ruff, mypy, djade, import layers, migrations, messages, bandit, pip-audit"
	@echo "make e2e        the browser tests alone"
	@echo "make bench      one table of ratios against baselines; BENCH=--quick for a check"
	@echo "make soak       an hour of load, kills and faults: MINUTES=60, more by SOAK=\"--help\""
	@echo "make lighthouse what Lighthouse says of four pages; needs Node"

run: install .env
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py collectstatic --noinput --verbosity 0
	@$(BIN)/python -m gateway_site.processes || [ $$? -eq 130 ]  # Ctrl-C is how it ends

install: $(VENV)/.installed
install-dev: $(VENV)/.installed-dev
env: .env

$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make run PYTHON=python3.12")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what the site needs into $(VENV) (the first time takes a minute)..."
	@$(PIP) install -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt $(VENV)/.installed
	@echo "Installing what the tests need into $(VENV)..."
	@$(PIP) install -r requirements-dev.txt
	@touch $@

# the real LiteLLM, which has nothing to do with the site's own packages: without it its tests say that they did not run
install-litellm:
	@$(MAKE) --no-print-directory $(LITELLM)/.installed || \
		echo "LiteLLM tests: NOT RUN. The package cannot be installed here; try 'make install-litellm' again with a network."

$(LITELLM)/.installed: requirements-litellm.txt
	@test -x $(LITELLM)/bin/python || $(PYTHON) -m venv $(LITELLM)
	@echo "Installing the real LiteLLM for its tests into $(LITELLM)..."
	@$(LITELLM)/bin/python -m pip --disable-pip-version-check --quiet install -r requirements-litellm.txt
	@touch $@

# the secret of this checkout alone: made once, read in development only
.env:
	@umask 077 && $(PYTHON) -c 'import secrets; print("# Read in development only. DEBUG=true shows error details and reloads static files.\nSECRET_KEY=" + secrets.token_urlsafe(50))' > $@

# with the marks of the tests to run, and of those that run again on PostgreSQL. They share the machine's processors;
# what kills processes or looks at how long a thing takes has nothing beside it. A process that has driven a browser
# has an event loop, in which Django asks no database: browser tests are a run of their own
TOGETHER := --numprocesses auto --maxprocesses 8 --dist loadfile
define run_tests
	@$(BIN)/python -m tests.browser
	$(PYTEST) -m "($(1)) and not alone and not e2e" $(TOGETHER)
	$(PYTEST) -m "($(1)) and alone"
	$(PYTEST) -m "($(1)) and e2e" $(TOGETHER)
	@if [ -n "$$TEST_POSTGRES_URL" ]; then echo "Again, on PostgreSQL, what asks a database:"; \
		export TEST_DATABASE_URL="$$TEST_POSTGRES_URL"; \
		$(PYTEST) -m "($(2)) and not alone" $(TOGETHER) && $(PYTEST) -m "($(2)) and alone"; \
	else echo "PostgreSQL: not run; set TEST_POSTGRES_URL=postgres://user@host/postgres to run the tests on it too."; fi
endef

test: install-dev install-litellm
	$(call run_tests,not long,not long and not e2e and not own_database)

test-long: install-dev install-litellm
	$(call run_tests,long or not long,not e2e and not own_database)

e2e: install-dev
	@$(BIN)/python -m tests.browser
	$(PYTEST) -m e2e $(TOGETHER)

bench: install-dev
	@$(BIN)/python -m benchmarks $(BENCH)

# SOAK="--database postgres://user@host/postgres", SOAK=--steady and the like: tests/soak/options.py
MINUTES ?= 60
soak: install-dev
	$(BIN)/python -m tests.soak --minutes $(MINUTES) $(SOAK)

lighthouse: install-dev
	$(BIN)/python benchmarks/lighthouse.py

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/djade --check --target-version 5.2 $$(git ls-files 'templates/*.html')
	$(BIN)/lint-imports
	$(BIN)/mypy .
	$(BIN)/mypy --config-file sandbox/mypy.ini sandbox gateway_site/sandbox_settings.py
	$(BIN)/python manage.py makemigrations --check --dry-run --settings gateway_site.test_settings
	$(BIN)/python manage.py makemigrations --check --dry-run --settings gateway_site.sandbox_settings
	$(BIN)/python -m tests.messages
	$(BIN)/python -m tests.bandit_findings
	$(BIN)/python -m tests.vulnerabilities

format: install-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

messages: install-dev
	$(BIN)/python manage.py makemessages --locale zh_Hans --ignore .venv --ignore $(LITELLM) --ignore var --ignore staticfiles --ignore tests --no-location --no-obsolete --settings gateway_site.test_settings
	$(BIN)/python manage.py compilemessages --locale zh_Hans --ignore .venv --ignore $(LITELLM) --settings gateway_site.test_settings

lock: install-dev
	$(PIP) install pip-tools
	$(LOCK) --output-file requirements.txt requirements.in
	$(LOCK) --output-file requirements-dev.txt requirements-dev.in
	$(LOCK) --output-file requirements-litellm.txt requirements-litellm.in

clean:
	rm -rf $(VENV) $(LITELLM) var staticfiles .pytest_cache .mypy_cache .ruff_cache .hypothesis
