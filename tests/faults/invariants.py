"""The ten invariants every fault test ends with, computed apart from the pipeline.

Belongs here: reading ledger lines, Parquet, manifests and the served file with the plainest
means, and saying what is broken. Stays out: the pipeline's own functions, causing faults
(`theatre`), expectations of one company (`world`; they are passed in). Every function returns
its findings, one line each; none = the invariant holds. `test_invariants.py` breaks each once.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter, defaultdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import duckdb
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

EXIT_CODES: Final = frozenset({0, 65, 69, 73, 74, 75, 77, 78, 130})
"""What `warehouse` may leave with; a kill by us is minus the signal and not judged."""

AD_SPEND: Final = {
    ("meta_ads", "campaign_insights_daily"): ("spend", Decimal(1)),
    ("google_ads", "campaign_performance_daily"): ("cost_micros", Decimal("0.000001")),
    ("files", "ad_performance_daily"): ("spend", Decimal(1)),
}
"""Money followed from source to mart: column of the landed entity, and units per major unit."""
STAGED: Final = {
    "stg_meta_ads__campaign_insights_daily": ("source_account", "spend", Decimal(1)),
    "stg_google_ads__campaign_performance_daily": (
        "source_account", "cost_micros", Decimal("0.000001"),
    ),
    "stg_files__ad_performance_daily": ("ad_account_id", "spend", Decimal(1)),
}  # fmt: skip
_RUN_COLUMNS: Final = frozenset(
    {"build_id", "theme_build_id", "code_version", "source_ref"}
)
_ABOUT_THE_BUILD: Final = frozenset({"build_info", "build_themes"})

Key = tuple[str, str, str, str, Any]
"""Source, account, campaign, currency, day."""


# What lies on the disk, read plainly.


def ledger_lines(root: Path) -> list[dict[str, Any]]:
    """Return every line of the ledger; a torn last one is not a line."""
    path = root / "state" / "ledger.jsonl"
    content = path.read_bytes() if path.is_file() else b""
    whole = content[: content.rfind(b"\n") + 1]
    return [json.loads(line) for line in whole.splitlines()]


def live_batches(root: Path) -> list[dict[str, Any]]:
    """Return the newest line of every stream, entity and load date."""
    newest = {
        (b["kind"], b["entity"], b["stream"], b["load_date"]): b
        for b in ledger_lines(root)
    }
    return list(newest.values())


def batch_file(root: Path, batch: Mapping[str, Any]) -> Path:
    """Return where a promoted batch must lie."""
    folder = root / "raw" / batch["kind"] / batch["entity"] / batch["stream"]
    return folder / f"load_date={batch['load_date']}" / f"{batch['batch_id']}.parquet"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _ad_rows(root: Path, batch: Mapping[str, Any]) -> list[tuple[Key, Decimal, str]]:
    column, unit = AD_SPEND[batch["kind"], batch["entity"]]
    rows = pq.read_table(batch_file(root, batch)).to_pylist()
    return [
        (
            (
                row["source_name"],
                row["source_account"] or row.get("ad_account_id", ""),
                row["campaign_id"],
                row["currency"],
                row["date"],
            ),
            Decimal(row[column] or 0) * unit,
            row["_row_hash"],
        )
        for row in rows
    ]


# I1 to I3: nothing lost, nothing twice, money to the cent.


def raw_holds(root: Path, told: Counter[tuple[Key, Decimal]]) -> list[str]:
    """I1: every promoted batch is there as written, and raw holds all the sources told."""
    broken: list[str] = []
    held: Counter[tuple[Key, Decimal]] = Counter()
    for batch in live_batches(root):
        path = batch_file(root, batch)
        if not path.is_file():
            broken.append(f"I1 {path.name} is in the ledger and not in raw")
            continue
        if sha256(path) != batch["parquet_sha256"]:
            broken.append(f"I1 {path.name} is not what was promoted")
            continue
        if pq.read_metadata(path).num_rows != batch["row_count"]:
            broken.append(f"I1 {path.name} has another number of rows than its line")
        if (batch["kind"], batch["entity"]) in AD_SPEND:
            rows = _ad_rows(root, batch)
            held.update((key, spend) for key, spend, _ in rows)
            keys = Counter(key for key, _, _ in rows)
            broken += [
                f"I1 {path.name} holds {k} twice" for k, n in keys.items() if n > 1
            ]
    broken += [f"I1 raw lacks {count} of {key}" for key, count in (told - held).items()]
    return broken


def _opened(root: Path, file: Path) -> duckdb.DuckDBPyConnection:
    """Open a database file; staging's views in it name raw as it lies in the root."""
    con = duckdb.connect(str(file), read_only=True)
    con.execute(f"set file_search_path = '{root}'")
    return con


