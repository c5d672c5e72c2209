"""A shift report as one HTML page that needs nothing else, and as a PDF made from the same page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Final

from robot_cell.reporting.gantt_data import duration_text
from robot_cell.reporting.shift_charts import pareto, share_bar, timeline
from robot_cell.reporting.shift_data import FigureLine, OrderLine, ShiftReport
from robot_cell.reporting.shift_words import Language, Words, words

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_Head = str | tuple[str, str]
_FACTORS: Final = ("oee", "availability", "effectiveness", "quality_ratio")
_MORE: Final = (
    "nee", "allocation_efficiency", "utilisation_efficiency", "technical_efficiency",
    "throughput_per_h", "first_pass_yield", "scrap_ratio", "rework_ratio",
)  # fmt: skip
_NAMES: Final = {
    "oee": "OEE",
    "nee": "NEE",
    "quality_ratio": "quality",
    "throughput_per_h": "throughput",
    "energy_per_part_j": "energy per part",
}
_ELEMENTS: Final = (
    ("PBT_s", "planned busy time"),
    ("AUBT_s", "actual unit busy time"),
    ("APT_s", "actual production time"),
    ("ADET_s", "actual unit delay time"),
    ("ADOT_s", "down: the cell's controller was gone"),
    ("PRI_PQ_s", "planned durations of what ended"),
    ("PQ", "operations that ended"),
    ("GQ", "of these good"),
    ("SQ", "of these failed"),
    ("RQ", "good, but not at the first try"),
)


def write_shift_html(path: Path, report: ShiftReport, language: Language = "en") -> Path:
    """Write the page and return its path; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_shift_html(report, language), encoding="utf-8")
    return path


def write_shift_pdf(path: Path, report: ShiftReport, language: Language = "en") -> Path:
    """Write the page as a PDF (A4) and return its path; missing folders are made."""
    from weasyprint import HTML

    path.parent.mkdir(parents=True, exist_ok=True)
    HTML(string=render_shift_html(report, language), url_fetcher=_nothing).write_pdf(path)
    return path


def _nothing(url: str, *_: object, **__: object) -> dict[str, object]:
    """The page asks for nothing from elsewhere."""
    raise ValueError(f"the page asks for {url}")


def render_shift_html(report: ShiftReport, language: Language = "en") -> str:
    """The page as text; what the journal has in words stays as it is there."""
    t = words(language)
    title = t("Shift report: {plant}", plant=report.plant)
    assets = files("robot_cell.reporting") / "assets"
    css = "".join((assets / name).read_text("utf-8") for name in ("report.css", "shift.css"))
    return "".join(
        (
            '<!doctype html>\n<html lang="',
            t.html,
            '">\n<head>\n<meta charset="utf-8">\n',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">\n',
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n',
            f"<title>{escape(title)}</title>\n<style>\n{css}</style>\n",
            "</head>\n<body>\n<main>\n",
            f"<header><div><h1>{escape(title)}</h1>",
            f'<p class="quiet">{escape(_span(report, t))}</p></div></header>\n',
            _tiles(report, t),
            _section(t("Effectiveness"), _effectiveness(report, t), keep=True),
            _section(t("OEE over the shift"), timeline(report.parts, t), keep=True),
            _section(t("Orders"), _orders(report, t)),
            _section(t("Where time was lost"), pareto(report.losses, t), keep=True),
            _section(t("Alarms"), _alarms(report, t), keep=True),
            _section(t("Energy"), _energy(report, t), keep=True),
            _section(t("Key figures"), _figures(report, t), keep=True),
            _section(t("Elements"), _elements(report, t), keep=True),
            _section(t("Formulas"), _formulas(report, t), keep=True),
            '<footer class="quiet">',
            " ".join(escape(t(note)) for note in report.notes),
            " ",
            escape(
                t(
                    "Made {at} ({zone}).",
                    at=f"{report.made:%Y-%m-%d %H:%M}",
                    zone=report.made.tzname() or "",
                )
            ),
            "</footer>\n</main>\n</body>\n</html>\n",
        )
    )


