"""Stripe's tables as a replication tool lands them: invented rows whose ids rarely meet.

They yield hardly any revenue and no MRR. What is tested is that every row is accounted for
and that no figure is made up for those without a partner.
"""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

import pytest

from tests.realdata import recount
from tests.realdata.conftest import RealNight, run_night

AS_OF = date(2025, 8, 31)
KPIS = {
    "sales_revenue",
    "average_order_value",
    "sales_growth_mom",
    "sales_growth_qoq",
    "sales_growth_yoy",
    "mrr",
    "paying_customers",
    "new_mrr",
    "expansion_mrr",
    "contraction_mrr",
    "churned_mrr",
    "reactivation_mrr",
    "fx_mrr",
    "net_new_mrr",
    "arr",
    "arpa",
    "gross_mrr_churn_rate",
    "net_mrr_churn_rate",
    "quick_ratio",
    "customer_churn_rate",
    "customer_retention_rate",
}
FILES = {
    "stripe_export.customers": "customer_data.csv",
    "stripe_export.products": "product_data.csv",
    "stripe_export.subscriptions": "subscription_data.csv",
    "stripe_export.subscription_items": "subscription_item_data.csv",
    "stripe_export.invoices": "invoice_data.csv",
    "stripe_export.invoice_lines": "invoice_line_item_data.csv",
    "stripe_export.payments": "charge_data.csv",
    "stripe_export.refunds": "refund_data.csv",
    "stripe_export.credit_notes": "credit_note_data.csv",
    "stripe_export.disputes": "dispute_data.csv",
    "stripe_export.payouts": "payout_data.csv",
    "stripe_export.ledger_transactions": "balance_transaction_data.csv",
}
UNIONED = {
    "int_customers_unioned": "customer_data.csv",
    "int_billing_products_unioned": "product_data.csv",
    "int_subscriptions_unioned": "subscription_data.csv",
    "int_subscription_item_versions": "subscription_item_data.csv",
    "int_invoices_unioned": "invoice_data.csv",
    "int_invoice_lines_unioned": "invoice_line_item_data.csv",
    "int_payments_unioned": "charge_data.csv",
    "int_refunds_unioned": "refund_data.csv",
    "int_credit_notes_unioned": "credit_note_data.csv",
    "int_ledger_transactions_unioned": "balance_transaction_data.csv",
}
SOURCE = "stripe_export:"


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> RealNight:
    root = tmp_path_factory.mktemp("billing_stripe_fivetran")
    return run_night("billing_stripe_fivetran", AS_OF, root)


def cents(rows: list[dict[str, str]], column: str) -> Decimal:
    """Minor units of rows that are all in US dollars, as dollars."""
    assert {row["currency"] for row in rows} == {"usd"}
    return sum((Decimal(row[column]) for row in rows), Decimal(0)) / 100


def test_every_row_of_every_file_is_landed_quarantined_or_absorbed(
    night: RealNight,
) -> None:
    assert night.unaccounted(FILES) == {}
    (source,) = night.quality["sources"]
    assert (source["quarantined_rows"], source["absorbed_rows"]) == (0, 0)
    assert source["landed_rows"] == sum(len(night.read(f)) for f in FILES.values())


@pytest.mark.parametrize(("step", "file"), UNIONED.items())
def test_every_landed_row_reaches_the_canonical_entity(
    night: RealNight, step: str, file: str
) -> None:
    assert night.built(f"select count(*) from {step}") == [(len(night.read(file)),)]


def test_every_entity_of_the_set_is_read_by_a_model(night: RealNight) -> None:
    (source,) = night.quality["sources"]
    assert source["unread_rows"] == {}


def test_payments_and_refunds_keep_their_amounts(night: RealNight) -> None:
    charges = night.read("charge_data.csv")
    statuses = Counter(row["status"] for row in charges)
    assert statuses == {"failed": 16}
    assert night.built(
        "select status, currency, count(*), sum(amount) from int_payments_unioned"
        " group by all"
    ) == [("failed", "USD", 16, cents(charges, "amount"))]
    refunds = night.read("refund_data.csv")
    assert night.built(
        "select currency, count(*), sum(amount) from int_refunds_unioned group by all"
    ) == [("USD", len(refunds), cents(refunds, "amount"))]


def test_the_fee_of_another_charge_is_not_this_charges(night: RealNight) -> None:
    # Nine failed charges name a balance transaction, each of which names another charge.
    source_of = {
        row["id"]: row["source"] for row in night.read("balance_transaction_data.csv")
    }
    charges = night.read("charge_data.csv")
    named = [row for row in charges if row["balance_transaction_id"] in source_of]
    assert len(named) == 9
    assert not [
        row for row in named if source_of[row["balance_transaction_id"]] == row["id"]
    ]
    assert night.built("select count(fee_amount) from int_payments_unioned") == [(0,)]


def test_the_ledger_adds_up_to_the_file(night: RealNight) -> None:
    rows = night.read("balance_transaction_data.csv")
    assert night.built(
        "select sum(amount), sum(fee_amount), sum(net_amount)"
        " from int_ledger_transactions_unioned"
    ) == [tuple(cents(rows, column) for column in ("amount", "fee", "net"))]