def staging_equals(root: Path, truth: Mapping[Key, Decimal]) -> list[str]:
    """I1: staging holds exactly what the sources say now."""
    staged: Counter[tuple[Key, Decimal]] = Counter()
    with _opened(root, root / "warehouse.duckdb") as con:
        for table in _present(con, STAGED):
            account, column, unit = STAGED[table]
            rows = con.execute(
                f"select source_name, {account}, campaign_id, currency, date, {column}"
                f" from main.{table}"
            ).fetchall()
            staged.update((tuple(row[:5]), Decimal(row[5]) * unit) for row in rows)
    expected = Counter(truth.items())
    lacking, surplus = expected - staged, staged - expected
    return [
        *(f"I1 staging lacks {row}" for row in lacking),
        *(f"I1 staging has {row}, which no source says" for row in surplus),
    ]


def keys_hold(root: Path, served: Path) -> list[str]:
    """I2: tested keys of staging and marts are unique and not null, counted anew."""
    manifest = root / "dbt" / "manifest" / "manifest.json"
    broken: list[str] = []
    keys: dict[str, list[str]] = {}
    nodes = json.loads(manifest.read_text("utf-8"))["nodes"]
    for node in nodes.values():
        test = node.get("test_metadata") or {}
        # A table's name is its alias: the registry is published under the name of its seed.
        attached = nodes.get(node.get("attached_node"), {}).get("alias")
        if attached and test.get("name") in {"unique_key", "unique"}:
            told = test["kwargs"]
            if "columns" in told:
                keys[attached] = told["columns"]
            else:
                keys.setdefault(attached, [told["column_name"]])
    for file in (root / "warehouse.duckdb", served):
        with _opened(root, file) as con:
            for table in _present(con, keys):
                missing = set(keys[table]) - _columns(con, table)
                if missing:
                    broken.append(
                        f"I2 {file.name} {table}: no column {sorted(missing)}"
                    )
                    continue
                rows = con.execute(
                    f"select {', '.join(keys[table])} from main.{table}"
                ).fetchall()
                if any(part is None for row in rows for part in row):
                    broken.append(f"I2 {file.name} {table}: a key is null")
                if len(set(rows)) != len(rows):
                    broken.append(f"I2 {file.name} {table}: a key stands twice")
    return broken


def totals_agree(root: Path, served: Path) -> list[str]:
    """I3: money per source, account, day and currency: raw = staging = mart; received = raw."""
    broken: list[str] = []
    for batch in live_batches(root):
        for total in batch["totals"]:
            where = f"{batch['batch_id']} {total['column_name']} {total['currency']}"
            if Decimal(total["source_sum"]) != Decimal(total["landed_sum"]):
                broken.append(f"I3 {where}: received and landed differ in the ledger")
            if Decimal(total["landed_sum"]) != _landed(root, batch, total):
                broken.append(f"I3 {where}: the file adds up to something else")
    raw = _by_day(standing_rows(root))
    with _opened(root, root / "warehouse.duckdb") as con:
        staged: list[tuple[Key, Decimal]] = []
        for table in _present(con, STAGED):
            account, column, unit = STAGED[table]
            staged += [
                ((row[0], row[1], "", row[2], row[3]), Decimal(row[4] or 0) * unit)
                for row in con.execute(
                    f"select source_name, {account}, currency, date, {column}"
                    f" from main.{table}"
                ).fetchall()
            ]
    with duckdb.connect(str(served), read_only=True) as con:
        marts = [
            ((row[0], row[1], "", row[2], row[3]), row[4])
            for row in con.execute(
                "select source_name, ad_account_id, currency, report_date, spend_amount"
                " from fct_ad_performance_daily"
            ).fetchall()
        ]
    for name, found in (("staging", _by_day(staged)), ("mart", _by_day(marts))):
        broken += [
            f"I3 {name} {day}: {found.get(day)} instead of {raw.get(day)}"
            for day in sorted(raw.keys() | found.keys(), key=str)
            if raw.get(day) != found.get(day)
        ]
    return broken


