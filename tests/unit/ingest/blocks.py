"""Rows of an extract as a reader of a test sees them: records, whatever they came as."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.sources.protocol import Record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.sources.protocol import Block, Extract


def records_of(extract: Extract) -> list[Record]:
    """Consume an extract as landing does, and return its rows as records."""
    while True:
        found = [
            record
            for row in extract.rows
            for record in (_records_in(row()) if callable(row) else [row])
        ]
        if extract.is_settled():
            return found


def _records_in(block: Block) -> Iterator[Record]:
    columns = {name: values.to_pylist() for name, values in block.columns.items()}
    others = list(block.others)
    count = len(block.payloads)
    for number in range(count + 1):
        while others and others[0][0] == number:
            yield others.pop(0)[1]
        if number < count:
            yield Record(
                {name: values[number] for name, values in columns.items()},
                block.payloads[number].as_py(),
                block.source_refs[number].as_py(),
                block.source_account,
            )
