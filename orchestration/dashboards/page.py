"""One self-contained page per build: figures, scorecard, the night, the quality report.

Belongs here: what the page shows and in which order. Stays out: reading (`figures`), geometry
(`charts`), wording of numbers (`words`). Works offline: no file beside it is loaded. Every text
that comes from data is escaped.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from orchestration.dashboards import charts, words
from orchestration.dashboards.figures import (
    Definition,
    Figures,
    Point,
    read_figures,
)
from orchestration.dashboards.words import both
from orchestration.dashboards.workbook import FILES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

MONTHS_SHOWN: Final = 24
HEADLINES: Final = (
    "mrr", "net_new_mrr", "sales_revenue", "sales_bookings", "win_rate", "leads_created",
    "ad_spend", "cpl_media", "open_pipeline_value", "customer_churn_rate",
)  # fmt: skip


@dataclass(frozen=True)
class Movement:
    """One part of the MRR movement chart: its KPI, its sign and its colour."""

    kpi_key: str
    sign: int
    css: str


MOVEMENTS: Final = (
    Movement("new_mrr", 1, "c0"),
    Movement("expansion_mrr", 1, "c1"),
    Movement("reactivation_mrr", 1, "c2"),
    Movement("contraction_mrr", -1, "c3"),
    Movement("churned_mrr", -1, "c4"),
)


def render_page(build_dir: Path) -> str:
    """Return the page of one published build.

    Raises:
        FileNotFoundError: the folder is not a published build.
    """
    figures = read_figures(build_dir)
    currencies = figures.currencies or ("",)
    body = [
        _header(figures),
        "<main>",
        *(_money_block(figures, currency) for currency in currencies),
        _leaderboard(figures),
        _workbooks(),
        _night(figures),
        _quality(figures),
        _definitions(figures),
        "</main>",
    ]
    resources = files("orchestration.dashboards")
    style = resources.joinpath("page.css").read_text(encoding="utf-8")
    script = resources.joinpath("page.js").read_text(encoding="utf-8")
    title = html.escape(f"KPI {figures.manifest.get('as_of_date', '')}")
    return (
        '<!doctype html>\n<html lang="vi" data-lang="vi" '
        f'data-money="{html.escape(currencies[0])}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">"
        f"<title>{title}</title><style>{style}</style></head><body>"
        + "".join(body)
        + f"<script>{script}</script></body></html>\n"
    )


def _header(figures: Figures) -> str:
    """Return the title, what the build is, and the two switches."""
    manifest = figures.manifest
    states = "".join(
        f'<span class="tag {"no" if _state(state) == "held" else "ok"}">'
        f"{both(*figures.words('theme', theme))}: "
        f"{both(*_STATES.get(_state(state), (_state(state),) * 2))}</span> "
        for theme, state in sorted(manifest.get("themes", {}).items())
    )
    money = "".join(
        f'<button data-money="{html.escape(currency)}">{html.escape(currency)}</button>'
        for currency in figures.currencies
    )
    name = html.escape(str(manifest.get("company_name") or "KPI"))
    return (
        f"<header><div><h1>{name} · KPI</h1><div class=sub>"
        + both("Dữ liệu đến hết ngày ", "Data through ")
        + f"<b>{html.escape(str(manifest.get('as_of_date', '')))}</b> · build "
        f"{html.escape(str(manifest.get('build_id', '')))} · {states}</div></div>"
        '<div class="switch"><button data-lang="vi">Tiếng Việt</button>'
        f'<button data-lang="en">English</button>{money}</div></header>'
    )


_STATES: Final = {
    "fresh": ("mới", "fresh"),
    "held": ("giữ bản trước", "held"),
}
"""How a theme came into the build, in words."""


def _state(state: Any) -> str:  # noqa: ANN401 - JSON
    """Return a theme's state word, whether the manifest gives a word or a record."""
    return str(state.get("state", "")) if isinstance(state, dict) else str(state)


