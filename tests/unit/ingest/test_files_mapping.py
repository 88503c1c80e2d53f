"""Headers to contract columns: nothing guessed, nothing mapped by accident."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ingest.config_files import Dataset
from ingest.errors import ContractViolation
from ingest.sources.files.decode import decode_file
from ingest.sources.files.mapping import FileMapping, LookupTables, MappedTable
from ingest.sources.protocol import Unreadable

DEALS = {"opportunity_id": "ID", "stage": "S", "status": "S", "created_at": "At"}


def dataset(entity: str = "opportunities", **options: object) -> Dataset:
    given = {
        "entity": entity,
        "name": entity,
        "files": "f.csv",
        "mode": "upsert",
        "timezone": "Asia/Ho_Chi_Minh",
        **options,
    }
    return Dataset.model_validate(given)


def mapped(text: str, rules: Dataset, **lookups: str) -> MappedTable:
    tables = {
        (f"{name}.csv", None): decode_file(content.encode(), rules, name=f"{name}.csv")
        for name, content in lookups.items()
    }
    table = decode_file(text.encode(), rules, name="f.csv")
    mapping = FileMapping(
        table.headers,
        rules,
        what="f.csv",
        lookups=LookupTables(tables),
        is_native=table.is_native,
    )
    return mapping.map(table)


def refusal(text: str, rules: Dataset, **lookups: str) -> str:
    with pytest.raises(ContractViolation) as caught:
        mapped(text, rules, **lookups)
    return str(caught.value)


def test_canonical_headers_need_no_mapping() -> None:
    result = mapped("product_name,product_id,other\nTên,P1,x\n", dataset("products"))

    assert result.columns == {"product_id": ["P1"], "product_name": ["Tên"]}
    assert result.unused_headers == {"other"}


def test_headers_are_compared_composed_and_trimmed() -> None:
    rules = dataset("products", columns={"product_id": "Mã", "product_name": "Tên "})

    result = mapped("Ma\u0303,\u00a0Te\u0302n\nP1,A\u0301\n", rules)

    assert result.columns == {"product_id": ["P1"], "product_name": ["Á"]}


def test_one_of_several_spellings_of_a_header() -> None:
    rules = dataset(
        "products", columns={"product_id": ["Code", "Mã"], "product_name": "N"}
    )

    assert mapped("Mã,N\nP1,x\n", rules).columns["product_id"] == ["P1"]
    assert refusal("Mã,Code,N\nP1,P2,x\n", rules) == (
        "f.csv: has both 'Code' and 'Mã' for product_id"
    )


def test_a_missing_header_names_the_nearest_one() -> None:
    rules = dataset(
        "products", columns={"product_id": "Product", "product_name": "Name"}
    )

    assert refusal("Produkt,Name\nP1,x\n", rules) == (
        "f.csv: has no header 'Product' (for product_id); did you mean 'Produkt'?"
    )
    assert refusal("product_id,product_nam\nP1,x\n", dataset("products")) == (
        "f.csv: has no header 'product_name', which is required; "
        "did you mean 'product_nam'?"
    )


def test_blanks_nulls_and_zero_are_three_things() -> None:
    rules = dataset(
        columns={**DEALS, "amount": "A", "owner_id": "O"},
        values={"status": {"x": "open"}},
        nulls={"amount": ["-", "N/A"], "*": ["?"]},
    )

    result = mapped(
        "ID,S,At,A,O\n1,x,,0,?\n2,x,, ,-\n3,x,,-,\u00a0\n4,x,,N/A,ann\n5,x,,?,bob\n",
        rules,
    )

    assert result.columns["amount"] == [Decimal(0), None, None, None, None]
    assert result.columns["owner_id"] == [None, "-", None, "ann", "bob"]


def test_a_word_outside_a_closed_list_is_unreadable() -> None:
    rules = dataset(columns=DEALS, values={"status": {"Won": "won"}})

    result = mapped("ID,S,At\n1,Won,\n2,won,\n3,Wonn,\n", rules)

    assert result.columns["stage"] == ["Won", "won", "Wonn"]
    assert result.columns["status"] == [
        "won",
        "won",
        Unreadable("Wonn", "is none of open, won, lost"),
    ]


def test_units_become_major_units_exactly() -> None:
    """500000 minor units are 500,000 dong, 5,000 dollars and 500 Kuwaiti dinars."""
    rules = dataset(
        columns={**DEALS, "amount": "A", "currency": "C"},
        values={"status": {"x": "open"}},
        units={"amount": "minor"},
    )
    result = mapped(
        "ID,S,At,A,C\n1,x,,500000,vnd\n2,x,,500000,USD\n3,x,,500000,kwd\n4,x,,5,\n5,x,,,\n",
        rules,
    )

    assert result.columns["currency"] == ["VND", "USD", "KWD", None, None]
    assert result.columns["amount"] == [
        Decimal(500000),
        Decimal("5000.00"),
        Decimal("500.000"),
        Unreadable("5", "is in minor units but the row has no currency"),
        None,
    ]


@pytest.mark.parametrize(
    ("unit", "expected"),
    [("micros", "0.001234"), ("thousand", "1234000"), ("million", "1234000000")],
)
def test_other_units(unit: str, expected: str) -> None:
    rules = dataset(
        columns={**DEALS, "amount": "A"},
        values={"status": {"x": "open"}},
        units={"amount": unit},
    )

    assert mapped("ID,S,At,A\n1,x,,1234\n", rules).columns["amount"] == [
        Decimal(expected)
    ]


def test_a_mark_of_another_currency_is_refused() -> None:
    rules = dataset(
        columns={**DEALS, "amount": "A", "currency": "C"},
        values={"status": {"x": "open"}},
    )
    result = mapped("ID,S,At,A,C\n1,x,,$5,USD\n2,x,,$5,VND\n3,x,,$5,\n", rules)

    assert result.columns["amount"] == [
        Decimal(5),
        Unreadable("$5", "carries the mark of another currency than its row"),
        Unreadable("$5", "carries the mark of a currency, and its row has none"),
    ]


def test_unknown_currencies_and_rounded_identifiers_are_unreadable() -> None:
    rules = dataset(
        columns={**DEALS, "owner_id": "O", "currency": "C"},
        values={"status": {"x": "open"}},
    )
    result = mapped("ID,S,At,O,C\n1.23E+15,x,,0012,XYZ\n", rules)

    reason = "is an identifier a spreadsheet turned into a rounded number"
    assert result.columns["opportunity_id"] == [Unreadable("1.23E+15", reason)]
    assert result.columns["owner_id"] == ["0012"]
    assert result.columns["currency"] == [
        Unreadable("XYZ", "is not an ISO 4217 currency")
    ]


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("1,23E+15", "is an identifier a spreadsheet turned into a rounded number"),
        ('="007"', 'is an identifier inside a formula (="…"); export its value alone'),
        ("Tổng cộng:", "is a word of totals and no record; declare total_rows"),
        ("GRAND TOTAL", "is a word of totals and no record; declare total_rows"),
        ("Sub-total", "is a word of totals and no record; declare total_rows"),
    ],
)
def test_what_names_no_record_is_no_identifier(word: str, reason: str) -> None:
    rules = dataset(columns=DEALS, values={"status": {"x": "open"}})
    cell = '"' + word.replace('"', '""') + '"'
    result = mapped(f"ID,S,At\n{cell},x,\nTotal 1,x,\n", rules)
    assert result.columns["opportunity_id"] == [Unreadable(word, reason), "Total 1"]


def test_lookups_follow_each_other_and_leave_no_match_blank() -> None:
    rules = dataset(
        columns=DEALS,
        values={"status": {"x": "open"}},
        lookup={
            "account_id": {"file": "a.csv", "on": {"ID": "deal"}, "take": "account"},
            "currency": {"file": "b.csv", "on": {"account_id": "id"}, "take": "cur"},
        },
    )
    result = mapped(
        "ID,S,At\n1,x,\n2,x,\n", rules, a="deal,account\n1,A\n,Z\n", b="id,cur\nA,usd\n"
    )

    assert result.columns["account_id"] == ["A", None]
    assert result.columns["currency"] == ["USD", None]


def test_a_lookup_with_two_answers_needs_an_order() -> None:
    lookup = {"file": "a.csv", "on": {"ID": "deal"}, "take": "account"}
    rules = dataset(
        columns=DEALS, values={"status": {"x": "open"}}, lookup={"account_id": lookup}
    )
    history = "deal,account,at\n1,B,2026-02-01\n1,A,2026-01-01 09:00\n"

    assert refusal("ID,S,At\n1,x,\n", rules, a=history).startswith(
        "a.csv: gives two values of 'account' for one deal"
    )
    newest = rules.model_copy(
        update={
            "lookup": dataset(
                columns=DEALS, lookup={"account_id": {**lookup, "latest_by": "at"}}
            ).lookup
        }
    )
    result = mapped("ID,S,At\n1,x,\n", newest, a=history)
    assert result.columns["account_id"] == ["B"]


def test_versions_are_compared_as_time_or_number_not_as_text() -> None:
    rules = dataset("products", version_column="v")
    head = "product_id,product_name,v\n"

    dates = mapped(head + "a,x,2026-02-01\na,y,2026-01-31T23:00:00Z\n", rules).versions
    numbers = mapped(head + "a,x,9\na,y,10\n", rules).versions

    assert dates is not None
    assert dates[1] > dates[0]  # 31 January 23:00 UTC is 1 February 06:00 in Hanoi
    assert numbers == [9, 10]
    assert "neither dates of the declared formats nor whole numbers" in refusal(
        head + "a,x,new\n", rules
    )
