"""Questions to a plant's gateway over REST, with a token."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.parse
import urllib.request
from types import TracebackType
from typing import Any, Final

from typing_extensions import Self

from robot_cell.client.connection import ANSWER_S, PlantNotReachable
from robot_cell.client.views import CommandResult
from robot_cell.errors import RobotCellError

URL_VARIABLE: Final = "ROBOT_CELL_URL"
TOKEN_VARIABLE: Final = "ROBOT_CELL_TOKEN"


class PlantRefusesError(RobotCellError):
    """The gateway does not do what was asked.

    Attributes:
        status: of HTTP.
        document: the problem details (RFC 9457).
    """

    def __init__(self, status: int, document: dict[str, Any], address: str) -> None:
        self.status, self.document = status, document
        said = str(document.get("detail") or document.get("title") or f"HTTP {status}")
        if status == 401:
            said += f"; put a token into {TOKEN_VARIABLE} (robot-cell token add)"
        super().__init__(f"{address}: {said}")

    @property
    def said(self) -> str:
        """The gateway's own sentence."""
        return str(self.document.get("detail") or self.document.get("title") or self)


class RestConnection:
    """A gateway behind an address such as `https://plant:8080`; a context manager.

    Args:
        token: None sends none.

    Raises:
        RobotCellError: it is no address.
    """

    def __init__(self, address: str, token: str | None, timeout_s: float = ANSWER_S) -> None:
        parts = urllib.parse.urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise RobotCellError(f"{address!r} is no address of a plant, such as http://host:8080")
        self.address = f"{parts.scheme}://{parts.netloc}"
        self._token, self._timeout_s = token, timeout_s

    @classmethod
    def of_environment(cls, timeout_s: float = ANSWER_S) -> Self | None:
        """The plant that `ROBOT_CELL_URL` and `ROBOT_CELL_TOKEN` name, if they do."""
        address = os.environ.get(URL_VARIABLE)
        return cls(address, os.environ.get(TOKEN_VARIABLE), timeout_s) if address else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Nothing is kept open."""

    def change(
        self, method: str, path: str, wanted: dict[str, Any], timeout_s: float | None = None
    ) -> CommandResult:
        """Ask for a change; a refusal is a result, too.

        Raises:
            PlantRefusesError: the token is no good, or the request.
            PlantNotReachable: nobody answers.
        """
        try:
            found = self.ask(method, path, json.dumps(wanted).encode(), timeout_s=timeout_s)
        except PlantRefusesError as error:
            if error.status not in (404, 409, 422):
                raise
            return CommandResult(False, error.said)
        return CommandResult(True, str(found["message"]))

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        kind: str = "application/json",
        timeout_s: float | None = None,
    ) -> Any:
        """What is answered at a path below `/api/v1`, read from its JSON.

        Raises:
            PlantRefusesError: HTTP says no.
            PlantNotReachable: nobody answers, or the plant is not there yet.
        """
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = kind
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        url = f"{self.address}/api/v1{path}"
        request = urllib.request.Request(url, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s or self._timeout_s) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            document = _document(error)
            if error.code == 503:
                raise PlantNotReachable(f"{self.address}: {document.get('detail')}") from error
            raise PlantRefusesError(error.code, document, self.address) from error
        except (urllib.error.URLError, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise PlantNotReachable(
                f"{self.address} does not answer ({reason}); see that the plant runs with a "
                "gateway there (http_port), and that --url is right"
            ) from error


def _document(error: urllib.error.HTTPError) -> dict[str, Any]:
    try:
        found = json.load(error)
    except ValueError:
        return {"title": str(error.reason)}
    return found if isinstance(found, dict) else {"title": str(error.reason)}
