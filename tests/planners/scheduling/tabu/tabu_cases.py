"""Random graph problems with every feature, and a slow reading of what the kernel computes fast."""

from __future__ import annotations

import itertools

import numpy as np

from planners.scheduling.tabu import GraphProblem, Terms
from planners.scheduling.tabu.graph_problem import FREE, NO_DUE


def random_problem(
    rng: np.random.Generator,
    *,
    jobs: int = 5,
    operations: int = 5,
    cells: int = 4,
    dag: bool = False,
    setups: bool = False,
    transport: bool = False,
    fixed: bool = False,
    weighted: bool = False,
) -> GraphProblem:
    """A problem of about jobs x operations operations with the features that are asked for."""
    alt_ptr, alt_cell, alt_duration = [0], [], []
    pred_ptr, pred, job = [0], [], []
    for j in range(jobs):
        first = len(job)
        for o in range(int(rng.integers(1, operations + 1))):
            count = int(rng.integers(1, cells + 1))
            alt_cell.extend(sorted(rng.choice(cells, count, replace=False).tolist()))
            alt_duration.extend(rng.integers(1, 30, count).tolist())
            alt_ptr.append(len(alt_cell))
            if dag and o:
                pred.extend(p for p in range(first, first + o) if rng.random() < 0.4)
            elif o:
                pred.append(first + o - 1)
            pred_ptr.append(len(pred))
            job.append(j)
    n = len(job)
    families = 3
    extra: dict[str, object] = {}
    if setups:
        extra["family"] = rng.integers(0, families, n)
        extra["setup"] = rng.integers(0, 15, (2, families, families))
        extra["setup_row"] = rng.integers(0, 2, cells)
        if rng.random() < 0.5:
            extra["first_setup"] = rng.integers(0, 15, (cells, families))
    if transport:
        extra["transport"] = rng.integers(0, 10, (cells, cells))
    if fixed:
        cell, start, length = (np.full(n, FREE) for _ in range(3))
        free_at = np.zeros(cells, dtype=np.int64)
        for j in range(min(2, jobs)):
            at = 0
            for v in [v for v in range(n) if job[v] == j][: int(rng.integers(0, 3))]:
                k = int(rng.integers(0, cells))
                at = int(max(at, free_at[k])) + int(rng.integers(0, 5))
                cell[v], start[v], length[v] = k, at, int(rng.integers(1, 20))
                at += int(length[v])
                free_at[k] = at
        extra.update(fixed_cell=cell, fixed_start=start, fixed_duration=length)
    if weighted:
        extra["terms"] = Terms(
            makespan=float(rng.choice([0.0, 1.0])),
            tardiness=2.0,
            setup=float(rng.choice([0.0, 0.5])),
            moved=float(rng.choice([0.0, 3.0])),
            shifted=float(rng.choice([0.0, 0.25])),
        )
        extra["published_cell"] = [
            int(rng.choice([*alt_cell[alt_ptr[v] : alt_ptr[v + 1]], -1])) for v in range(n)
        ]
        extra["published_start"] = rng.integers(0, 100, n)
    due = np.where(rng.random(jobs) < 0.3, NO_DUE, rng.integers(0, 120, jobs))
    return GraphProblem(
        alt_ptr=np.array(alt_ptr),
        alt_cell=np.array(alt_cell),
        alt_duration=np.array(alt_duration),
        pred_ptr=np.array(pred_ptr),
        pred=np.array(pred, dtype=np.int64),
        pred_lag=rng.integers(0, 4, len(pred)) if dag else np.zeros(len(pred)),
        job=np.array(job),
        release=rng.integers(0, 10, n),
        due=due,
        weight=rng.integers(0, 4, jobs).astype(float),
        available=rng.integers(0, 6, cells),
        **extra,
    )


def violations(problem: GraphProblem, plan) -> list[str]:
    """Everything that is wrong with a plan, read from the problem's own fields."""
    wrong = []
    n = len(problem.job)
    fixed = problem.fixed
    for v in range(n):
        k, start, end = int(plan.cell[v]), int(plan.start[v]), int(plan.end[v])
        if fixed[v]:
            at = int(problem.fixed_start[v])
            if (k, start, end - start) != (problem.fixed_cell[v], at, problem.fixed_duration[v]):
                wrong.append(f"{v} is fixed")
            continue
        ways = range(problem.alt_ptr[v], problem.alt_ptr[v + 1])
        if (k, end - start) not in [(problem.alt_cell[a], problem.alt_duration[a]) for a in ways]:
            wrong.append(f"{v} on {k} for {end - start}")
        if start < problem.release[v] or start < problem.available[k]:
            wrong.append(f"{v} starts too early at {start}")
        for i in range(problem.pred_ptr[v], problem.pred_ptr[v + 1]):
            p = int(problem.pred[i])
            ready = plan.end[p] + problem.pred_lag[i]
            if problem.transport.size:
                ready += problem.transport[plan.cell[p], k]
            if start < ready:
                wrong.append(f"{v} starts at {start} before {p} lets it at {ready}")
    for k in range(len(problem.available)):
        here = sorted((int(plan.start[v]), v) for v in range(n) if plan.cell[v] == k)
        if here and problem.first_setup.size and not fixed[here[0][1]]:
            start, v = here[0]
            if start < problem.available[k] + problem.first_setup[k, problem.family[v]]:
                wrong.append(f"{v} starts before the first setup")
        for (_, u), (start, v) in itertools.pairwise(here):
            gap = 0
            if problem.setup.size and not fixed[v]:
                gap = problem.setup[problem.setup_row[k], problem.family[u], problem.family[v]]
            if start < plan.end[u] + gap:
                wrong.append(f"{v} starts at {start} before {u} leaves {k}")
    return wrong


def value_of(problem: GraphProblem, plan) -> float:
    """The weighted objective of a plan, term by term from the definition."""
    terms = problem.terms
    value = terms.makespan * max(plan.end)
    for j in range(len(problem.due)):
        completion = max(plan.end[v] for v in range(len(problem.job)) if problem.job[v] == j)
        if problem.due[j] != NO_DUE:
            late = max(0, completion - problem.due[j])
            value += terms.tardiness * problem.weight[j] * late
    if problem.setup.size:
        for k in range(len(problem.available)):
            here = sorted(
                (int(plan.start[v]), v) for v in range(len(problem.job)) if plan.cell[v] == k
            )
            families = [int(problem.family[v]) for _, v in here]
            is_fixed = [bool(problem.fixed[v]) for _, v in here]
            row = problem.setup[problem.setup_row[k]]
            if here and problem.first_setup.size and not is_fixed[0]:
                value += terms.setup * problem.first_setup[k, families[0]]
            value += terms.setup * sum(
                int(row[f, g])
                for (f, g), there in zip(itertools.pairwise(families), is_fixed[1:], strict=True)
                if not there
            )
    if len(problem.published_cell):
        for v in range(len(problem.job)):
            if problem.published_cell[v] >= 0 and not problem.fixed[v]:
                value += terms.moved * (plan.cell[v] != problem.published_cell[v])
                value += terms.shifted * abs(int(plan.start[v] - problem.published_start[v]))
    return value


FEATURES = (
    {},
    {"dag": True},
    {"setups": True},
    {"transport": True},
    {"dag": True, "setups": True, "transport": True, "fixed": True, "weighted": True},
)