def standing_rows(root: Path) -> list[tuple[Key, Decimal]]:
    """Return the ad rows that stand: of the newest load covering a day, or per key."""
    days: dict[tuple[str, str, Any], str] = {}
    by_load: list[tuple[str, Mapping[str, Any]]] = []
    for batch in sorted(live_batches(root), key=lambda b: b["load_date"]):
        if (batch["kind"], batch["entity"]) not in AD_SPEND:
            continue
        by_load.append((batch["load_date"], batch))
        for part in batch["coverage"] if batch["kind"] != "files" else ():
            for day in _span(part["window_start_date"], part["window_end_date"]):
                days[batch["source_name"], part["source_account"], day] = batch[
                    "load_date"
                ]
    standing: dict[Key, Decimal] = {}
    for load_date, batch in by_load:
        for key, spend, _ in _ad_rows(root, batch):
            covered = days.get((key[0], key[1], key[4].isoformat()))
            if batch["kind"] == "files" or covered == load_date:
                standing[key] = spend
    return list(standing.items())


# I4 to I7: what readers see, and how state moves.


def served_build(root: Path) -> Path | None:
    """Return the build the link points to, as a reader resolves it."""
    link = root / "published" / "current"
    return link.resolve() if link.is_symlink() else None


def served_is_whole(root: Path, *, mid_way: bool = False) -> list[str]:
    """I4: one build is served, every byte as in its manifest, one build id in every table.

    `mid_way`: a kill may have come between the link and `current.json`, which then names
    the build before; that one must be whole as well.
    """
    build = served_build(root)
    if build is None:
        return []
    told = json.loads((root / "published" / "current.json").read_text("utf-8"))
    broken = _is_whole(build)
    if told["build_id"] != build.name:
        if not mid_way:
            broken.append(f"I4 current.json names {told['build_id']}, not {build.name}")
        broken += _is_whole(root / "published" / told["build_id"])
    return broken


def _is_whole(build: Path) -> list[str]:
    if not (build / "manifest.json").is_file():
        return [f"I4 {build.name} has no manifest"]
    manifest = json.loads((build / "manifest.json").read_text("utf-8"))
    broken: list[str] = []
    for name, entry in manifest["files"].items():
        path = build / name
        if not path.is_file() or sha256(path) != entry["sha256"]:
            broken.append(f"I4 {build.name}/{name} is not what was published")
    allowed = {state["build_id"] for state in manifest["themes"].values()}
    if broken:
        return broken
    for file in sorted(build.glob("*.duckdb")):
        with duckdb.connect(str(file), read_only=True) as con:
            for (table,) in con.execute(
                "select table_name from duckdb_tables()"
            ).fetchall():
                ids = {
                    row[0]
                    for row in con.execute(
                        f"select distinct build_id from {table}"
                    ).fetchall()
                }
                if ids - allowed:
                    broken.append(f"I4 {build.name}/{file.name} {table}: builds {ids}")
    return broken


def cursors_follow(root: Path) -> list[str]:
    """I5: a cursor says what a promoted batch said, never more."""
    promoted = {
        (b["stream"], b["entity"], b["load_date"]): b["new_cursor"]
        for b in live_batches(root)
    }
    broken: list[str] = []
    for path in sorted((root / "state").glob("*/*.json")):
        if path.parent.name == "nights":
            continue
        for day, cursor in json.loads(path.read_text("utf-8")).items():
            if promoted.get((path.parent.name, path.stem, day)) != cursor:
                broken.append(
                    f"I5 {path.parent.name}/{path.name} is ahead at {day}: {cursor}"
                )
    return broken


def content_of(build: Path) -> str:
    """Return a hash of what a build says, rows in any order, run columns left out."""
    digest = hashlib.sha256()
    for path in sorted((build / "parquet").rglob("*.parquet")):
        if path.stem in _ABOUT_THE_BUILD:
            continue
        table = pq.read_table(path)
        kept = sorted(
            n
            for n in table.column_names
            if not (n in _RUN_COLUMNS or n.startswith("_") or n.endswith("batch_id"))
        )
        rows = sorted(repr([row[n] for n in kept]) for row in table.to_pylist())
        name = path.relative_to(build).as_posix()
        digest.update(f"{name}|{kept}|{rows}".encode())
    return digest.hexdigest()


