"""People as cumulative constraints: Hall's condition over sets of skills.

Operators may hand work over at any moment, so a plan can be staffed exactly if at each moment
everybody who is wanted can be matched to an operator who is there and has the skill. By Hall's
theorem (Hall, J. London Math. Soc. 10, 1935) that holds if and only if, for every set S of skills,
the people wanted for skills of S are not more than the operators there with a skill of S. Only
sets that contain every skill of their operators that no outsider has are needed: one per union of
the skills' operators.
"""

from __future__ import annotations

from dataclasses import dataclass

from planners.scheduling.errors import ProblemError
from planners.scheduling.intervals import Intervals
from planners.scheduling.problem import SchedulingProblem

MAX_SETS = 4096
"""Above this the skills of a plant are too entangled to be enumerated."""


@dataclass(frozen=True, slots=True)
class SkillSet:
    """Skills that together need at most ``people``, less those that are off at a time.

    Attributes:
        skills: Indices of the skills.
        operators: Indices of the operators with one of them.
        off: Per operator, when that one is not there.
    """

    skills: tuple[int, ...]
    operators: tuple[int, ...]
    off: tuple[Intervals, ...]

    @property
    def people(self) -> int:
        """Operators with one of the skills, there or not."""
        return len(self.operators)


def skill_sets(problem: SchedulingProblem) -> tuple[SkillSet, ...]:
    """Every cumulative constraint that the people of a problem impose.

    Raises:
        ProblemError: There are more than `MAX_SETS`.
    """
    wanted = {
        skill
        for job in problem.jobs
        for operation in job.operations
        for alternative in operation.alternatives
        for skill, _ in alternative.crew
    } | {skill for cell in problem.cells for skill, _ in cell.setup_crew}
    able = {
        skill: frozenset(i for i, o in enumerate(problem.operators) if skill in o.skills)
        for skill in sorted(wanted)
    }
    unions: set[frozenset[int]] = set()
    for operators in able.values():
        # Sets of skills without a common operator impose nothing that their parts do not.
        joined = {operators | other for other in unions if operators & other}
        unions |= joined | {operators}
        while True:
            more = {a | b for a in joined for b in unions if a & b} - unions
            if not more:
                break
            unions |= more
            joined = more
            if len(unions) > MAX_SETS:
                raise ProblemError(
                    f"the operators combine their skills in more than {MAX_SETS} ways: "
                    "use fewer skills, or give operators the same ones"
                )
    return tuple(
        SkillSet(
            tuple(skill for skill, who in able.items() if who <= operators),
            tuple(sorted(operators)),
            tuple(problem.operators[i].unavailable for i in sorted(operators)),
        )
        for operators in sorted(unions, key=sorted)
    )
