# Every target prepares its own ground: on a machine with only Python 3.11+, make and git, `make run` and `make test` work
# as they are. The environment is rebuilt when pyproject.toml or uv.lock changed; otherwise it costs nothing.

.DEFAULT_GOAL := help
.PHONY: help run test check bench docs soak format clean

BIN := .venv/bin
READY := .venv/.ready
#: Test processes at a time.
WORKERS ?= 2
#: What `make run` adds to the command line, e.g. make run UP="--port 9090".
UP ?= --demo

help:
	@echo "make run     start sallyport with examples and a stream of sample alerts on http://127.0.0.1:8080"
	@echo "make test    run every test"
	@echo "make check   lint, formatting and types"
	@echo "make bench   run the benchmarks (QUICK=1: briefly)"
	@echo "make docs    write the generated pages under docs/"
	@echo "make soak    kill a busy server 200 times and prove that nothing was lost; tell 50 subscribers of 100,000 alerts; fuzz one with 20,000 requests"

run: $(READY)
	@$(BIN)/sallyport up $(UP)

test: $(READY)
	@sh .ci/postgresql
	$(BIN)/pytest -n $(WORKERS) $(PYTEST)

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: $(READY)
	@mkdir -p bench/results
	@for program in bench/*.py; do \
	  name=$$(basename $$program .py); echo "== $$name"; \
	  $(BIN)/python $$program $(if $(QUICK),--quick) --json bench/results/$$name.json || exit 1; \
	done

docs: $(READY)
	$(BIN)/python docs/generate.py

soak: $(READY)
	SALLYPORT_SOAK_KILLS=$${SALLYPORT_SOAK_KILLS:-200} SALLYPORT_SOAK_EVENTS=$${SALLYPORT_SOAK_EVENTS:-100000} SALLYPORT_SOAK_REQUESTS=$${SALLYPORT_SOAK_REQUESTS:-20000} $(BIN)/pytest -m soak -s $(PYTEST)

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(READY): pyproject.toml uv.lock .ci/prepare
	@sh .ci/prepare
	@touch $@
