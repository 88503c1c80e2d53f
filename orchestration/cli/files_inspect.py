"""`warehouse files inspect`: what files are, what is open in them, and a proposal.

Belongs here: the verb and what it prints. Stays out: looking (`orchestration.file_looks`),
proposing (`orchestration.header_proposals`), the block to paste (`dataset_blocks`).
"""

from __future__ import annotations

import glob
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from ingest.errors import ConfigError
from orchestration.cli.options import Json, print_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from orchestration.file_looks import Look
    from orchestration.header_proposals import Proposal

_WIDTH: Final = 26
_ZONE: Final = "Asia/Ho_Chi_Minh"


def inspect(
    path: Annotated[str, typer.Argument(help="A file, a folder or a pattern.")],
    *,
    entity: Annotated[
        str, typer.Option("--as", help="What it feeds, when you know: opportunities …")
    ] = "",
    zone: Annotated[
        str, typer.Option("--timezone", help="Zone its times are written in.")
    ] = _ZONE,
    currency: Annotated[
        str, typer.Option("--currency", help="Currency where no column says one.")
    ] = "VND",
    to: Annotated[
        Path | None, typer.Option("--to", help="Write the proposed datasets there.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what files are, what in them must be declared, and propose datasets for them.

    Nothing is loaded and nothing is changed. What is guessed is marked; what can be read in
    two ways stays `?` until you settle it.
    """
    # The readers of files load pandas and openpyxl, which no other verb should wait for.
    from ingest.contracts import CONTRACTS  # noqa: PLC0415 - only this verb pays
    from orchestration.file_looks import look_at  # noqa: PLC0415 - only this verb pays
    from orchestration.header_proposals import (  # noqa: PLC0415 - only this verb pays
        propose,
        rank,
    )

    if entity and entity not in CONTRACTS["files"]:
        from ingest.config_yaml import nearest  # noqa: PLC0415 - only on a mistake

        message = f"no entity {entity!r}{nearest(entity, CONTRACTS['files'])}"
        raise ConfigError(message)
    paths, litter = _find(path)
    seen: list[tuple[Look, Proposal | None]] = []
    folder = Path(path).expanduser()
    for one in paths:
        called = one.relative_to(folder).as_posix() if folder.is_dir() else one.name
        look = look_at(one, zone=zone, name=called)
        found = propose(
            look,
            zone=zone,
            currency=currency,
            entity=entity,
            is_asked=len(paths) == 1,
        )
        seen.append((look, found))
    ranked = rank(seen)
    if as_json:
        print_json(_as_json(seen, litter))
    else:
        lines = _one(*seen[0]) if len(seen) == 1 else _many(seen, litter)
        sys.stdout.write(
            "\n".join(
                [
                    *lines,
                    *_closing(
                        ranked,
                        to,
                        is_readable=any(not look.problem for look, _ in seen),
                    ),
                ]
            )
            + "\n"
        )
    if to is not None and ranked:
        _write_block(ranked, to)


def _find(path: str) -> tuple[list[Path], list[str]]:
    """Return the files a path means, and the names among them nobody loads.

    Raises:
        ConfigError: it means no file.
    """
    from orchestration.file_looks import data_files  # noqa: PLC0415 - only this verb pays

    place = Path(path).expanduser()
    if place.is_file():
        return [place], []
    if place.is_dir():
        kept, others = data_files(place)
    else:
        # The pattern may be absolute, which Path.glob refuses.
        named = glob.glob(path, recursive=True)  # noqa: PTH207 - see above
        kept, others = data_files(*map(Path, named))
    if not kept:
        message = f"{path}: no file there; name a file, a folder or a quoted pattern"
        raise ConfigError(message)
    return kept, [p.name for p in others]


def _one(look: Look, proposal: Proposal | None) -> Iterator[str]:
    """Yield one file in detail."""
    from orchestration.file_columns import describe_columns  # noqa: PLC0415 - only this verb pays

    yield look.name
    if look.problem:
        yield f"  ✗ {look.problem}"
        return
    yield f"  what it is    {look.words}"
    for number, evidence in enumerate(look.evidence):
        if not number:
            told = " or ".join(look.encodings)
            yield f"  encoding      {told}: {evidence}"
        else:
            yield f"                {evidence}"
    yield _header_line(look)
    if look.hint:
        yield f"                {look.hint}"
    yield f"  rows          {look.rows:,} below the header" + (
        f"; {look.broken:,} of them cannot be read" if look.broken else ""
    )
    if look.total_rows is not None:
        said = ", ".join(look.total_rows.words)
        yield f"  totals        rows saying {said} in {look.total_rows.column} add up others"
    if proposal is not None:
        yield f"  looks like    {_entity_words(proposal)}"
    yield ""
    yield f"  {'column of the file':<{_WIDTH}}  {'goes to':<22} {'filled':>8}  holds"
    table = look.table
    for facts in describe_columns(table, proposal) if table is not None else ():
        target = facts.column + (" (guessed)" if facts.is_guessed else "")
        share = f"{facts.filled / facts.rows:.0%}" if facts.rows else "–"
        examples = f": {', '.join(facts.examples)}" if facts.examples else ""
        yield (
            f"  {facts.header[:_WIDTH]:<{_WIDTH}}  {target or '–':<22} {share:>8}  "
            f"{facts.holds}{examples}"
        )
    yield "  (what may name a person is shown as first letters)"


def _header_line(look: Look) -> str:
    if look.fixed_width:
        return (
            f"  header        none is read; columns are cut below line {look.skip_rows}"
        )
    first, last = look.header_line, look.header_line + look.header_rows - 1
    lines = f"line {first}" if first == last else f"lines {first} to {last}"
    left = f", the {look.skip_rows} above it are left out" if look.skip_rows else ""
    if look.says_delimiter:
        left += "; line 1 only says what stands between columns, for Excel"
    return f"  header        in {lines}{left}"


def _entity_words(proposal: Proposal) -> str:
    from ingest.contracts.headers import TITLES  # noqa: PLC0415 - only this verb pays

    known = len(set(proposal.columns.values()))
    vietnamese, english = TITLES[proposal.entity]
    lacks = f"; lacks {', '.join(proposal.missing)}" if proposal.missing else ""
    return (
        f"{proposal.entity} ({english} · {vietnamese}): {known} of "
        f"{len(proposal.headers)} columns recognised{lacks}"
    )


def _many(
    seen: Sequence[tuple[Look, Proposal | None]], litter: Sequence[str]
) -> Iterator[str]:
    """Yield one line per file."""
    width = min(48, max(len(look.name) for look, _ in seen))
    yield f"{'file':<{width}}  {'rows':>9}  what it is · what it looks like"
    for look, proposal in seen:
        name = look.name[:width]
        if look.problem:
            yield f"{name:<{width}}  {'–':>9}  ✗ {look.problem}"
            continue
        likely = _entity_words(proposal) if proposal else "resembles nothing known"
        yield f"{name:<{width}}  {look.rows:>9,}  {look.words} · {likely}"
    if litter:
        yield f"ignored: {', '.join(litter)} (locks, unfinished files, other endings)"
    yield "Look at one more closely: warehouse files inspect FILE"


def _closing(
    ranked: Sequence[Proposal], to: Path | None, *, is_readable: bool
) -> Iterator[str]:
    """Yield what is to settle, the proposed datasets, and what to do next."""
    from orchestration.dataset_blocks import (  # noqa: PLC0415 - only this verb pays
        block_lines,
        open_points,
    )

    if not ranked and not is_readable:
        return
    if not ranked:
        yield ""
        yield (
            "Nothing here resembles what the warehouse knows. Say what it is with --as, "
            "for example --as opportunities; warehouse files template lists all."
        )
        return
    questions = list(open_points(ranked))
    if questions:
        yield ""
        where = "below" if to is None else f"in {to}"
        yield f"To settle before the first night ({len(questions)}), marked ? {where}:"
        yield from (f"  {n}. {f}: {text}" for n, (f, text) in enumerate(questions, 1))
    if to is None:
        yield ""
        yield "Proposed for warehouse.yml, under a source of kind files:"
        yield ""
        yield from (f"    {line}" for line in block_lines(ranked))
    yield ""
    yield (
        "Next: put it into warehouse.yml (warehouse init --kind files writes it into one), "
        "settle every ?, then warehouse doctor and warehouse files check"
    )


def _write_block(ranked: Sequence[Proposal], to: Path) -> None:
    from orchestration.dataset_blocks import block_lines  # noqa: PLC0415 - only this verb pays

    if to.exists():
        message = f"{to} is there already and stays as it is; choose another with --to"
        raise ConfigError(message)
    to.write_text("\n".join(block_lines(ranked)) + "\n", encoding="utf-8")
    sys.stdout.write(f"{to} is written.\n")


def _as_json(
    seen: Sequence[tuple[Look, Proposal | None]], litter: Sequence[str]
) -> dict[str, Any]:
    from orchestration.dataset_blocks import open_points_of  # noqa: PLC0415 - only this verb pays

    return {
        "files": [
            {
                "file": look.name,
                "kind": look.kind,
                "problem": look.problem or None,
                "encodings": look.encodings,
                "evidence": look.evidence,
                "delimiter": look.delimiter if look.kind == "text" else None,
                "header_line": look.header_line,
                "header_rows": look.header_rows,
                "rows_quoted": look.rows_quoted,
                "fixed_width": look.fixed_width,
                "hint": look.hint or None,
                "rows": look.rows,
                "broken": look.broken,
                "entity": found.entity if found else None,
                "columns": found.columns if found else {},
                "guessed": sorted(found.guessed) if found else [],
                "missing": found.missing if found else (),
                "to_settle": list(open_points_of(found)) if found else [],
            }
            for look, found in seen
        ],
        "ignored": list(litter),
    }
