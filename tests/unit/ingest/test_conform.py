"""Records as received become typed rows, or quarantine findings; nothing else."""

from __future__ import annotations

import hashlib
from collections import Counter
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pytest

from ingest.conform import ReceivedSum, Tally, conform_rows
from ingest.entities import (
    EntityContract,
    Type,
    boolean,
    integer,
    money,
    number,
    rate,
    text,
)
from ingest.entities import date as date_column
from ingest.entities import instant as instant_column
from ingest.errors import ContractViolation
from ingest.quarantine import check_share, shape_of
from ingest.sources.protocol import Record, Rejected, Unreadable
from ingest.typing_rules import TYPERS, Untypable

if TYPE_CHECKING:
    from collections.abc import Mapping

DEALS = EntityContract(
    kind="hubspot",
    name="deals",
    grain="One row per deal.",
    key=("deal_id",),
    columns=(
        text("deal_id", "Id."),
        text("name", "Name."),
        money("amount", "Amount."),
        text("currency", "Currency."),
        integer("months", "Months."),
        number("share", "Share."),
        rate("rate", "Rate."),
        boolean("is_won", "Won."),
        date_column("closed_on", "Day."),
        instant_column("created_at", "Moment."),
    ),
)
COSTS = EntityContract(
    kind="files",
    name="costs",
    grain="One row per month and product.",
    key=("cost_type", "month", "product_id"),
    columns=(
        text("cost_type", "Type."),
        date_column("month", "Month."),
        text("product_id", "Product; '' = none."),
    ),
)


def record(values: Mapping[str, object], number: int = 1, account: str = "a") -> Record:
    return Record(values, f'{{"n":{number}}}', f"/deals#{number}", account)


def conform(
    *rows: Mapping[str, object],
    contract: EntityContract = DEALS,
    chunk_rows: int = 20_000,
) -> tuple[list[dict[str, object]], Tally]:
    tally = Tally()
    records = [record(values, n) for n, values in enumerate(rows, start=1)]
    batches = conform_rows(records, contract, tally=tally, chunk_rows=chunk_rows)
    return [row for batch in batches for row in batch.to_pylist()], tally


@pytest.mark.parametrize(
    ("kind", "received", "typed"),
    [
        (Type.TEXT, "Nguyễn", "Nguyễn"),
        (Type.TEXT, "Nguye\u0302\u0303n", "Nguyễn"),
        (Type.TEXT, 12, "12"),
        (Type.TEXT, "  ", None),
        (Type.TEXT, "", None),
        (Type.TEXT, " a ", " a "),
        (Type.INTEGER, 7, 7),
        (Type.INTEGER, "-7", -7),
        (Type.INTEGER, "12.0", 12),
        (Type.INTEGER, Decimal("1E+2"), 100),
        (Type.INTEGER, "", None),
        (Type.MONEY, "12.5", Decimal("12.5000")),
        (Type.MONEY, Decimal(250000), Decimal("250000.0000")),
        (Type.MONEY, -3, Decimal("-3.0000")),
        (Type.MONEY, "12.500000", Decimal("12.5000")),
        (Type.NUMBER, "0.33333333333", Decimal("0.333333")),
        (Type.NUMBER, "0.0000005", Decimal("0.000001")),
        (Type.NUMBER, 0.1, Decimal("0.100000")),
        (Type.RATE, "0.00003796", Decimal("0.0000379600000000")),
        (Type.BOOLEAN, True, True),
        (Type.BOOLEAN, "False", False),
        (Type.BOOLEAN, "", None),
        (Type.DATE, "2026-10-31", date(2026, 10, 31)),
        (Type.DATE, date(2026, 10, 31), date(2026, 10, 31)),
        (
            Type.INSTANT,
            "2026-11-01T02:00:00+07:00",
            datetime(2026, 10, 31, 19, tzinfo=UTC),
        ),
        (
            Type.INSTANT,
            "2026-10-31T19:00:00.5Z",
            datetime(2026, 10, 31, 19, 0, 0, 500_000, UTC),
        ),
    ],
)
def test_values_are_typed_exactly(kind: Type, received: object, typed: object) -> None:
    found = TYPERS[kind](received)
    assert (found, type(found)) == (typed, type(typed))
    if isinstance(found, Decimal) and isinstance(typed, Decimal):
        assert found.as_tuple() == typed.as_tuple()


