"""Columns typed whole land exactly what rows read one by one would, whatever is dropped."""

from __future__ import annotations

import csv
import io
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ingest.archive import archive_file
from ingest.config import FilesSource, load_config
from ingest.conform import Tally, conform_rows
from ingest.errors import ContractViolation
from ingest.sources.files import reading
from ingest.sources.files.contents import DroppedFile
from ingest.sources.files.reading import Reading
from ingest.sources.protocol import Extract

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD = """\
company: {name: Acme, reporting_currency: VND, timezone: Asia/Ho_Chi_Minh}
sources:
  - name: d
    kind: files
    path: .
    settle_seconds: 0
    max_quarantine_share: 1
"""
PART_BYTES = (40, 1 << 20)


class Dropped:
    """Some files, read into what landing would keep of them."""

    def __init__(self, folder: Path, options: str, files: Sequence[str]) -> None:
        path = folder / "warehouse.yml"
        path.write_text(f"{HEAD}    {options}\n", encoding="utf-8")
        source = load_config(path, environ={}).source("d")
        assert isinstance(source, FilesSource)
        self.source = source
        self.archive = folder / "archive"
        self.files = []
        for number, content in enumerate(files):
            dropped = folder / f"f{number}.csv"
            dropped.write_text(content, encoding="utf-8", newline="")
            self.files.append(
                DroppedFile(dropped.name, archive_file(dropped, self.archive))
            )

    def landed(self, *, by_rows: bool, part_bytes: int, earlier: bool) -> object:
        """Return all that landing learns of the files, or why they are refused."""
        extract = Extract()
        read = Reading(
            self.source,
            self.source.datasets[0],
            archive_dir=self.archive,
            files=self.files,
            has_earlier=earlier,
            extract=extract,
            part_bytes=part_bytes,
        )
        read.begin()
        if by_rows:
            extract.rows = read.row_records()
            extract.is_settled = lambda: True
        contract = self.source.datasets[0].contract
        try:
            while True:
                tally = Tally()
                batches = list(conform_rows(extract.rows, contract, tally=tally))
                if extract.is_settled():
                    break
        except ContractViolation as refusal:
            return str(refusal)
        rows = [row for batch in batches for row in batch.to_pylist()]
        sums = {
            key: (s.row_count, s.landed, s.quarantined) for key, s in tally.sums.items()
        }
        return {
            "rows": rows,
            "counts": (tally.received, tally.landed_rows, tally.quarantined_rows),
            "refused": sorted(map(str, [*tally.rejected, *extract.rejected])),
            "sums": {key: value for key, value in sums.items() if any(value)},
            "absorbed": extract.absorbed,
            "coverage": extract.coverage,
            "files": extract.file_sha256s,
            "unknown": extract.unknown_fields,
        }


def both_ways(
    options: str,
    *files: str,
    earlier: bool = False,
    parts: Sequence[int] = PART_BYTES,
) -> Any:
    """Return what the rows give, which every way of reading columns must give too."""
    with tempfile.TemporaryDirectory() as folder:
        dropped = Dropped(Path(folder), options, files)
        expected = dropped.landed(
            by_rows=True, part_bytes=PART_BYTES[-1], earlier=earlier
        )
        for part_bytes in parts:
            found = dropped.landed(
                by_rows=False, part_bytes=part_bytes, earlier=earlier
            )
            assert found == expected
    return expected


def table(header: str, rows: Sequence[Sequence[str]], delimiter: str = ",") -> str:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header.split(","))
    writer.writerows(rows)
    return out.getvalue()