def test_every_invoice_line_is_revenue_or_has_the_reason_why_not(
    night: RealNight,
) -> None:
    invoices = {row["id"] for row in night.read("invoice_data.csv")}
    lines = night.read("invoice_line_item_data.csv")
    billed = [row for row in lines if row["invoice_id"] in invoices]
    orphans = [row for row in lines if row["invoice_id"] not in invoices]
    notes = night.read("credit_note_data.csv")
    assert (len(billed), len(orphans), len(notes)) == (1, 2, 2)
    assert not {row["invoice_id"] for row in notes} & invoices
    found = night.built(
        "select event_type, exclusion_reason, count(*), sum(net_amount)"
        " from int_revenue_events_classified group by all"
    )
    assert sorted(found, key=str) == sorted(
        [
            ("invoice_line", None, 1, cents(billed, "amount")),
            ("invoice_line", "no_invoice", 2, cents(orphans, "amount")),
            # Its invoice is in no file, but it has its own day: it lowers revenue.
            ("credit_note", None, 2, -cents(notes, "subtotal")),
        ],
        key=str,
    )
    marts = night.published(
        "select event_type, customer_id, net_amount from fct_invoice_lines"
    )
    customer_of = {
        row["id"]: row["customer_id"] for row in night.read("invoice_data.csv")
    }
    assert sorted(marts) == sorted(
        [
            *(
                (
                    "invoice_line",
                    SOURCE + customer_of[row["invoice_id"]],
                    Decimal(row["amount"]) / 100,
                )
                for row in billed
            ),
            *(
                ("credit_note", "(unknown)", -Decimal(row["subtotal"]) / 100)
                for row in notes
            ),
        ]
    )


def test_revenue_by_month_is_the_files(night: RealNight) -> None:
    revenue = {
        month: value for month, value in night.monthly("sales_revenue").items() if value
    }
    assert revenue == {
        "2021-02": Decimal("0.21"),
        "2021-03": Decimal("-1.00"),
        "2021-06": Decimal("-0.50"),
    }
    # One order is known; a credit note of an unknown invoice is no part of its value.
    orders = night.monthly("average_order_value")
    assert {month: value for month, value in orders.items() if value is not None} == {
        "2021-02": Decimal("0.21")
    }


def test_revenue_cash_and_receivables_are_a_recount_in_plain_python(
    night: RealNight,
) -> None:
    """No SQL and no model: `Decimal` over the rows of the files."""
    notes = night.read("credit_note_data.csv")
    billed = recount.billed_lines(
        night.read("invoice_line_item_data.csv"), night.read("invoice_data.csv")
    )
    assert not {row["invoice_id"] for row in notes} & {
        row["id"] for row in night.read("invoice_data.csv")
    }
    assert {row["currency"] for row, _ in billed} == {"usd"}
    by_month = recount.billings(billed)
    cash = recount.cash(night.read("balance_transaction_data.csv"))
    assert len(cash) > 1
    expected = {
        "billings": by_month,
        "recognised_revenue": recount.recognised(billed, notes),
        "cash_collected": cash,
        "deferred_revenue_closing": {},
    }
    for key, amounts in expected.items():
        published = {m: v for m, v in night.monthly(key).items() if v}
        assert published == {m: amount / 100 for m, amount in amounts.items()}, key
    closing = dict(
        night.published(
            "select strftime(month_start_date, '%Y-%m'), sum(closing_original_amount)"
            " from rpt_receivables where currency = 'USD' group by all"
        )
    )
    owed = recount.owed(by_month, recount.credited(notes), cash)
    assert {month: closing[month] for month in owed} == {
        month: amount / 100 for month, amount in owed.items()
    }


def test_every_subscription_item_has_an_mrr_or_the_reason_why_not(
    night: RealNight,
) -> None:
    subscriptions = {row["id"] for row in night.read("subscription_data.csv")}
    reasons = {
        SOURCE + row["id"]: "ended_before_it_began"
        if row["subscription_id"] in subscriptions
        else "no_customer"
        for row in night.read("subscription_item_data.csv")
    }
    assert Counter(reasons.values()) == {"no_customer": 12, "ended_before_it_began": 2}
    found = night.built(
        "select item_id, exclusion_reason from int_subscription_items_unpriced"
    )
    assert dict(found) == reasons
    assert night.built("select count(*) from int_subscription_item_mrr_priced") == [
        (0,)
    ]
    assert set(night.monthly("mrr").values()) == {Decimal(0)}
    assert set(night.monthly("paying_customers").values()) == {Decimal(0)}
    # Nobody to churn: not a rate of 0.
    assert set(night.monthly("customer_churn_rate").values()) == {None}


def test_every_customer_is_known_also_those_only_an_invoice_names(
    night: RealNight,
) -> None:
    listed = {row["id"] for row in night.read("customer_data.csv")}
    billed = {
        row["customer_id"]
        for row in night.read("invoice_data.csv")
        if row["id"] == "ab1111"
    }
    found = night.published("select customer_id from dim_customers")
    assert {name for (name,) in found} == {
        *(SOURCE + name for name in listed | billed),
        "(unknown)",
    }


def test_a_kpi_without_a_source_is_never_zero(night: RealNight) -> None:
    night.assert_nothing_is_said_without_a_source(KPIS)