def _money_block(figures: Figures, currency: str) -> str:
    """Return cards, charts and scorecard in one presentation currency."""
    unit = currency or None
    parts = [
        '<div class="cards">',
        *(_card(figures, key, unit) for key in HEADLINES if key in figures.definitions),
        "</div>",
        "<h2>" + both("Diễn biến", "How it moves") + "</h2>",
        '<div class="panels">',
        _line_panel(figures, ("mrr",), unit),
        _movement_panel(figures, unit),
        _line_panel(figures, ("sales_revenue", "sales_target"), unit),
        _breakdown_panel(figures, "leads_created", "lead_source_group", unit),
        _breakdown_panel(figures, "ad_spend", "platform", unit),
        _line_panel(figures, ("win_rate",), unit),
        "</div>",
        "<h2>" + both("Bảng điểm", "Scorecard") + "</h2>",
        _scorecard(figures, unit),
    ]
    return (
        f'<section data-currency="{html.escape(currency)}">'
        + "".join(parts)
        + "</section>"
    )


def _name(figures: Figures, kpi_key: str) -> str:
    """Return a KPI's name in both languages."""
    definition = figures.definitions.get(kpi_key)
    return (
        both(definition.name_vi, definition.name_en)
        if definition
        else html.escape(kpi_key)
    )


def _last_complete(points: Sequence[Point]) -> int | None:
    """Return the position of the newest period that is over; None when there is none."""
    complete = [index for index, point in enumerate(points) if not point.is_partial]
    return complete[-1] if complete else None


def _card(figures: Figures, kpi_key: str, currency: str | None) -> str:
    """Return the headline of one KPI: newest complete month, change, trend."""
    points = figures.total(kpi_key, currency)[-MONTHS_SHOWN:]
    definition = figures.definitions[kpi_key]
    position = _last_complete(points)
    value = points[position].value if position is not None else None
    before = points[position - 1].value if position else None
    month = (
        f"{words.month_of(points[position].period_start):%m/%Y}"
        if position is not None
        else "–"
    )
    return (
        f'<div class="card"><h3>{_name(figures, kpi_key)}</h3>'
        f'<div class="value">{words.shown(value, definition.unit, currency)}</div>'
        f'<div class="foot"><span class="delta">{month} {_delta(value, before, definition)}'
        f"</span>{charts.sparkline([_number(point.value) for point in points])}</div></div>"
    )


def _delta(
    value: Decimal | None, before: Decimal | None, definition: Definition
) -> str:
    """Return the change against the month before; rates in percentage points."""
    if value is None or before is None:
        return ""
    if definition.unit == "rate":
        change, suffixes = value - before, (" điểm %", " pp")
    elif before > 0 and value >= 0:
        change, suffixes = value / before - 1, (" %", " %")
    else:
        return ""
    texts = (
        words.grouped(change * 100, 1, language=language) + suffix
        for language, suffix in zip(("vi", "en"), suffixes, strict=True)
    )
    way = "up" if change >= 0 else "down"
    wanted = "down" if definition.direction == "lower_is_better" else "up"
    mood = "good" if way == wanted else "bad"
    if definition.direction == "neutral":
        mood = ""
    sign = "+" if change >= 0 else ""
    return f'<b class="{way} {mood}">{both(*(sign + text for text in texts))}</b>'


def _number(value: Decimal | None) -> float | None:
    """Return a value for drawing; figures in text stay exact decimals."""
    return None if value is None else float(value)


def _axis(points: Sequence[Point]) -> charts.Axis:
    """Return the months of a series."""
    return charts.Axis(
        labels=tuple(f"{words.month_of(one.period_start):%m/%y}" for one in points),
        partial=tuple(point.is_partial for point in points),
    )


def _panel(title: str, chart: str, key: str) -> str:
    """Return one chart with title and key."""
    return f'<div class="panel"><h3>{title}</h3>{chart}{key}</div>'


def _line_panel(
    figures: Figures, kpi_keys: tuple[str, ...], currency: str | None
) -> str:
    """Return KPIs as lines over the same months; nothing where no figure is known."""
    points = [figures.total(key, currency)[-MONTHS_SHOWN:] for key in kpi_keys]
    if not any(point.value is not None for point in points[0]):
        return ""
    by_month = [{point.period_start: point.value for point in one} for one in points]
    series = [
        charts.Series(
            _name(figures, key),
            tuple(_number(values.get(point.period_start)) for point in points[0]),
            f"c{index}",
        )
        for index, (key, values) in enumerate(zip(kpi_keys, by_month, strict=True))
    ]
    unit = figures.definitions[kpi_keys[0]].unit
    chart = charts.lines(series, _axis(points[0]), number=_axis_number(unit))
    return _panel(
        _name(figures, kpi_keys[0]),
        chart,
        f'<div class="lines">{charts.legend(series)}</div>',
    )