NUMBERS = [
    "", "0", "-0", "7", "-7", "+7", "007", "1.234", "1.234,5", "1,234.5", "12.34", "12,34",
    "1.234.567", "1,234,567.8901", "1.23456", "0,00005", "(1.000)", "1.000 ₫", "$5", "US$5",
    "5 USD", "-", "1e5", "1.2.3", "1,2,3", "123456789012", "1234567890123", "9" * 40,
    ".5", ",5", "5.", "5,", " 7 ", "\u00a07", "−7", "7-", "1 234,5", "1'234.5", "N/A", "0.0",
    "-1.234,56", "--7", "٣", "1.234,567891",
]  # fmt: skip
TEXTS = [
    "", "a", "b", "A", " a ", "1.2E+11", "12E+3", "e\u0301", "é", "Nguyễn", "N/A", "\x1f",
    "\x1e", "x\x1fy", 'say "hi"', "back\\slash", "two\nlines", "tab\there", "\u200b", "\u2003",
    "=1+1", "won", "Won", "lost",
]  # fmt: skip
DATES = [
    "31/10/2026",
    "01/11/2026",
    "1/11/2026",
    "2026-11-01",
    "31/02/2026",
    "",
    "x",
    "01/11/26",
]
INSTANTS = [
    "2026-10-31T19:00:00Z", "2026-10-31 19:00:00.123Z", "2026-10-31", "2026-02-30T00:00:00Z",
    "2026-10-31T19:00:00+07:00", "2026-10-31 19:00", "", "0001-01-01T00:00:00+07:00",
    "2026-10-31T19:00:00.1234567Z",
]  # fmt: skip
CURRENCIES = ["VND", "usd", "KWD", "", "XXX", "uſd", "USD"]
KEYS = ["c1", "c2", "c3", ""]

SPEND_HEADER = "campaign_id,date,spend,currency,impressions,conversions,note"
SPEND_ROW = st.tuples(
    st.sampled_from(KEYS),
    st.sampled_from(DATES[:3]) | st.sampled_from(DATES),
    st.sampled_from(NUMBERS),
    st.sampled_from(CURRENCIES[:2]) | st.sampled_from(CURRENCIES),
    st.sampled_from(NUMBERS),
    st.sampled_from(NUMBERS),
    st.sampled_from(TEXTS),
)
SPEND_OPTIONS = st.fixed_dictionaries(
    {
        "number_format": st.sampled_from(
            ["1.234,56", "1,234.56", "1234.56", "1 234,56"]
        ),
        "mode": st.sampled_from(["replace_period", "upsert", "append"]),
        "spend": st.sampled_from(["major", "minor", "micros", "thousand"]),
        "keep": st.booleans(),
    }
)
LIMITS = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


def spend_options(given_: dict[str, Any]) -> str:
    keep = given_["keep"] and given_["mode"] == "append"
    return (
        (
            f'{{number_format: "{given_["number_format"]}", date_formats: ["%d/%m/%Y"], '
            f"datasets: {{ad_performance_daily: {{files: '*.csv', mode: {given_['mode']}, "
            f"units: {{spend: {given_['spend']}}}, keep_duplicates: {str(keep).lower()}, "
            "nulls: {'*': ['N/A', '-'], spend: ['0.0']}, constants: {platform: meta}, "
            "columns: {campaign_id: campaign_id, date: date, spend: spend, currency: currency, "
            "impressions: impressions, conversions: conversions}}}}"
        )
        .removeprefix("{")
        .removesuffix("}")
    )


def yaml_of(options: str) -> str:
    """Return flow-style options as the keys of the source."""
    return options.replace(", date_formats", "\n    date_formats").replace(
        ", datasets", "\n    datasets"
    )


@LIMITS
@example(
    [("c1", "31/10/2026", "1.5", "VND", "", "", "")] * 2,
    {"number_format": "1234.56", "mode": "upsert", "spend": "major", "keep": False},
)
# Seven millionths land as 0.0000: two such rows are one, not two different ones.
@example(
    [("c1", "31/10/2026", spend, "VND", "", "", "") for spend in ("0", "7")],
    {"number_format": "1,234.56", "mode": "upsert", "spend": "micros", "keep": False},
)
# A blank part of a key is the same in a row read by itself as in a column.
@example(
    [
        ("", "31/10/2026", "", "VND", "", conversions, "")
        for conversions in ("", "9" * 40)
    ],
    {"number_format": "1.234,56", "mode": "upsert", "spend": "major", "keep": False},
)
@given(st.lists(SPEND_ROW, max_size=8), SPEND_OPTIONS)
def test_money_and_counts_of_any_spelling(
    rows: list[tuple[str, ...]], options: dict[str, Any]
) -> None:
    both_ways(yaml_of(spend_options(options)), table(SPEND_HEADER, rows))


@LIMITS
@given(
    files=st.lists(st.lists(SPEND_ROW, max_size=4), min_size=2, max_size=3),
    options=SPEND_OPTIONS,
    earlier=st.booleans(),
)
def test_several_files_of_one_night(
    files: list[list[tuple[str, ...]]], options: dict[str, Any], *, earlier: bool
) -> None:
    contents = [table(SPEND_HEADER, rows) for rows in files]
    both_ways(yaml_of(spend_options(options)), *contents, earlier=earlier)


