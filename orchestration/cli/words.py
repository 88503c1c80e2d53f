"""What a source answered, worded for people at a terminal.

Belongs here: lines of text. Stays out: asking (`orchestration.doctor_live`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.sources.probing import COUNTED, UNKNOWN

if TYPE_CHECKING:
    from orchestration.doctor_live import CheckResult, Sample, SourceCheck

_MINUTE = 60
_HOUR = 3600
_WIDTH = 24
_COLUMNS_SHOWN = 8


def describe_source_check(result: SourceCheck) -> list[str]:
    """Return the lines of one source: checks, first load, a few rows."""
    lines = [f"{result.source} · {result.kind}"]
    lines += [line for check in result.checks for line in _check_lines(check)]
    if result.rows and result.exit_code == 0:
        lines.append(
            f"  first load: about {result.rows:,} rows in {result.requests:,} requests, "
            f"{_duration(result.seconds)} at the pace just seen"
        )
    for sample in result.samples:
        lines += _sample_lines(sample)
    return lines


def _check_lines(check: CheckResult) -> list[str]:
    if check.problem:
        needs = f"      needs: {check.scope}" if check.scope else ""
        return [f"  ✗ {check.what}: {check.problem}", *([needs] if needs else [])]
    size = check.size
    told = ""
    if size.rows:
        about = "" if size.basis == COUNTED else "about "
        told = f": {about}{size.rows:,} rows"
    elif size.basis == UNKNOWN and check.scope:
        told = f": {check.scope}"
    return [f"  ✓ {check.what}{told}"]


def _sample_lines(sample: Sample) -> list[str]:
    """Return the first rows, shapes instead of values; columns that are blank are left out."""
    if sample.problem:
        return [f"  {sample.entity}: no rows shown ({sample.problem})"]
    if not sample.rows:
        return [f"  {sample.entity}: no rows yet"]
    kept = [
        index
        for index in range(len(sample.columns))
        if any(row[index] for row in sample.rows)
    ]
    lines = [
        (
            f"  {sample.entity}: {len(sample.columns)} columns, first {len(sample.rows)} rows "
            "(letters shown as a, digits as 9)"
        )
    ]
    shown = kept[:_COLUMNS_SHOWN]
    names = [sample.columns[index] for index in shown]
    lines.append("    " + " | ".join(f"{name} {kind}" for name, kind in names))
    lines += [
        "    " + " | ".join(row[index][:_WIDTH] or "–" for index in shown)
        for row in sample.rows
    ]
    if len(kept) > _COLUMNS_SHOWN:
        rest = ", ".join(sample.columns[index][0] for index in kept[_COLUMNS_SHOWN:])
        lines.append(f"    also filled: {rest}")
    return lines


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    if seconds < _HOUR:
        return f"{round(seconds / _MINUTE)} min"
    return f"{seconds / _HOUR:.1f} h"
