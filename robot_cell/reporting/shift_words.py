"""Words of a shift report in the language of its reader; English is written where it is used.

Translations are in `assets/shift_zh.json`, by the English words. What has none (what an alarm said,
a customer's name) stays as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_HTML: Final[dict[Language, str]] = {"en": "en", "zh": "zh-CN"}


@dataclass(frozen=True)
class Words:
    """The words of a language.

    Attributes:
        html: what HTML calls the language.
        known: translations, by the English words.
    """

    html: str
    known: Mapping[str, str]

    def __call__(self, text: str, **values: object) -> str:
        """The text in that language; `{name}` in it takes a value."""
        found = self.known.get(text, text)
        return found.format(**values) if values else found


@cache
def words(language: Language) -> Words:
    """The words of a language."""
    if language == "en":
        return Words(_HTML[language], {})
    file = files("robot_cell.reporting") / "assets" / f"shift_{language}.json"
    return Words(_HTML[language], json.loads(file.read_text("utf-8")))
