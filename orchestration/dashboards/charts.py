"""Charts as inline SVG, drawn here so that a page works offline and without scripts.

Belongs here: geometry. Stays out: which figures are charted and in which words. Colours come
from the page's style sheet through classes `c0` … `c5`; a partial period is drawn hatched or
dashed, because its figure is not final.
"""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Number = Callable[[float, str], str]
    """How a value is written in a language."""

WIDTH, HEIGHT = 640.0, 220.0
LEFT, RIGHT, TOP, BOTTOM = 62.0, 10.0, 12.0, 26.0


@dataclass(frozen=True)
class Series:
    """One series of a chart: a label in the reader's words and a value per period."""

    label: str
    values: tuple[float | None, ...]
    css: str


@dataclass(frozen=True)
class Axis:
    """What the periods are called and which of them is not over."""

    labels: tuple[str, ...]
    partial: tuple[bool, ...]


def sparkline(values: Sequence[float | None]) -> str:
    """Return a small trend line; unknown values break the line."""
    known = [value for value in values if value is not None]
    if len(known) < 2:  # noqa: PLR2004 - a line needs two points
        return ""
    low, high = min(known), max(known)
    span = (high - low) or 1.0
    step = 120.0 / max(len(values) - 1, 1)
    points = [
        (index * step, 30.0 - 26.0 * (value - low) / span)
        for index, value in enumerate(values)
        if value is not None
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    x, y = points[-1]
    return (
        '<svg class="spark" viewBox="-2 0 126 34" aria-hidden="true">'
        f'<polyline points="{path}"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.6"/></svg>'
    )


def lines(series: Sequence[Series], axis: Axis, *, number: Number) -> str:
    """Return a line chart with a filled first series."""
    low, high = _range([value for one in series for value in one.values], zero=True)
    x_of, y_of = _scales(len(axis.labels), low, high)
    body = [_grid(low, high, y_of, number), _period_labels(axis, x_of)]
    for index, one in enumerate(series):
        points = [
            (x_of(position), y_of(value), position)
            for position, value in enumerate(one.values)
            if value is not None
        ]
        if not points:
            continue
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in points)
        if index == 0:
            base = y_of(max(low, 0.0))
            body.append(
                f'<polygon class="area {one.css}" points="{points[0][0]:.1f},{base:.1f} '
                f'{path} {points[-1][0]:.1f},{base:.1f}"/>'
            )
        body.append(f'<polyline class="line {one.css}" points="{path}"/>')
        body.extend(
            f'<circle class="dot {one.css}{" partial" if axis.partial[position] else ""}" '
            f'cx="{x:.1f}" cy="{y:.1f}" r="3"><title>{_tip(axis, one, position, number)}'
            "</title></circle>"
            for x, y, position in points
        )
    return _svg(body)


def stacked_bars(series: Sequence[Series], axis: Axis, *, number: Number) -> str:
    """Return stacked columns; negative values stack downwards from zero."""
    columns = list(zip(*(one.values for one in series), strict=True))
    ups = [sum(value for value in column if value and value > 0) for column in columns]
    downs = [
        sum(value for value in column if value and value < 0) for column in columns
    ]
    low, high = _range([*ups, *downs], zero=True)
    x_of, y_of = _scales(len(axis.labels), low, high)
    width = (WIDTH - LEFT - RIGHT) / max(len(axis.labels), 1) * 0.7
    body = [_grid(low, high, y_of, number), _period_labels(axis, x_of)]
    for position in range(len(axis.labels)):
        up = down = 0.0
        for one in series:
            value = one.values[position]
            if not value:
                continue
            start = up if value > 0 else down
            top, bottom = sorted((y_of(start), y_of(start + value)))
            up, down = (up + value, down) if value > 0 else (up, down + value)
            css = f"bar {one.css}" + (" partial" if axis.partial[position] else "")
            body.append(
                f'<rect class="{css}" x="{x_of(position) - width / 2:.1f}" y="{top:.1f}" '
                f'width="{width:.1f}" height="{max(bottom - top, 0.5):.1f}">'
                f"<title>{_tip(axis, one, position, number)}</title></rect>"
            )
    return _svg(body)


def legend(series: Sequence[Series]) -> str:
    """Return the key to a chart's colours."""
    items = "".join(f'<li><i class="{one.css}"></i>{one.label}</li>' for one in series)
    return f'<ul class="legend">{items}</ul>'


def _tip(axis: Axis, one: Series, position: int, number: Number) -> str:
    """Return the text shown when a mark is pointed at."""
    value = one.values[position]
    shown = "–"
    if value is not None:
        # A tip is plain text and cannot hide a language.
        shown = " / ".join(
            dict.fromkeys(number(value, language) for language in ("vi", "en"))
        )
    label = html.unescape(one.label.split("<span")[0]) or ""
    return html.escape(f"{axis.labels[position]} {label} {shown}".replace("  ", " "))


def _range(values: Sequence[float | None], *, zero: bool) -> tuple[float, float]:
    """Return the charted range, a little wider than the values."""
    known = [value for value in values if value is not None] or [0.0]
    low, high = min(known), max(known)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = low + 1.0
    margin = (high - low) * 0.06
    return (low - margin if low < 0 else low), high + margin


def _scales(
    count: int, low: float, high: float
) -> tuple[Callable[[int], float], Callable[[float], float]]:
    """Return the functions from period and value to x and y."""
    step = (WIDTH - LEFT - RIGHT) / max(count, 1)
    height = HEIGHT - TOP - BOTTOM

    def x_of(position: int) -> float:
        return LEFT + step * (position + 0.5)

    def y_of(value: float) -> float:
        return TOP + height * (1 - (value - low) / (high - low))

    return x_of, y_of


def _grid(
    low: float,
    high: float,
    y_of: Callable[[float], float],
    number: Number,
) -> str:
    """Return the value lines at round levels, the zero line among them."""
    return "".join(
        f'<line class="grid{" zero" if level == 0 else ""}" x1="{LEFT}" x2="{WIDTH - RIGHT}" '
        f'y1="{y_of(level):.1f}" y2="{y_of(level):.1f}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{y_of(level) + 3.5:.1f}">'
        f'<tspan class="vi">{html.escape(number(level, "vi"))}</tspan>'
        f'<tspan class="en">{html.escape(number(level, "en"))}</tspan>'
        "</text>"
        for level in round_levels(low, high)
    )


def round_levels(low: float, high: float) -> list[float]:
    """Return the multiples of 1, 2 or 5 times a power of ten within a range, three to seven."""
    rough = (high - low) / 6
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(count * power for count in (1, 2, 5, 10) if count * power >= rough)
    return [
        number * step
        for number in range(math.ceil(low / step), math.floor(high / step) + 1)
    ]


def _period_labels(axis: Axis, x_of: Callable[[int], float]) -> str:
    """Return every third period's name under the chart."""
    every = 3 if len(axis.labels) > 8 else 1  # noqa: PLR2004 - what fits in the width
    last = len(axis.labels) - 1
    return "".join(
        f'<text class="period" x="{x_of(index):.1f}" y="{HEIGHT - 8}">{html.escape(label)}</text>'
        for index, label in enumerate(axis.labels)
        if (last - index) % every == 0
    )


def _svg(body: Sequence[str]) -> str:
    """Return the finished chart."""
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" role="img">'
        + "".join(body)
        + "</svg>"
    )
