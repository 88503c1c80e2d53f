"""Rows that could not land: how they are described, counted and kept for people.

Belongs here: the shape of a refused value, the share that may be refused, the file under
`quarantine/`. Stays out: deciding whether one value is typable (`ingest.typing_rules`).
"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from ingest.errors import ContractViolation
from ingest.storage import write_file

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ingest.sources.protocol import Rejected

SHAPE_LENGTH: Final = 40
MAX_REJECTED: Final = 100_000
"""Findings kept of one batch; a source that breaks more than this has changed shape."""

_CLASSES: Final = (
    (re.compile(r"[^\W\d_]"), "a"),
    (re.compile(r"\d"), "9"),
)


def shape_of(value: object) -> str:
    """Return the class of a value: `9.999,9` for a number, `aaaa@aaaa.aa` for an address.

    Every letter becomes `a` and every digit `9`, so the shape shows the format that was met
    without saying anything about the person.
    """
    if value is None:
        return "null"
    if not isinstance(value, str):
        return type(value).__name__
    if not value.strip():
        return "blank"
    shape = value[:SHAPE_LENGTH]
    for pattern, symbol in _CLASSES:
        shape = pattern.sub(symbol, shape)
    shape = "".join(c if c.isprintable() else "?" for c in shape)
    return shape if len(value) <= SHAPE_LENGTH else f"{shape}…"


def check_share(
    *,
    refused: int,
    received: int,
    share: Decimal,
    what: str,
    findings: Iterable[Rejected],
) -> None:
    """Let a small number of refused rows pass.

    One row may always be refused beside good ones: a single broken deal among thirty must
    not hold back the source.

    Raises:
        ContractViolation: more than the share was refused, or every row.
    """
    allowed = max(Decimal(1), share * received)
    if refused == 0 or (refused <= allowed and refused < received):
        return
    columns: dict[str, Rejected] = {}
    for finding in findings:
        columns.setdefault(finding.column or "the whole row", finding)
    examples = "; ".join(
        f"{column} {finding.reason} (shape {finding.value_class}, at {finding.source_ref})"
        for column, finding in list(columns.items())[:3]
    )
    told = (
        f"{refused} of {received} rows cannot be typed, more than the {share:%} allowed"
    )
    if refused == received:
        told = f"all {received} rows cannot be typed"
    message = (
        f"{what}: {told}: {examples}. Nothing is promoted; the list lies in quarantine. "
        "Correct the source or its mapping and run again"
    )
    raise ContractViolation(message)


def write_quarantine(path: Path, findings: Iterable[Rejected]) -> None:
    """Write one JSON line per finding: source_ref, column, value class, reason."""
    lines = [
        json.dumps(
            {
                "source_ref": finding.source_ref,
                "source_account": finding.source_account,
                "column": finding.column,
                "value_class": finding.value_class,
                "reason": finding.reason,
            },
            ensure_ascii=False,
        )
        for finding in findings
    ]
    write_file(path, "".join(f"{line}\n" for line in lines).encode())
