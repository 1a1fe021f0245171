# Two commands do everything on a fresh machine with Python: `make demo` and `make test`.
# The first that will do; PYTHON=python3.12 says which.
PYTHON ?= $(shell for one in python3 python3.13 python3.12 python3.11; do \
  $$one -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1 && echo $$one && exit; done; echo python3)
VENV := .venv
PY := $(VENV)/bin/python
DOCS := .venv-docs
STAMP := $(VENV)/.installed
SANDBOX ?= .sandbox
# Tests mostly wait for a cloud: two processes of them, each with a sandbox of its own, take little more than half the time.
WORKERS ?= 2
# Of the slow tier: some of its tests wait for minutes, and a third process works meanwhile.
SLOW_WORKERS ?= 3
PYTEST = $(PY) -m pytest -n $(WORKERS) --dist worksteal

# Of the image. The times are the last commit's, so that the same commit gives the same image.
VERSION = $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' operator/infomaniak_operator/__init__.py)
REVISION = $(shell git rev-parse HEAD 2>/dev/null)
EPOCH = $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --format=%ct 2>/dev/null),0)
CREATED = $(shell date -u -d @$(EPOCH) +%Y-%m-%dT%H:%M:%SZ)
# By digest; BASE_BY_TAG=1 lets a tag pass, for an image that is not released.
BASE ?=
BASE_BY_TAG ?=
SOURCE ?= unknown
IMAGE ?= infomaniak-operator:$(VERSION)
BUILDER ?=
# Of the signatures: the key's file, and the image's digest as its push printed it.
KEY ?=
IMAGE_DIGEST ?=
IMAGE_FLAGS ?=

# Of `make fuzz` and `make chaos`.
SEEDS ?= 1
COUNT ?= 10000
# Of `make chaos`.
MINUTES ?= 1.5
STACKS ?= 1
TRIES ?= 0
SCRIPT ?=
OPERATOR ?=
MUTANT ?=
UPGRADE ?=
CHAOS_STATE ?= .chaos

.DEFAULT_GOAL := help
.PHONY: help install check fix generate lock chart-docs chart-check test test-unit test-slow test-full fuzz chaos chaos-short test-user e2e-node demo demo-down docs docs-serve canary bench bench-stack bench-security dist release-sign release-keep image audit clean

help: ## this list
	@grep -hE '^[a-z][a-zA-Z0-9-]*:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-zA-Z0-9-]+):.*## /\1\t/' | expand -t 14

install: $(STAMP) ## the locked environment, in .venv

$(STAMP): requirements/dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] <= (3, 13) else 1)' || \
	  { echo "Python 3.11 to 3.13 is needed; say which: make PYTHON=python3.12 …"; exit 1; }
	@$(PYTHON) -m sandbox.install $(VENV)
	@touch $@

check: $(STAMP) ## lint, format, types, import arrows, generated files, lock files
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports
	$(PY) -m infomaniak_operator.api.generate --check
	$(PY) -m release.audit --offline

fix: $(STAMP) ## what can be mended by machine
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

generate: $(STAMP) ## CRDs, reference, rights and the chart's part of them from the kinds' definitions
	$(PY) -m infomaniak_operator.api.generate

audit: $(STAMP) ## the locked packages: yanked, newer patches, and with ADVISORIES=<OSV's dump> known vulnerabilities
	@$(PY) -m release.audit $(if $(ADVISORIES),--advisories '$(ADVISORIES)')

chart-docs: $(STAMP) ## the chart's README from its values (by helm-docs)
	$(PY) -m release chart-docs

chart-check: $(STAMP) ## the chart by helm lint, helm-unittest, helm-docs and kube-score, which are built once
	$(PY) -m release chart-check

lock: $(STAMP) ## the lock files anew, from pyproject.toml
	$(PY) -m piptools compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --output-file requirements/run.txt pyproject.toml
	$(PY) -m piptools compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --extra dev --output-file requirements/dev.txt pyproject.toml
	$(PY) -m piptools compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --build-deps-for wheel --only-build-deps --output-file requirements/build.txt pyproject.toml
	$(PY) -m piptools compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --output-file sandbox/requirements.txt sandbox/requirements.in
	$(PY) -m piptools compile --quiet --strip-extras --allow-unsafe --generate-hashes --no-emit-index-url --no-emit-find-links \
	  --no-emit-trusted-host --output-file requirements/docs.txt requirements/docs.in

test-unit: $(STAMP) ## the tests that need no sandbox
	$(PY) -m pytest tests/unit tests/security/fuzz/test_seeds.py

test: $(STAMP) ## unit, contract, integration: real Keystone, Neutron, Octavia and Kubernetes
	$(PY) -m sandbox build
	$(PY) -m release chart-check
	$(PYTEST) --durations=20 -m "not slow and not full"

test-slow: $(STAMP) ## what takes minutes by its nature: many calls and objects, whole resyncs, leases; Argo CD's own libraries
	$(PY) -m sandbox build --gitops
	$(PY) -m pytest -n $(SLOW_WORKERS) --dist worksteal --durations=20 -m "slow and not full"

test-full: test test-slow ## all tiers, and the long forms
	$(PYTEST) -m full

fuzz: $(STAMP) ## specs through the real API server and the reconcilers: SEEDS="1 2 3" COUNT=10000
	$(PY) -m sandbox build
	for seed in $(SEEDS); do FUZZ_SEED=$$seed FUZZ_COUNT=$(COUNT) \
	  $(PY) -m pytest -p no:xdist -s tests/security/fuzz/test_specs.py -m full || exit 1; done

