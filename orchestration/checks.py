"""The mart gate as blocking checks on every published table, in one step.

Belongs here: the check definitions and their severity. Stays out: judging
(`orchestration.gates`). Red in core blocks the publication; red in another theme is a warning
that holds that theme's tables back, so the publication still runs.
"""

from __future__ import annotations

from collections.abc import Iterator  # noqa: TC003 - Dagster reads it
from typing import TYPE_CHECKING

import dagster as dg

from orchestration.gates import judge_tables
from orchestration.night import TableReport
from orchestration.night_run import NightRun  # noqa: TC001 - Dagster reads it
from orchestration.periods.moved import find_changes_to_approve
from orchestration.publish.tables import CORE, PublishedTable
from orchestration.totals import mart_breaks

if TYPE_CHECKING:
    from collections.abc import Mapping

MART_GATE = "mart_gate"
RESTATEMENTS = "rpt_restatements"
"""Table under which a report names closed figures a change of models would move."""


def mart_gate_checks(
    tables: Mapping[dg.AssetKey, PublishedTable],
) -> dg.AssetChecksDefinition:
    """Return one blocking check per published table, judged in one step."""
    keys = {table.name: key for key, table in tables.items()}
    specs = [
        dg.AssetCheckSpec(
            MART_GATE,
            asset=key,
            blocking=True,
            description="Great Expectations on the published table.",
        )
        for key in tables
    ]

    @dg.multi_asset_check(name="judge_marts", specs=specs)
    def judge(night: dg.ResourceParam[NightRun]) -> Iterator[dg.AssetCheckResult]:
        with night.timed("mart gate"):
            judge_night(night, tuple(tables.values()))
        for report in _by_table(night.report.tables):
            yield _verdict(keys[report[0].table], report)

    return judge


def judge_night(night: NightRun, tables: tuple[PublishedTable, ...]) -> None:
    """Judge every published table and the control totals; note what is red where."""
    night.say(f"mart gate: judging {len(tables)} published tables")
    night.report.tables = []
    warehouse = night.settings.home.warehouse
    for table, theme, verdict in judge_tables(warehouse, tables, as_of=night.as_of):
        night.report.gates.append(verdict.as_dict())
        night.report.tables.append(
            TableReport(
                table=table.name,
                theme=theme,
                rules=len(verdict.rules),
                red=[] if verdict.passed else [verdict.describe()],
            )
        )
    broken = mart_breaks(night)
    with night.timed("closed periods"):
        broken |= closed_moves(night)
    night.report.red_themes = sorted(
        {report.theme for report in night.report.tables if report.red} | broken
    )
    red = ", ".join(night.report.red_themes)
    rules = sum(report.rules for report in night.report.tables)
    night.say(f"mart gate: {rules} rules, {f'red: {red}' if red else 'all green'}")


def closed_moves(night: NightRun) -> set[str]:
    """Return the areas whose closed figures other models would move; note what moved."""
    changes = find_changes_to_approve(night.settings, say=night.say)
    for change in changes:
        night.report.tables.append(
            TableReport(RESTATEMENTS, change.area, rules=1, red=[change.describe()])
        )
    return {change.area for change in changes}


def _by_table(reports: list[TableReport]) -> list[list[TableReport]]:
    grouped: dict[str, list[TableReport]] = {}
    for report in reports:
        grouped.setdefault(report.table, []).append(report)
    return list(grouped.values())


def _verdict(key: dg.AssetKey, reports: list[TableReport]) -> dg.AssetCheckResult:
    red = [report for report in reports if report.red]
    stops = any(report.theme == CORE for report in red)
    return dg.AssetCheckResult(
        check_name=MART_GATE,
        asset_key=key,
        passed=not red,
        severity=dg.AssetCheckSeverity.ERROR if stops else dg.AssetCheckSeverity.WARN,
        description="\n".join(text for report in red for text in report.red) or None,
        metadata={
            "rules": sum(report.rules for report in reports),
            "held_themes": sorted({report.theme for report in red} - {CORE}),
        },
    )
