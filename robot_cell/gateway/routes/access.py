"""Logging in and out, tokens, and the audit trail."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from robot_cell.gateway import shapes
from robot_cell.gateway.access import Caller
from robot_cell.gateway.problems import Problem, problem_responses
from robot_cell.gateway.service import (
    Admin,
    After,
    Limit,
    Served,
    Viewer,
    address_of,
    json_response,
    next_page,
)
from robot_cell.gateway.tokens import Role, Secret, is_plain_name
from robot_cell.gateway.views import audit_view, token_view
from robot_cell.store.records import TokenRecord
from robot_cell.store.token_book import all_tokens

router: Final = APIRouter(tags=["access"])
_DAY_S: Final = 86_400.0


def _name(value: str) -> str:
    if not is_plain_name(value):
        raise ValueError("a name of 1 to 100 printable characters")
    return value


class Credentials(BaseModel):
    """A token, or the code of a one-time link."""

    model_config = ConfigDict(extra="forbid")
    token: str | None = Field(default=None, max_length=200)
    code: str | None = Field(default=None, max_length=200)


class TokenWanted(BaseModel):
    """A token to be added."""

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, AfterValidator(_name)]
    role: Role
    expires_days: float | None = Field(default=None, gt=0.0, le=3650.0)


@router.get("/health", response_model=shapes.Health)
async def health() -> Response:
    """Whether the gateway lives; for whoever starts it again."""
    return json_response({"status": "ok"})


@router.post("/login", response_model=shapes.Session, responses=problem_responses(401, 422, 429))
def login(gateway: Served, request: Request, credentials: Credentials) -> Response:
    """Begin a session of twelve hours, by a token or by the code of a one-time link."""
    address = address_of(request)
    try:
        if credentials.code is not None and credentials.token is None:
            secret, record = gateway.access.use_code(credentials.code, address)
        elif credentials.token is not None and credentials.code is None:
            caller = gateway.access.caller(credentials.token, address)
            secret, record = gateway.access.begin_session(caller)
        else:
            raise Problem("invalid", "give either a token or a code", problems=[])
    except Problem as problem:
        who = f"nobody known from {address}"
        gateway.access.trail.refused(who, "log in", status=problem.status, address=address)
        raise
    return json_response(_session(secret, record))


@router.post("/logout", status_code=204, responses=problem_responses(401, 403, 429))
def logout(gateway: Served, caller: Viewer) -> Response:
    """End the session: its token is void."""
    gateway.access.revoke(caller.token_id, caller.who)
    return Response(status_code=204)


@router.get("/me", response_model=shapes.Me, responses=problem_responses(401, 403, 429))
async def me(caller: Viewer) -> Response:
    """Who asks."""
    return json_response(_me(caller))


@router.get("/tokens", response_model=shapes.Tokens, responses=problem_responses(401, 403, 429))
def tokens(gateway: Served, caller: Admin) -> Response:
    """All tokens but sessions, without their secrets."""
    del caller
    found = gateway.journal.look(all_tokens)
    return json_response({"items": [token_view(one) for one in found]})


@router.post(
    "/tokens",
    status_code=201,
    response_model=shapes.NewToken,
    responses=problem_responses(401, 403, 409, 422, 429),
)
def add_token(gateway: Served, caller: Admin, wanted: TokenWanted) -> Response:
    """Add a token; its secret is told this once."""
    valid_s = None if wanted.expires_days is None else wanted.expires_days * _DAY_S
    secret, record = gateway.access.add(wanted.name, wanted.role, caller.who, valid_s=valid_s)
    return json_response({**token_view(record), "token": secret.text}, 201)


@router.delete(
    "/tokens/{token_id}",
    status_code=204,
    responses=problem_responses(401, 403, 404, 409, 422, 429),
)
def revoke_token(
    gateway: Served, caller: Admin, token_id: Annotated[str, Path(max_length=16)]
) -> Response:
    """Make a token void, and the sessions that it began."""
    gateway.access.revoke(token_id, caller.who)
    return Response(status_code=204)


@router.get("/audit", response_model=shapes.Audit, responses=problem_responses(401, 403, 422, 429))
def audit(gateway: Served, caller: Admin, after: After = None, limit: Limit = 100) -> Response:
    """What people asked for and what came of it, oldest first; refusals too."""
    del caller
    found = gateway.journal.commands(int(after or 0), limit)
    start = gateway.mirror.start
    return json_response(
        {
            "items": [audit_view(one, start) for one in found],
            "next": next_page([one.command_id for one in found], limit),
        }
    )


def _session(secret: Secret, record: TokenRecord) -> shapes.Session:
    return {
        "token": secret.text,
        "token_id": record.token_id,
        "name": record.name,
        "role": record.role,
        "expires_ms": None if record.expires_us is None else record.expires_us // 1000,
    }


def _me(caller: Caller) -> shapes.Me:
    return {
        "name": caller.name,
        "role": caller.role,
        "token_id": caller.token_id,
        "expires_ms": None if caller.expires_us is None else caller.expires_us // 1000,
    }