def _span(report: ShiftReport, t: Words) -> str:
    begin, end = report.begin, report.end
    same_day = begin.date() == end.date()
    until = f"{end:%H:%M:%S}" if same_day else f"{end:%Y-%m-%d %H:%M:%S}"
    return t(
        "{day} {begin} to {end} ({zone})", day=t(f"{begin:%A}"),
        begin=f"{begin:%Y-%m-%d %H:%M:%S}", end=until, zone=begin.tzname() or "",
    )  # fmt: skip


def _tiles(report: ShiftReport, t: Words) -> str:
    complete = sum(one.status == "complete" and one.finished is not None for one in report.orders)
    late = sum((one.late_s or 0.0) > 0.0 for one in report.orders)
    energy, of_all = report.total.energy_j, t("of {all}", all=len(report.orders))
    tiles = (
        (
            "orders complete",
            f'{complete}<span class="of"> {of_all}</span>',
            False,
        ),
        ("orders late", str(late), late > 0),
        ("work units made", f"{report.total.elements.get('units', 0):.0f}", False),
        ("OEE", _percent(report.total.figures["oee"]), False),
        ("alarms", str(sum(one.count for one in report.alarms)), False),
        ("energy (model)", "–" if energy is None else escape(_energy_text(energy)), False),
    )
    made = "".join(
        f'<div class="tile{" bad" if bad else ""}"><b>{value}</b><span>{name}</span></div>'
        for name, value, bad in ((escape(t(one)), *rest) for one, *rest in tiles)
    )
    return f'<div class="tiles">{made}</div>\n'


def _effectiveness(report: ShiftReport, t: Words) -> str:
    heads: list[_Head] = ["", *((_name(one, t), "n") for one in _FACTORS)]
    rows = [
        _row(
            (escape(line.cell or t("plant")), "word"),
            *((f"{share_bar(v)}{_percent(v)}", "n") for v in _values(line, _FACTORS)),
            total=line.cell is None,
        )
        for line in (*report.cells, report.total)
    ]
    return _table(heads, rows)


def _orders(report: ShiftReport, t: Words) -> str:
    if not report.orders:
        return f"<p>{t('No order was due or in work.')}</p>"
    heads: list[_Head] = [
        t("order"), t("customer"), t("product"), (t("made"), "n"), t("status"), (t("due"), "n"),
        (t("finished"), "n"), (t("against due date"), "n"),
    ]  # fmt: skip
    return _table(heads, [_order(one, report.begin, t) for one in report.orders])


def _order(one: OrderLine, begin: datetime, t: Words) -> str:
    verdict, bad = "", False
    if one.late_s is not None:
        bad = one.late_s > 0.0
        by = duration_text(abs(one.late_s))
        verdict = t("late by {time}", time=by) if bad else t("{time} early", time=by)
        if one.finished is None:
            verdict = t("{verdict} so far", verdict=verdict)
    return _row(
        (escape(one.order_id), "word"),
        (escape(one.customer), ""),
        (escape(one.product), ""),
        (t("{done} of {all}", done=one.done, all=one.quantity), "n bad" if one.failed else "n"),
        (
            escape(t(one.status)),
            "bad" if one.status in ("failed", "cancelled", "uncertain") else "",
        ),
        (_clock(one.due, begin), "n"),
        (_clock(one.finished, begin), "n"),
        (verdict, "n bad" if bad else "n"),
    )


def _alarms(report: ShiftReport, t: Words) -> str:
    if not report.alarms:
        return f"<p>{t('No alarm came.')}</p>"
    most = max(one.count for one in report.alarms)
    rows = [
        _row(
            (escape(one.source), "word"),
            (escape(t(one.kind.replace("_", " "))), "word"),
            (escape(t(one.priority)), "high" if one.priority == "high" else ""),
            (escape(one.text), ""),
            (duration_text(one.standing_s), "n"),
            (f"{share_bar(one.count / most)}{one.count}", "n"),
        )
        for one in report.alarms
    ]
    heads: list[_Head] = [
        t("place"),
        t("kind"),
        t("priority"),
        t("the last one said"),
        (t("stood"), "n"),
        (t("came"), "n"),
    ]
    return _table(heads, rows)


