"""Asking every configured source whether a first night would work.

Belongs here: running the probes of the connectors, a few rows without personal data, the
estimate of the first load, what each refusal means. Stays out: what a vendor is asked
(`ingest.sources.<kind>.probe`), printing (`cli.setup`). Nothing is landed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Final, cast
from zoneinfo import ZoneInfo

from ingest.config import FilesSource, VendorSource
from ingest.contracts import contract_of
from ingest.entities import Pii, Type
from ingest.errors import EXIT_OK, IngestError
from ingest.http import ApiClient
from ingest.quarantine import shape_of
from ingest.sources import probe_of, source_of
from ingest.sources.files.discover import find_files, nearest_name
from ingest.sources.probing import UNKNOWN, Size
from ingest.windows import window_for
from orchestration.night_run import yesterday
from orchestration.status import WORST_FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import httpx

    from ingest.config import SourceConfig
    from ingest.entities import Column, EntityContract
    from ingest.sources.probing import Probe
    from ingest.sources.protocol import Record

SAMPLE_ROWS: Final = 5
ROWS_PER_SECOND: Final = 20_000
"""Records typed, gated and promoted per second, besides waiting for the vendor; the slower
end of what was measured (tests/benchmarks/README.md)."""
_BUDGET_SECONDS: Final = 20.0
"""A person waits: a vendor that is down is said to be down soon."""
_TOLD_AS_IS: Final = frozenset({Type.DATE, Type.INSTANT, Type.BOOLEAN, Type.INTEGER})
"""Types that tell about no person where the contract says so too. Text always becomes its
shape, because a name may stand in any text column; amounts do, because they may be pay."""
_TO_THE_SECOND: Final = len("2026-10-31T19:00:00")

NOT_TOLD: Final = Size(0, 0, UNKNOWN)


@dataclass(frozen=True)
class CheckResult:
    """One thing a source must let us read. `problem` '' = it does."""

    what: str
    scope: str
    problem: str = ""
    exit_code: int = EXIT_OK
    size: Size = NOT_TOLD


@dataclass(frozen=True)
class Sample:
    """A few rows of one entity: column, type and what may be shown of each value."""

    entity: str
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    problem: str = ""


@dataclass
class SourceCheck:
    """What one source answered. `seconds` = estimated first load, rows and requests in it."""

    source: str
    kind: str
    checks: list[CheckResult] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """Rows of the first load, as far as the vendor tells."""
        return sum(check.size.rows for check in self.checks)

    @property
    def requests(self) -> int:
        """Requests of the first load."""
        return sum(check.size.requests for check in self.checks)

    @property
    def exit_code(self) -> int:
        """Exit code of the worst refusal."""
        return worst_code(check.exit_code for check in self.checks)


def worst_code(codes: Iterable[int]) -> int:
    """Return the exit code to leave with."""
    found = set(codes)
    return next((code for code in WORST_FIRST if code in found), EXIT_OK)


def check_sources(
    sources: Iterable[SourceConfig],
    *,
    now: datetime,
    transport: httpx.BaseTransport | None = None,
    sleep: Callable[[float], None] = time.sleep,
    timer: Callable[[], float] = time.monotonic,
) -> Iterator[SourceCheck]:
    """Yield the answer of every source, one by one; a refusal is a result, not an error."""
    for source in sources:
        if isinstance(source, VendorSource):
            yield _check_vendor(
                source, now=now, transport=transport, sleep=sleep, timer=timer
            )
        elif isinstance(source, FilesSource):
            yield _check_files(source)


def _check_vendor(
    source: VendorSource,
    *,
    now: datetime,
    transport: httpx.BaseTransport | None,
    sleep: Callable[[float], None],
    timer: Callable[[], float],
) -> SourceCheck:
    connector, probe = source_of(source.kind), probe_of(source.kind)
    result = SourceCheck(source.name, source.kind)
    try:
        authorization = connector.authorize(source)
    except IngestError as error:
        result.checks.append(
            CheckResult("secret", "", problem=str(error), exit_code=error.exit_code)
        )
        return result
    with ApiClient(
        source.base_url,
        source=source.name,
        authorization=authorization,
        classify_error=connector.classify_error,
        transport=transport,
        sleep=sleep,
        clock=lambda: now,
        retry_budget_seconds=_BUDGET_SECONDS,
    ) as client:
        began = timer()
        for check in probe.checks(source, client, now):
            try:
                size = check.ask()
            except IngestError as error:
                result.checks.append(
                    CheckResult(check.what, check.scope, str(error), error.exit_code)
                )
            else:
                result.checks.append(CheckResult(check.what, check.scope, size=size))
        result.seconds = _estimate(
            result, probe, timer() - began - client.waited_seconds, client.request_count
        )
        result.samples = [
            _sample(source, contract_of(source.kind, entity), client, now)
            for entity in probe.samples
        ]
    return result


def _estimate(result: SourceCheck, probe: Probe, took: float, asked: int) -> float:
    """Return the seconds of a first load: requests at the pace just seen, then the rows."""
    pace = max(took / asked if asked else 0.0, probe.seconds_per_request)
    return result.requests * pace + result.rows / ROWS_PER_SECOND


def _sample(
    source: VendorSource, contract: EntityContract, client: ApiClient, now: datetime
) -> Sample:
    """Return the first rows as the night would read them, without saying who is in them."""
    zone = source.reporting_timezone
    window = window_for(
        contract, None, as_of=yesterday(now, zone), tz=ZoneInfo(zone), now=now
    )
    columns = tuple((c.name, c.type.value) for c in contract.columns)
    try:
        extract = source_of(source.kind).fetch(
            contract, window, config=source, client=client, cursor=None
        )
        rows_read = cast("Iterable[Record]", extract.rows)  # a vendor's are records
        records = list(islice(rows_read, SAMPLE_ROWS))
    except IngestError as error:
        return Sample(contract.name, columns, (), problem=str(error))
    rows = tuple(
        tuple(
            show_value(column, record.values.get(column.name), contract)
            for column in contract.columns
        )
        for record in records
    )
    return Sample(contract.name, columns, rows)


def show_value(column: Column, value: object, contract: EntityContract) -> str:
    """Return what may be shown of a value: keys, days and truths; of anything else its shape."""
    if value is None:
        return ""
    if column.pii is Pii.NONE:
        if column.name in contract.key:
            return str(value)
        if column.type in _TOLD_AS_IS and not column.currency_column:
            text = value.isoformat() if isinstance(value, date) else str(value)
            return text[:_TO_THE_SECOND] if column.type is Type.INSTANT else text
    return shape_of(str(value))


def _check_files(source: FilesSource) -> SourceCheck:
    """Say which dropped files each dataset would read."""
    result = SourceCheck(source.name, source.kind)
    for dataset in source.datasets:
        what = f"{dataset.entity} ({', '.join(dataset.files)})"
        try:
            found = find_files(source.path, dataset.files)
        except IngestError as error:
            result.checks.append(
                CheckResult(what, "", str(error), exit_code=error.exit_code)
            )
            continue
        if found:
            files = "1 file" if len(found) == 1 else f"{len(found)} files"
            result.checks.append(CheckResult(what, files))
            continue
        hints = "".join(nearest_name(source.path, p) for p in dataset.files[:1])
        result.checks.append(CheckResult(what, f"no file yet in {source.path}{hints}"))
    return result
