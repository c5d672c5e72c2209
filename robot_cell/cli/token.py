"""`robot-cell token`: who may ask what of the plant over the network."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from robot_cell.cli.exit_codes import ExitCode
from robot_cell.cli.options import Json, run_dir, who

if TYPE_CHECKING:
    from robot_cell.store import Journal
    from robot_cell.store.records import TokenRecord

Where = Annotated[
    str | None,
    typer.Option(
        "--journal", metavar="FILE|URL", help="Journal of the plant. [default: that of `up`]"
    ),
]
_DAY_S = 86_400.0


def add(
    name: Annotated[str, typer.Argument(help="Whose it is: a person, a program.")],
    role: Annotated[
        str, typer.Option(metavar="viewer|operator|maintainer|admin", help="What it may.")
    ] = "viewer",
    days: Annotated[
        float | None, typer.Option(min=0.001, max=3650.0, help="How long. [default: for ever]")
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> int:
    """Make a token and print it: this once, since only its hash is kept."""
    from robot_cell.cli.output import err, print_json
    from robot_cell.gateway.access import add_token
    from robot_cell.gateway.tokens import ROLES, is_plain_name

    known = next((one for one in ROLES if one == role), None)
    if known is None:
        raise typer.BadParameter(f"{role!r} is no role; there are {', '.join(ROLES)}")
    if not is_plain_name(name):
        raise typer.BadParameter("a name has 1 to 100 printable characters")
    valid_s = None if days is None else days * _DAY_S
    with _journal(where) as journal:
        secret = add_token(journal, name, known, who(), valid_s=valid_s)
    if as_json:
        print_json({"token": secret.text, "id": secret.token_id, "name": name, "role": role})
        return ExitCode.OK
    err().print(f"token {secret.token_id} for {name}, {role}; it is shown this once:", markup=False)
    print(secret.text)
    return ExitCode.OK


def list_(where: Where = None, as_json: Json = False) -> int:
    """List the tokens, without their secrets."""
    from robot_cell.cli.output import make_table, out, print_json
    from robot_cell.store.token_book import all_tokens

    with _journal(where) as journal:
        found = journal.look(all_tokens)
    if as_json:
        print_json({"tokens": [_plain(one) for one in found]})
        return ExitCode.OK
    rows = [
        (one.token_id, one.name, one.role, _day(one.added_us), one.added_by, _state(one))
        for one in found
    ]
    columns = ("id", "name", "role", "added", "by", "state")
    out().print(make_table("", columns, rows) if rows else "there are no tokens")
    return ExitCode.OK


def revoke(
    token_id: Annotated[str, typer.Argument(help="Its id (robot-cell token list).")],
    where: Where = None,
) -> int:
    """Make a token void at once and for ever, and the sessions that it began."""
    from robot_cell.cli.output import err, out
    from robot_cell.store import token_book

    with _journal(where) as journal:
        try:
            journal.change(lambda tx: token_book.revoke_token(tx, token_id, who=who()))
        except token_book.UnknownToken as error:
            err().print(str(error), markup=False)
            return ExitCode.REFUSED
    out().print(f"{token_id} is void", markup=False)
    return ExitCode.OK


def _journal(where: str | None) -> Journal:
    from robot_cell.store import journal_location, open_journal

    if where is None:
        return open_journal(journal_location(run_dir()))
    return open_journal(where if "://" in where else Path(where))


def _plain(record: TokenRecord) -> dict[str, object]:
    return {
        "id": record.token_id,
        "name": record.name,
        "role": record.role,
        "added": _iso(record.added_us),
        "added_by": record.added_by,
        "expires": None if record.expires_us is None else _iso(record.expires_us),
        "revoked": None if record.revoked_us is None else _iso(record.revoked_us),
        "revoked_by": record.revoked_by,
    }


def _iso(wall_us: int) -> str:
    return datetime.fromtimestamp(wall_us * 1e-6, timezone.utc).isoformat(timespec="seconds")


def _day(wall_us: int) -> str:
    return _iso(wall_us)[:10]


def _state(record: TokenRecord) -> str:
    if record.revoked_us is not None:
        return f"revoked {_day(record.revoked_us)} by {record.revoked_by}"
    if record.expires_us is None:
        return "valid"
    past = record.expires_us * 1e-6 <= datetime.now(timezone.utc).timestamp()
    return f"{'expired' if past else 'valid until'} {_day(record.expires_us)}"
