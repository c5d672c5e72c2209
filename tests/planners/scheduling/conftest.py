"""Compiles the engines before the first test, whose time limit it would otherwise use up."""

from planners.scheduling import warm_up

warm_up()
