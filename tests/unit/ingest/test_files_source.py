"""The drop as a source: which files count tonight, in which order, and what comes out."""

from __future__ import annotations

import datetime as dt
import json
import os
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from ingest.config import FilesSource, load_config
from ingest.errors import ContractViolation, FatalSourceError
from ingest.sources.files import SOURCE
from ingest.sources.protocol import AccountWindow, Extract, Record, Unreadable
from tests.unit.ingest.blocks import records_of

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """\
company: {name: Acme, reporting_currency: VND, timezone: Asia/Ho_Chi_Minh}
sources:
"""
COSTS = "month,cost_type,amount,currency\n"


class Drop:
    """A drop folder, its configuration and what was loaded from it."""

    def __init__(self, folder: Path, datasets: str, *, more: str = "") -> None:
        self.folder = folder / "drop"
        self.folder.mkdir(exist_ok=True)
        self.archive = folder / "archive"
        text = "  - {name: d, kind: files, path: drop, settle_seconds: 0, "
        text += f"datasets: {{{datasets}}}}}\n"
        path = folder / "warehouse.yml"
        path.write_text(HEAD + more + text, encoding="utf-8")
        config = load_config(path, environ={"KEY": "k"}).source("d")
        assert isinstance(config, FilesSource)
        self.config = config

    def write(self, name: str, content: str) -> None:
        (self.folder / name).write_text(content, encoding="utf-8")

    def fetch(
        self, *, known: tuple[str, ...] = (), replay: tuple[str, ...] = ()
    ) -> tuple[Extract, list[Record]]:
        (stream, *_) = SOURCE.streams(self.config)
        extract = SOURCE.fetch_files(
            stream,
            None,
            config=self.config,
            archive_dir=self.archive,
            known_files=frozenset(known),
            replay_files=replay,
        )
        return extract, records_of(extract)


def amounts(records: list[Record]) -> list[object]:
    return [record.values["amount"] for record in records]


