# make run | test | check | migrations | bench | soak | reset: see ticketshop/docs/contributing.md.
PYTHON ?= python3
PY := .venv/bin/python
# Programs of the virtualenv are called as modules: their own first lines name the folder it was made in, and a clone
# may be moved or copied.
LINT_IMPORTS := $(PY) -c "from importlinter.cli import lint_imports_command as check; check()" --no-logo

# `make check` looks at the shop as it would be in production. None of these is used by anything else.
PRODUCTION := DEMO= BASE_URL=https://shop.example ALLOWED_HOSTS=shop.example EMAIL_URL=smtp://mail.example:25 \
	SECRET_KEY=only-for-make-check-0123456789-abcdefghijklmnopqrstuvwxyz

# With it each process would compile the project again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := run
.PHONY: run test check migrations bench soak reset

run: .venv/local.stamp
	@$(PY) -m ticketshop.demo.run

# Each worker runs its part of the files in their order, so that what a file prepares is made once; whoever ends first takes over
# some of what another has left. Four use two cores: some always wait for PostgreSQL, a browser or a server.
WORKERS ?= 4

test: check
	@$(PY) -m pytest -n $(WORKERS) --dist worksteal

# Two steps at a time, the longest first. A step prints its name and, if it fails, what it found.
check: .venv/dev.stamp
	@$(MAKE) --no-print-directory --jobs 2 $(STEPS)

STEPS := check-installation check-mypy check-djlint check-djlint-format check-translations check-imports check-ruff check-ruff-format
.PHONY: $(STEPS)

check-installation:
	$(call step,manage.py check --deploy$(COMMA) missing migrations,files=$$(mktemp -d) && trap 'rm -rf "$$files"' EXIT && \
		VAR_DIR="$$files" $(PRODUCTION) $(PY) -m ticketshop.lib.postgres run sh -c \
		"$(PY) -m tests.migrated_dump; $(PY) manage.py migrate --verbosity 0 && $(PY) manage.py createcachetable && \
		$(PY) manage.py collectstatic --no-input --verbosity 0 && \
		$(PY) manage.py check --deploy --fail-level WARNING && { $(PY) manage.py makemigrations --check --dry-run || \
		{ echo 'To put it right: make migrations'; exit 1; }; }")

MYPY := $(PRODUCTION) DATABASE_URL=postgres://nobody@127.0.0.1:9/nothing $(PY) -m mypy --no-error-summary

# With its cache mypy still looks for a module of models that was moved or removed: what fails is checked again without it.
check-mypy:
	$(call step,mypy,$(MYPY) > /dev/null 2>&1 || { rm -rf .mypy_cache && $(MYPY); })

check-djlint:
	$(call step,djlint,$(PY) -m djlint --quiet --lint templates)

check-djlint-format:
	$(call step,djlint format,$(PY) -m djlint --check templates,$(PY) -m djlint --reformat templates)

check-translations:
	$(call step,translations,$(PY) -m tests.project.catalogues --check,$(PY) -m tests.project.catalogues$(COMMA) then the French in ticketshop/locale)

check-imports:
	$(call step,import contracts,$(LINT_IMPORTS))

check-ruff:
	$(call step,ruff,$(PY) -m ruff check --quiet .)

check-ruff-format:
	$(call step,ruff format,$(PY) -m ruff format --check --quiet .,$(PY) -m ruff format .)

COMMA := ,
# $(call step,its name,its command,the command that puts it right)
define step
	@found=$$({ $(2); } 2>&1) && echo "$(1)" || { echo "$(1)"; echo "$$found"; \
		$(if $(3),echo "To put it right: $(3)";) exit 1; }
endef

migrations: .venv/dev.stamp
	@files=$$(mktemp -d) && trap 'rm -rf "$$files"' EXIT && \
		VAR_DIR="$$files" $(PRODUCTION) $(PY) -m ticketshop.lib.postgres run $(PY) manage.py makemigrations

bench: .venv/dev.stamp
	@$(PY) -m tests.bench $(if $(LARGE),--large) $(if $(SAVE),--save) $(if $(ONLY),--only $(ONLY))

soak: .venv/dev.stamp
	@$(PY) -m pytest -m soak -n 0 --capture no

reset:
	@[ ! -e var ] || { $(MAKE) --no-print-directory --silent .venv/local.stamp && $(PY) -m ticketshop.demo.run reset; }

.venv/local.stamp: requirements/local.txt | .venv/bin/python
	@$(call install,$<)
	@touch $@

.venv/dev.stamp: requirements/dev.txt | .venv/bin/python
	@$(call install,$<)
	@touch $@ .venv/local.stamp

define install
	$(PY) -m pip --version > /dev/null 2>&1 || $(PYTHON) -m venv --clear .venv; \
	echo "Installing $(1) into .venv"; \
	$(PY) -m pip --disable-pip-version-check install --quiet --require-hashes -r $(1)
endef

.venv/bin/python:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
		echo "This needs Python 3.11 or newer, called $(PYTHON); another one: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)"; \
		exit 1; }
	@$(PYTHON) -m venv --clear .venv
