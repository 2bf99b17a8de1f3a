# make doctor      install envcheck and examine this machine
# make test        install everything the quick tests need and run them
# make test-real   the tests that need real torch wheels (downloads some GB, cached)
# make site        the documentation as a site, in build/site
# make docs        write again what is generated: pages of checks, matrix, schemas, pictures, manual
# make test-provisioning   the Ansible roles on real root file systems (root, mmdebstrap, apt-utils)
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# where the real-wheel environments and root file systems of the tests are kept between runs
export ENVCHECK_TEST_CACHE ?= $(HOME)/.cache/envcheck-tests

.PHONY: doctor test test-real test-provisioning docs site lint clean

$(BIN)/envcheck: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

doctor: $(BIN)/envcheck
	@$(BIN)/envcheck doctor --exit-zero

$(VENV)/.dev: $(BIN)/envcheck pyproject.toml
	$(BIN)/python -m pip install --quiet 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group dev
	@touch $@

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2

$(VENV)/.docs: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --group docs
	@touch $@

test-real: $(VENV)/.docs
	$(BIN)/python -m pytest -m real

test-provisioning: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 -m provisioning

docs: $(VENV)/.dev
	$(BIN)/python -m tests.make_docs
	$(BIN)/python -m tests.make_pictures
	$(BIN)/python -m tests.manual

# every warning is an error: a page outside the menu, a dead link, a heading that is not there
site: $(VENV)/.docs
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet docs build/site

lint: $(VENV)/.dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist *.egg-info
