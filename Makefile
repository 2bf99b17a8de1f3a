# make doctor      install envcheck and examine this machine
# make test        install everything the quick tests need and run them
# make test-real   the tests that need real torch wheels (downloads some GB, cached)
# make test-provisioning   the Ansible roles on real root file systems (root, mmdebstrap, apt-utils)
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# where the real-wheel environments and root file systems of the tests are kept between runs
export ENVCHECK_TEST_CACHE ?= $(HOME)/.cache/envcheck-tests

.PHONY: doctor test test-real test-provisioning docs lint clean

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

test-real: $(VENV)/.dev
	$(BIN)/python -m pytest -m real

test-provisioning: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 -m provisioning

docs: $(VENV)/.dev
	$(BIN)/python -m tests.make_docs
	$(BIN)/python -m tests.make_pictures
	$(BIN)/python -m tests.manual

lint: $(VENV)/.dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist *.egg-info
