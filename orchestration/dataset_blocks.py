"""One proposal as the lines of a dataset in `warehouse.yml`.

Belongs here: the text of a dataset, with a mark at everything guessed and a `?` at everything
a person has to settle. Stays out: the rest of the file (`initial_config`), what is proposed
(`header_proposals`).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from ingest.config_files import UNSETTLED
from ingest.contracts import CONTRACTS
from orchestration.header_proposals import Proposal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_PLAIN: Final = Proposal(file="", entity="", headers=(), columns={})
"""What a source declares when it says nothing."""
_AS_WELL: Final = "looks like the same as above; take it only if it holds other rows:"
_REQUIRED: Final = "# settle: required; a header, or move it to constants or lookup"


def block_lines(proposals: Iterable[Proposal]) -> Iterator[str]:
    """Yield `datasets:` of some files, one item each where several feed one entity.

    What is open stands as `?`, which the configuration's reader refuses by line, so that
    nothing runs before a person has settled it.
    """
    groups: dict[str, list[Proposal]] = {}
    for proposal in proposals:
        groups.setdefault(proposal.entity, []).append(proposal)
    yield "datasets:"
    for entity, members in groups.items():
        kept = first_of_each(members)
        yield f"  {entity}:"
        for member in members:
            margin = "    " if member in kept else "    # "
            if member not in kept:
                yield f"{margin}{_AS_WELL}"
            mark = "- " if len(members) > 1 else ""
            lines = list(_body_lines(member, _PLAIN, is_open=True))
            yield f"{margin}{mark}{lines[0]}"
            yield from (f"{margin}{' ' * len(mark)}{line}" for line in lines[1:])


def first_of_each(members: Sequence[Proposal]) -> list[Proposal]:
    """Return, of files that feed one entity, the best one of each platform.

    The others may tell of the same at another level of detail: taking both counts money
    twice, so a person has to say that they do not.
    """
    chosen: dict[str, Proposal] = {}
    for member in members:
        chosen.setdefault(member.constants.get("platform", ""), member)
    return list(chosen.values())


def dataset_lines(
    proposal: Proposal, shared: Proposal | None, *, indent: str
) -> Iterator[str]:
    """Yield one dataset: the mapping, what is unmapped, and what is left to answer.

    `shared`: the proposal whose formats its source declares, None = none does.
    """
    margin = indent.split("#", maxsplit=1)[0]
    for question in proposal.questions:
        yield f"{margin}# {question.where}: {one_line(question.text)}"
    yield f"{indent}{proposal.entity}:"
    for line in _body_lines(proposal, shared or _PLAIN, is_open=False):
        yield f"{indent}  {line}"


def _body_lines(
    proposal: Proposal, shared: Proposal, *, is_open: bool
) -> Iterator[str]:
    yield f"files: {quote(proposal.file)}"
    yield from _format_lines(proposal, shared, is_open=is_open)
    yield from _column_lines(proposal, is_open=is_open)


def _format_lines(
    proposal: Proposal, shared: Proposal, *, is_open: bool
) -> Iterator[str]:
    """Yield what this dataset declares otherwise than its source."""
    if proposal.mode:
        yield f"mode: {proposal.mode}"
    if proposal.sheet:
        words = ", ".join(map(quote, proposal.sheet))
        yield f"sheet: {words}" if len(proposal.sheet) == 1 else f"sheet: [{words}]"
    declared = {
        "encoding": (proposal.encoding, shared.encoding),
        "delimiter": (proposal.delimiter, shared.delimiter),
        "skip_rows": (proposal.skip_rows, shared.skip_rows),
        "header_rows": (proposal.header_rows, shared.header_rows),
        "date_formats": (proposal.date_format, shared.date_format),
        "number_format": (proposal.number_format, shared.number_format),
    }
    for key, (own, other) in declared.items():
        if is_open and key in proposal.unsettled:
            candidates = " or ".join(map(quote, proposal.unsettled[key]))
            yield f"{key}: {quote(UNSETTLED)}  # settle: {candidates or 'declare it'}"
        elif own != other:
            value = own if isinstance(own, int) else quote(own or "")
            yield f"{key}: [{value}]" if key == "date_formats" else f"{key}: {value}"
    if proposal.rows_quoted:
        yield "rows_quoted: true"
    if proposal.fixed_width:
        yield "fixed_width:  # guessed: check; first and last character of each column"
        for header, (first, last) in proposal.fixed_width.items():
            yield f"  {quote(header)}: [{first}, {last}]"
    if proposal.total_rows is not None:
        words = ", ".join(map(quote, proposal.total_rows.words))
        yield (
            f"total_rows: {{column: {quote(proposal.total_rows.column)}, words: [{words}]}}"
            "  # guessed: check"
        )


def _column_lines(proposal: Proposal, *, is_open: bool) -> Iterator[str]:
    yield "columns:"
    for column, header in proposal.columns.items():
        mark = "  # guessed: check" if is_open and column in proposal.guessed else ""
        yield f"  {column}: {quote(header)}{mark}"
    for column in proposal.missing if is_open else ():
        yield f"  {column}: {quote(UNSETTLED)}  {_REQUIRED}"
    header, parts = proposal.whose_id
    for column in parts if is_open else ():
        yield f"  {column}: {quote(UNSETTLED)}  # settle: {quote(header)}, or drop the line"
    unused = [h for h in proposal.headers if h not in proposal.columns.values()]
    if unused:
        yield f"# not mapped: {', '.join(map(one_line, unused))}"
    given = {*proposal.columns, *proposal.whose_id[1]}
    blank = [name for name in _key_of(proposal) if name not in given]
    if is_open and blank:
        yield f"# part of the key and left blank: {', '.join(blank)}"
    yield from _lookup_lines(proposal, is_open=is_open)
    units = {n: u for n, u in proposal.units.items() if is_open or u != UNSETTLED}
    if units:
        yield f"units: {_mapping(units)}" + (_unit_mark(units) if is_open else "")
    by, sums = proposal.aggregate
    if by:
        mark = (
            "  # guessed: these come up again, so rows are added up" if is_open else ""
        )
        listed = f"by: [{', '.join(by)}], sum: [{', '.join(sums)}]"
        yield f"aggregate: {{{listed}}}{mark}"
    if proposal.constants:
        yield "# No column says it, so it holds for every row:"
        mark = "  # assumed: check" if is_open else ""
        yield f"constants: {_mapping(proposal.constants)}{mark}"
    yield from _word_lines(proposal, is_open=is_open)


def _lookup_lines(proposal: Proposal, *, is_open: bool) -> Iterator[str]:
    if proposal.lookups:
        mark = "  # guessed: all codes of this file are in that one" if is_open else ""
        yield f"lookup:{mark}"
    for column, (file, local, key, take) in proposal.lookups.items():
        on = f"{{{quote(local)}: {quote(key)}}}"
        yield f"  {column}: {{file: {quote(file)}, on: {on}, take: {quote(take)}}}"


def _key_of(proposal: Proposal) -> list[str]:
    """Return the key's columns a file may fill and nothing else does."""
    key = CONTRACTS["files"][proposal.entity].key
    other = {*proposal.constants, *proposal.missing, "legal_entity"}
    return [name for name in key if name not in other]


