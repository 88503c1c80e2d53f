"""Bytes to text, in the declared encoding or not at all.

Belongs here: decoding in parts, what bytes are instead when they are no such text. Stays out:
rows and cells (`delimited`, `fixed`, `tabular`), words of a wrong encoding (`legacy`).
"""

from __future__ import annotations

import codecs
import io
import re
from typing import TYPE_CHECKING, BinaryIO, Final

from ingest.errors import ContractViolation
from ingest.sources.files.legacy import find_legacy

if TYPE_CHECKING:
    from collections.abc import Iterator

PART_BYTES: Final = 4 << 20
"""Bytes of one part, some ten thousand rows. Measured on 1 million ad rows: parts of 12 MiB
take 8 % more CPU (the memory is new each time) and half as much memory again."""

_SIGNATURES: Final = (
    (b"PK\x03\x04", "a zip archive or Excel workbook"),
    (b"PK\x05\x06", "an empty zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls)"),
    (b"\x1f\x8b", "gzip-compressed"),
    (b"BZh", "bzip2-compressed"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (b"Rar!", "a rar archive"),
    (b"\xfd7zXZ", "xz-compressed"),
    (b"\x28\xb5\x2f\xfd", "zstd-compressed"),
    (b"%PDF", "a PDF"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"SQLite format 3", "a SQLite database"),
    (b"{\\rtf", "a rich-text document"),
    (b"\x89PNG", "an image"),
    (b"\xff\xd8\xff", "an image"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90\x00", "a program"),
)
_DATABASE_MARK: Final = slice(8, 12)
_LONGEST_SIGNATURE: Final = 512
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_PAGE: Final = re.compile(rb"\s*<(!doctype\s+html|html|\?xml)", re.IGNORECASE)
_LOST: Final = re.compile("\ufffd")
_CONTROLS: Final = re.compile("[\u0080-\u009f\ufffd]")
_WIDE: Final = {"utf-16": 2, "utf-16-le": 2, "utf-16-be": 2, "utf-32": 4}


def decode_text(
    stream: BinaryIO, *, what: str, encoding: str, part_bytes: int = PART_BYTES
) -> Iterator[tuple[str, bool]]:
    """Yield (text, is the end) in parts, or say what the bytes are instead.

    Raises:
        ContractViolation: not text, not in the declared encoding, or in another one that
            the declared one cannot tell from its own.
    """
    name = codecs.lookup(encoding).name
    decoder = codecs.getincrementaldecoder(encoding)()
    block = stream.read(max(part_bytes, _LONGEST_SIGNATURE))
    _check_start(block, what=what, encoding=name)
    line, is_first, is_eight_bit = 1, True, not name.startswith("utf")
    while True:
        following = stream.read(part_bytes)
        if is_eight_bit:
            _check_not_utf8(block, what=what, encoding=encoding)
        try:
            text = decoder.decode(block, final=not following)
        except UnicodeDecodeError as error:
            line += error.object.count(b"\n", 0, error.start)
            message = (
                f"{what}:{line}: byte 0x{error.object[error.start]:02x} is not {encoding}; "
                f"{_hint(block)}"
            )
            raise ContractViolation(message) from None
        if is_first and text:
            text, is_first = text.removeprefix("\ufeff"), False
        if not text.isascii():
            _check_letters(text, line, what=what, encoding=encoding)
        line += text.count("\n")
        yield text, not following
        if not following:
            return
        block = following


def whole_lines(text: str, *, is_end: bool) -> list[str]:
    """Return the lines that are complete, their ends kept (any of CR, LF, CR LF)."""
    lines = list(io.StringIO(text, newline=""))
    if lines and not is_end and not lines[-1].endswith("\n"):
        lines.pop()  # even after a CR: the next part may begin with its LF
    return lines


def _check_start(start: bytes, *, what: str, encoding: str) -> None:
    """Refuse what is no text by its first bytes, or text of another encoding by its mark."""
    named = next((name for sign, name in _SIGNATURES if start.startswith(sign)), "")
    if start[_DATABASE_MARK] == b"DUCK":
        named = "a DuckDB database"
    if _PAGE.match(start):
        named = "a web page or XML (often the answer of a login page)"
    if named:
        message = f"{what}: is {named}, not text; drop it under its own ending"
        raise ContractViolation(message)
    declared = encoding.removesuffix("-sig")
    for mark, name in _MARKS:
        if start.startswith(mark):
            if not declared.startswith(name):
                message = (
                    f"{what}: is {name.upper()}, as its first bytes say; declare encoding: "
                    f"{name}"
                )
                raise ContractViolation(message)
            if declared != name and not _is_own_mark(mark, declared):
                message = (
                    f"{what}: its first bytes are not of {declared}; declare {name}"
                )
                raise ContractViolation(message)
            return
    if declared in ("utf-16", "utf-32") and start:
        message = (
            f"{what}: does not begin with the mark of {declared}, so the order of its bytes is "
            f"not known; declare {declared}-le or {declared}-be"
        )
        raise ContractViolation(message)


def _is_own_mark(mark: bytes, declared: str) -> bool:
    return "\ufeff".encode(declared) == mark


def _check_not_utf8(block: bytes, *, what: str, encoding: str) -> None:
    """Refuse UTF-8 declared as an eight-bit encoding, which would decode it to other letters."""
    if block.isascii():
        return
    try:
        codecs.getincrementaldecoder("utf-8")().decode(block)
    except UnicodeDecodeError:
        return
    message = (
        f"{what}: is declared as {encoding}, but is UTF-8; declare encoding: utf-8"
    )
    raise ContractViolation(message)


def _check_letters(text: str, line: int, *, what: str, encoding: str) -> None:
    """Refuse letters no text has, and words of a wrong encoding.

    A control letter in UTF-8 is of its cell, which is refused alone; in an eight-bit encoding
    it says that the encoding is another one.
    """
    legacy = find_legacy(text)
    if legacy is not None:
        message = f"{what}: its words are {legacy}"
        raise ContractViolation(message)
    is_unicode = codecs.lookup(encoding).name.startswith("utf")
    found = (_LOST if is_unicode else _CONTROLS).search(text)
    if found is not None:
        line += text.count("\n", 0, found.start())
        if found[0] == "\ufffd":
            message = f"{what}:{line}: holds U+FFFD, so letters were lost before it was dropped"
        else:
            message = (
                f"{what}:{line}: holds U+{ord(found[0]):04X}, which is no letter, so the text is "
                f"not {encoding}; declare the encoding it was written in (cp1252 and cp1258 have "
                "letters there)"
            )
        raise ContractViolation(message)


def _hint(block: bytes) -> str:
    """Return what bytes that could not be decoded may be instead; a person decides."""
    if b"\0" in block[:_LONGEST_SIGNATURE]:
        return "it holds NUL bytes as UTF-16 does; declare the encoding the file was written in"
    legacy = find_legacy(block.decode("latin-1").translate(_NO_CONTROLS))
    if legacy is not None:
        return f"its words look like {legacy}"
    return "declare the encoding the file was written in (cp1252, cp1258 …)"


_NO_CONTROLS: Final = dict.fromkeys(range(128, 160), " ")
