# make run | test | check | migrations | bench | soak | reset: see ticketshop/docs/contributing.md.
PYTHON ?= python3
PY := .venv/bin/python
# Programs of the virtualenv are called as modules: their own first lines name the folder it was made in, and a clone
# may be moved or copied.
LINT_IMPORTS := $(PY) -c "from importlinter.cli import lint_imports_command as check; check()" --no-logo

# `make check` looks at the shop as it would be in production. None of these is used by anything else.
PRODUCTION := DEMO= BASE_URL=https://shop.example ALLOWED_HOSTS=shop.example EMAIL_URL=smtp://mail.example:25 \
	SECRET_KEY=only-for-make-check-0123456789-abcdefghijklmnopqrstuvwxyz

.DEFAULT_GOAL := run
.PHONY: run test check migrations bench soak reset

run: .venv/local.stamp
	@$(PY) -m ticketshop.demo.run

test: check
	@$(PY) -m pytest -n 2

check: .venv/dev.stamp
	@echo "ruff" && $(PY) -m ruff check --quiet .
	@echo "ruff format" && $(PY) -m ruff format --check --quiet . || \
		{ echo "To put it right: $(PY) -m ruff format ."; exit 1; }
	@echo "djlint" && $(PY) -m djlint --quiet --lint templates
	@found=$$($(PY) -m djlint --check templates 2>&1) || \
		{ echo "$$found"; echo "To put it right: $(PY) -m djlint --reformat templates"; exit 1; }
	@echo "mypy" && $(PRODUCTION) DATABASE_URL=postgres://nobody@127.0.0.1:9/nothing $(PY) -m mypy --no-error-summary
	@echo "import contracts" && $(LINT_IMPORTS)
	@echo "translations" && $(PY) -m tests.project.catalogues --check || \
		{ echo "To put it right: $(PY) -m tests.project.catalogues, then the French in ticketshop/locale"; exit 1; }
	@echo "manage.py check --deploy, missing migrations" && files=$$(mktemp -d) && trap 'rm -rf "$$files"' EXIT && \
		VAR_DIR="$$files" $(PRODUCTION) $(PY) -m ticketshop.lib.postgres run sh -c \
		"$(PY) manage.py migrate --verbosity 0 && $(PY) manage.py createcachetable && \
		$(PY) manage.py collectstatic --no-input --verbosity 0 && \
		$(PY) manage.py check --deploy --fail-level WARNING && { $(PY) manage.py makemigrations --check --dry-run || \
		{ echo 'To put it right: make migrations'; exit 1; }; }"

migrations: .venv/dev.stamp
	@files=$$(mktemp -d) && trap 'rm -rf "$$files"' EXIT && \
		VAR_DIR="$$files" $(PRODUCTION) $(PY) -m ticketshop.lib.postgres run $(PY) manage.py makemigrations

bench: .venv/dev.stamp
	@$(PY) -m tests.bench $(if $(LARGE),--large) $(if $(SAVE),--save) $(if $(ONLY),--only $(ONLY))

soak: .venv/dev.stamp
	@$(PY) -m pytest tests/soak tests/privacy -m soak -n 0 --capture no

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
