"""Errors as the API tells them: problem details (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from robot_cell.client import PlantNotReachable
from robot_cell.errors import RobotCellError
from robot_cell.orders import BatchError
from robot_cell.store import (
    JournalError,
    JournalFull,
    JournalLocked,
    JournalUnavailable,
    OrderConflict,
    UnknownOperation,
    UnknownOrder,
)

MEDIA_TYPE: Final = "application/problem+json"
_STATUS: Final = {
    "unauthorised": 401,
    "forbidden": 403,
    "not-found": 404,
    "method-not-allowed": 405,
    "conflict": 409,
    "refused": 409,
    "too-large": 413,
    "unsupported-type": 415,
    "invalid": 422,
    "batch-invalid": 422,
    "idempotency-mismatch": 422,
    "too-many": 429,
    "internal": 500,
    "plant-unreachable": 503,
    "journal-unavailable": 503,
}
_TITLE: Final = {
    "refused": "The plant refused",
    "batch-invalid": "The batch file cannot be used",
    "idempotency-mismatch": "The idempotency key was used for something else",
    "plant-unreachable": "The plant does not answer",
    "journal-unavailable": "The journal cannot be used now",
}
_BY_STATUS: Final = {
    401: "unauthorised",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    415: "unsupported-type",
    429: "too-many",
    503: "plant-unreachable",
}


class Problem(RobotCellError):
    """Something that is answered as a problem.

    Attributes:
        name: what kind; the last part of `type`.
        detail: a sentence: what, where, what to do.
        members: further members of the problem document.
        headers: of the answer.
    """

    def __init__(
        self, name: str, detail: str, *, headers: Mapping[str, str] | None = None, **members: Any
    ) -> None:
        super().__init__(detail)
        self.name, self.detail = name, detail
        self.members, self.headers = members, dict(headers or {})

    @property
    def status(self) -> int:
        """HTTP status."""
        return _STATUS[self.name]

    def document(self, instance: str) -> dict[str, Any]:
        """The problem document."""
        title = _TITLE.get(self.name, HTTPStatus(self.status).phrase)
        return {
            "type": f"urn:robot-cell:problem:{self.name}",
            "title": title,
            "status": self.status,
            "detail": self.detail,
            "instance": instance,
            **self.members,
        }

    def response(self, instance: str) -> Response:
        """The answer."""
        return Response(
            orjson.dumps(self.document(instance)),
            status_code=self.status,
            media_type=MEDIA_TYPE,
            headers=self.headers,
        )


def unauthorised(detail: str) -> Problem:
    """Nobody known asks."""
    return Problem("unauthorised", detail, headers={"WWW-Authenticate": "Bearer"})


def problem_of(error: Exception) -> Problem:
    """What an error of ours is to a client."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, BatchError):
        listed = [
            {
                "row": one.row,
                "column": one.column,
                "value": one.value,
                "expected": one.expected,
                "message": one.message,
            }
            for one in error.problems
        ]
        detail = f"{error.total} problems in the batch; nothing of it was stored"
        return Problem("batch-invalid", detail, problems=listed, total_problems=error.total)
    if isinstance(error, UnknownOrder | UnknownOperation):
        return Problem("not-found", str(error))
    if isinstance(error, OrderConflict):
        return Problem("conflict", str(error), conflicts=error.conflicts)
    if isinstance(error, PlantNotReachable):
        return Problem("plant-unreachable", str(error), headers={"Retry-After": "2"})
    if isinstance(error, JournalFull | JournalLocked | JournalUnavailable):
        return Problem("journal-unavailable", str(error), headers={"Retry-After": "2"})
    if isinstance(error, JournalError | RobotCellError):
        return Problem("refused", str(error))
    return Problem("internal", "something went wrong inside; the gateway's log says what")


async def on_error(request: Request, error: Exception) -> Response:
    """Answer an error."""
    if isinstance(error, RequestValidationError):
        listed = [
            {"where": ".".join(str(part) for part in one["loc"]), "expected": one["msg"]}
            for one in error.errors()
        ]
        problem = Problem("invalid", "the request is not what it should be", problems=listed)
    elif isinstance(error, HTTPException):
        name = _BY_STATUS.get(error.status_code, "invalid")
        problem = Problem(name, str(error.detail), headers=error.headers)
        if error.status_code == HTTPStatus.NOT_FOUND:
            problem = Problem("not-found", f"there is nothing at {request.url.path}")
    else:
        problem = problem_of(error)
    request.scope["problem"] = problem
    return problem.response(request.url.path)


PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What the OpenAPI document says of the problems that a route answers."""
    content = {MEDIA_TYPE: {"schema": PROBLEM_SCHEMA}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": content}
        for status in statuses
    }
