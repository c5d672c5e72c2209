"""The substitutions of a launch file: `$(var)`, `$(env)`, `$(find-pkg-share)`, `$(dirname)`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from robot_cell.bringup.errors import SubstitutionError
from robot_cell.errors import RobotCellError


@dataclass(frozen=True)
class Scope:
    """What substitutions may look at; `file` and `line` say where the text stands."""

    file: Path
    line: int
    variables: Mapping[str, str]
    environment: Mapping[str, str]
    package_share: Callable[[str], Path]


def substitute(text: str, scope: Scope) -> str:
    r"""Replace every `$(...)` in a text; `\$` stands for a dollar sign.

    Raises:
        SubstitutionError: a substitution is malformed, unknown, or has no value.
    """
    out: list[str] = []
    at = 0
    while at < len(text):
        if text.startswith("\\$", at):
            out.append("$")
            at += 2
        elif text.startswith("$(", at):
            end = _closing(text, at, scope)
            out.append(_evaluate(text[at + 2 : end], text, scope))
            at = end + 1
        else:
            out.append(text[at])
            at += 1
    return "".join(out)


def split_words(text: str, scope: Scope) -> list[str]:
    """Split at blanks outside of quotes and substitutions; neither is replaced yet."""
    words: list[str] = []
    word: list[str] = []
    started = False
    quote = ""
    at = 0
    while at < len(text):
        char = text[at]
        if text.startswith("$(", at):
            end = _closing(text, at, scope)
            word.append(text[at : end + 1])
            started, at = True, end
        elif quote:
            if char == quote:
                quote = ""
            else:
                word.append(char)
        elif char in "'\"":
            quote, started = char, True
        elif char.isspace():
            if started:
                words.append("".join(word))
            word, started = [], False
        else:
            word.append(char)
            started = True
        at += 1
    if quote:
        raise SubstitutionError(scope.file, scope.line, text, f"a quote {quote} is not closed")
    if started:
        words.append("".join(word))
    return words


def _closing(text: str, start: int, scope: Scope) -> int:
    depth = 0
    for at in range(start + 1, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return at
    raise SubstitutionError(scope.file, scope.line, text, "a $( is not closed")


def _evaluate(inner: str, text: str, scope: Scope) -> str:
    def wrong(reason: str) -> SubstitutionError:
        return SubstitutionError(scope.file, scope.line, text, reason)

    words = split_words(inner, scope)
    if not words:
        raise wrong("$() names nothing")
    kind, *arguments = (substitute(word, scope) for word in words)
    if kind == "dirname" and not arguments:
        return str(scope.file.parent)
    if kind == "var" and len(arguments) == 1:
        if arguments[0] not in scope.variables:
            listed = ", ".join(sorted(scope.variables)) or "none"
            raise wrong(f"there is no variable {arguments[0]!r}; known: {listed}")
        return scope.variables[arguments[0]]
    if kind == "env" and len(arguments) in (1, 2):
        value = scope.environment.get(arguments[0], arguments[1] if len(arguments) == 2 else None)
        if value is None:
            raise wrong(f"the environment has no {arguments[0]}, and no default is given")
        return value
    if kind == "find-pkg-share" and len(arguments) == 1:
        try:
            return str(scope.package_share(arguments[0]))
        except RobotCellError as error:
            raise wrong(str(error)) from error
    known = "$(var NAME), $(env NAME [DEFAULT]), $(find-pkg-share PACKAGE), $(dirname)"
    raise wrong(f"$({inner}) is not known; known: {known}")
