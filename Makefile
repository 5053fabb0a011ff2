# Everything runs in .venv, which any target makes first.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: help setup setup-innvestigate demo test test-slow test-others check reproduce tutorial
help: ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'

setup: $(STAMP) ## create .venv and install the package with its tests' tools
$(STAMP): setup.cfg pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test,ray,tensorboard]'
	touch $(STAMP)

# Its metadata asks for an older TensorFlow, NumPy and Python than it needs.
setup-innvestigate: $(STAMP)-innvestigate ## add iNNvestigate's analyzers
$(STAMP)-innvestigate: $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[innvestigate]'
	$(BIN)/python -m pip install --quiet --no-deps --ignore-requires-python \
		innvestigate==2.1.2
	touch $@

demo: $(STAMP)-innvestigate ## generate, train, explain, compare; prints the report
	$(BIN)/keras-xai demo demo

test: $(STAMP)-innvestigate ## run the tests
	$(BIN)/python -m pytest -m 'not slow' --numprocesses 2 --dist loadfile

test-slow: $(STAMP)-innvestigate ## run the tests that take minutes
	$(BIN)/python -m pytest -m slow

# Their metadata ask for older versions of what is here; both run with these.
test-others: $(STAMP) ## hold our measures against Quantus' and Xplique's
	$(BIN)/python -m pip install --quiet cachetools cloudpickle deprecated einops \
		pandas scikit-learn tensorflow-probability tqdm
	$(BIN)/python -m pip install --quiet --no-deps quantus==0.6.0 xplique==2.0.2
	$(BIN)/python -m pytest tests/test_evaluation_others.py

check: $(STAMP) ## check format, style, types, import directions
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/test_imports.py

reproduce: $(STAMP)-innvestigate ## run what is missing of the papers' experiments
	$(BIN)/keras-xai reproduce joint
	$(BIN)/keras-xai reproduce compare
	$(BIN)/keras-xai reproduce cladec
	$(BIN)/keras-xai reproduce real

TUTORIAL := polygons classifier voc
tutorial: $(TUTORIAL:%=tutorial-%) ## run docs/tutorial/*.py and write their pages

# A page is its script's cells with what they printed and drew.
tutorial-%: $(STAMP)-innvestigate $(STAMP)-docs
	rm -rf work/tutorial/$* work/tutorial/pages/$*_files
	$(BIN)/jupytext --quiet --to ipynb --output - docs/tutorial/$*.py | \
		TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/jupyter nbconvert --log-level ERROR --stdin \
		--execute --to markdown \
		--MarkdownExporter.preprocessors=nbconvert.preprocessors.TagRemovePreprocessor \
		--TagRemovePreprocessor.remove_all_outputs_tags=remove_output \
		--output-dir work/tutorial/pages --output $*
	rm -rf docs/tutorial/$*_files
	mv work/tutorial/pages/$*.md work/tutorial/pages/$*_files docs/tutorial

$(STAMP)-docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --editable '.[docs]'
	touch $@
