# make demo       train, evaluate and predict on the embedded digits
# make test       what CI runs: lint, types, the import contract, then the tests
# make coverage   the same tests, and which lines they reach
# make test-slow  the tests that take minutes
# make bench      the short measurements, and the race to 99.0 % of MNIST beside its peers; about half an hour
# make bench-all  the tables of benchmarks/RESULTS.md, beside their peers; many hours on two cores. Those of sounds, speech,
#                 texts, masks, boxes, signals and volumes need data from Debian's packages or others: see their scripts
# make check      lint, types and the import contract alone
# make clean      remove what these made, but not data/ and runs/

PYTHON ?= python3
BIN := .venv/bin
# Touched when the environment is complete; pyproject.toml alone makes it stale.
READY := .venv/ready
# A new folder each time: a run is never trained over.
DEMO := demo/$(shell date +%Y%m%d-%H%M%S)
# The fastest of the race's peers, and where this machine's lines of it are kept.
SOONEST := plusx timm-resnet10t fastai textbook keras-resnet
RACE := runs/race-$(shell date +%Y%m%d-%H%M%S).jsonl
# One thread for each of two processes: with more they, and what they start, wait for each other.
TESTS := OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow" -n 2 --dist loadfile

.PHONY: test coverage demo test-slow bench bench-all peers check clean

test: check
	$(TESTS)

# Apart, since watching each line takes its time.
coverage: check
	$(TESTS) --cov

demo: $(READY)
	$(BIN)/plusx train digits --out $(DEMO)/digits
	$(BIN)/plusx evaluate $(DEMO)/digits digits
	$(BIN)/python examples/write_digit.py $(DEMO)/digit.png
	$(BIN)/plusx predict $(DEMO)/digits $(DEMO)/digit.png
	@echo
	@echo "The model:    $(DEMO)/digits/model.plusx"
	@echo "Its page:     $(DEMO)/digits/report.html"
	@echo "How it went:  $(DEMO)/digits/recipe.json and metrics.jsonl"
	@echo "The picture:  $(DEMO)/digit.png"

test-slow: $(READY)
	$(BIN)/pytest -m slow

bench: $(READY) peers
	$(BIN)/python benchmarks/fetch_mnist.py
	$(BIN)/python benchmarks/digits.py
	$(BIN)/python benchmarks/mnist.py
	$(BIN)/python benchmarks/checkpoints.py
	$(BIN)/python benchmarks/speed.py --networks resnet20 --rounds 3
	$(BIN)/python benchmarks/race.py --contestants $(SOONEST) --seeds 1 --targets 99.0 --budgets --lines $(RACE)

# Written into RESULTS.md; the race keeps a line for each training, and goes on where it was stopped.
bench-all: bench peers
	$(BIN)/python benchmarks/fetch_cifar10.py
	$(BIN)/python benchmarks/digits.py --write
	$(BIN)/python benchmarks/mnist.py --write
	$(BIN)/python benchmarks/three_ways.py --write
	$(BIN)/python benchmarks/methods.py --write
	$(BIN)/python benchmarks/explain.py --write
	$(BIN)/python benchmarks/budget.py --write
	$(BIN)/python benchmarks/checkpoints.py --write
	$(BIN)/python benchmarks/shards.py --write
	$(BIN)/python benchmarks/fine_tune.py --write
	$(BIN)/python benchmarks/speed.py --write
	$(BIN)/python benchmarks/small_data.py --write
	$(BIN)/python benchmarks/auto.py --write
	$(BIN)/python benchmarks/regression.py --write
	$(BIN)/python benchmarks/retrieval.py --write
	$(BIN)/python benchmarks/studies.py --quick --write
	$(BIN)/python benchmarks/race.py --seeds 5 --write
	$(BIN)/python benchmarks/engines.py rates --write
	$(BIN)/python benchmarks/engines.py starts --write
	$(BIN)/python benchmarks/serving.py --write
	$(BIN)/python benchmarks/soak.py --write

peers: $(READY)
	$(BIN)/pip install -r benchmarks/peers/requirements.txt

check: $(READY)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/pyright --pythonpath $(BIN)/python

$(READY): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON): not found; install Python 3.11 or newer, or name one: make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("plusx needs Python 3.11 or newer, this is %d.%d; name another: make PYTHON=..." % sys.version_info[:2])'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --editable '.[dev]'
	@touch $@

clean:
	rm -rf .venv demo .coverage .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests benchmarks examples -name __pycache__ -type d -exec rm -rf {} +
