"""The disjunctive graph after any sequence of moves, against one that is computed from nothing."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from tabu_cases import FEATURES, random_problem

from planners.scheduling.tabu import valuation, weighted
from planners.scheduling.tabu.arrays import (
    ALT,
    CELL,
    DUR,
    FAMILY,
    FIXED,
    HEAD,
    MP,
    MS,
    NEVER,
    NONE,
    POS,
    RELEASE,
    TAIL,
    VALUE,
    WIDTH,
    new_state,
)
from planners.scheduling.tabu.graph import load
from planners.scheduling.tabu.translate import search_unit, to_given
from planners.scheduling.tabu.update import apply_move

REACHED = NEVER // 2


def table(state):
    """The rows of the operations, ``(n, WIDTH)``."""
    return state.rows.reshape(-1, WIDTH)


def sequences(given, state):
    """The sequence of each cell, walked from its first operation."""
    found = []
    for k in range(len(given.available)):
        sequence, v = [], int(state.first[k])
        while v != NONE:
            sequence.append(v)
            v = int(table(state)[v, MS])
        assert (sequence[-1] if sequence else NONE) == state.last[k]
        found.append(sequence)
    return found


def arcs(given, state, cell_sequences):
    """All arcs (u, v, length from the end of u to the start of v) of the graph."""
    rows = table(state)
    for v in range(len(rows)):
        for i in range(given.pred_ptr[v], given.pred_ptr[v + 1]):
            p = int(given.pred_op[i])
            way = given.transport[rows[p, CELL], rows[v, CELL]] if given.transport.size else 0
            yield p, v, int(given.pred_lag[i] + way)
    for k, sequence in enumerate(cell_sequences):
        for u, v in itertools.pairwise(sequence):
            yield u, v, setup_of(given, rows, k, u, v)


def setup_of(given, rows, k, u, v):
    if not given.setup.size:
        return 0
    if u is None:
        return int(given.first_setup[k, rows[v, FAMILY]])
    return int(given.setup[given.setup_row[k], rows[u, FAMILY], rows[v, FAMILY]])


def longest_paths(given, state):
    """Heads and tails by relaxing every arc until nothing changes; None if there is a cycle."""
    rows = table(state)
    n = len(rows)
    cell_sequences = sequences(given, state)
    graph = list(arcs(given, state, cell_sequences))
    heads = [int(rows[v, RELEASE]) for v in range(n)]
    for k, sequence in enumerate(cell_sequences):
        if sequence:
            v = sequence[0]
            heads[v] = max(heads[v], int(given.available[k]) + setup_of(given, rows, k, None, v))
    sinks = {int(v) for v in given.sinks}
    tails = [0 if v in sinks else NEVER for v in range(n)]
    for _ in range(n + 1):
        changed = False
        for u, v, gap in graph:
            head = heads[u] + int(rows[u, DUR]) + gap
            tail = tails[v] + int(rows[v, DUR]) + gap
            if head > heads[v] or tail > tails[u]:
                heads[v], tails[u] = max(heads[v], head), max(tails[u], tail)
                changed = True
        if not changed:
            return heads, tails
    return None


def assert_consistent(given, state):
    rows = table(state)
    n = len(rows)
    assert sorted(state.order.tolist()) == list(range(n))
    assert all(state.order[rows[v, POS]] == v for v in range(n))
    for u, v, _ in arcs(given, state, sequences(given, state)):
        assert rows[u, POS] < rows[v, POS]
    assert not state.mark.any()
    heads, tails = longest_paths(given, state)
    assert rows[:, HEAD].tolist() == heads
    assert rows[:, TAIL].tolist() == tails


def any_move(given, state, rng):
    """Any operation to any place on any of its cells, feasible or not."""
    while True:
        v = int(rng.integers(0, len(state.order)))
        if table(state)[v, MP] != FIXED:
            break
    a = int(rng.integers(given.alt_ptr[v], given.alt_ptr[v + 1]))
    others = [u for u in sequences(given, state)[given.alt_cell[a]] if u != v]
    return v, a, int(rng.choice([NONE, *others]))


def closes_a_cycle(given, state, v, a, x):
    """Whether the graph after the move has a cycle, found without its order."""
    rows = table(state).copy()
    trial = state._replace(rows=rows.reshape(-1))
    cell_sequences = sequences(given, state)
    for sequence in cell_sequences:
        if v in sequence:
            sequence.remove(v)
    target = cell_sequences[given.alt_cell[a]]
    target.insert(target.index(x) + 1 if x != NONE else 0, v)
    graph = [(u, w) for u, w, _ in arcs(given, trial, cell_sequences)]
    remaining = set(range(len(rows)))
    while True:
        sources = remaining - {w for u, w in graph if u in remaining and w in remaining}
        if not sources:
            return bool(remaining)
        remaining -= sources


def loaded(problem, seed):
    given = to_given(problem, search_unit(problem))
    state = new_state(given, seed)
    load(given, state, problem.order.astype(np.int32), np.full(len(problem.job), -1, np.int32))
    return given, state


@pytest.mark.parametrize("features", FEATURES, ids=str)
def test_heads_and_tails_after_any_moves_are_those_computed_from_nothing(features):
    rng = np.random.default_rng(1)
    refused = 0
    for seed in range(6):
        given, state = loaded(random_problem(rng, **features), seed)
        assert_consistent(given, state)
        for _ in range(40):
            v, a, x = any_move(given, state, rng)
            cyclic = closes_a_cycle(given, state, v, a, x)
            before = state.rows.copy()
            assert apply_move(given, state, v, a, x) is not cyclic
            if cyclic:
                refused += 1
                assert (state.rows == before).all()
            else:
                assert table(state)[v, ALT] == a
                assert table(state)[v, MP] == x
            assert_consistent(given, state)
    assert refused > 10


@pytest.mark.parametrize("features", FEATURES, ids=str)
def test_a_move_on_trial_tells_its_value_and_changes_nothing(features):
    rng = np.random.default_rng(2)
    for seed in range(4):
        problem = random_problem(rng, **{**features, "weighted": True})
        given, state = loaded(problem, seed)
        alternatives = table(state)[:, ALT].copy()
        weighted.start_from(given, state, problem.order.astype(np.int32), alternatives)
        for _ in range(30):
            v, a, x = any_move(given, state, rng)
            before = (state.rows.copy(), state.order.copy(), state.numbers.copy())
            value, acyclic = weighted.value_after(given, state, v, a, x)
            assert acyclic is not closes_a_cycle(given, state, v, a, x)
            assert (state.rows == before[0]).all()
            assert (state.order == before[1]).all()
            if acyclic:
                assert weighted.make_move(given, state, v, a, x)
                assert state.values[VALUE] == pytest.approx(value)
                assert_consistent(given, state)
                valuation.count_afresh(given, state)
                assert valuation.evaluate(given, state) == pytest.approx(value)