def _word_lines(proposal: Proposal, *, is_open: bool) -> Iterator[str]:
    """Yield the words of closed lists, those nobody can place open."""
    words = {name: dict(known) for name, known in proposal.values.items()}
    if is_open:
        for name, unplaced in proposal.unplaced.items():
            words.setdefault(name, {}).update(dict.fromkeys(unplaced, UNSETTLED))
    if words:
        yield "values:"
    for name, known in words.items():
        mark = "  # guessed: check" if is_open else ""
        mark = "  # settle each ?" if UNSETTLED in known.values() else mark
        yield f"  {name}: {_mapping(known)}{mark}"


def _unit_mark(units: Mapping[str, str]) -> str:
    if UNSETTLED in units.values():
        return "  # settle: major (full units) or minor (cents)"
    return "  # guessed: check"


def _mapping(pairs: Mapping[str, str]) -> str:
    inner = ", ".join(f"{quote(key)}: {quote(value)}" for key, value in pairs.items())
    return f"{{{inner}}}"


def quote(text: str) -> str:
    """Return text as a YAML scalar; JSON's quoting is YAML's."""
    return json.dumps(text, ensure_ascii=False)


def one_line(text: str) -> str:
    """Return text without line ends, fit for a comment."""
    return " ".join(text.split())
