"""Reads the policies of deploy/sros2, and compares them with what running nodes have."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

FOLDER = Path(__file__).parents[2] / "deploy" / "sros2"
_INCLUDE = "{http://www.w3.org/2001/XInclude}include"
_ACTION = "/_action/"
_OWN = ("/get_type_description",)
"""Of every node, also of one that has no parameters."""

Policy = dict[str, dict[tuple[str, str], set[str]]]
"""By node (`/cell_a/arm`): what it may do (`topics`, `publish`), and to which full names."""


def read_policy(name: str = "policy.xml") -> Policy:
    """What each node may do by a file of the folder.

    Raises:
        ValueError: something is not of the format (https://design.ros2.org, ROS 2 access control
            policies, version 0.2.0).
    """
    policy: Policy = {}
    root = ElementTree.parse(FOLDER / name).getroot()
    for enclave in root.iterfind("enclaves/enclave"):
        for profile in enclave.iterfind("profiles/profile"):
            namespace = profile.attrib["ns"]
            node = f"{namespace.rstrip('/')}/{profile.attrib['node']}"
            allowed: dict[tuple[str, str], set[str]] = defaultdict(set)
            for group in profile:
                groups = [group]
                if group.tag == _INCLUDE:
                    groups = list(ElementTree.parse(FOLDER / group.attrib["href"]).getroot())
                for one in groups:
                    ((verb, word),) = one.attrib.items()
                    if word != "ALLOW" or verb not in _VERBS[one.tag]:
                        raise ValueError(f"{node}: {one.tag} {verb}={word}")
                    for item in one:
                        if item.tag != one.tag.removesuffix("s"):
                            raise ValueError(f"{node}: <{item.tag}> in <{one.tag}>")
                        name = (item.text or "").strip()
                        allowed[one.tag, verb].add(_full(name, namespace, node))
            policy[node] = dict(allowed)
    return policy


_VERBS = {
    "topics": ("publish", "subscribe"),
    "services": ("reply", "request"),
    "actions": ("call", "execute"),
}


def _full(name: str, namespace: str, node: str) -> str:
    if name.startswith("/"):
        return name
    return f"{node}/{name[2:]}" if name.startswith("~/") else f"{namespace.rstrip('/')}/{name}"


def found(node: Any, namespace: str, name: str) -> dict[tuple[str, str], set[str]]:
    """What a node of the plant has, asked of the graph by any node; actions as such."""
    asked = {
        ("topics", "publish"): node.get_publisher_names_and_types_by_node,
        ("topics", "subscribe"): node.get_subscriber_names_and_types_by_node,
        ("services", "reply"): node.get_service_names_and_types_by_node,
        ("services", "request"): node.get_client_names_and_types_by_node,
    }
    has: dict[tuple[str, str], set[str]] = defaultdict(set)
    for what, ask in asked.items():
        for full, _ in ask(name, namespace):
            if _ACTION in full:
                verb = "execute" if what[1] in ("publish", "reply") else "call"
                has["actions", verb].add(full.partition(_ACTION)[0])
            else:
                has[what].add(full)
    return has


def refused(policy: Policy, node: str, has: dict[tuple[str, str], set[str]]) -> list[str]:
    """What a node has and the policy does not let it have."""
    allowed = policy.get(node)
    if allowed is None:
        return [f"{node} is not in the policy"]
    return [
        f"{node}: {what[1]} {name}"
        for what, names in sorted(has.items())
        for name in sorted(names - allowed.get(what, set()))
        if not name.endswith(_OWN)
    ]
