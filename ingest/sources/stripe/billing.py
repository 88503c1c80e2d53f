"""Invoices, their lines, and credit notes.

Belongs here: reading them whole every night (drafts get finalised, open ones paid or voided,
and Stripe has no "changed since") and their contract values. Stays out: cash (`payments`).

Units: minor units of the row's currency. Taxes that a price includes are taken out of the
amounts before tax, so that subtotal − discount + tax = total holds for inclusive and
exclusive taxes alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest.instants import from_epoch_seconds
from ingest.sources.stripe.lists import Account, Row, id_of, total_of, upper
from ingest.sources.stripe.names import CREDIT_NOTE, INVOICE, LINE
from ingest.sources.wire import Json, dig, list_of, required, unknown_names

if TYPE_CHECKING:
    from collections.abc import Iterator


def read_invoices(account: Account) -> Iterator[Row]:
    """Yield every invoice, drafts and voided ones included."""
    where = "stripe invoice"
    for invoice, origin in account.list_all("/v1/invoices", INVOICE):
        taxes = _taxes(invoice, "total_taxes", "total_tax_amounts")
        moments = required(invoice, "status_transitions", where)
        values: dict[str, object] = {
            "invoice_id": required(invoice, "id", where),
            "invoice_number": invoice.get("number"),
            "customer_id": id_of(required(invoice, "customer", where)),
            "subscription_id": id_of(
                dig(invoice, "parent", "subscription_details", "subscription")
                or invoice.get("subscription")
            ),
            "status": required(invoice, "status", where),
            "currency": upper(required(invoice, "currency", where)),
            "subtotal_minor": required(invoice, "subtotal", where) - _included(taxes),
            "discount_minor": total_of(invoice.get("total_discount_amounts"), where),
            "tax_minor": total_of(taxes, where),
            "total_minor": required(invoice, "total", where),
            "amount_paid_minor": required(invoice, "amount_paid", where),
            "created_at": from_epoch_seconds(required(invoice, "created", where)),
            "finalized_at": from_epoch_seconds(moments.get("finalized_at")),
            "due_at": from_epoch_seconds(invoice.get("due_date")),
            "paid_at": from_epoch_seconds(moments.get("paid_at")),
            "voided_at": from_epoch_seconds(moments.get("voided_at")),
            "uncollectible_at": from_epoch_seconds(
                moments.get("marked_uncollectible_at")
            ),
        }
        yield values, invoice, origin


def read_invoice_lines(account: Account) -> Iterator[Row]:
    """Yield every line of every invoice."""
    where = "stripe invoice"
    for invoice, origin in account.list_all("/v1/invoices", INVOICE):
        invoice_id = str(required(invoice, "id", where))
        lines = account.whole(
            required(invoice, "lines", where), f"/v1/invoices/{invoice_id}/lines"
        )
        for line in lines:
            account.drift |= unknown_names(line, LINE)
            yield _line_values(invoice_id, line), line, origin


def _line_values(invoice_id: str, line: Json) -> dict[str, object]:
    where = "stripe invoice line"
    taxes = _taxes(line, "taxes", "tax_amounts")
    # Since 2025-03-31 a line says what it came from under `parent` and what it sells under
    # `pricing`; before, both stood on the line.
    parent = (
        dig(line, "parent", "subscription_item_details")
        or dig(line, "parent", "invoice_item_details")
        or line
    )
    sold = dig(line, "pricing", "price_details")
    if sold is None:
        price = line.get("price")
        sold = {"price": price, "product": dig(price, "product")}
    period = line.get("period") or {}
    return {
        "line_id": required(line, "id", where),
        "invoice_id": invoice_id,
        "subscription_id": id_of(parent.get("subscription")),
        "item_id": id_of(parent.get("subscription_item")),
        "product_id": id_of(sold.get("product")),
        "price_id": id_of(sold.get("price")),
        "description": line.get("description"),
        "quantity": line.get("quantity"),
        "amount_minor": required(line, "amount", where) - _included(taxes),
        "discount_minor": total_of(line.get("discount_amounts"), where),
        "tax_minor": total_of(taxes, where),
        "currency": upper(required(line, "currency", where)),
        "service_starts_at": from_epoch_seconds(period.get("start")),
        "service_ends_at": from_epoch_seconds(period.get("end")),
        "is_proration": bool(parent.get("proration")),
    }


def read_credit_notes(account: Account) -> Iterator[Row]:
    """Yield every credit note, voided ones included.

    `subtotal_minor` is the total without tax, after discounts: what revenue is reduced by.
    """
    where = "stripe credit note"
    for note, origin in account.list_all("/v1/credit_notes", CREDIT_NOTE):
        taxes = _taxes(note, "total_taxes", "tax_amounts")
        tax = total_of(taxes, where)
        total = required(note, "total", where)
        refunds = note.get("refunds") or ({"refund": note.get("refund")},)
        values: dict[str, object] = {
            "credit_note_id": required(note, "id", where),
            "invoice_id": id_of(required(note, "invoice", where)),
            "customer_id": id_of(required(note, "customer", where)),
            "subtotal_minor": total - tax,
            "tax_minor": tax,
            "total_minor": total,
            "currency": upper(required(note, "currency", where)),
            "created_at": from_epoch_seconds(required(note, "created", where)),
            "status": required(note, "status", where),
            "voided_at": from_epoch_seconds(note.get("voided_at")),
            "reason": note.get("reason"),
            "refund_id": id_of(refunds[0].get("refund")),
        }
        yield values, note, origin


def _taxes(record: Json, name: str, old_name: str) -> list[Json]:
    """Return tax entries under their present name or the one before 2025-03-31."""
    present = record.get(name) if name in record else record.get(old_name)
    return list_of({name: present or []}, name, "stripe taxes")


def _included(taxes: list[Json]) -> int:
    """Return the taxes that the amount already holds."""
    return sum(
        tax["amount"]
        for tax in taxes
        if tax.get("tax_behavior") == "inclusive" or tax.get("inclusive") is True
    )