@pytest.mark.parametrize(
    ("kind", "received"),
    [
        (Type.TEXT, True),
        (Type.TEXT, {"a": 1}),
        (Type.TEXT, ["a"]),
        (Type.TEXT, "a\x00b"),
        (Type.TEXT, "x\ud83d"),
        (Type.INTEGER, "12.5"),
        (Type.INTEGER, True),
        (Type.INTEGER, 2**63),
        (Type.INTEGER, "1E+300"),
        (Type.INTEGER, "twelve"),
        (Type.MONEY, 12.5),
        (Type.MONEY, "9.999,9"),
        (Type.MONEY, "1,234.56"),
        (Type.MONEY, "1_000"),
        (Type.MONEY, "١٢"),
        (Type.MONEY, "NaN"),
        (Type.MONEY, Decimal("-Infinity")),
        (Type.MONEY, "0.00001"),
        (Type.MONEY, "1E+40"),
        (Type.MONEY, True),
        (Type.NUMBER, float("nan")),
        (Type.NUMBER, "1E+40"),
        (Type.BOOLEAN, "yes"),
        (Type.BOOLEAN, 1),
        (Type.DATE, "31/10/2026"),
        (Type.DATE, "2026-02-30"),
        (Type.DATE, "20261031"),
        (Type.DATE, datetime(2026, 10, 31, tzinfo=UTC)),
        (Type.INSTANT, 1_793_473_200),
        (Type.INSTANT, "2026-10-31T19:00:00"),
        (Type.INSTANT, "2026-10-31"),
        (Type.INSTANT, "0001-01-01T00:00:00+14:00"),
    ],
)
def test_what_could_be_read_two_ways_is_refused(kind: Type, received: object) -> None:
    with pytest.raises(Untypable) as caught:
        TYPERS[kind](received)
    assert str(received) not in str(caught.value) or received is True


def test_a_row_lands_with_its_reference_and_hash() -> None:
    rows, tally = conform({"deal_id": "1", "amount": "12.5", "currency": "VND"})
    # Columns left out are NULL; values are joined in contract order.
    canonical = "\x1f".join(["1", "\x00", "12.5000", "VND", *["\x00"] * 6])
    assert rows == [
        {
            "deal_id": "1",
            "name": None,
            "amount": Decimal("12.5000"),
            "currency": "VND",
            "months": None,
            "share": None,
            "rate": None,
            "is_won": None,
            "closed_on": None,
            "created_at": None,
            "source_account": "a",
            "_payload": '{"n":1}',
            "_source_ref": "/deals#1",
            "_row_hash": hashlib.sha256(canonical.encode()).hexdigest(),
        }
    ]
    assert (tally.received, tally.landed_rows, tally.rejected) == (
        1,
        Counter({"a": 1}),
        [],
    )


def test_the_hash_sees_values_and_not_their_spelling() -> None:
    rows, _ = conform(
        {"deal_id": "1", "amount": "12.5", "created_at": "2026-10-31T19:00:00Z"},
        {
            "deal_id": "1",
            "amount": Decimal("12.50"),
            "created_at": "2026-11-01T02:00:00+07:00",
        },
        {"deal_id": "1", "amount": "12.51", "created_at": "2026-10-31T19:00:00Z"},
    )
    first, second, third = (row["_row_hash"] for row in rows)
    assert first == second
    assert first != third


def test_a_separator_inside_text_does_not_make_two_rows_equal() -> None:
    # The tempting change: joining without an escape, or doubling the separator.
    contract = EntityContract(
        kind="hubspot",
        name="pairs",
        grain="One row.",
        key=("a",),
        columns=(text("a", "A."), text("b", "B."), text("c", "C.")),
    )
    rows, _ = conform(
        {"a": "x\x1f", "b": "y", "c": "z"},
        {"a": "x", "b": "\x1fy", "c": "z"},
        {"a": "x", "b": "y\x1fz"},
        {"a": "x\x1e1", "b": "y", "c": "z"},
        contract=contract,
    )
    assert len({row["_row_hash"] for row in rows}) == 4


def test_a_cell_that_cannot_be_typed_sends_its_row_to_quarantine() -> None:
    rows, tally = conform(
        {"deal_id": "1", "amount": "10", "currency": "VND"},
        {"deal_id": "2", "amount": "9.999,9", "currency": "VND", "is_won": "An Nguyễn"},
        {"deal_id": "3", "amount": "30", "currency": "VND"},
    )
    assert [row["deal_id"] for row in rows] == ["1", "3"]
    assert tally.rejected == [
        Rejected(
            "/deals#2",
            "a",
            "amount",
            "9.999,9",
            "is other text, not a number such as 1234.56",
        ),
        Rejected(
            "/deals#2",
            "a",
            "is_won",
            "aa aaaaaa",
            "is other text, not true or false",
        ),
    ]
    assert tally.quarantined_rows == Counter({"a": 1})


def test_a_record_without_its_key_is_quarantined() -> None:
    rows, tally = conform({"deal_id": ""}, {"name": "x"}, {"deal_id": "3"})
    assert [row["deal_id"] for row in rows] == ["3"]
    assert [(f.source_ref, f.value_class) for f in tally.rejected] == [
        ("/deals#1", "blank"),
        ("/deals#2", "null"),
    ]
    assert {f.reason for f in tally.rejected} == {"is a key and is missing"}


def test_a_blank_dimension_of_a_file_is_the_empty_text() -> None:
    rows, tally = conform(
        {"cost_type": "tool", "month": "2026-10-01", "product_id": ""},
        {"cost_type": "tool", "month": "2026-10-01"},
        {"cost_type": "", "month": "2026-10-01", "product_id": "p"},
        {"cost_type": "tool", "month": None, "product_id": "p"},
        contract=COSTS,
    )
    assert [row["product_id"] for row in rows] == ["", ""]
    assert [(f.source_ref, f.column) for f in tally.rejected] == [
        ("/deals#3", "cost_type"),
        ("/deals#4", "month"),
    ]