def test_a_row_lands_with_its_payload_and_its_physical_line(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs: {files: c.csv}")
    drop.write("c.csv", COSTS + '\n2026-10-01,tool,"1500.50",usd\n')

    extract, (record,) = drop.fetch()

    (sha,) = extract.file_sha256s
    assert record.values == {
        "month": dt.date(2026, 10, 1),
        "cost_type": "tool",
        "amount": Decimal("1500.50"),
        "currency": "USD",
    }
    assert json.loads(record.payload)["amount"] == "1500.50"
    assert record.source_ref == f"{sha[:16]}:3"
    assert (drop.archive / sha).read_bytes() == (drop.folder / "c.csv").read_bytes()
    assert extract.mode == "upsert"


def test_what_is_read_is_landed_quarantined_or_absorbed(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs: {files: c.csv}")
    drop.write(
        "c.csv",
        COSTS
        + "2026-10-01,tool,1,USD\n2026-10-01,tool,1,USD\n2026-10-02,tool,1.2.3,USD\n"
        "2026-10-03,tool\n",
    )
    extract, records = drop.fetch()

    assert amounts(records) == [
        Decimal(1),
        Unreadable("1.2.3", "is not a number such as 1234.56; declare number_format"),
    ]
    assert [(r.source_ref[-2:], r.reason) for r in extract.rejected] == [
        (":5", "has 2 cells where the header has 4")
    ]
    assert extract.absorbed == {"equal duplicate": 1}


def test_contents_known_already_are_not_read_again(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs: {files: 'c*.csv'}")
    drop.write("c1.csv", COSTS + "2026-10-01,tool,1,USD\n")
    first, _ = drop.fetch()
    drop.write(
        "c2.csv", COSTS + "2026-10-01,tool,1,USD\n"
    )  # the same bytes, another name

    again, records = drop.fetch(known=first.file_sha256s)

    assert (records, again.mode, again.is_full_list) == ([], "", False)
    assert again.file_sha256s == ()


def test_same_name_with_new_bytes_is_a_new_file(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs: {files: c.csv}")
    drop.write("c.csv", COSTS + "2026-10-01,tool,1,USD\n")
    first, _ = drop.fetch()
    drop.write("c.csv", COSTS + "2026-10-01,tool,2,USD\n")

    _, records = drop.fetch(known=first.file_sha256s)

    assert amounts(records) == [Decimal(2)]


def test_a_replayed_date_gets_its_files_back_from_the_archive(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs: {files: c.csv}")
    drop.write("c.csv", COSTS + "2026-10-01,tool,1,USD\n")
    first, before = drop.fetch()
    (drop.folder / "c.csv").unlink()

    again, after = drop.fetch(replay=first.file_sha256s)

    assert after == before
    assert again.file_sha256s == first.file_sha256s


def test_files_of_one_night_count_in_order_of_their_names(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs: {files: 'c_*.csv'}")
    drop.write("c_2.csv", COSTS + "2026-10-01,tool,2,USD\n")
    drop.write("c_1.csv", COSTS + "2026-10-01,tool,1,USD\n2026-09-01,tool,5,USD\n")

    extract, records = drop.fetch()

    assert amounts(records) == [Decimal(5), Decimal(2)]
    assert extract.absorbed == {"older version": 1}
    assert len(extract.file_sha256s) == 2


def test_replace_reads_the_last_file_only_and_never_an_older_one(
    tmp_path: Path,
) -> None:
    drop = Drop(tmp_path, "costs: {files: 'c_*.csv', mode: replace}")
    drop.write("c_1.csv", COSTS + "2026-10-01,tool,1,USD\n")
    drop.write("c_2.csv", COSTS + "2026-10-01,tool,2,USD\n")
    first, records = drop.fetch()
    drop.write("c_0.csv", COSTS + "2026-10-01,tool,0,USD\n")

    late, nothing = drop.fetch(known=first.file_sha256s)

    assert (amounts(records), first.mode, first.is_full_list) == (
        [Decimal(2)],
        "replace",
        True,
    )
    assert (nothing, late.is_full_list) == ([], False)


def test_replace_period_covers_the_months_of_the_file(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs: {files: 'c_*.csv', mode: replace_period}")
    drop.write("c_1.csv", COSTS + "2026-09-01,tool,1,USD\n2026-10-01,tool,1,USD\n")
    drop.write("c_2.csv", COSTS + "2026-10-01,tool,2,USD\n")

    extract, records = drop.fetch()

    assert amounts(records) == [Decimal(1), Decimal(2)]
    assert extract.coverage == [
        AccountWindow(
            "", start_date=dt.date(2026, 9, 1), end_date=dt.date(2026, 10, 31)
        )
    ]


def test_a_file_behind_a_gap_waits_for_the_next_night(tmp_path: Path) -> None:
    """Tempting: one span from March to May. It would erase April, loaded before."""
    drop = Drop(tmp_path, "costs: {files: 'c_*.csv', mode: replace_period}")
    drop.write("c_3.csv", COSTS + "2026-03-01,tool,3,USD\n")
    drop.write("c_5.csv", COSTS + "2026-05-01,tool,5,USD\n")

    first, records = drop.fetch(known=("an earlier night",))
    second, later = drop.fetch(known=("an earlier night", *first.file_sha256s))

    assert (amounts(records), amounts(later)) == ([Decimal(3)], [Decimal(5)])
    assert second.coverage[0].start_date == dt.date(2026, 5, 1)
    assert amounts(drop.fetch()[1]) == [Decimal(3), Decimal(5)]  # nothing loaded before


def test_append_keeps_keyless_rows_and_counts_keys_once(tmp_path: Path) -> None:
    plain = Drop(tmp_path, "costs: {files: c.csv, mode: append}")
    plain.write("c.csv", COSTS + "2026-10-01,tool,1,USD\n2026-10-01,tool,1,USD\n")
    keyless = Drop(
        tmp_path, "costs: {files: c.csv, mode: append, keep_duplicates: true}"
    )

    assert (plain.fetch()[0].mode, len(plain.fetch()[1])) == ("upsert", 1)
    assert (keyless.fetch()[0].mode, len(keyless.fetch()[1])) == ("append", 2)


def test_an_export_of_history_lands_as_its_vendor(tmp_path: Path) -> None:
    vendor = (
        "  - {name: stripe_sg, kind: stripe, key_env: KEY, account: acct_1,"
        " legal_entity: acme_sg}\n"
    )
    drop = Drop(
        tmp_path, "customers: {files: c.csv, history_of: stripe_sg}", more=vendor
    )
    drop.write("c.csv", "customer_id\ncus_1\n")

    extract, (record,) = drop.fetch()

    assert (extract.source_name, extract.legal_entity) == ("stripe_sg", "acme_sg")
    assert record.source_account == "acct_1"


def test_more_rows_than_may_be_held_are_not_added_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = Drop(
        tmp_path,
        "costs: {files: 'c*.csv', aggregate: {by: [month, cost_type], sum: [amount]}}",
    )
    drop.write("c1.csv", COSTS + "2026-10-01,tool,1,USD\n" * 2)
    drop.write("c2.csv", COSTS + "2026-11-01,tool,1,USD\n" * 2)
    assert amounts(drop.fetch()[1]) == [2, 2]
    monkeypatch.setattr("ingest.sources.files.merge.MAX_ADDED", 3)
    with pytest.raises(ContractViolation, match="more than 3 rows are to be added up"):
        drop.fetch()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x.csv", COSTS, "no file matches c.csv; did you mean 'x.csv'?"),
        ("c.csv", COSTS, "c.csv: has a header but no rows"),
        ("c.csv", "", "c.csv: is empty, not even a header"),
    ],
)
def test_nothing_is_not_taken_for_no_rows(
    tmp_path: Path, name: str, content: str, expected: str
) -> None:
    drop = Drop(tmp_path, "costs: {files: c.csv}")
    drop.write(name, content)

    with pytest.raises(ContractViolation) as caught:
        drop.fetch()

    assert expected in str(caught.value)


def test_a_declared_empty_file_is_no_rows(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs: {files: c.csv, allow_empty: true, mode: replace}")
    drop.write("c.csv", COSTS)

    extract, records = drop.fetch()

    assert (records, extract.is_full_list, len(extract.file_sha256s)) == ([], True, 1)


def test_links_and_pipes_are_refused_not_opened(tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text(COSTS)
    drop = Drop(tmp_path, "costs: {files: '*.csv'}")
    (drop.folder / "c.csv").symlink_to(secret)
    with pytest.raises(ContractViolation, match=r"c\.csv: is a symbolic link"):
        drop.fetch()
    (drop.folder / "c.csv").unlink()
    os.mkfifo(drop.folder / "c.csv")
    with pytest.raises(ContractViolation, match="is not a regular file"):
        drop.fetch()


def test_unfinished_and_hidden_files_are_not_dropped_yet(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs: {files: '*'}")
    for name in (".c.csv", "~$c.xlsx", "c.csv.part", "c.csv.tmp"):
        drop.write(name, "never read")
    drop.write("c.csv", COSTS + "2026-10-01,tool,1,USD\n")

    assert amounts(drop.fetch()[1]) == [Decimal(1)]


def test_patterns_reach_into_folders_but_not_through_links(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "c.csv").write_text("never read")
    drop = Drop(tmp_path, "costs: {files: '2026-*/c.csv'}")
    (drop.folder / "2026-10").mkdir()
    drop.write("2026-10/c.csv", COSTS + "2026-10-01,tool,1,USD\n")
    (drop.folder / "2026-11").symlink_to(outside)

    assert amounts(drop.fetch()[1]) == [Decimal(1)]


def test_a_folder_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    drop = Drop(tmp_path, "costs: {files: c.csv}")
    drop.folder.rmdir()

    with pytest.raises(FatalSourceError, match="does not exist; create or mount it"):
        drop.fetch()


@pytest.mark.parametrize("name", ["c.pdf", "c.xls", "c.gz", "c"])
def test_an_unknown_ending_is_refused(tmp_path: Path, name: str) -> None:
    drop = Drop(tmp_path, "costs: {files: 'c*'}")
    drop.write(name, "x")

    with pytest.raises(ContractViolation, match="cannot be read; drop csv"):
        drop.fetch()