def content_unchanged(before: str, after: str) -> list[str]:
    """I6: run again with nothing new, the marts say the same."""
    return [] if before == after else [f"I6 content went from {before} to {after}"]


def closes_in(root: Path) -> dict[str, str]:
    """Return the hash of every file of every closed period."""
    folder = root / "closes"
    return {
        path.relative_to(folder).as_posix(): sha256(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def closes_unchanged(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """I7: what was closed is neither edited nor gone; a restatement is a close of its own."""
    return [
        f"I7 closes/{name} was {'edited' if name in after else 'removed'}"
        for name, found in before.items()
        if after.get(name) != found
    ]


# I8 to I10: what must not be seen, how a run leaves, what readers went through.


def nothing_leaks(
    root: Path,
    *,
    secrets: Iterable[str],
    persons: Iterable[str] = (),
    said: Iterable[str] = (),
) -> list[str]:
    """I8: no secret anywhere below the root or in what was said, no person outside raw.

    Personal data may lie in what was landed and archived and in the unaudited build file,
    which readers never see.
    """
    forms = {form: word for word in (*secrets, *persons) for form in _forms(word)}
    for_persons = set(persons)
    restricted = {"raw", "archive", "sandbox"}
    broken: list[str] = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        parts = path.relative_to(root).parts
        is_data = parts[0] in restricted or (
            parts[0] == "incoming" and path.suffix != ".json"
        )
        is_data = is_data or parts[0].startswith("warehouse.duckdb")
        content = path.read_bytes()
        broken += [
            f"I8 {word[:4]}… is in {path.relative_to(root)}"
            for form, word in forms.items()
            if form in content and not (is_data and word in for_persons)
        ]
    for text in said:
        broken += [
            f"I8 {word[:4]}… was said"
            for form, word in forms.items()
            if form in text.encode()
        ]
    return broken


def exit_code_is_known(code: int) -> list[str]:
    """I9: a run leaves with a documented code, unless it was killed."""
    return [] if code < 0 or code in EXIT_CODES else [f"I9 exit code {code}"]


def readers_were_served(found: Mapping[str, Any]) -> list[str]:
    """I10: readers asked all the time, got no error and never two builds at once."""
    broken = [f"I10 error: {text}" for text in found["errors"][:3]]
    broken += [f"I10 mixed: {text}" for text in found["mixed"][:3]]
    return broken or ([] if found["rounds"] else ["I10 no reader asked anything"])


# Small parts.


def _present(con: duckdb.DuckDBPyConnection, names: Iterable[str]) -> list[str]:
    found = con.execute(
        "select table_name from information_schema.tables where table_schema = 'main'"
    ).fetchall()
    return sorted({name for (name,) in found} & set(names))


def _columns(con: duckdb.DuckDBPyConnection, table: str) -> set[str]:
    found = con.execute(
        "select column_name from information_schema.columns where table_name = ?",
        [table],
    ).fetchall()
    return {name for (name,) in found}


def _landed(root: Path, batch: Mapping[str, Any], total: Mapping[str, Any]) -> Decimal:
    table = pq.read_table(batch_file(root, batch))
    currency = next(
        n
        for n in (f"{total['column_name']}_currency", "currency")
        if n in table.column_names
    )
    return sum(
        (
            Decimal(row[total["column_name"]] or 0)
            for row in table.to_pylist()
            if row["source_account"] == total["source_account"]
            and (row[currency] or "") == total["currency"]
        ),
        Decimal(0),
    )


def _by_day(rows: Iterable[tuple[Key, Decimal]]) -> dict[Any, Decimal]:
    sums: dict[Any, Decimal] = defaultdict(Decimal)
    for (source, account, _, currency, day), spend in rows:
        sums[source, account, currency, day] += spend
    return dict(sums)


def _span(first: str | None, last: str | None) -> list[str]:
    from datetime import date, timedelta  # noqa: PLC0415 - one use

    if first is None or last is None:
        return []
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [
        (start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)
    ]


def _forms(word: str) -> set[bytes]:
    """Return a word as it may be written: plain, URL-encoded, in base64 at each offset."""
    plain = word.encode()
    encoded = {
        base64.b64encode(b"\0" * offset + plain)[4 : -4 or None] for offset in range(3)
    }
    return {plain, quote(word, safe="").encode(), *encoded}
