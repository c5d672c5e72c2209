"""A stand-in for Gazebo where there is none: its physics engine, and our reading of its systems.

It is not Gazebo and no test says so. DART, which Gazebo steps by default, reads the committed world
with a parser of its own; what the world's systems do (follow a trajectory, join and part, publish)
is done here after their published behaviour. So world, gains and engine meet a second simulator in
every run, and Gazebo itself wherever it is installed.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

import dartpy
import numpy as np

from sim.gazebo.link import Measured


@dataclass
class Controller:
    """What a world says of a joint trajectory controller, and where it is in a trajectory."""

    joints: list[str]
    kp: np.ndarray
    kv: np.ndarray
    efforts: np.ndarray
    rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)
    target: tuple[np.ndarray, np.ndarray, np.ndarray] | None = None


class DartLink:
    """A world in DART (`sim.gazebo.link.Link`)."""

    def __init__(self, world: Path, folder: Path) -> None:
        text = world.read_text()
        self._sdf = ElementTree.fromstring(text).find("world")
        assert self._sdf is not None
        self.name = self._sdf.attrib["name"]
        # DART's parser knows SDF up to 1.6, and what we use of 1.9 means the same there.
        self._file = folder / "world_1_6.sdf"
        self._file.write_text(text.replace('<sdf version="1.9">', '<sdf version="1.6">'))
        self.reset()

    def reset(self) -> None:
        self.world = dartpy.utils.SdfParser.readWorld(str(self._file))
        assert self.world is not None
        detector = self._sdf.findtext("physics/dart/collision_detector")
        assert detector == "ode"
        solver = self.world.getConstraintSolver()
        solver.setCollisionDetector(dartpy.collision.OdeCollisionDetector())
        self.steps = 0
        self._controllers, self._grips, self._parts = {}, {}, []
        self._welds, self._wanted, self._links = {}, {}, {}
        for model in self._sdf.findall("model"):
            name = model.attrib["name"]
            skeleton = self.world.getSkeleton(name)
            for index in range(skeleton.getNumBodyNodes()):
                body = skeleton.getBodyNode(index)
                self._links[name, body.getName()] = body
            for plugin in model.findall("plugin"):
                self._add(name, model, plugin)

    def _add(self, name, model, plugin) -> None:
        kind = plugin.attrib["name"].rpartition("::")[2]
        if kind == "JointTrajectoryController":
            joints = [element.text for element in plugin.findall("joint_name")]
            limits = [
                float(model.find(f"joint[@name='{joint}']/axis/limit/effort").text)
                for joint in joints
            ]
            self._controllers[name] = Controller(
                joints,
                np.array([float(e.text) for e in plugin.findall("position_p_gain")]),
                np.array([float(e.text) for e in plugin.findall("velocity_p_gain")]),
                np.array(limits),
            )
        elif kind == "DetachableJoint":
            topic = plugin.find("attach_topic").text
            _, _, clamp, part, _ = topic.split("/")
            parent = self._links[name, plugin.find("parent_link").text]
            # Gazebo loads it attached; the engine has to undo that.
            self._grips[clamp, part] = parent, plugin.find("child_link").text
            self._wanted[clamp, part] = True
        elif kind == "PosePublisher":
            self._parts.append(name)

    def follow(self, model, rows, speeds, efforts) -> None:
        self._controllers[model].rows = list(zip(rows, speeds, efforts, strict=True))

    def attach(self, clamp, part) -> None:
        self._wanted[clamp, part] = True

    def detach(self, clamp, part) -> None:
        self._wanted[clamp, part] = False

    def place(self, part, pose) -> None:
        body = self._body(part)
        placed = dartpy.math.Isometry3()
        placed.set_translation(pose[:3])
        placed.set_quaternion(dartpy.math.Quaternion(*pose[3:]))
        dartpy.dynamics.FreeJoint.setTransformOf(body, placed)
        body.getSkeleton().setVelocities(np.zeros(6))

    def step(self, count) -> Measured:
        for _ in range(count):
            self.apply()
            for name, controller in self._controllers.items():
                self._drive(self.world.getSkeleton(name), controller)
            self.world.step()
            self.steps += 1
        return self.measured()

    def measured(self) -> Measured:
        return Measured(
            {
                name: np.array(
                    [
                        [self._joint(name, joint).getPosition(0) for joint in controller.joints],
                        [self._joint(name, joint).getVelocity(0) for joint in controller.joints],
                    ]
                )
                for name, controller in self._controllers.items()
            },
            {part: self._pose(part) for part in self._parts},
        )

    def while_waiting(self, serve) -> None:
        """It never waits."""

    def close(self) -> None:
        pass

    def _body(self, part):
        return self._links[part, "body"]

    def _joint(self, model, joint):
        return self.world.getSkeleton(model).getJoint(joint)

    def _pose(self, part) -> np.ndarray:
        at = self._body(part).getWorldTransform()
        turned = at.quaternion()
        return np.array([*at.translation(), turned.w(), turned.x(), turned.y(), turned.z()])

    def _drive(self, skeleton, controller) -> None:
        """One step of the joint trajectory controller: position and velocity gain, and effort."""
        if controller.rows:
            controller.target = controller.rows.pop(0)
        count = len(controller.joints)
        rows, speeds, efforts = controller.target or (np.zeros(count),) * 3
        for index, name in enumerate(controller.joints):
            joint = skeleton.getJoint(name)
            force = efforts[index]
            force += controller.kp[index] * (rows[index] - joint.getPosition(0))
            force += controller.kv[index] * (speeds[index] - joint.getVelocity(0))
            limit = controller.efforts[index]
            joint.setForce(0, float(np.clip(force, -limit, limit)))

    def joints(self, model) -> list[str]:
        return self._controllers[model].joints

    def joined(self) -> frozenset[tuple[str, str]]:
        """The grips that are made."""
        return frozenset(self._welds)

    def apply(self) -> None:
        """Join and part what was asked for."""
        for grip, wanted in self._wanted.items():
            if wanted == (grip in self._welds):
                continue
            if wanted:
                parent, _ = self._grips[grip]
                weld = dartpy.constraint.WeldJointConstraint(parent, self._body(grip[1]))
                self.world.getConstraintSolver().addConstraint(weld)
                self._welds[grip] = weld
            else:
                self.world.getConstraintSolver().removeConstraint(self._welds.pop(grip))