chaos: $(STAMP) ## random histories on the real services under faults, audited: SEEDS="1 2 3" MINUTES=1.5 STACKS=2, or SCRIPT=file; TRIES=20 shortens what fails; UPGRADE=1: from the last release to this one and back meanwhile
	@$(PY) -m sandbox build
	@$(PY) -m tests.chaos --state '$(CHAOS_STATE)' --minutes $(MINUTES) --stacks $(STACKS) --tries $(TRIES) \
	  $(if $(OPERATOR),--operator '$(OPERATOR)') $(if $(MUTANT),--mutant '$(MUTANT)') $(if $(UPGRADE),--upgrade) $(if $(SCRIPT),--script $(SCRIPT),--seeds $(SEEDS))

chaos-short: $(STAMP) ## the histories that are kept, and one seed, on two sandboxes: about four minutes
	@$(PY) -m sandbox build
	@$(PY) -m tests.chaos --state '$(CHAOS_STATE)' --stacks 2 --minutes 1 --seeds 1 --script tests/chaos/scripts/*.json

test-user: $(STAMP) ## the demo and the slow tier as an ordinary user (an account of its own where this is root), who may touch nothing outside
	$(PY) -m tests.e2e.unprivileged

e2e-node: $(STAMP) ## the image and the chart in real Pods, on a real node (Linux, root; says so where that is not there)
	$(PY) -m tests.e2e $(E2E_FLAGS)

$(DOCS)/.installed: requirements/docs.txt
	@$(PYTHON) -m venv --clear $(DOCS)
	@$(DOCS)/bin/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/docs.txt
	@touch $@

docs: $(DOCS)/.installed ## the documentation as a site, in site/; a link that leads nowhere fails
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs build --quiet --strict --clean

docs-serve: $(DOCS)/.installed ## the same on http://127.0.0.1:8000, made anew at each change
	@NO_MKDOCS_2_WARNING=1 $(DOCS)/bin/mkdocs serve --dev-addr 127.0.0.1:8000

bench: $(STAMP) ## measurements, as JSON: the controller with 3,000 objects
	$(PY) -m tests.bench.controller_bench

bench-stack: $(STAMP) ## measurements, as JSON: examples/web beside a plain script, ten trees, members (about 6 minutes)
	$(PY) -m tests.bench.stack_bench

bench-security: $(STAMP) ## measurements, as JSON: what one tenant or one cloud can take from the operator (about 20 minutes)
	$(PY) -m tests.bench.security_bench

dist: $(STAMP) ## the release in dist/: wheel, chart, install.yaml, bill of materials
	$(PY) -m release dist

release-sign: $(STAMP) ## signatures and attestations of what `make dist` made: KEY=file SOURCE=https://…, and IMAGE=, IMAGE_DIGEST=, BASE= for the image
	@$(PY) -m release sign --key '$(KEY)' --source '$(SOURCE)' --image '$(IMAGE)' --image-digest '$(IMAGE_DIGEST)' --base '$(BASE)'

release-keep: $(STAMP) ## the chart of the release that is made now, kept in release/last for the next one's upgrade tests
	$(PY) -m release keep

image: ## the image and its bill of materials, by docker, podman or buildah: IMAGE=name:tag BASE=name@sha256:… SOURCE=https://…
	@printf '%s\n' '$(BASE)' | grep -Eq '^[^@ ]+@sha256:[0-9a-f]{64}$$' || test -n '$(BASE)' -a -n '$(BASE_BY_TAG)' || \
	  { echo "make image takes its base by digest: BASE=python:3.13-slim-bookworm@sha256:… (docs/releasing.md: how to find it)"; exit 1; }
	@builder="$(BUILDER)"; : "$${builder:=$$(command -v docker || command -v podman || command -v buildah)}"; \
	test -n "$$builder" || { echo "make image takes docker, podman or buildah"; exit 1; }; \
	base='$(BASE)'; case "$$base" in *@*) digest="$${base#*@}";; *) digest=unknown;; esac; \
	set -- $(IMAGE_FLAGS) --build-arg BASE="$$base" --build-arg BASE_NAME="$${base%%@*}" --build-arg BASE_DIGEST="$$digest" \
	  --build-arg VERSION=$(VERSION) --build-arg REVISION=$(REVISION) --build-arg CREATED=$(CREATED) \
	  --build-arg SOURCE='$(SOURCE)' --build-arg SOURCE_DATE_EPOCH=$(EPOCH); \
	$$builder build "$$@" --tag '$(IMAGE)' . && \
	$$builder build "$$@" --target bill --output type=local,dest=dist/image .

demo: $(STAMP) ## sandbox up, operator running, examples Ready, shown side by side with Neutron
	$(PY) -m demo up --state "$(SANDBOX)" $(DEMO_FLAGS)

demo-down: $(STAMP) ## end what `make demo` started
	$(PY) -m demo down --state "$(SANDBOX)"

canary: $(STAMP) ## search for secrets in what the demo's operator has said, wherever it could have
	$(PY) -m tests.support.canary --state "$(SANDBOX)"

clean: ## everything that was made here (the build cache in the user's cache folder stays)
	rm -rf $(VENV) $(DOCS) build dist site .mypy_cache .ruff_cache .pytest_cache
