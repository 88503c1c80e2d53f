"""Damaged and foreign files as people send them, each with exactly what must come of it.

Belongs here: the bytes (made on the spot, always the same), how the file is declared, what
lands, what is quarantined where and why, or the refusal. Stays out: running them
(`test_corpus`), spellings of numbers and dates (`spellings`), formats that are no text.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field
from typing import Any

HEAD = "month,cost_type,channel,amount,currency\n"
GOOD = "2026-10-01,tool,Facebook,1,USD\n"
PEOPLE = [
    "Nguyễn Văn An",
    "Trần Thị Bích Ngọc",
    "Công ty Cổ phần Hà Nội",
    "Đặng Hữu Phước",
]

TCVN3 = str.maketrans("ễăầịíọôổàộặướđĐữ", "Ô¨ÇÞÝä«æµéÆ­í®§÷")
VNI = {
    "ễ": "eã",
    "ă": "aê",
    "ầ": "aà",
    "ị": "ò",
    "ọ": "oï",
    "ô": "oâ",
    "ổ": "oå",
    "à": "aø",
    "ộ": "oä",
    "ặ": "aë",
    "ư": "ö",
    "ướ": "öôù",
    "Đ": "Ñ",
    "ữ": "öõ",
}


def windows_1258(text: str) -> bytes:
    """Windows-1258 has letters with one mark and the tones as marks of their own."""
    out = b""
    for letter in unicodedata.normalize("NFC", text):
        try:
            out += letter.encode("cp1258")
        except UnicodeEncodeError:
            parts = unicodedata.normalize("NFD", letter)
            tones = "".join(
                part for part in parts if part in "\u0300\u0301\u0303\u0309\u0323"
            )
            base = "".join(part for part in parts if part not in tones)
            out += (unicodedata.normalize("NFC", base) + tones).encode("cp1258")
    return out


def twice(text: str) -> bytes:
    """UTF-8 read as Windows-1252 and written as UTF-8 again."""
    return "".join(
        chr(byte)
        if byte in (0x81, 0x8D, 0x8F, 0x90, 0x9D)
        else bytes([byte]).decode("cp1252")
        for byte in text.encode()
    ).encode()


def by_vni(text: str) -> str:
    for letter, written in sorted(VNI.items(), key=lambda item: -len(item[0])):
        text = text.replace(letter, written)
    return text


@dataclass(frozen=True)
class Case:
    """One file.

    `channels`: line -> the text that lands in `channel` (None: it lands NULL or '').
    `refused`: (line, part of the reason). `absorbed`: rows that are no record of their own.
    `message`: part of the refusal of the whole file, '' where it lands.
    """

    name: str
    content: bytes
    declared: dict[str, Any] = field(default_factory=dict)
    channels: dict[int, str] = field(default_factory=dict)
    refused: tuple[tuple[int, str], ...] = ()
    absorbed: dict[str, int] = field(default_factory=dict)
    message: str = ""


def table(people: list[str], end: str = "\n") -> str:
    lines = [HEAD.strip()]
    lines += [
        f"2026-{month:02}-01,tool,{name},1.5,USD"
        for month, name in enumerate(people, start=1)
    ]
    return end.join(lines) + end


ALL = dict(enumerate(PEOPLE, start=2))
LATIN = ["Café Müller", "São João", "Æro & Søn", "Zoë’s “Bar” – 5 €"]
TEXT = table(PEOPLE)

ENCODINGS = [
    Case("utf-8", TEXT.encode(), {"encoding": "utf-8"}, ALL),
    Case("utf-8 by default", TEXT.encode(), {}, ALL),
    Case("utf-8 with a mark", TEXT.encode("utf-8-sig"), {"encoding": "utf-8"}, ALL),
    Case("utf-8 decomposed", unicodedata.normalize("NFD", TEXT).encode(), {}, ALL),
    Case(
        "utf-16 little endian",
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        {"encoding": "utf-16"},
        ALL,
    ),
    Case(
        "utf-16 big endian",
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        {"encoding": "utf-16"},
        ALL,
    ),
    Case(
        "utf-16-le without mark",
        TEXT.encode("utf-16-le"),
        {"encoding": "utf-16-le"},
        ALL,
    ),
    Case("windows-1258", windows_1258(TEXT), {"encoding": "cp1258"}, ALL),
    Case(
        "windows-1252",
        table(LATIN).encode("cp1252"),
        {"encoding": "cp1252"},
        dict(enumerate(LATIN, start=2)),
    ),
    Case(
        "latin-1",
        table(LATIN[:3]).encode("latin-1"),
        {"encoding": "latin-1"},
        dict(enumerate(LATIN[:3], start=2)),
    ),
    Case(
        "utf-16 not declared",
        b"\xff\xfe" + TEXT.encode("utf-16-le"),
        message="is UTF-16, as its first bytes say; declare encoding: utf-16",
    ),
    Case(
        "utf-16 without mark, not declared",
        TEXT.encode("utf-16-le"),
        message="as UTF-16 does",
    ),
    Case(
        "utf-16 without mark, order not declared",
        TEXT.encode("utf-16-le"),
        {"encoding": "utf-16"},
        message="declare utf-16-le or utf-16-be",
    ),
    Case(
        "utf-16 of the other order",
        b"\xfe\xff" + TEXT.encode("utf-16-be"),
        {"encoding": "utf-16-le"},
        message="its first bytes are not of utf-16-le",
    ),
    Case(
        "windows-1258 as utf-8", windows_1258(TEXT), message="declare encoding: cp1258"
    ),
    Case(
        "windows-1258 as windows-1252",
        windows_1258(TEXT),
        {"encoding": "cp1252"},
        message="windows-1258; declare encoding: cp1258",
    ),
    Case(
        "windows-1252 as utf-8",
        table(LATIN).encode("cp1252"),
        message="is not utf-8-sig; declare the encoding",
    ),
    Case(
        "windows-1252 as latin-1",
        table(LATIN).encode("cp1252"),
        {"encoding": "latin-1"},
        message="is no letter, so the text is not latin-1",
    ),
    Case(
        "utf-8 as windows-1252",
        TEXT.encode(),
        {"encoding": "cp1252"},
        message="but is UTF-8",
    ),
    Case(
        "utf-8 as windows-1258",
        TEXT.encode(),
        {"encoding": "cp1258"},
        message="but is UTF-8",
    ),
    Case(
        "utf-8 as latin-1",
        TEXT.encode(),
        {"encoding": "latin-1"},
        message="but is UTF-8",
    ),
    Case(
        "TCVN3 as windows-1252",
        TEXT.translate(TCVN3).encode("latin-1"),
        {"encoding": "cp1252"},
        message="TCVN3 (ABC)",
    ),
    Case(
        "TCVN3 as latin-1",
        TEXT.translate(TCVN3).encode("latin-1"),
        {"encoding": "latin-1"},
        message="TCVN3 (ABC)",
    ),
    Case(
        "TCVN3 as utf-8", TEXT.translate(TCVN3).encode("latin-1"), message="TCVN3 (ABC)"
    ),
    Case(
        "TCVN3 letters in utf-8", TEXT.translate(TCVN3).encode(), message="TCVN3 (ABC)"
    ),
    Case(
        "VNI as windows-1252",
        by_vni(TEXT).encode("cp1252"),
        {"encoding": "cp1252"},
        message="VNI",
    ),
    Case("VNI letters in utf-8", by_vni(TEXT).encode(), message="VNI"),
    Case("utf-8 decoded twice", twice(TEXT), message="once read as Windows-1252"),
    Case(
        "one name decoded twice",
        (TEXT + "2026-05-01,tool,").encode() + twice("Phạm Đức") + b",1,USD\n",
        {},
        ALL,
        ((6, "once read as Windows-1252"),),
    ),
    Case(
        "one name in TCVN3",
        (TEXT + "2026-05-01,tool,C«ng ty Hµ Néi,1,USD\n").encode(),
        {},
        ALL,
        ((6, "TCVN3"),),
    ),
    Case(
        "letters lost before",
        TEXT.replace("ễ", "\ufffd").encode(),
        message="holds U+FFFD",
    ),
    Case(
        "a control letter",
        TEXT.replace("ễ", "\x94").encode(),
        {},
        {line: name for line, name in ALL.items() if line > 2},
        ((2, "holds U+0094"),),
    ),
]

DAMAGES = [
    Case(
        "quotes and line breaks in a cell",
        (
            HEAD
            + '2026-10-01,tool,"a ""b"", c\nd",1,USD\n'
            + GOOD.replace("10-01", "11-01")
        ).encode(),
        {},
        {2: 'a "b", c\nd', 4: "Facebook"},
    ),
    Case(
        "line ends of three kinds",
        (
            HEAD.replace("\n", "\r\n")
            + GOOD
            + GOOD.replace("10-01", "11-01").replace("\n", "\r")
            + GOOD.replace("10-01", "12-01")
        ).encode(),
        {},
        {2: "Facebook", 3: "Facebook", 4: "Facebook"},
    ),
    Case(
        "carriage returns only",
        (HEAD + GOOD).replace("\n", "\r").encode(),
        {},
        {2: "Facebook"},
    ),
    Case(
        "ragged rows",
        (HEAD + GOOD + "2026-11-01,tool,x\n2026-12-01,tool,a,b,2,USD\n").encode(),
        {},
        {2: "Facebook"},
        (
            (3, "has 3 cells where the header has 5"),
            (4, "has 6 cells where the header has 5"),
        ),
    ),
    Case(
        "ragged rows above the declared share",
        (HEAD + GOOD + "2026-11-01,tool,x\n2026-12-01,tool,a,b,2,USD\n").encode(),
        {"max_quarantine_share": 0.5},
        message="2 of 3 rows cannot be typed, more than the 50% allowed",
    ),
    Case(
        "a first line for Excel",
        ("sep=;\n" + (HEAD + GOOD).replace(",", ";") + "2026-11-01;tool\n").encode(),
        {"delimiter": ";"},
        {3: "Facebook"},
        ((4, "has 2 cells where the header has 5"),),
    ),
    Case(
        "a first line for Excel of another delimiter",
        ("sep=;\n" + HEAD + GOOD).encode(),
        message="c.csv:1: says that ';' stands between its columns",
    ),
    Case(
        "the header said again",
        (HEAD + GOOD + HEAD + GOOD.replace("10-01", "11-01")).encode(),
        {},
        {2: "Facebook", 4: "Facebook"},
        absorbed={"repeated header": 1},
    ),
    Case(
        "columns without a name at the end",
        (
            HEAD.strip()
            + ",,\n"
            + GOOD.strip()
            + ",,\n"
            + GOOD.strip().replace("10-01", "11-01")
            + "\n"
            + GOOD.strip().replace("10-01", "12-01")
            + ",note,\n"
        ).encode(),
        {},
        {2: "Facebook", 3: "Facebook"},
        ((4, "has text in column 6"),),
    ),
    Case(
        "a column without a name in between",
        HEAD.replace("channel", "").encode(),
        message="column 3 has no name",
    ),
    Case(
        "a header twice",
        HEAD.replace("channel", "month").encode(),
        message="header 'month' occurs twice",
    ),
    Case(
        "a header in another case",
        (HEAD.replace("amount", "Amount") + GOOD).encode(),
        message="has no header 'amount', which is required; did you mean 'Amount'?",
    ),
    Case(
        "totals that are right",
        (
            HEAD
            + "2026-01-01,tool,a,1.5,USD\n2026-02-01,tool,b,2,USD\nTổng cộng,,,3.50,\n"
            "2026-03-01,tool,c,4,USD\nTOTAL,,,7.5,\n"
        ).encode(),
        {"total_rows": {"column": "month", "words": ["Tổng cộng", "Total"]}},
        {2: "a", 3: "b", 5: "c"},
        absorbed={"total row": 2},
    ),
    Case(
        "totals of each part",
        (
            HEAD
            + "2026-01-01,tool,a,1.5,USD\nTotal,,,1.5,\n2026-03-01,tool,c,4,USD\nTotal,,,4,\n"
        ).encode(),
        {"total_rows": {"column": "month", "words": "Total"}},
        {2: "a", 4: "c"},
        absorbed={"total row": 2},
    ),
    Case(
        "a total that is wrong",
        (
            HEAD + "2026-01-01,tool,a,1.5,USD\n2026-02-01,tool,b,2,USD\nTotal,,,4,\n"
        ).encode(),
        {"total_rows": {"column": "month", "words": "Total"}},
        message="c.csv:4: the total of amount is 4, but its rows add up to 3.5",
    ),
    Case(
        "a total above a row in quarantine",
        (
            HEAD + "2026-01-01,tool,a,1.5,USD\n2026-02-01,tool,b,x,USD\nTotal,,,4,\n"
        ).encode(),
        {"total_rows": {"column": "month", "words": "Total"}},
        {2: "a"},
        ((3, "is not a number"),),
        {"total row": 1},
    ),
    Case(
        "a broken row below a wrong total does not excuse it",
        (HEAD + "2026-01-01,tool,a,1.5,USD\nTotal,,,4,\n2026-02-01,tool\n").encode(),
        {"total_rows": {"column": "month", "words": "Total"}},
        message="c.csv:3: the total of amount is 4, but its rows add up to 1.5",
    ),
    Case(
        "a total not declared",
        (HEAD + GOOD + "Total,,,1,\n").encode(),
        {},
        {2: "Facebook"},
        ((3, "is not a date"),),
    ),
    Case(
        "rows wrapped in quotes, declared",
        (
            b'"month,cost_type,channel,amount,currency"\n"2026-10-01,tool,""a, b"",1,USD"\n'
            b"2026-11-01,tool,c,1,USD\n"
        ),
        {"rows_quoted": True},
        {2: "a, b", 3: "c"},
    ),
    Case(
        "rows wrapped in quotes, not declared",
        b'"month,cost_type,channel,amount,currency"\n"2026-10-01,tool,a,1,USD"\n',
        message="declare rows_quoted: true",
    ),
    Case(
        "one row wrapped in quotes",
        (HEAD + GOOD + '"2026-11-01,tool,""a, b"",1,USD"\n').encode(),
        {},
        {2: "Facebook"},
        ((3, "is wrapped whole in quotes; declare rows_quoted: true"),),
    ),
    Case(
        "text behind a quote",
        (HEAD + GOOD + '2026-11-01,tool,"a"b,1,USD\n').encode(),
        {},
        {2: "Facebook"},
        ((3, "has text after a closing quote"),),
    ),
    Case(
        "a quote never closed",
        (HEAD + GOOD + '2026-11-01,tool,"a,1,USD\n' + GOOD).encode(),
        message="c.csv:3: a quote opened here is not closed properly",
    ),
    Case(
        "a NUL",
        (HEAD + GOOD + "2026-11-01,tool,a\0b,1,USD\n").encode(),
        {},
        {2: "Facebook"},
        ((3, "holds a NUL character"),),
    ),
    Case(
        "cut in the middle of a row",
        (HEAD + GOOD + "2026-11-01,tool,a,1").encode(),
        message="c.csv:3: the file ends in the middle of a row",
    ),
    Case(
        "cut in the middle of a quote",
        (HEAD + GOOD + '2026-11-01,tool,"a').encode(),
        message="c.csv:3: a quote opened here is not closed properly",
    ),
    Case(
        "without an end of the last line",
        (HEAD + GOOD).strip().encode(),
        {},
        {2: "Facebook"},
    ),
    Case(
        "rows of blanks",
        (HEAD + ",,,,\n\n" + GOOD + " ,\u00a0,,,\n").encode(),
        {},
        {4: "Facebook"},
    ),
    Case(
        "a title above",
        ("Chi phí tháng 10\n\n" + HEAD + GOOD).encode(),
        {"skip_rows": 2},
        {4: "Facebook"},
    ),
    Case(
        "a header over two rows",
        b"thang,loai,,so tien,\n,,kenh,,tien te\n2026-10-01,tool,x,1,USD\n",
        {
            "header_rows": 2,
            "columns": {
                "month": "thang",
                "cost_type": "loai",
                "channel": "kenh",
                "amount": "so tien",
                "currency": "tien te",
            },
        },
        {3: "x"},
    ),
    Case("an empty file", b"", message="is empty, not even a header"),
    Case("blank lines only", b"\n \n\n", message="is empty, not even a header"),
    Case("a header only", HEAD.encode(), message="has a header but no rows"),
    Case("a header only, allowed", HEAD.encode(), {"allow_empty": True}),
    Case(
        "only a total",
        (HEAD + "Total,,,0,\n").encode(),
        {"total_rows": {"column": "month", "words": "Total"}},
        message="has a header but no rows",
    ),
    Case(
        "tabs",
        (HEAD + GOOD).replace(",", "\t").encode(),
        {"delimiter": "tab"},
        {2: "Facebook"},
    ),
    Case(
        "pipes",
        (HEAD + GOOD).replace(",", "|").encode(),
        {"delimiter": "|"},
        {2: "Facebook"},
    ),
    Case(
        "semicolons",
        (HEAD + GOOD).replace(",", ";").encode(),
        {"delimiter": ";"},
        {2: "Facebook"},
    ),
    Case(
        "a delimiter of two bytes",
        (HEAD + GOOD).replace(",", "¦").encode(),
        {"delimiter": "¦"},
        {2: "Facebook"},
    ),
    Case(
        "the wrong delimiter",
        (HEAD + GOOD).replace(",", ";").encode(),
        message="required: its header is one column, 'month;cost_type;channel;amount;currency'; "
        "declare delimiter: ';'",
    ),
    Case(
        "columns of fixed width",
        "20261001tool  Hà Nội    12.50USD\r\n20261101tool  Đà Nẵng  -13.00USD\r\n".encode(),
        {
            "date_formats": "%Y%m%d",
            "fixed_width": {
                "month": [1, 8],
                "cost_type": [9, 14],
                "channel": [15, 23],
                "amount": [24, 29],
                "currency": [30, 32],
            },
        },
        {1: "Hà Nội", 2: "Đà Nẵng"},
    ),
    Case(
        "fixed width, lines that do not fit",
        b"20261001toolx 12.50USD\n20261101tool\ty 12.50USD\n20261201toolz 12.50USD more\n"
        b"20270101toolz 12.50USD",
        {
            "date_formats": "%Y%m%d",
            "fixed_width": {
                "month": [1, 8],
                "cost_type": [9, 12],
                "channel": [13, 13],
                "amount": [14, 19],
                "currency": [20, 22],
            },
        },
        {1: "x", 4: "z"},
        ((2, "holds a tabulator"), (3, "outside the declared columns")),
    ),
    Case(
        "fixed width, cut",
        b"20261001toolx 12.50USD\n20261101tooly 12.5",
        {
            "date_formats": "%Y%m%d",
            "fixed_width": {
                "month": [1, 8],
                "cost_type": [9, 12],
                "channel": [13, 13],
                "amount": [14, 19],
                "currency": [20, 22],
            },
        },
        message="c.csv:2: the file ends in the middle of a row",
    ),
    Case(
        "missing words apart from real ones",
        (
            HEAD
            + "2026-01-01,tool,N/A,1,USD\n2026-02-01,tool,unknown,1,USD\n2026-03-01,tool,-,1,USD\n"
            "2026-04-01,tool,0,1,USD\n2026-05-01,tool,,1,USD\n2026-06-01,tool,n/a,1,USD\n"
        ).encode(),
        {"nulls": {"channel": ["N/A", "-"]}},
        {2: "", 3: "unknown", 4: "", 5: "0", 6: "", 7: "n/a"},
    ),
    Case(
        "SQL and Jinja are words",
        (
            HEAD + '2026-01-01,tool,"\'; drop table x; --",1,USD\n'
            "2026-02-01,tool,{{ env_var('HOME') }},1,USD\n2026-03-01,tool,${HOME} $(id),1,USD\n"
            "2026-04-01,tool,=1+1,1,USD\n"
        ).encode(),
        {},
        {
            2: "'; drop table x; --",
            3: "{{ env_var('HOME') }}",
            4: "${HOME} $(id)",
            5: "=1+1",
        },
    ),
    Case(
        "ids a spreadsheet rounded",
        b"month,cost_type,product_id,amount,currency\n2026-01-01,tool,0012,1,USD\n"
        b"2026-01-01,tool,1.23E+15,1,USD\n",
        {},
        {2: ""},
        ((3, "rounded number"),),
    ),
    Case(
        "a spreadsheet's error is no word",
        (HEAD + GOOD + "2026-11-01,tool,#N/A,1,USD\n").encode(),
        {},
        {2: "Facebook"},
        ((3, "is the error of a formula"),),
    ),
]
