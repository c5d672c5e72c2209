"""The Gantt chart in a terminal: a row per cell, coloured by order, in the plant's clock time."""

from __future__ import annotations

from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style

from robot_cell.reporting.gantt_data import (
    GanttBar,
    GanttData,
    axis_marks,
    duration_text,
    late_orders,
)

MIN_WIDTH = 60
MAX_LABEL = 16
MARK_COLUMNS = 11
"""Least distance of axis marks: a clock time and some air."""
QUIET = Style(dim=True)
NOW = Style(color="red", bold=True)


def render_terminal(data: GanttData, *, now_s: float | None = None) -> TerminalGantt:
    """The chart as something rich prints, as wide as the console: ``console.print(...)``.

    Args:
        data: What to show. Actual times, where known, get a line below the planned ones.
        now_s: Where to draw the line of now, seconds after the chart's start.
    """
    return TerminalGantt(data, now_s)


@dataclass(frozen=True, slots=True)
class TerminalGantt:
    """The chart; rich asks it for its lines once the width is known."""

    data: GanttData
    now_s: float | None = None

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """As wide as it may be, but not below what is legible."""
        return Measurement(MIN_WIDTH, max(MIN_WIDTH, options.max_width))

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Heading, axis, rows, legend."""
        for line in _Canvas(self.data, self.now_s, max(MIN_WIDTH, options.max_width)).lines():
            yield from line
            yield Segment.line()


Line = list[Segment]


class _Canvas:
    """The chart at one width: which second is which column."""

    def __init__(self, data: GanttData, now_s: float | None, width: int) -> None:
        self.data = data
        self.now_s = now_s
        self.width = width
        self.colours = data.colours()
        self.begin, self.end = data.span_s
        longest = max((cell_len(cell) for cell in data.cells), default=0)
        suffix = len(" actual") if data.has_actual else 0
        self.label = min(MAX_LABEL, max(longest, suffix)) + 1
        self.columns = width - self.label

    def column(self, second: float) -> int:
        return int((second - self.begin) / (self.end - self.begin) * self.columns)

    def lines(self) -> list[Line]:
        lines = [self.heading()]
        if not self.data.bars:
            return [*lines, [Segment("nothing is planned", QUIET)]]
        lines += [self.axis(), self.ruler()]
        for cell in self.data.cells:
            bars = [bar for bar in self.data.bars if bar.cell == cell]
            lines.append(self.row(cell, cell, bars, actual=False))
            if self.data.has_actual:
                lines.append(self.row(cell, " actual", bars, actual=True))
        return [*lines, [], *self.legend()]

    def heading(self) -> Line:
        begin, end = self.data.at(self.begin), self.data.at(self.end)
        same_day = begin.date() == end.date()
        until = end.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M:%S")
        when = f"{begin:%Y-%m-%d %H:%M:%S} – {until} {begin:%Z}"
        text = f"{len(self.data.bars)} operations, {duration_text(self.end - self.begin)}"
        title = set_cell_size(self.data.title, min(cell_len(self.data.title), self.width))
        rest = f"  {when}  {text}"
        if cell_len(title) + cell_len(rest) > self.width:
            return [Segment(title, Style(bold=True))]
        return [Segment(title, Style(bold=True)), Segment(rest, QUIET)]

    def axis(self) -> Line:
        text = [" "] * self.width
        day = None
        for mark in self.marks():
            at = self.data.at(mark)
            form = "%H:%M:%S" if at.second else "%H:%M"
            label = at.strftime(form if day in (None, at.date()) else "%a %d.%m.")
            day = at.date()
            column = self.label + self.column(mark)
            if column + len(label) <= self.width:
                text[column : column + len(label)] = label
        return [Segment("".join(text), QUIET)]

    def ruler(self) -> Line:
        text = [" "] * self.label + ["─"] * self.columns
        for mark in self.marks():
            text[min(self.width - 1, self.label + self.column(mark))] = "┬"
        if self.now_s is None or not self.begin <= self.now_s <= self.end:
            return [Segment("".join(text), QUIET)]
        now = min(self.width - 1, self.label + self.column(self.now_s))
        return [
            Segment("".join(text[:now]), QUIET),
            Segment("▼", NOW),
            Segment("".join(text[now + 1 :]), QUIET),
        ]

    def marks(self) -> list[float]:
        return axis_marks(self.data, (self.begin, self.end), self.columns // MARK_COLUMNS)

    def row(self, cell: str, label: str, bars: list[GanttBar], *, actual: bool) -> Line:
        canvas: list[tuple[str, Style | None]] = [(" ", None)] * self.columns
        for start, end in self.data.unavailable_s.get(cell, ()):
            first, last = max(0, self.column(start)), min(self.columns, self.column(end))
            for column in range(first, last):
                canvas[column] = ("░", QUIET)
        for bar in sorted(bars, key=lambda bar: bar.planned_start_s):
            self.draw(canvas, bar, actual=actual)
        if self.now_s is not None and self.begin <= self.now_s <= self.end:
            now = min(self.columns - 1, self.column(self.now_s))
            if canvas[now][0] in " ░":
                canvas[now] = ("│", NOW)
        name = set_cell_size(label, self.label - 1) + " "
        style = QUIET if actual else Style(bold=True)
        return [Segment(name, style), *(Segment(text, look) for text, look in canvas)]

    def draw(self, canvas: list[tuple[str, Style | None]], bar: GanttBar, *, actual: bool) -> None:
        start, end = bar.planned_start_s, bar.planned_end_s
        if actual:
            if bar.actual_start_s is None:
                return
            start = bar.actual_start_s
            end = bar.actual_end_s if bar.actual_end_s is not None else self.now_s or self.end
        first = min(self.columns - 1, self.column(start))
        last = min(self.columns - 1, max(first, self.column(end) - 1))
        colour = self.colours[bar.order_id]
        fill = Style(color="#101010", bgcolor=colour)
        label = f"{bar.order_id}/{bar.unit}"
        room = last - first
        if bar.status == "failed" and actual:
            label = "✗" + label if room > cell_len(label) + 1 else "✗"
        elif room < cell_len(label) + 1:
            label = ""
        # The last column is three quarters wide, so that neighbours of one order stay apart.
        for column in range(first, last):
            canvas[column] = (" ", fill)
        canvas[last] = ("▊", Style(color=colour))
        if label and cell_len(label) == len(label):
            for column, letter in zip(range(first, self.columns), label, strict=False):
                canvas[column] = (letter, fill)

    def legend(self) -> list[Line]:
        late = late_orders(self.data)
        entries: list[Line] = []
        for order in self.data.orders:
            units = len({bar.unit for bar in self.data.bars if bar.order_id == order})
            finish = self.data.at(self.data.order_end_s(order))
            text = f" {order}  {units} u  ends {finish:%H:%M}"
            look = Style()
            if order in late:
                text += f"  late {duration_text(late[order])}"
                look = Style(color="red", bold=True)
            elif order in self.data.due_s:
                text += f"  due {self.data.at(self.data.due_s[order]):%H:%M}"
            entries.append([Segment("██", Style(color=self.colours[order])), Segment(text, look)])
        widths = [sum(cell_len(segment.text) for segment in entry) for entry in entries]
        column = min(self.width, max(widths, default=1) + 3)
        per_line = max(1, self.width // column)
        rows = -(-len(entries) // per_line)
        lines: list[Line] = [[] for _ in range(rows)]
        for i, (entry, width) in enumerate(zip(entries, widths, strict=True)):
            last = i // rows == per_line - 1
            fitted = Segment.adjust_line_length(entry, min(width, self.width))
            lines[i % rows] += fitted if last else [*fitted, Segment(" " * (column - width))]
        return lines
