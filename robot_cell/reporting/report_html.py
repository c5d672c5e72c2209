"""The report of a run as one HTML page that needs nothing else and prints well."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from importlib.resources import files
from pathlib import Path

from robot_cell.reporting.gantt_data import GanttData, duration_text
from robot_cell.reporting.plan_changes import LOST
from robot_cell.reporting.run_result import JobResult, OperationResult, RunResult

_CONTENT_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_BAD = ("failed", "uncertain", "cancelled")


def write_report_html(path: Path, result: RunResult, chart: GanttData) -> Path:
    """Write the report and return its path; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render_report_html(result, chart), encoding="utf-8")
    return path


def render_report_html(result: RunResult, chart: GanttData) -> str:
    """The page of `write_report_html` as text.

    Args:
        result: what the run was.
        chart: the same as a chart; it gives the clock times, the cells and the colours.
    """
    css = (files("robot_cell.reporting") / "assets" / "report.css").read_text(encoding="utf-8")
    problems = _problems(result)
    return _PAGE.format(
        policy=escape(_CONTENT_POLICY),
        css=css,
        plant=escape(result.plant),
        when=escape(_when(chart)),
        facts=_facts(result),
        orders="\n".join(_order_row(job, chart) for job in result.jobs),
        cells="\n".join(_cell_rows(result, chart)),
        operations="\n".join(_operation_row(o, chart) for o in result.operations),
        problems=problems,
        changes=_changes(result, chart),
        about=_about(result),
    )


def _when(chart: GanttData) -> str:
    begin, end = (chart.at(second) for second in chart.span_s)
    zone = chart.start.tzname() or ""
    return f"{begin:%Y-%m-%d %H:%M:%S} to {end:%H:%M:%S} ({zone})"


def _facts(result: RunResult) -> str:
    complete = sum(job.status in ("complete", "done") for job in result.jobs)
    late = sum(bool(job.late_s) for job in result.jobs)
    actual = result.actual_makespan_s
    made = sum(job.done for job in result.jobs)
    facts = [
        ("orders complete", f"{complete} of {len(result.jobs)}", complete < len(result.jobs)),
        ("work units made", f"{made} of {sum(job.quantity for job in result.jobs)}", False),
        ("orders late", str(late), late > 0),
        ("makespan planned", duration_text(result.planned_makespan_s), False),
        ("makespan actual", "–" if actual is None else duration_text(actual), False),
    ]
    return "".join(
        f"<div{' class=bad' if bad else ''}><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value, bad in facts
    )


def _order_row(job: JobResult, chart: GanttData) -> str:
    colour = chart.colours().get(job.id, "transparent")
    if job.finished_s is None:
        verdict, bad = "", False
    elif job.late_s:
        verdict, bad = f"late by {duration_text(job.late_s)}", True
    else:
        verdict, bad = f"{duration_text(job.due_s - job.finished_s)} early", False
    first = f'<i style="background:{colour}"></i>{escape(job.id)}'
    return _row(
        (first, ""),
        (escape(job.customer), ""),
        (escape(job.product), ""),
        (f"{job.done} of {job.quantity}", "n bad" if job.done < job.quantity else "n"),
        (escape(job.status), "bad" if job.status in _BAD else ""),
        (_clock(chart, job.due_s), "n"),
        (_clock(chart, job.finished_s), "n"),
        (escape(verdict), "n bad" if bad else "n"),
    )


def _cell_rows(result: RunResult, chart: GanttData) -> Iterable[str]:
    begin, end = chart.span_s
    for cell in chart.cells:
        mine = [o for o in result.operations if o.cell == cell]
        busy_s = sum(
            o.actual_end_s - o.actual_start_s
            for o in mine
            if o.actual_start_s is not None and o.actual_end_s is not None
        )
        planned_s = sum(o.planned_end_s - o.planned_start_s for o in mine)
        closed_s = sum(
            max(0.0, min(b, end) - max(a, begin)) for a, b in chart.unavailable_s.get(cell, ())
        )
        open_s = max(1e-9, end - begin - closed_s)
        share = min(1.0, busy_s / open_s)
        ended = sum(o.actual_end_s is not None for o in mine)
        bar = f'<span class="share"><b style="width:{share:.1%}"></b></span>'
        yield _row(
            (escape(cell), ""),
            (f"{ended} of {len(mine)}", "n"),
            (duration_text(planned_s), "n"),
            (duration_text(busy_s), "n"),
            (f"{bar}{share:.0%}", "n"),
        )


