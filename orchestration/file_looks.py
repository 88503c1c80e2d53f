"""What a dropped file is, judged by its bytes: format, encoding, delimiter, header, rows.

Belongs here: looking, with the evidence for each finding. Stays out: what the file may feed
(`header_proposals`), what is printed (`cli.files_inspect`), reading
(`ingest.sources.files`). Where the bytes allow several readings all of them are kept: a
person chooses, nothing is guessed.
"""

from __future__ import annotations

import codecs
import csv
import re
import unicodedata
import zipfile
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

import openpyxl

from ingest.config_files import Dataset, TotalRows
from ingest.errors import IngestError
from ingest.sources.files.decode import decode_file, decode_parts
from ingest.sources.files.delimited import said_delimiter
from ingest.sources.files.discover import is_litter
from ingest.sources.files.mapping import TOTAL_WORD
from ingest.sources.files.workbook import merged_cells
from orchestration.file_shapes import (
    find_ruler,
    rows_of_header,
    second_header,
    unwrap_rows,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpyxl.workbook import Workbook

    from ingest.sources.files.table import RawTable

DELIMITERS: Final = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_DATA: Final = frozenset(
    f".{ending}"
    for ending in (
        *("csv", "tsv", "txt", "jsonl", "ndjson", "json", "xlsx", "xls", "xlsm"),
        *("parquet", "zip", "gz", "html"),
    )
)
"""Endings of what people mean as data, also those that have to be saved as something else."""
TEXT_ENDINGS: Final = (".csv", ".tsv", ".txt")
_START_BYTES: Final = 1 << 20
"""Text is looked at in its first megabyte; its rows are counted to the end."""
_WHOLE_BYTES: Final = 200 << 20
_HEAD_LINES: Final = 40
_HALF: Final = 0.5
_VIETNAMESE: Final = frozenset("ăâđêôơưĂÂĐÊÔƠƯ")
_MARKS: Final = frozenset("\u0300\u0301\u0303\u0309\u0323")
_BOMS: Final = (
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8 mark at the start"),
    (b"\xff\xfe", "utf-16", "UTF-16 mark at the start"),
    (b"\xfe\xff", "utf-16", "UTF-16 mark at the start"),
)
_SIGNATURES: Final = (
    (b"PAR1", "parquet", ""),
    (
        b"\xd0\xcf\x11\xe0",
        "old",
        "an old Excel file (.xls) or one behind a password; open it in Excel and save it as .xlsx",
    ),
    (b"SQLite format 3", "other", "an SQLite database; export its tables as csv"),
    (b"%PDF", "other", "a PDF; export the data behind it as csv or xlsx"),
    (b"\x1f\x8b", "gzip", ""),
)
_MARKUP: Final = (b"<html", b"<!doctype html", b"<table", b"<?xml")
_NAMES: Final = {
    "text": "text",
    "jsonl": "JSON Lines",
    "parquet": "Parquet",
    "xlsx": "Excel workbook",
    "zip": "zip archive",
    "gzip": "gzip archive",
}


@dataclass(frozen=True)
class Look:
    """One file as it is.

    `encodings`: every encoding its bytes allow, the likeliest first; more than one = a person
    has to say. `says_delimiter`: its first line is `sep=;`, which readers pass over.
    `skip_rows`: lines above the header. `header_rows`: lines it is spread over, as
    merged cells show; `hint`: what else may belong to it, and a person has to say.
    `rows_quoted`, `fixed_width`: as a dataset declares them, where every line shows it.
    `sheet`: which of its `sheets` are read, by name or pattern, () where it has one.
    `total_rows`: what its rows that add up others are known by. `table`: its first rows as
    text, None with `problem` saying why.
    `rows`: records below the header, of the whole file; `broken`: how many of them cannot be
    told into cells.
    """

    path: Path
    name: str
    kind: str
    evidence: tuple[str, ...] = ()
    encodings: tuple[str, ...] = ()
    delimiter: str = ","
    says_delimiter: bool = False
    skip_rows: int = 0
    header_rows: int = 1
    rows_quoted: bool = False
    fixed_width: dict[str, tuple[int, int]] = field(default_factory=dict)
    sheet: tuple[str, ...] = ()
    sheets: tuple[str, ...] = ()
    total_rows: TotalRows | None = None
    table: RawTable | None = None
    rows: int | None = None
    broken: int = 0
    hint: str = ""
    problem: str = ""

    @property
    def words(self) -> str:
        """Return what the file is in a few words: `text, semicolon between columns`."""
        said = [_NAMES.get(self.kind, self.kind)]
        if self.fixed_width:
            said.append("columns of fixed width")
        elif self.kind == "text" and self.table is not None:
            sign = DELIMITERS.get(self.delimiter, repr(self.delimiter))
            said.append(f"{sign} between columns")
        if self.rows_quoted:
            said.append("whole rows in quotes")
        if self.sheets:
            read = " and ".join(map(repr, self.sheet))
            said.append(f"sheet {read} of {', '.join(self.sheets)}")
        return ", ".join(said)

    @property
    def header_line(self) -> int:
        """Return the line of the header's first row, from 1."""
        return max(self.skip_rows, self.says_delimiter) + 1


def data_files(*places: Path) -> tuple[list[Path], list[Path]]:
    """Return the files somebody means as data, in folders and below, and those nobody does."""
    below = (
        [place, *place.rglob("*")] if place.is_dir() else [place] for place in places
    )
    found = sorted({one for each in below for one in each if one.is_file()})
    kept = [
        one for one in found if not is_litter(one.name) and one.suffix.lower() in _DATA
    ]
    return kept, [one for one in found if one not in kept]


def look_at(path: Path, *, zone: str, name: str = "") -> Look:
    """Return what a file is; a file nobody can read has a `problem` instead of a table."""
    called = name or path.name
    with path.open("rb") as handle:
        start = handle.read(_START_BYTES)
    kind, problem = _kind_of(start, path)
    if not start.strip():
        problem = "is empty, not even a header"
    if problem:
        return Look(path, called, kind, problem=problem)
    if kind in {"text", "jsonl"}:
        encodings, evidence = _encodings_of(start)
        look = Look(path, called, kind, evidence, encodings)
        if kind == "text":
            look = _with_shape(look, start)
    elif kind == "xlsx":
        look = _with_sheet(path, called)
    else:
        look = Look(path, called, kind)
    return look if look.problem else _read(look, start, zone)


def dataset_of(look: Look, *, zone: str) -> Dataset:
    """Return a dataset that reads the file as it was found to be, whatever it feeds."""
    return Dataset(
        entity="targets",
        name="look",
        files=(look.name,),
        mode="replace",
        encoding=look.encodings[0] if look.encodings else "utf-8-sig",
        delimiter=look.delimiter,
        skip_rows=look.skip_rows,
        header_rows=look.header_rows,
        rows_quoted=look.rows_quoted,
        fixed_width=look.fixed_width,
        sheet=look.sheet or None,
        total_rows=look.total_rows,
        timezone=zone,
    )


def _kind_of(start: bytes, path: Path) -> tuple[str, str]:
    """Return the format the bytes say, and why it cannot be read if it cannot."""
    for signature, kind, why in _SIGNATURES:
        if start.startswith(signature):
            return kind, f"is {why}" if why else ""
    if start.startswith(b"PK"):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except zipfile.BadZipFile:
            return "zip", "is a damaged zip archive; send it again"
        return ("xlsx" if "xl/workbook.xml" in names else "zip"), ""
    return _text_kind_of(start, path)


def _text_kind_of(start: bytes, path: Path) -> tuple[str, str]:
    plain = start.lstrip(b"\xef\xbb\xbf \t\r\n")
    if plain[:200].lower().startswith(_MARKUP):
        return (
            "other",
            "is a web page or XML, whatever its name says; open it in Excel and save it as .xlsx",
        )
    first = plain.split(b"\n", 1)[0].strip()
    if first.startswith(b"{") and first.endswith(b"}"):
        return "jsonl", ""
    if path.name.lower().endswith((".xlsx", ".parquet")):
        return "text", f"is named {path.suffix} but is plain text; name it .csv"
    return "text", ""


def _encodings_of(start: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the encodings some text allows, likeliest first, and what speaks for them."""
    for mark, encoding, why in _BOMS:
        if start.startswith(mark):
            return (encoding,), (why,)
    if b"\0" in start[:4096]:
        which = (
            "utf-16-le" if start[1::2].count(0) > start[::2].count(0) else "utf-16-be"
        )
        return (which,), ("every second byte is zero, as in UTF-16",)
    if start.isascii():
        return ("utf-8-sig",), ("plain letters only, the same in every encoding",)
    try:
        # A start that was cut off may end inside a letter, which is no error yet.
        codecs.getincrementaldecoder("utf-8")().decode(start)
    except UnicodeDecodeError:
        return _legacy_encodings(start)
    return ("utf-8-sig",), ("its accented letters are valid UTF-8",)


def _legacy_encodings(start: bytes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the single-byte encodings that read the text, those with Vietnamese first."""
    scored = []
    for encoding in ("cp1258", "cp1252"):
        try:
            text = start.decode(encoding)
        except UnicodeDecodeError:
            continue
        marks = sum(letter in _MARKS for letter in text)
        stray = sum(
            not letter.isprintable() and letter not in "\r\n\t" for letter in text
        )
        vietnamese = sum(letter in _VIETNAMESE for letter in text)
        scored.append((stray, -(marks + vietnamese), encoding, text))
    scored.sort()
    readings = [
        f"as {encoding}: {_strange_words(text)}" for _, _, encoding, text in scored
    ]
    evidence = ("not UTF-8; the same bytes read", *readings)
    return tuple(encoding for _, _, encoding, _ in scored) or ("latin-1",), evidence


def _strange_words(text: str) -> str:
    """Return the first words with letters beyond ASCII, which show a wrong encoding."""
    words = dict.fromkeys(
        word
        for word in re.findall(r"\S+", unicodedata.normalize("NFC", text))
        if not word.isascii()
    )
    return " · ".join(list(words)[:3])


def _with_shape(look: Look, start: bytes) -> Look:
    """Return the look with the delimiter and the line of the header."""
    text = start.decode(look.encodings[0], "replace").lstrip("\ufeff")
    whole = text.splitlines()
    if len(start) == _START_BYTES and len(whole) > 1:
        whole = whole[:-1]
    lines = whole[:_HEAD_LINES]
    said = said_delimiter(lines[0]) if lines else None
    if said is not None:
        return _with_said(look, lines, said)
    found = find_ruler(whole)
    if found is not None:
        skip, fields = found
        return replace(look, fixed_width=fields, skip_rows=skip)
    unwrapped = unwrap_rows(lines)
    if unwrapped is not None:
        look, lines = replace(look, rows_quoted=True), unwrapped
    best = max(
        DELIMITERS, key=lambda sign: _regularity([_cells(line, sign) for line in lines])
    )
    rows = [_cells(line, best) for line in lines]
    widths = [len(row) for row in rows if any(row)]
    width = max(set(widths), key=lambda w: (widths.count(w), w), default=1)
    skip = next(
        (n for n, row in enumerate(rows) if len(row) >= width and _is_header(row)), 0
    )
    return replace(
        look, delimiter=best, skip_rows=skip, hint=second_header(rows, skip, width)
    )


def _with_said(look: Look, lines: Sequence[str], said: str) -> Look:
    """Return the look of a text whose first line says what stands between its columns."""
    rows = [_cells(line, said) for line in lines]
    width = max(map(len, rows[1:]), default=1)
    skip = next(
        (
            n
            for n, row in enumerate(rows)
            if n and len(row) >= width and _is_header(row)
        ),
        1,
    )
    # Without lines between the two there is nothing to declare, and files without it load too.
    return replace(
        look, delimiter=said, says_delimiter=True, skip_rows=skip if skip > 1 else 0
    )


def _cells(line: str, delimiter: str) -> list[str]:
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _regularity(rows: Sequence[list[str]]) -> tuple[int, int]:
    """Return how many lines agree on a number of cells above one, and that number."""
    widths = [len(row) for row in rows if len(row) > 1]
    if not widths:
        return 0, 0
    width = max(set(widths), key=lambda w: (widths.count(w), w))
    return widths.count(width), width


def _is_header(cells: Sequence[object]) -> bool:
    """Tell whether a line can name columns: mostly filled, and words rather than numbers."""
    filled = [cell for cell in cells if cell not in (None, "")]
    words = [
        cell
        for cell in filled
        if isinstance(cell, str) and re.search(r"[^\W\d_]", cell) is not None
    ]
    return (
        bool(filled) and len(filled) > len(cells) * _HALF and len(words) == len(filled)
    )


def _with_sheet(path: Path, name: str) -> Look:
    """Return the look of a workbook: its first sheet with a table, and where that begins.

    Other sheets with the same header in the same place are read, too; different ones are told.
    """
    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return Look(path, name, "xlsx", problem="is a damaged workbook; save it again")
    tables: dict[str, tuple[range, Sequence[Sequence[object]]]] = {}
    try:
        sheets = tuple(sheet.title for sheet in book.worksheets)
        seen = [page for page in book.worksheets if page.sheet_state == "visible"]
        for sheet in seen or book.worksheets:
            sheet.reset_dimensions()
            rows = [
                list(row)
                for row in sheet.iter_rows(max_row=_HEAD_LINES, values_only=True)
            ]
            number = _header_place(rows)
            if number is not None:
                spans = _spans(path, book, sheet.title)
                above = rows_of_header(spans, rows, number)
                tables[sheet.title] = (
                    above,
                    [
                        row[: _last_filled(row)]
                        for row in rows[above.start : above.stop]
                    ],
                )
    finally:
        book.close()
    if not tables:
        problem = "has no sheet with a header row"
        return Look(path, name, "xlsx", sheets=sheets, problem=problem)
    first, *others = tables
    alike = [first, *(other for other in others if tables[other] == tables[first])]
    above, _ = tables[first]
    different = [other for other in others if other not in alike]
    return Look(
        path,
        name,
        "xlsx",
        skip_rows=above.start,
        header_rows=len(above),
        sheet=_name_sheets(alike, sheets) if len(sheets) > 1 else (),
        sheets=sheets if len(sheets) > 1 else (),
        hint=f"other tables stand on {', '.join(different)}: each is a dataset of its own"
        if different
        else "",
    )


def _header_place(rows: Sequence[Sequence[object]]) -> int | None:
    """Return the row (from 0) of a sheet that can name its columns, None = there is none."""
    width = max((len(_filled(row)) for row in rows), default=0)
    for number, row in enumerate(rows):
        is_wide = len(_filled(row)) > width * _HALF and width > 1
        if is_wide and _is_header(row[: _last_filled(row)]):
            return number
    return None


def _name_sheets(chosen: Sequence[str], sheets: Sequence[str]) -> tuple[str, ...]:
    """Return what names some sheets: a pattern if they differ by a number, next month's too."""
    patterns = {re.sub(r"\d+([_.-]\d+)*", "*", name) for name in chosen}
    if len(chosen) == 1 or len(patterns) > 1:
        return tuple(chosen)
    (pattern,) = patterns
    matched = [name for name in sheets if fnmatchcase(name, pattern)]
    return (pattern,) if matched == list(chosen) and pattern != "*" else tuple(chosen)


def _spans(path: Path, book: Workbook, sheet: str) -> list[tuple[int, int, int, int]]:
    with path.open("rb") as content:
        return merged_cells(content, book, sheet)


def _filled(row: Sequence[object]) -> list[object]:
    return [cell for cell in row if cell not in (None, "")]


def _last_filled(row: Sequence[object]) -> int:
    return max(
        (n for n, cell in enumerate(row, 1) if cell not in (None, "")), default=0
    )


def _read(look: Look, start: bytes, zone: str) -> Look:
    """Return the look with the first rows and the number of all of them."""
    dataset = dataset_of(look, zone=zone)
    # Readers go by the name's ending; a name without one is read as what the bytes are.
    name = look.name
    if look.kind == "text" and not name.lower().endswith(TEXT_ENDINGS):
        return _failed(
            look,
            f"is text, but named {look.path.suffix or 'without an ending'}; name it .csv",
        )
    if look.kind not in {"text", "jsonl"} and look.path.stat().st_size > _WHOLE_BYTES:
        return _failed(look, "is too large to be looked at; declare it by hand")
    try:
        if look.kind in {"text", "jsonl"} and len(start) == _START_BYTES:
            start = start[: start.rfind(b"\n") + 1]
            table = decode_file(start, dataset, name=name)
        else:
            table = decode_file(look.path.read_bytes(), dataset, name=name)
        rows, broken = 0, 0
        total_rows = _total_rows(table)
        with look.path.open("rb") as stream:
            for part in decode_parts(stream, dataset, name=name):
                read = part.read()
                rows += len(read.lines) + len(read.broken)
                broken += len(read.broken)
                total_rows = total_rows or _total_rows(read)
    except IngestError as error:
        return _failed(look, str(error).removeprefix(f"{name}:").strip())
    if total_rows is not None and look.total_rows is None:
        return _read(replace(look, total_rows=total_rows), start, zone)
    return replace(look, table=table, rows=rows, broken=broken)


def _total_rows(table: RawTable) -> TotalRows | None:
    """Return what rows that add up others are known by: the first column that says so."""
    for header in table.headers:
        said = dict.fromkeys(
            word
            for word in table.column(header).unique().to_pylist()
            if word and TOTAL_WORD.fullmatch(word)
        )
        if said:
            return TotalRows(column=header, words=tuple(said))
    return None


def _failed(look: Look, why: str) -> Look:
    return replace(look, table=None, problem=why)