def _axis_number(unit: str) -> Callable[[float, str], str]:
    """Return how an axis writes its numbers."""
    return words.percent if unit == "rate" else words.short


def _movement_panel(figures: Figures, currency: str | None) -> str:
    """Return the MRR movements, gains upwards and losses downwards."""
    first = figures.total(MOVEMENTS[0].kpi_key, currency)[-MONTHS_SHOWN:]
    if not any(point.value is not None for point in first):
        return ""
    series = []
    for part in MOVEMENTS:
        values = {
            point.period_start: point.value
            for point in figures.total(part.kpi_key, currency)
        }
        series.append(
            charts.Series(
                _name(figures, part.kpi_key),
                tuple(
                    None
                    if (value := values.get(point.period_start)) is None
                    else part.sign * float(value)
                    for point in first
                ),
                part.css,
            )
        )
    chart = charts.stacked_bars(series, _axis(first), number=words.short)
    title = both("Biến động doanh thu định kỳ", "MRR movements")
    return _panel(title, chart, charts.legend(series))


def _breakdown_panel(
    figures: Figures, kpi_key: str, breakdown: str, currency: str | None
) -> str:
    """Return a KPI's members stacked per month, the smallest beyond five as one."""
    total = figures.total(kpi_key, currency)[-MONTHS_SHOWN:]
    members = figures.by(kpi_key, breakdown, currency)
    if not members or kpi_key not in figures.definitions:
        return ""
    largest = sorted(members.items(), key=lambda item: -_sum(item[1]))
    series = []
    for index, (member, points) in enumerate(largest[:5]):
        values = {point.period_start: point.value for point in points}
        series.append(
            charts.Series(
                both(*figures.words(breakdown, member)),
                tuple(_number(values.get(point.period_start)) for point in total),
                f"c{index}",
            )
        )
    rest = [
        {point.period_start: point.value or Decimal(0) for point in points}
        for _, points in largest[5:]
    ]
    if rest:
        series.append(
            charts.Series(
                both("Còn lại", "Others"),
                tuple(
                    float(
                        sum(
                            (one.get(p.period_start, Decimal(0)) for one in rest),
                            Decimal(0),
                        )
                    )
                    for p in total
                ),
                "c5",
            )
        )
    chart = charts.stacked_bars(series, _axis(total), number=words.short)
    return _panel(_name(figures, kpi_key), chart, charts.legend(series))


def _sum(points: Sequence[Point]) -> Decimal:
    """Return the size of a member, for ordering."""
    return sum((point.value or Decimal(0) for point in points), Decimal(0))


_SCORECARD_COLUMNS: Final = (
    ("Chỉ tiêu", "Indicator", ""),
    ("Tháng", "Month", ""),
    ("Giá trị", "Value", "n"),
    ("Tháng trước", "Month before", "n"),
    ("Cùng tháng năm trước", "Same month last year", "n"),
    ("Mục tiêu", "Target", "n"),
    ("Đạt", "Attained", "n"),
    ("Xu hướng", "Trend", ""),
    ("Ghi chú", "Notes", ""),
)
_THEMES: Final = ("sales", "marketing", "finance", "core")


def _scorecard(figures: Figures, currency: str | None) -> str:
    """Return the newest complete month of every KPI, by theme."""
    newest: dict[str, dict[str, Any]] = {}
    for row in figures.scorecard:
        if row["currency"] in (currency, None) and not row["is_partial"]:
            newest[row["kpi_key"]] = row
    head = "".join(
        f'<th class="{css}">{both(vi, en)}</th>' for vi, en, css in _SCORECARD_COLUMNS
    )
    blocks = []
    for theme in _THEMES:
        rows = "".join(
            _score_row(figures, newest[key], currency)
            for key, definition in sorted(
                figures.definitions.items(),
                key=lambda item: _matters(item[1], newest.get(item[0])),
            )
            if definition.theme == theme and key in newest
        )
        if rows:
            title = both(*figures.words("theme", theme))
            blocks.append(
                f'<tr><th class="group" colspan="{len(_SCORECARD_COLUMNS)}">{title}</th></tr>'
                + rows
            )
    return (
        f'<div class="panel scroll"><table><thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(blocks)}</tbody></table></div>"
    )


_CLASSES: Final = ("KGI", "KRI", "KPI", "PI")