def _energy(report: ShiftReport, t: Words) -> str:
    rows = []
    for line in (*report.cells, report.total):
        ended = line.elements["PQ"]
        energy = line.energy_j
        rows.append(
            _row(
                (escape(line.cell or t("plant")), "word"),
                ("–" if energy is None else _energy_text(energy), "n"),
                (_energy_text(energy / ended) if energy is not None and ended else "–", "n"),
                (
                    "–"
                    if line.energy_per_part_j is None or line.cell is not None
                    else _energy_text(line.energy_per_part_j),
                    "n",
                ),
                total=line.cell is None,
            )
        )
    heads: list[_Head] = [
        "", (t("energy"), "n"), (t("per operation"), "n"), (t("per work unit"), "n"),
    ]  # fmt: skip
    return _table(heads, rows)


def _figures(report: ShiftReport, t: Words) -> str:
    lines = (*report.cells, report.total)
    heads: list[_Head] = ["", *((line.cell or t("plant"), "n") for line in lines)]
    rows = [
        _row(
            (escape(_name(name, t)), "word"),
            *((_figure(name, one.figures[name]), "n") for one in lines),
        )
        for name in _MORE
    ]
    return _table(heads, rows)


def _elements(report: ShiftReport, t: Words) -> str:
    lines = (*report.cells, report.total)
    heads: list[_Head] = ["", "", *((line.cell or t("plant"), "n") for line in lines)]
    rows = [
        _row(
            (name.removesuffix("_s").replace("_", "·"), "word"),
            (escape(t(text)), "quiet"),
            *((_element(name, one.elements[name]), "n") for one in lines),
        )
        for name, text in _ELEMENTS
    ]
    return _table(heads, rows)


def _formulas(report: ShiftReport, t: Words) -> str:
    rows = [
        _row(
            (escape(_name(one.name, t)), ""),
            (escape(one.formula.replace(" * ", " · ").replace("_", " ")), ""),
            (escape(t(one.text)), "quiet"),
        )
        for one in report.formulas
    ]
    source = escape(report.formulas[0].source.split(",")[0]) if report.formulas else ""
    heads = ["", t("formula ({source})", source=source), ""]
    return f'<div class="formulas">{_table(heads, rows)}</div>'


# -- pieces -------------------------------------------------------------------------------------


def _section(title: str, body: str, *, keep: bool = False) -> str:
    look = ' class="keep"' if keep else ""
    return f"<section{look}>\n<h2>{escape(title)}</h2>\n{body}\n</section>\n"


def _table(heads: Iterable[_Head], rows: Iterable[str]) -> str:
    cells = "".join(
        f"<th>{escape(one)}</th>"
        if isinstance(one, str)
        else f'<th class="{one[1]}">{escape(one[0])}</th>'
        for one in heads
    )
    body = "\n".join(rows)
    return (
        f'<div class="wide"><table>\n<thead><tr>{cells}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody>\n</table></div>"
    )


def _row(*cells: tuple[str, str], total: bool = False) -> str:
    made = "".join(
        f'<td class="{look}">{html}</td>' if look else f"<td>{html}</td>" for html, look in cells
    )
    return f'<tr class="total">{made}</tr>' if total else f"<tr>{made}</tr>"


def _values(line: FigureLine, names: Iterable[str]) -> list[float | None]:
    return [line.figures[name] for name in names]


def _name(name: str, t: Words) -> str:
    return t(_NAMES.get(name, name.replace("_", " ")))


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value * 100:.1f} %"


def _figure(name: str, value: float | None) -> str:
    if value is not None and name == "throughput_per_h":
        return f"{value:.1f} /h"
    return _percent(value)


def _element(name: str, value: float) -> str:
    return duration_text(value) if name.endswith("_s") else f"{value:.0f}"


def _energy_text(energy_j: float) -> str:
    if energy_j >= 360_000.0:
        return f"{energy_j / 3.6e6:.2f} kWh"
    if energy_j >= 36_000.0:
        return f"{energy_j / 3.6e3:.1f} Wh"
    return f"{energy_j / 1e3:.2f} kJ"


def _clock(instant: datetime | None, begin: datetime) -> str:
    if instant is None:
        return ""
    return f"{instant:%H:%M}" if instant.date() == begin.date() else f"{instant:%Y-%m-%d %H:%M}"