def test_an_untypable_key_is_one_finding_and_not_also_a_missing_one() -> None:
    _, tally = conform(
        {"cost_type": "tool", "month": "10/2026", "product_id": {"x": 1}},
        contract=COSTS,
    )
    assert [f.column for f in tally.rejected] == ["month", "product_id"]


def test_text_against_its_declared_format_is_refused_even_if_another_fits() -> None:
    rows, tally = conform(
        {"deal_id": "1", "amount": Unreadable("12.5", "is not written as 1.234,56")}
    )
    assert rows == []
    assert [(f.value_class, f.reason) for f in tally.rejected] == [
        ("99.9", "is not written as 1.234,56")
    ]


def test_money_is_summed_as_received_before_typing() -> None:
    _, tally = conform(
        {"deal_id": "1", "amount": "0.1", "currency": "USD"},
        {"deal_id": "2", "amount": "0.2", "currency": "USD"},
        {"deal_id": "3", "amount": 100, "currency": "VND"},
        {"deal_id": "4", "amount": "5", "currency": "USD", "months": "many"},
        {"deal_id": "5", "amount": "", "currency": "USD"},
        {"deal_id": "6", "amount": "7"},
    )
    assert tally.sums == {
        ("a", "amount", "USD"): ReceivedSum(2, Decimal("0.3"), Decimal(5)),
        ("a", "amount", "VND"): ReceivedSum(1, Decimal(100), Decimal(0)),
        ("a", "amount", ""): ReceivedSum(1, Decimal(7), Decimal(0)),
    }


def test_large_sums_keep_every_digit() -> None:
    # 28 digits is where Python's default decimal context begins to round.
    big = Decimal("123456789012345678901234567.8901")
    _, tally = conform(
        {"deal_id": "1", "amount": big, "currency": "VND"},
        {"deal_id": "2", "amount": big, "currency": "VND"},
    )
    assert str(tally.sums["a", "amount", "VND"].landed) == (
        "246913578024691357802469135.7802"
    )


def test_chunks_change_nothing() -> None:
    rows = [{"deal_id": str(n), "amount": n, "currency": "VND"} for n in range(25)]
    rows[7]["amount"] = "x"
    whole, one = conform(*rows)
    parts, many = conform(*rows, chunk_rows=4)
    assert whole == parts
    assert (one.sums, one.rejected, one.received) == (
        many.sums,
        many.rejected,
        many.received,
    )


def test_rows_are_typed_while_they_stream() -> None:
    taken: list[int] = []

    def stream():  # noqa: ANN202 - a generator of records
        for n in range(100):
            taken.append(n)
            yield record({"deal_id": str(n)}, n)

    batches = conform_rows(stream(), DEALS, tally=Tally(), chunk_rows=3)
    first = next(batches)
    # A few chunks are worked on side by side, however many there are.
    assert first.num_rows == 3
    assert len(taken) <= 3 * 5
    assert 3 + sum(batch.num_rows for batch in batches) == 100


def test_an_empty_chunk_still_has_the_contracts_types() -> None:
    tally = Tally()
    batch = next(conform_rows([record({"name": "x"})], DEALS, tally=tally))
    assert batch.num_rows == 0
    assert batch.schema.field("amount").type == pa.decimal128(38, 4)


def test_a_column_the_contract_does_not_know_is_a_mistake_of_the_connector() -> None:
    with pytest.raises(ContractViolation, match="colour"):
        conform({"deal_id": "1", "colour": "red"})


@pytest.mark.parametrize(
    ("value", "shape"),
    [
        (None, "null"),
        (" ", "blank"),
        ("9.999,9", "9.999,9"),
        ("An@acme.vn", "aa@aaaa.aa"),
        ("Đỗ 12", "aa 99"),
        ("a\nb", "a?a"),
        (1.5, "float"),
        ({"a": 1}, "dict"),
        ("x" * 41, "a" * 40 + "…"),
    ],
)
def test_shapes_say_the_format_and_not_the_value(value: object, shape: str) -> None:
    assert shape_of(value) == shape


@pytest.mark.parametrize(
    ("refused", "received", "is_accepted"),
    [
        (0, 0, True),
        (0, 10, True),
        (1, 2, True),
        (2, 1_999, False),
        (2, 2_000, True),
        (3, 2_999, False),
        (1, 1, False),
    ],
)
def test_a_thousandth_of_the_rows_or_one_may_be_refused(
    refused: int, received: int, *, is_accepted: bool
) -> None:
    finding = Rejected("/deals#1", "a", "amount", "9.9,9", "is other text")

    def check() -> None:
        check_share(
            refused=refused,
            received=received,
            share=Decimal("0.001"),
            what="hubspot_main/deals",
            findings=[finding],
        )

    if is_accepted:
        check()
    else:
        with pytest.raises(ContractViolation, match=r"deals: .* amount is other text"):
            check()
