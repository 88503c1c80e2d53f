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
_REQUIRED: Final = "a header, or move it to constants or lookup"


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
            lines = list(_body_lines(member))
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


def open_points(proposals: Sequence[Proposal]) -> Iterator[tuple[str, str]]:
    """Yield what a person has to settle: the file, and the question."""
    for one in proposals:
        yield from ((one.file, text) for text in open_points_of(one))
    for entity in dict.fromkeys(one.entity for one in proposals):
        members = [one for one in proposals if one.entity == entity]
        kept = first_of_each(members)
        others = [one.file for one in members if one not in kept]
        if others:
            text = (
                f"also feed{'s' if len(others) == 1 else ''} {entity}. If they tell of the "
                "same at another level, taking both counts it twice; they stand behind #"
            )
            yield ", ".join(others), text


def open_points_of(proposal: Proposal) -> Iterator[str]:
    """Yield what a person has to decide about one file."""
    for name in proposal.missing:
        near = proposal.near_lookups.get(name)
        more = f"; perhaps {near.lookup[3]!r} of {near.lookup[0]}" if near else ""
        yield f"which header is {name} ({_meaning(proposal, name)})? It is required{more}"
    header, parts = proposal.whose_id
    if header:
        yield f"whose id does {header!r} hold: {' or '.join(parts)}? Name one, drop the rest"
    for key, candidates in proposal.unsettled.items():
        choice = " or ".join(candidates) or "none of the usual ones fits; see README.md"
        if key == "encoding":
            yield f"encoding: {choice}; take the one whose words are right"
        else:
            example = f"{proposal.shown[key]}? " if key in proposal.shown else ""
            yield f"{example}{key}: {choice}"
    yield from proposal.questions


def _meaning(proposal: Proposal, column: str) -> str:
    """Return what a column holds, in the words of the contract."""
    known = CONTRACTS["files"][proposal.entity].column(column)
    words = f", one of {', '.join(known.values)}" if known.values else ""
    return one_line(known.doc.removesuffix(".") + words)


def _body_lines(proposal: Proposal) -> Iterator[str]:
    yield f"files: {quote(proposal.file)}"
    yield from _format_lines(proposal)
    if proposal.version_column:
        mark = "# guessed: of several lines of one key the newest counts"
        yield f"version_column: {quote(proposal.version_column)}  {mark}"
    yield from _column_lines(proposal)


def _format_lines(proposal: Proposal) -> Iterator[str]:
    """Yield what this dataset declares otherwise than a source that says nothing."""
    if proposal.mode:
        yield f"mode: {proposal.mode}"
    if proposal.sheet:
        words = ", ".join(map(quote, proposal.sheet))
        yield f"sheet: {words}" if len(proposal.sheet) == 1 else f"sheet: [{words}]"
    declared = {
        "encoding": (proposal.encoding, _PLAIN.encoding),
        "delimiter": (proposal.delimiter, _PLAIN.delimiter),
        "skip_rows": (proposal.skip_rows, _PLAIN.skip_rows),
        "header_rows": (proposal.header_rows, _PLAIN.header_rows),
        "date_formats": (proposal.date_format, _PLAIN.date_format),
        "number_format": (proposal.number_format, _PLAIN.number_format),
    }
    for key, (own, other) in declared.items():
        if key in proposal.unsettled:
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


def _column_lines(proposal: Proposal) -> Iterator[str]:
    used = {*proposal.columns.values(), proposal.version_column}
    unused = [h for h in proposal.headers if h not in used]
    # A file with no header left can only be told it for all its rows.
    for_all = [n for n in proposal.missing if not unused and not n.endswith("_id")]
    yield "columns:"
    for column, header in proposal.columns.items():
        mark = "  # guessed: check" if column in proposal.guessed else ""
        yield f"  {column}: {quote(header)}{mark}"
    for column in proposal.missing:
        if column not in for_all:
            said = f"required, {_meaning(proposal, column)}; {_REQUIRED}"
            yield f"  {column}: {quote(UNSETTLED)}  # settle: {said}"
    header, parts = proposal.whose_id
    for column in parts:
        yield f"  {column}: {quote(UNSETTLED)}  # settle: {quote(header)}, or drop the line"
    if unused:
        yield f"# not mapped: {', '.join(map(one_line, unused))}"
    given = {*proposal.columns, *proposal.whose_id[1]}
    blank = [name for name in _key_of(proposal) if name not in given]
    if blank:
        yield f"# part of the key and left blank: {', '.join(blank)}"
    yield from _lookup_lines(proposal)
    yield from _near_lookup_lines(proposal)
    if proposal.units:
        yield f"units: {_mapping(proposal.units)}{_unit_mark(proposal.units)}"
    by, sums = proposal.aggregate
    if by:
        listed = f"by: [{', '.join(by)}], sum: [{', '.join(sums)}]"
        yield (
            f"aggregate: {{{listed}}}"
            "  # guessed: these come up again, so rows are added up"
        )
    constants = {**proposal.constants, **dict.fromkeys(for_all, UNSETTLED)}
    if constants:
        yield "# No column says it, so it holds for every row:"
        told = "; ".join(f"{name}: {_meaning(proposal, name)}" for name in for_all)
        marks = [f"settle each ? ({told})"] if told else []
        marks += ["assumed: check"] if proposal.constants else []
        yield f"constants: {_mapping(constants)}  # {'; '.join(marks)}"
    yield from _word_lines(proposal)


def _lookup_lines(proposal: Proposal) -> Iterator[str]:
    if proposal.lookups:
        yield "lookup:  # guessed: all codes of this file are in that one"
    for column, lookup in proposal.lookups.items():
        yield f"  {column}: {_lookup(lookup)}"


def _near_lookup_lines(proposal: Proposal) -> Iterator[str]:
    """Yield lookups that lack a few codes, as comments: whether they fit a person says."""
    for number, (column, near) in enumerate(proposal.near_lookups.items()):
        if not number:
            yield "# The other file lacks some codes; if it is the right one, take it for the ?:"
            yield "# lookup:"
        yield f"#   {column}: {_lookup(near.lookup)}  # {near.held} of {near.codes} codes"


def _lookup(lookup: tuple[str, str, str, str]) -> str:
    file, local, key, take = lookup
    on = f"{{{quote(local)}: {quote(key)}}}"
    return f"{{file: {quote(file)}, on: {on}, take: {quote(take)}}}"


def _key_of(proposal: Proposal) -> list[str]:
    """Return the key's columns a file may fill and nothing else does."""
    key = CONTRACTS["files"][proposal.entity].key
    other = {*proposal.constants, *proposal.missing, "legal_entity"}
    return [name for name in key if name not in other]


def _word_lines(proposal: Proposal) -> Iterator[str]:
    """Yield the words of closed lists, those nobody can place open."""
    words = {name: dict(known) for name, known in proposal.values.items()}
    for name, unplaced in proposal.unplaced.items():
        words.setdefault(name, {}).update(dict.fromkeys(unplaced, UNSETTLED))
    if words:
        yield "values:"
    for name, known in words.items():
        is_open = UNSETTLED in known.values()
        mark = "settle each ?" if is_open else "guessed: check"
        yield f"  {name}: {_mapping(known)}  # {mark}"


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
