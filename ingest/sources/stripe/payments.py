"""Charges, refunds, disputes, payouts and the balance they move.

Belongs here: reading cash objects and linking charges to invoices. Stays out: invoices
(`billing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingest.instants import from_epoch_seconds
from ingest.sources.stripe.lists import Account, Row, id_of, upper, utc_date
from ingest.sources.stripe.names import (
    BALANCE_TRANSACTION,
    CHARGE,
    DISPUTE,
    PAYOUT,
    REFUND,
)
from ingest.sources.wire import dig, key_of, list_of, required

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

INVOICE_PAYMENTS_SINCE: Final = "2025-03-31"
"""First API version without `invoice` on charges; the link is an invoice payment."""


def read_charges(account: Account) -> Iterator[Row]:
    """Yield every charge with the invoice it pays."""
    where = "stripe charge"
    links: Mapping[str, str] = {}
    if account.version >= INVOICE_PAYMENTS_SINCE:
        links = _invoices_by_payment(account)
    for charge, origin in account.list_all("/v1/charges", CHARGE):
        charge_id = key_of(charge, "id", where)
        intent = id_of(charge.get("payment_intent"))
        linked = links.get(charge_id or "") or links.get(intent or "")
        values: dict[str, object] = {
            "charge_id": charge_id,
            "customer_id": id_of(charge.get("customer")),
            "invoice_id": id_of(charge.get("invoice")) or linked,
            "status": required(charge, "status", where),
            "amount_minor": required(charge, "amount", where),
            "amount_refunded_minor": required(charge, "amount_refunded", where),
            "currency": upper(required(charge, "currency", where)),
            "created_at": from_epoch_seconds(required(charge, "created", where)),
            "failure_code": charge.get("failure_code"),
            "balance_transaction_id": id_of(charge.get("balance_transaction")),
        }
        yield values, charge, origin


def _invoices_by_payment(account: Account) -> dict[str, str]:
    """Return payment intent or charge id -> invoice id.

    Where one payment is listed for several invoices, the one it was really applied to wins.
    """
    where = "stripe invoice payment"
    links: dict[str, str] = {}
    for link, _ in account.pages("/v1/invoice_payments"):
        payment = required(link, "payment", where)
        paid_by = id_of(payment.get("payment_intent")) or id_of(payment.get("charge"))
        invoice = id_of(required(link, "invoice", where))
        if paid_by is None or invoice is None:
            continue
        if link.get("status") == "paid" or paid_by not in links:
            links[paid_by] = invoice
    return links


def read_refunds(account: Account) -> Iterator[Row]:
    """Yield every refund."""
    where = "stripe refund"
    for refund, origin in account.list_all("/v1/refunds", REFUND):
        values: dict[str, object] = {
            "refund_id": required(refund, "id", where),
            "charge_id": id_of(refund.get("charge")),
            "amount_minor": required(refund, "amount", where),
            "currency": upper(required(refund, "currency", where)),
            "created_at": from_epoch_seconds(required(refund, "created", where)),
            "status": refund.get("status"),
            "reason": refund.get("reason"),
            "balance_transaction_id": id_of(refund.get("balance_transaction")),
        }
        yield values, refund, origin


def read_disputes(account: Account) -> Iterator[Row]:
    """Yield every dispute; what it took and gave back stands in its own ledger lines."""
    where = "stripe dispute"
    for dispute, origin in account.list_all("/v1/disputes", DISPUTE):
        lines = list_of(dispute, "balance_transactions", where)
        back = [line for line in lines if required(line, "amount", where) > 0]
        values: dict[str, object] = {
            "dispute_id": required(dispute, "id", where),
            "charge_id": id_of(required(dispute, "charge", where)),
            "status": required(dispute, "status", where),
            "reason": dispute.get("reason"),
            "amount_minor": required(dispute, "amount", where),
            "fee_minor": sum(required(line, "fee", where) for line in lines),
            "currency": upper(required(dispute, "currency", where)),
            "created_at": from_epoch_seconds(required(dispute, "created", where)),
            "reinstated_at": from_epoch_seconds(
                required(back[-1], "created", where) if back else None
            ),
        }
        yield values, dispute, origin


def read_payouts(account: Account) -> Iterator[Row]:
    """Yield every payout, those on their way included."""
    where = "stripe payout"
    for payout, origin in account.list_all("/v1/payouts", PAYOUT):
        values: dict[str, object] = {
            "payout_id": required(payout, "id", where),
            "status": required(payout, "status", where),
            "amount_minor": required(payout, "amount", where),
            "currency": upper(required(payout, "currency", where)),
            "created_at": from_epoch_seconds(required(payout, "created", where)),
            "arrives_on": utc_date(required(payout, "arrival_date", where)),
            "balance_transaction_id": id_of(payout.get("balance_transaction")),
            "bank_reference": dig(payout, "trace_id", "value")
            or payout.get("statement_descriptor"),
        }
        yield values, payout, origin


def read_balance_transactions(
    account: Account, start: datetime | None, end: datetime
) -> Iterator[Row]:
    """Yield the ledger lines created in the window; they never change."""
    where = "stripe balance transaction"
    params = {"created[lt]": str(int(end.timestamp()))}
    if start is not None:
        params["created[gte]"] = str(int(start.timestamp()))
    path = "/v1/balance_transactions"
    for line, origin in account.list_all(path, BALANCE_TRANSACTION, params):
        values: dict[str, object] = {
            "transaction_id": required(line, "id", where),
            "created_at": from_epoch_seconds(required(line, "created", where)),
            "available_on": utc_date(required(line, "available_on", where)),
            "type": required(line, "type", where),
            "reporting_category": line.get("reporting_category"),
            "amount_minor": required(line, "amount", where),
            "fee_minor": required(line, "fee", where),
            "net_minor": required(line, "net", where),
            "currency": upper(required(line, "currency", where)),
            "exchange_rate": line.get("exchange_rate"),
            "source_id": id_of(dig(line, "source")),
        }
        yield values, line, origin