def _operation_row(o: OperationResult, chart: GanttData) -> str:
    deviation = ""
    if o.actual_end_s is not None:
        seconds = o.actual_end_s - o.planned_end_s
        deviation = f"{'−' if seconds < 0 else '+'}{abs(seconds):.1f} s"
    error = ""
    if o.joint_error_rad:
        error = f"{max(abs(e) for e in o.joint_error_rad) * 1e3:.2f}"
    return _row(
        (escape(o.job), ""),
        (str(o.unit), "n"),
        (escape(o.operation), ""),
        (escape(o.cell), ""),
        (escape(o.program), ""),
        (_clock(chart, o.planned_start_s), "n"),
        (_clock(chart, o.planned_end_s), "n"),
        (_clock(chart, o.actual_start_s), "n"),
        (_clock(chart, o.actual_end_s), "n"),
        (deviation, "n"),
        (error, "n"),
        (escape(o.status), "bad" if o.status in _BAD else ""),
    )


def _problems(result: RunResult) -> str:
    lines = [
        f"{o.job}, unit {o.unit}, {o.operation} on {o.cell}: {o.status}"
        + (f" – {o.message}" if o.message else "")
        for o in result.operations
        if o.status in _BAD
    ]
    lines += [
        f"{job.id}: {job.message}" for job in result.jobs if job.message and job.status in _BAD
    ]
    if not lines:
        return "<p>No step failed.</p>"
    items = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return f'<ul class="bad">{items}</ul>'


def _changes(result: RunResult, chart: GanttData) -> str:
    """A section of what was lost and how the plan changed; none where nothing was."""
    if not result.happenings and not result.faults:
        return ""
    rows = "".join(
        _row(
            (_clock(chart, one.at_s), "n"),
            (f"{one.at_s:.1f} s", "n"),
            (escape(one.text), "bad" if one.what == LOST else ""),
        )
        for one in result.happenings
    )
    asked = f"<p>Asked for: {escape('; '.join(result.faults))}.</p>" if result.faults else ""
    return f"""<section>
<h2>Faults and repairs</h2>
{asked}<div class="wide"><table>
<thead><tr><th class="n">at</th><th class="n">after</th><th>what happened</th></tr></thead>
<tbody>{rows}</tbody>
</table></div>
</section>
"""


def _about(result: RunResult) -> str:
    speed = "as fast as possible" if result.speed == 0.0 else f"speed {result.speed:g}"
    parts = [
        f"schedule by {result.engine}" if result.engine else "",
        f"lower bound of the makespan {duration_text(result.lower_bound_s)}"
        if result.lower_bound_s
        else "",
        f"simulation at {speed}, seed {result.seed}",
        f"{result.wall_s:.1f} s in front of the screen",
        f"first motion after {result.first_motion_s:.1f} s"
        if result.first_motion_s is not None
        else "",
    ]
    return escape("; ".join(part for part in parts if part))


def _clock(chart: GanttData, seconds: float | None) -> str:
    return "" if seconds is None else f"{chart.at(seconds):%H:%M:%S}"


def _row(*cells: tuple[str, str]) -> str:
    return (
        "<tr>"
        + "".join(
            (f'<td class="{look}">{html}</td>' if look else f"<td>{html}</td>")
            for html, look in cells
        )
        + "</tr>"
    )


_PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Production report: {plant}</title>
<style>
{css}</style>
</head>
<body>
<main>
<header>
<div><h1>Production report: {plant}</h1><p class="quiet">{when}</p></div>
<dl class="facts">{facts}</dl>
</header>
<section>
<h2>Orders</h2>
<div class="wide"><table>
<thead><tr><th>order</th><th>customer</th><th>product</th><th class="n">made</th><th>status</th>
<th class="n">due</th><th class="n">finished</th><th class="n">against due date</th></tr></thead>
<tbody>
{orders}
</tbody>
</table></div>
</section>
<section>
<h2>Cells</h2>
<div class="wide"><table>
<thead><tr><th>cell</th><th class="n">operations</th><th class="n">work planned</th>
<th class="n">work actual</th><th class="n">utilisation</th></tr></thead>
<tbody>
{cells}
</tbody>
</table></div>
</section>
{changes}<section>
<h2>Failures</h2>
{problems}
</section>
<section>
<h2>Operations</h2>
<div class="wide"><table class="dense">
<thead><tr><th colspan="5"></th><th colspan="2" class="n">planned</th>
<th colspan="3" class="n">actual</th><th colspan="2"></th></tr>
<tr><th>order</th><th class="n">unit</th><th>operation</th><th>cell</th><th>program</th>
<th class="n">start</th><th class="n">end</th><th class="n">start</th><th class="n">end</th>
<th class="n">end against plan</th><th class="n">joint error, mrad</th><th>status</th></tr></thead>
<tbody>
{operations}
</tbody>
</table></div>
</section>
<footer class="quiet">{about}. The chart of this run: <a href="schedule.html">schedule.html</a>;
its data: <a href="run.json">run.json</a>.</footer>
</main>
</body>
</html>
"""
