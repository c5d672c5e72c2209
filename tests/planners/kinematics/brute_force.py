"""The slow oracle: damped least squares on pinocchio from many random starts."""

import numpy as np
import pinocchio

from planners.arrays import Array
from planners.kinematics import Robot

SAME_RAD = 1e-5


def distinct(solutions: list[Array], q: Array) -> bool:
    return all(np.abs((q - s + np.pi) % (2 * np.pi) - np.pi).max() > SAME_RAD for s in solutions)


class BruteForce:
    def __init__(self, robot: Robot, seed: int = 0) -> None:
        self.model = pinocchio.buildModelFromXML(robot.description.urdf)
        self.data = self.model.createData()
        self.frame = self.model.getFrameId(robot.description.tool0)
        self.rng = np.random.default_rng(seed)

    def solutions(self, pose: Array, starts: int = 60) -> list[Array]:
        found: list[Array] = []
        target = pinocchio.SE3(pose[:3, :3], pose[:3, 3])
        for _ in range(starts):
            q = self._descend(target, self.rng.uniform(-np.pi, np.pi, self.model.nq))
            if q is not None and distinct(found, q):
                found.append(q)
        return found

    def _descend(self, target: pinocchio.SE3, q: Array) -> Array | None:
        for _ in range(50):
            pinocchio.framesForwardKinematics(self.model, self.data, q)
            gap = self.data.oMf[self.frame].actInv(target)
            error = pinocchio.log6(gap).vector
            size = error @ error
            if size < 1e-24:
                return q
            jacobian = -pinocchio.Jlog6(gap.inverse()) @ pinocchio.computeFrameJacobian(
                self.model, self.data, q, self.frame
            )
            damped = jacobian @ jacobian.T + (0.5 * size + 1e-16) * np.eye(6)
            step = -jacobian.T @ np.linalg.solve(damped, error)
            q = q + step * min(1.0, 0.5 / max(np.abs(step).max(), 1e-12))
        return None
