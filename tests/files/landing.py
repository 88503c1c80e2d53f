"""One file through the landing path of a night: config, extract, land; then what came of it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from ingest.config import load_config
from ingest.errors import IngestError
from ingest.job import extract_entity
from ingest.paths import quarantine_dir
from ingest.sources import streams_of

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.manifest import BatchManifest

AS_OF = dt.date(2026, 10, 30)
NOW = dt.datetime(2026, 10, 30, 19, tzinfo=dt.UTC)


@dataclass(frozen=True)
class Landed:
    """What one night made of a dataset.

    `rows`: line -> the values that landed (of several files: reference). `refused`: (line,
    column, reason), in order.
    """

    manifest: BatchManifest
    rows: dict[Any, dict[str, Any]]
    refused: list[tuple[int, str, str]]

    @property
    def values(self) -> list[dict[str, Any]]:
        return [self.rows[line] for line in sorted(self.rows)]


class Drop:
    """A root, a drop folder and a configuration with one dataset."""

    def __init__(
        self, folder: Path, entity: str, dataset: dict[str, Any], **source: Any
    ) -> None:
        self.root = folder / "root"
        self.folder = folder / "drop"
        self.folder.mkdir(parents=True, exist_ok=True)
        body = {
            "name": "drop",
            "kind": "files",
            "path": "drop",
            "settle_seconds": 0,
            **source,
            "datasets": {entity: dataset},
        }
        config = {
            "company": {
                "name": "Acme",
                "reporting_currency": "VND",
                "timezone": "Asia/Ho_Chi_Minh",
            },
            "sources": [body],
        }
        path = folder / "warehouse.yml"
        # JSON is YAML, and quotes every word.
        path.write_text(json.dumps(config, ensure_ascii=False), encoding="utf-8")
        self.config = load_config(path, environ={}).source("drop")
        (self.stream,) = streams_of(self.config)

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def land(self, as_of: dt.date = AS_OF) -> Landed:
        """Land what the night of a day finds; an `IngestError` is the refusal."""
        now = NOW + (as_of - AS_OF)
        batch = extract_entity(
            self.config, self.stream, root=self.root, as_of=as_of, now=now
        )
        manifest = batch.manifest
        with duckdb.connect() as con:
            found = con.execute(
                f"from read_parquet('{batch.parquet}', hive_partitioning = false)"
                " order by _source_ref"
            )
            names = [column[0] for column in found.description]
            table = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        is_single = len(manifest.file_sha256s) <= 1
        rows = {
            line_of(row["_source_ref"]) if is_single else row["_source_ref"]: {
                name: value
                for name, value in row.items()
                if not name.startswith("_")
                and name not in ("source_name", "source_account", "legal_entity")
                and value is not None
            }
            for row in table
        }
        assert len(rows) == len(table) == manifest.row_count
        folder = quarantine_dir(self.root, manifest.stream_path, manifest.load_date)
        path = folder / f"{manifest.batch_id}.jsonl"
        refused = []
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                finding = json.loads(line)
                refused.append(
                    (
                        line_of(finding["source_ref"]),
                        finding["column"],
                        finding["reason"],
                    )
                )
        return Landed(manifest, rows, sorted(refused))

    def refusal(self) -> str:
        """Return the message of a drop that must not land, without the archive's hashes."""
        try:
            landed = self.land()
        except IngestError as error:
            return str(error)
        message = f"landed {landed.rows}"
        raise AssertionError(message)


def line_of(source_ref: str) -> int:
    return int(source_ref.rsplit(":", 1)[1])