def _matters(
    definition: Definition, row: dict[str, Any] | None
) -> tuple[bool, int, str]:
    """Return the order of a scorecard: what has a target, results before causes, by name."""
    rank = _CLASSES.index(definition.indicator_class)
    has_target = row is not None and row["target_value"] is not None
    return not has_target, rank, definition.name_vi


def _score_row(figures: Figures, row: dict[str, Any], currency: str | None) -> str:
    """Return one line of the scorecard."""
    unit = figures.definitions[row["kpi_key"]].unit
    month = f"{words.month_of(row['period_start_date']):%m/%Y}"
    flags = "".join(
        f'<span class="tag">{both(*figures.words("flag", flag))}</span> '
        for flag in row["flag"] or ()
    )
    cells = (
        words.shown(row["value"], unit, currency),
        words.shown(row["previous_value"], unit, currency),
        words.shown(row["year_ago_value"], unit, currency),
        words.shown(row["target_value"], unit, currency),
        words.shown(row["attainment"], "rate", None),
    )
    return (
        f"<tr><td>{_name(figures, row['kpi_key'])}</td><td>{month}</td>"
        + "".join(f'<td class="n">{cell}</td>' for cell in cells)
        + f"<td>{_trend(figures, row)}</td><td>{flags}</td></tr>"
    )


def _trend(figures: Figures, row: dict[str, Any]) -> str:
    """Return the trend in words, coloured by whether that way is good."""
    direction, judgement = row["trend_direction"], row["trend_judgement"]
    if not direction:
        return ""
    arrow = {"up": "↗ ", "down": "↘ ", "flat": "→ "}.get(direction, "")
    css = f"{direction} {judgement or ''}"
    text = both(*figures.words("trend_direction", direction))
    return f'<span class="{html.escape(css)}">{arrow}{text}</span>'


def _leaderboard(figures: Figures) -> str:
    """Return who stands where in the newest month that is over, KPI by KPI."""
    blocks: dict[str, list[dict[str, Any]]] = {}
    for row in figures.leaderboard:
        blocks.setdefault(row["kpi_key"], []).append(row)
    if not blocks:
        return ""
    head = "".join(
        f'<th class="{css}">{both(vi, en)}</th>' for vi, en, css in _RANK_COLUMNS
    )
    tables = "".join(
        f"<h3>{_name(figures, key)} · "
        f"{words.month_of(rows[0]['period_start_date']):%m/%Y}</h3>"
        f"<table><thead><tr>{head}</tr></thead><tbody>"
        + "".join(_rank_row(row) for row in rows)
        + "</tbody></table>"
        for key, rows in blocks.items()
    )
    return (
        "<h2>"
        + both("Xếp hạng", "Ranking")
        + f'</h2><div class="panel scroll">{tables}</div>'
    )


_RANK_COLUMNS: Final = (
    ("Hạng", "Rank", "n"),
    ("Nhân viên", "Person", ""),
    ("Nhóm", "Team", ""),
    ("Thực hiện", "Actual", "n"),
    ("FTE", "FTE", "n"),
    ("Tỷ lệ đạt", "Attainment", "n"),
)


def _rank_row(row: dict[str, Any]) -> str:
    """Return one person's line."""
    cells = (
        words.shown(row["value"], row["unit"], row["currency"]),
        words.shown(row["fte"], "count", None),
        words.shown(row["attainment"], "rate", None),
    )
    return (
        f'<tr><td class="n">{row["rank_in_company"]}</td>'
        f"<td>{html.escape(str(row['user_name']))}</td>"
        f"<td>{html.escape(str(row['team_id']))}</td>"
        + "".join(f'<td class="n">{cell}</td>' for cell in cells)
        + "</tr>"
    )


def _workbooks() -> str:
    """Return links to the workbooks of the same build."""
    vi, en = (html.escape(FILES[language]) for language in ("vi", "en"))
    return (
        '<p class="note">'
        + both("Bảng tính để làm việc: ", "Workbooks to work with: ")
        + f'<a href="{vi}">{vi}</a> · <a href="{en}">{en}</a></p>'
    )