DEAL_HEADER = "opportunity_id,stage,status,created_at,amount,currency,version,owner_id"
DEAL_ROW = st.tuples(
    st.sampled_from([*KEYS, *TEXTS]),
    st.sampled_from(TEXTS),
    st.sampled_from(["Won", "lost", "open", "x", "", " Won"]),
    st.sampled_from(INSTANTS[:3]) | st.sampled_from(INSTANTS),
    st.sampled_from(NUMBERS),
    st.sampled_from(CURRENCIES),
    st.sampled_from(["1", "2", "10", ""]) | st.sampled_from([*INSTANTS, "1", "x"]),
    st.sampled_from(TEXTS),
)


@LIMITS
@given(rows=st.lists(DEAL_ROW, max_size=8), versioned=st.booleans())
def test_texts_instants_versions_and_closed_lists(
    rows: list[tuple[str, ...]], *, versioned: bool
) -> None:
    version = "version_column: version, " if versioned else ""
    both_ways(
        "datasets: {opportunities: {files: '*.csv', mode: upsert, "
        f"{version}values: {{status: {{Won: won}}, stage: {{a: 'e\u0301', b: ' '}}}}}}}}",
        table(DEAL_HEADER, rows),
    )


@pytest.mark.parametrize(
    "broken",
    [
        "c1,31/10/2026\n",
        '"c1"x,a\n',
        "c1,\0,1,VND,,,\n",
        '"two\nlines",31/10/2026,1,VND,1,1,x\n',
    ],
)
def test_broken_records_keep_their_line_in_any_part(broken: str) -> None:
    good = [f"c{n},31/10/2026,1,VND,2,3,x" for n in range(6)]
    lines = "".join(f"{line}\n" for line in good)
    content = f"{SPEND_HEADER}\n{lines}{broken}{lines.replace('c', 'd')}"
    options = {
        "number_format": "1234.56", "mode": "upsert", "spend": "major", "keep": False,
    }  # fmt: skip
    found = both_ways(yaml_of(spend_options(options)), content)
    assert len(found["rows"]) >= 12


def test_many_words_take_the_way_for_many_words() -> None:
    """Above a sample of distinct cells numbers are typed by Arrow, not word by word."""
    rows = [
        (f"c{n}", "31/10/2026", f"{n // 1000 or ''}{'.' if n >= 1000 else ''}{n % 1000:03},5"
         if n >= 1000 else f"{n},25", "VND", str(n), f"-{n},123456", "x")
        for n in range(6000)
    ]  # fmt: skip
    rows[17] = ("c17", "31/10/2026", "17,00001", "VND", "17", "1", "x")
    rows[18] = ("c18", "31/10/2026", "(18)", "USD", "1,5", "1,0000005", "x")
    rows[19] = ("c19", "", "19", "USD", "", "", "x")
    options = {
        "number_format": "1.234,56", "mode": "replace_period", "spend": "major", "keep": False,
    }  # fmt: skip
    # In small parts no part has that many words.
    found = both_ways(
        yaml_of(spend_options(options)),
        table(SPEND_HEADER, rows),
        parts=PART_BYTES[-1:],
    )
    assert len(found["rows"]) == 5997
    exact = sum(
        Decimal(n) + Decimal("0.25") for n in range(1000) if n not in (17, 18, 19)
    )
    exact += sum(Decimal(n) + Decimal("0.5") for n in range(1000, 6000))
    assert found["sums"]["", "spend", "VND"][1] == exact


def test_repeated_keys_are_merged_in_passes_of_any_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [(f"c{n % 7}", "31/10/2026", "1", "VND", "1", "1", "x") for n in range(60)]
    options = {
        "number_format": "1234.56", "mode": "upsert", "spend": "major", "keep": False,
    }  # fmt: skip
    whole = both_ways(yaml_of(spend_options(options)), table(SPEND_HEADER, rows))
    monkeypatch.setattr(reading, "ROWS_PER_PASS", 10)
    passes = both_ways(yaml_of(spend_options(options)), table(SPEND_HEADER, rows))
    assert passes == whole
    assert whole["absorbed"] == {"equal duplicate": 53}
