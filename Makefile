# `make help` lists what can be made. PYTHON names the Python to set up with.
PYTHON ?= python3
ARGS ?=
# A test that hangs below Python, where no time-out of its own reaches it, ends the tests after
# this many seconds with the stacks of all threads.
HANGS = -o faulthandler_timeout=720 -o faulthandler_exit_on_timeout=true

# Tests that only compute run beside all the others (tests/lanes.py); ARGS="-n 0 -s" runs one after
# the other and shows what they print.
LANES = -n 2

.PHONY: help setup setup_tests demo test lint lock clean

help:  ## list what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

setup:  ## install everything that is missing, and write env.sh
	@PYTHONPATH=deploy $(PYTHON) -m set_up

setup_tests:
	@PYTHONPATH=deploy $(PYTHON) -m set_up --tests

demo: setup  ## run the example batch on the example plant; options: make demo ARGS="--headless"
	@. ./env.sh && exec robot-cell run examples/housing_plant.yaml examples/orders_week48.csv $(ARGS)

test: setup_tests lint  ## lint, type check, and the whole test suite; options: make test ARGS="-k sim"
	@. ./env.sh && exec python -m pytest $(HANGS) $(LANES) $(ARGS)

lint: setup  ## style, types, who may import whom, and the same for the web pages
	@. ./env.sh && ruff check . && ruff format --check . && mypy && lint-imports \
		&& PYTHONPATH="deploy:$$PYTHONPATH" python -m set_up.check_pages

lock:  ## write the lock files from what is installed in .venv
	@.venv/bin/python deploy/requirements/lock.py

clean:  ## remove everything that set-up made
	rm -rf .venv .setup build install log env.sh robot_cell.egg-info web/node_modules robot_cell/gateway/static