def _night(figures: Figures) -> str:
    """Return what the night landed, per source."""
    sources = figures.quality.get("sources", [])
    rows = "".join(
        f"<tr><td>{html.escape(str(one.get('source_name', '')))}</td>"
        f"<td>{html.escape(str(one.get('state', '')))}</td>"
        f'<td class="n">{one.get("landed_rows") or 0:,}</td>'
        f'<td class="n">{one.get("quarantined_rows") or 0:,}</td>'
        f'<td class="n">{one.get("absorbed_rows") or 0:,}</td>'
        f"<td>{html.escape(str(one.get('data_through') or '–'))}</td></tr>"
        for one in sources
    )
    if not rows:
        return ""
    head = "".join(
        f'<th class="{css}">{both(vi, en)}</th>'
        for vi, en, css in (
            ("Nguồn", "Source", ""),
            ("Tình trạng", "State", ""),
            ("Dòng đã nhận", "Rows landed", "n"),
            ("Dòng cách ly", "Quarantined", "n"),
            ("Dòng gộp", "Absorbed", "n"),
            ("Dữ liệu đến", "Data through", ""),
        )
    )
    return (
        "<h2>"
        + both("Đêm vừa qua", "The night")
        + '</h2><div class="panel scroll"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _quality(figures: Figures) -> str:
    """Return every gate of the build, red ones first and open, and the control totals."""
    gates = figures.quality.get("gates", [])
    if not gates:
        return ""
    ordered = sorted(
        gates, key=lambda gate: (gate.get("passed", False), gate.get("subject", ""))
    )
    rules = sum(len(gate.get("rules", [])) for gate in gates)
    red = sum(
        not rule.get("passed") for gate in gates for rule in gate.get("rules", [])
    )
    blocks = "".join(_gate_block(gate) for gate in ordered)
    totals = figures.quality.get("control_totals", [])
    off = sum(1 for row in totals if row.get("difference") not in (0, "0", None))
    return (
        "<h2>" + both("Báo cáo chất lượng", "Quality report") + "</h2>"
        f'<div class="panel"><p class="note">{len(gates)} '
        + both("bộ kiểm tra", "suites")
        + f", {rules} "
        + both("quy tắc", "rules")
        + f", <b>{red}</b> "
        + both("không đạt", "red")
        + f" · {len(totals)} "
        + both("tổng kiểm soát", "control totals")
        + f", <b>{off}</b> "
        + both("lệch", "off")
        + f"</p>{blocks}</div>"
    )


def _gate_block(gate: dict[str, Any]) -> str:
    """Return one suite's rules, folded unless red."""
    passed = bool(gate.get("passed"))
    rows = "".join(
        f'<tr><td class="key">{html.escape(str(rule.get("rule_id", "")))}</td>'
        f'<td><span class="tag {"ok" if rule.get("passed") else "no"}">'
        f"{both('đạt', 'green') if rule.get('passed') else both('không đạt', 'red')}</span></td>"
        f'<td class="n">{_extent(rule)}</td><td>{html.escape(str(rule.get("why", "")))}</td></tr>'
        for rule in gate.get("rules", [])
    )
    css = "ok" if passed else "no"
    return (
        f'<details{"" if passed else " open"}><summary><span class="tag {css}">'
        f"{both('đạt', 'green') if passed else both('không đạt', 'red')}</span> "
        f"{html.escape(str(gate.get('subject', '')))} · {gate.get('row_count', 0):,} "
        + both("dòng", "rows")
        + f'</summary><div class="scroll"><table><tbody>{rows}</tbody></table></div></details>'
    )


def _extent(rule: dict[str, Any]) -> str:
    """Return how many rows broke a rule, or the figure it was judged by."""
    if rule.get("error"):
        return html.escape(str(rule["error"]))
    if rule.get("unexpected") is not None:
        return f"{rule['unexpected']:,} / {rule.get('checked') or 0:,}"
    return html.escape(str(rule.get("observed") or ""))


def _definitions(figures: Figures) -> str:
    """Return the registry: what each figure is, exactly."""
    rows = "".join(
        f'<tr><td>{_name(figures, one.kpi_key)}<br><span class="note">{html.escape(one.kpi_key)}'
        f" · {html.escape(one.version)}</span></td>"
        f"<td>{both(one.definition_vi, one.definition_en)}</td>"
        f"<td>{html.escape(one.formula)}</td></tr>"
        for one in figures.definitions.values()
    )
    return (
        "<h2>"
        + both("Định nghĩa", "Definitions")
        + '</h2><div class="panel scroll"><details>'
        "<summary>"
        + both("Mỗi chỉ tiêu là gì", "What each indicator is")
        + "</summary><table>"
        f"<tbody>{rows}</tbody></table></details></div>"
    )
