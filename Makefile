# Easy Box: the commands for people and CI. Most of them run a script of dev/ or proofs/.

PYTHON ?= python3
SEED ?= 1
SCHEDULES ?= 200
DAYS ?= 100
MARGIN ?= 7
READER ?= stories
SERVER ?= inprocess
APP ?= installed

PY := .venv/bin/python
MANAGE := $(PY) easy_box_backend/manage.py
SOURCES := easy_box_backend proofs dev

.DEFAULT_GOAL := help
.PHONY: help run dev test test-browser lint format types layers scripts schema check-schema check-migrations messages check-messages \
        simulate simulate-days simulate-mutants bench bench-short backup restore restore-drill verify-stack verify-deploy verify-growth check-workflow verify-workflow pin-images gitflow desk-pictures lock venv venv-dev clean

help:
	@echo "make run     start the backend with demo data (PORT=8000 HOST=0.0.0.0, more in .env.example)"
	@echo "make test    the quick tests on SQLite and PostgreSQL (ARGS=\"-k orders\", DB=sqlite, DB=both)"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: venv ## Start the backend for phones on this network
	@$(PY) dev/run.py

dev: venv ## As `make run`, with DEBUG, and a reload on every change of the code
	@$(PY) dev/run.py --reload

test: venv-dev ## The quick tests on SQLite and PostgreSQL (DB=both: all tests on both)
	@$(PY) dev/test.py

test-browser: venv-dev ## The desk's tests in a real browser, on SQLite
	@DB=sqlite ARGS="easy_box_backend/api/tests/browser $(ARGS)" $(PY) dev/test.py

lint: venv-dev ## Style, types, layers and shell scripts
	@$(PY) -m ruff check
	@$(PY) -m ruff format --check --quiet || { echo 'Not formatted: run "make format".'; exit 1; }
	@$(MAKE) --no-print-directory types layers scripts

format: venv-dev ## Format the code
	@$(PY) -m ruff check --fix --quiet || true
	@$(PY) -m ruff format

types: venv-dev ## mypy
	@ENV_FILE=/dev/null PYTHONPATH=easy_box_backend $(PY) -m mypy $(SOURCES)

layers: venv-dev ## The layer rules of docs/architecture.md
	@PYTHONPATH=easy_box_backend $(PY) .venv/bin/lint-imports --no-logo --no-cache

scripts: venv-dev ## shellcheck
	@$(PY) dev/shell_scripts.py

schema: venv-dev ## Write docs/openapi.yaml from the code
	@$(PY) dev/schema.py

check-schema: venv-dev ## Fail if docs/openapi.yaml is out of date
	@$(PY) dev/schema.py --check

check-migrations: venv-dev ## Fail if a model changed without a migration; migrate empty databases of both kinds
	@$(PY) dev/migrations.py

messages: venv-dev ## Collect texts for translation and compile the catalogues
	@$(PY) dev/messages.py

check-messages: venv-dev ## Fail if a text is not translated
	@$(PY) dev/messages.py --check

simulate: venv-dev ## Simulate phones on a bad network, by seed (SEED=1 SCHEDULES=200 SERVER=real APP=repaired)
	@$(PY) -m proofs.simulation --seed $(SEED) --schedules $(SCHEDULES) --server $(SERVER) --app $(APP)

simulate-days: venv-dev ## Simulate whole days in memory and compare with the truth (SEED=1 DAYS=100 READER=server|real MARGIN="5 6 7")
	@$(PY) -m proofs.simulation.day --seed $(SEED) --days $(DAYS) --reader $(READER) --margin $(MARGIN)

simulate-mutants: venv-dev ## Test the simulation: it must find every planted bug
	@$(PY) -m proofs.simulation.mutants

bench: venv-dev ## Measure reading and writing (docs/benchmarks.md; ARGS=--write writes it)
	@$(PY) -m proofs.benchmarks $(ARGS)

bench-short: venv-dev ## A benchmark of a minute, for CI: counts SQL statements, compares processor time with plain code
	@$(PY) -m proofs.benchmarks.short

backup: ## Production: make a backup set of the database and all photos (docs/operations.md)
	@deploy/backup.sh

restore: ## Production: restore a set into an empty stack (FROM=latest)
	@deploy/restore.sh "$(FROM)"

restore-drill: venv-dev ## Back up, destroy everything and restore, without Docker
	@$(PY) -m proofs.verification.drill

verify-stack: venv-dev ## Check the production stack on a real Docker Engine (ARGS="rolling restore")
	@$(PY) -m proofs.verification.stack $(ARGS)

verify-deploy: venv-dev ## Check deploys over SSH and setup-server.sh on a real Docker Engine (ARGS="cut rollback")
	@$(PY) -m proofs.verification.deploy $(ARGS)

verify-growth: venv-dev ## Check two hosts with PostgreSQL and photos elsewhere, and kill parts of them (ARGS="dead_host")
	@$(PY) -m proofs.verification.growth $(ARGS)

check-workflow: venv-dev ## actionlint and zizmor on the GitHub workflow
	@PATH="$(CURDIR)/.venv/bin:$$PATH" actionlint
	@.venv/bin/zizmor --offline --pedantic --quiet .

verify-workflow: check-workflow ## Run the GitHub workflow with fakes of everything around it, and look for leaked secrets
	@$(PY) -m proofs.verification.workflow $(ARGS)

pin-images: ## Pin the base images to the digests that their tags have on Docker Hub now
	@$(PYTHON) dev/pin_images.py

gitflow: ## Create the branches develop and feature/NAME (NAME=stock-report, PUSH=1 publishes them)
	@NAME="$(NAME)" PUSH="$(PUSH)" dev/gitflow.sh

desk-pictures: venv-dev ## Take the screenshots of docs/desk.md again, from the demo data
	@$(PY) dev/desk_pictures.py

lock: venv-dev ## Pin the dependencies again (UPGRADE=1: to the newest versions)
	@cd easy_box_backend && for file in requirements requirements-s3 requirements-cloudinary requirements-dev; do \
	  ../$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --generate-hashes $(if $(UPGRADE),--upgrade) \
	    --custom-compile-command "make lock" --output-file $$file.txt $$file.in || exit 1; done

venv:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) dev/venv.py runtime

venv-dev:
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv"; exit 1; }
	@$(PYTHON) dev/venv.py dev

clean: ## Remove files that can be created again (not var/, which has your data)
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
