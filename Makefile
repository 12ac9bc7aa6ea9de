# make run    serves the site on http://localhost:8000/   (PORT=, HOST=, VAR_DIR=)
# make help   tells the rest

PYTHON ?= python3
VAR_DIR ?= var
PORT ?= 8000
HOST ?= 127.0.0.1
WORKERS ?= 2
export PORT HOST

BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
# What `check --deploy` and `makemigrations --check` look at: a site in production, without a database.
PRODUCTION := env DEBUG=0 HTTPS=1 ALLOWED_HOSTS=help.example.com DATABASE_URL=sqlite://:memory: \
	SECRET_KEY=only-for-the-check-and-long-enough-to-be-accepted-by-it-0123456789

.PHONY: run setup secret test test-sqlite test-postgresql test-browser test-javascript coverage lint format \
	chaos soak benchmark clean help

run: .venv/installed secret  ## set the site up and serve it until Ctrl-C
	@exec $(BIN)/python manage.py serve

setup: .venv/installed secret  ## set the site up without serving it
	@$(BIN)/python manage.py setup

secret:  # a key of the site's own, unless it is given one
	@if [ -z "$$SECRET_KEY$$SECRET_KEY_FILE" ] && [ ! -s "$(VAR_DIR)/secret_key" ]; then \
		umask 077 && mkdir -p "$(VAR_DIR)" && \
		$(PYTHON) -c 'import secrets; print(secrets.token_urlsafe(50))' > "$(VAR_DIR)/secret_key"; \
	fi

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "Python 3.11 or newer is needed, and '$(PYTHON)' is not. Name one: make PYTHON=/path/to/python3.11"; \
		exit 1; }
	@$(PYTHON) -m venv .venv || { \
		rm -rf .venv; \
		echo "'$(PYTHON) -m venv' failed. On Debian and Ubuntu: apt-get install python3-venv"; \
		exit 1; }

.venv/installed: requirements.txt | .venv/bin/python
	@echo "Installing the packages of requirements.txt (once, some minutes)"
	@$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-dev: requirements-dev.txt .venv/installed
	@echo "Installing what the tests need (once)"
	@$(BIN)/python -m pip install --disable-pip-version-check -q -r requirements-dev.txt
	@touch $@

# The browser's modules are served as they are written; npm brings only what checks them. Node itself comes
# with requirements-dev.txt.
node_modules/installed: package-lock.json .venv/installed-dev
	@PATH="$(CURDIR)/$(BIN):$$PATH" npm ci --no-audit --no-fund --ignore-scripts
	@touch $@

test: test-sqlite test-postgresql test-javascript test-browser  ## run all tests: both databases, Redis, browser

test-sqlite: .venv/installed-dev  ## all but the browser, on SQLite
	$(PYTEST) -n $(WORKERS) --dist worksteal -m "not browser" $(ARGS)

test-postgresql: .venv/installed-dev  ## what touches the database, on PostgreSQL
	TEST_DATABASE=postgresql $(PYTEST) -n $(WORKERS) --dist worksteal -m "database and not browser" $(ARGS)

test-javascript: node_modules/installed  ## the page's modules
	PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent test

test-browser: node_modules/installed  ## the page in a real Chromium
	$(PYTEST) -n $(WORKERS) --dist loadfile -m browser $(ARGS)

coverage: .venv/installed-dev  ## branch coverage of the Python code
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest $(ARGS)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

lint: node_modules/installed  ## style, types, architecture, migrations, deployment
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PRODUCTION) $(BIN)/python manage.py makemigrations --check --dry-run
	$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING
	PATH="$(CURDIR)/$(BIN):$$PATH" npm run --silent check

format: .venv/installed-dev  ## put the Python code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

chaos: .venv/installed-dev  ## the long forms: killed processes, lost services, bad lines, hostile files (some hours)
	CHAOS=1 $(PYTEST) -m chaos --timeout=14400 $(ARGS)

soak: .venv/installed-dev  ## half an hour of mixed load: memory and files stay level (SOAK=minutes)
	SOAK=$(or $(SOAK),30) $(PYTEST) chat/tests/test_soak.py -s $(ARGS)

benchmark: .venv/installed-dev  ## measure against the bare limits of this machine (ONLY="sockets start")
	$(BIN)/python -m benchmarks $(ONLY) $(ARGS)

clean:  ## remove what can be built again; the site's data in var/ stays
	rm -rf .venv node_modules .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

help:
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1|\2/' | \
		while IFS='|' read -r name words; do printf '  make %-16s %s\n' "$$name" "$$words"; done
