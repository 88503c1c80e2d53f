"""Dropped files larger than the memory they may take: landed whole, in parts.

Each is landed by a process of its own, whose peak is measured. The csv and Parquet files are
larger than the bound; JSON Lines, which takes longer to read, stays under the same.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
import sys
from decimal import Decimal
from typing import TYPE_CHECKING

import duckdb
import pyarrow.parquet as pq
import pytest

from ingest.storage import sha256_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.faults

ROWS = 6_000_000
NATIVE_ROWS = 1_500_000
PEAK_BYTES = 704 << 20
"""Measured: 619 MiB for 999 MiB of csv, 604 packed, 509 for 395 MiB of JSON Lines, 519 packed,
492 for 802 MiB of Parquet. Sixteen bytes a row (its key) grow with the file; the rest does not."""
CONFIG = """\
company: {name: Acme, reporting_currency: VND, timezone: Asia/Ho_Chi_Minh}
sources:
  - name: drop
    kind: files
    path: drop
    settle_seconds: 0
    number_format: "1234.56"
    datasets:
      ad_performance_daily: {files: "ads.*", mode: replace_period}
"""
CHILD = """\
import datetime as dt, json, sys
from pathlib import Path
from ingest.config import load_config
from ingest.job import extract_entity
from ingest.sources import streams_of

config = load_config(Path(sys.argv[1]) / "warehouse.yml", environ={}).source("drop")
[stream] = streams_of(config)
now = dt.datetime(2026, 10, 31, tzinfo=dt.UTC)
batch = extract_entity(
    config, stream, root=Path(sys.argv[1]) / "root", as_of=dt.date(2026, 10, 30), now=now
)
manifest = batch.manifest
[total] = [t for t in manifest.totals if t.column_name == "spend"]
# Not ru_maxrss: a process begins with what the one that started it had.
status = dict(
    line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines()
)
json.dump({
    "rows": manifest.row_count,
    "refused": manifest.quarantined_count,
    "read": str(total.source_sum),
    "landed": str(total.landed_sum),
    "sha256": manifest.file_sha256s[0],
    "peak": int(status["VmHWM"].split()[0]) * 1024,
}, sys.stdout)
"""


def rows_of(rows: int) -> str:
    """Return the select of rows with a key each, cents, and a column nothing takes."""
    return (
        "select 'google' as platform, 'act_1' as ad_account_id,"
        " 'cmp_' || (i // 60) as campaign_id, (date '2026-09-01' + (i % 60)::int) as date,"
        " ((i % 1000) / 100)::decimal(9, 2) as spend, 'VND' as currency, i % 50 as impressions,"
        " md5(i::varchar) || md5((i + 1)::varchar) || md5((i + 2)::varchar)"
        " || md5((i + 3)::varchar) as note"
        f" from range({rows}) t(i)"
    )


def write(path: Path, rows: int) -> None:
    formats = {
        ".csv": "(format csv, header)",
        ".jsonl": "(format json)",
    }
    with duckdb.connect(config={"threads": 2, "memory_limit": "3GB"}) as con:
        if path.suffix == ".parquet":
            # One group of rows, the most a reader can be tempted to hold at once.
            table = con.execute(rows_of(rows)).to_arrow_reader().read_all()
            pq.write_table(
                table,
                path,
                row_group_size=rows,
                compression="none",
                use_dictionary=False,
            )
            return
        con.execute(f"copy ({rows_of(rows)}) to '{path}' {formats[path.suffix]}")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("ads.csv", ROWS),
        ("ads.csv.gz", ROWS),
        ("ads.jsonl", NATIVE_ROWS),
        ("ads.jsonl.gz", NATIVE_ROWS),
        ("ads.parquet", NATIVE_ROWS * 3),
    ],
)
def test_a_file_larger_than_its_memory_lands_whole(
    tmp_path: Path, record_property: Callable[[str, object], None], name: str, rows: int
) -> None:
    drop = tmp_path / "drop"
    drop.mkdir()
    plain = tmp_path / name.removesuffix(".gz")
    write(plain, rows)
    size = plain.stat().st_size
    if name.endswith(".gz"):
        with plain.open("rb") as read, gzip.open(drop / name, "wb", 1) as packed:
            shutil.copyfileobj(read, packed, 1 << 20)
        plain.unlink()
    else:
        plain.rename(drop / name)
    (tmp_path / "warehouse.yml").write_text(CONFIG, encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    record_property("MiB of file, of peak", (size >> 20, told["peak"] >> 20))
    # i % 1000 cents: every thousand rows are 0.00 to 9.99, together 4,995.00.
    spend = Decimal(4995) * (rows // 1000)
    assert (told["rows"], told["refused"]) == (rows, 0)
    assert Decimal(told["read"]) == Decimal(told["landed"]) == spend
    assert told["sha256"] == sha256_of(drop / name)
    assert told["peak"] < PEAK_BYTES
    if "jsonl" not in name:
        assert size > PEAK_BYTES * 11 // 10
