"""Stripe objects as they land: integer minor units, lower-case currency upper-cased.

Sources: design/sources.md §3. Instants are UTC. `livemode=false` rows never land (counted).
"""

from __future__ import annotations

from ingest.entities import (
    EntityContract,
    Pii,
    Truth,
    boolean,
    date,
    instant,
    integer,
    minor,
    number,
    text,
)

_CURRENCY = text("currency", "ISO 4217, upper case.")
_CREATED = instant("created_at", "created.")

_ITEM_STATE = (
    text("subscription_id", "Subscription of the item."),
    text("customer_id", "Customer of the subscription."),
    text(
        "status",
        "Subscription status: trialing, active, past_due, unpaid, paused, canceled, "
        "incomplete, incomplete_expired.",
    ),
    instant("started_at", "start_date: when service began."),
    instant("trial_ends_at", "trial_end; NULL = no trial."),
    instant("canceled_at", "When cancel was asked for; NULL = not."),
    instant("cancel_at", "When it is scheduled to end; NULL = not."),
    instant("ended_at", "When service ended; NULL = running."),
    boolean("is_paused", "pause_collection is set."),
    text("price_id", "Price of the item."),
    text("product_id", "Product of the price."),
    minor("unit_amount_minor", "Price per unit and interval; NULL = tiered."),
    _CURRENCY,
    integer("quantity", "Units; NULL = metered.", unit="units"),
    text("interval", "day, week, month or year; NULL = one-off price."),
    integer("interval_count", "Intervals per billing period.", unit="intervals"),
    text("usage_type", "licensed or metered."),
    number(
        "discount_percent",
        "Recurring percent-off of the subscription, 0-100.",
        unit="percent",
    ),
    minor(
        "discount_amount_minor",
        "Recurring amount-off of the subscription and interval.",
    ),
    instant(
        "discount_ends_at", "End of the discount; NULL = lasts for ever or no discount."
    ),
    text("opportunity_id", "metadata.crm_deal_id: CRM deal sold by; NULL = unknown."),
)

CUSTOMERS = EntityContract(
    kind="stripe",
    name="customers",
    grain="One row per customer and extract.",
    key=("customer_id",),
    date_column="created_at",
    columns=(
        text("customer_id", "id."),
        text("customer_name", "name (company).", pii=Pii.INDIRECT),
        text("email", "Billing e-mail.", pii=Pii.DIRECT),
        text("country", "address.country, ISO 3166 alpha-2."),
        text("currency", "Currency the customer is billed in; NULL = not billed yet."),
        text("crm_account_id", "metadata.crm_company_id; NULL = not linked."),
        _CREATED,
        boolean("is_deleted", "deleted=true."),
    ),
)

PRODUCTS = EntityContract(
    kind="stripe",
    name="products",
    grain="One row per product and extract.",
    key=("product_id",),
    columns=(
        text("product_id", "id."),
        text("product_name", "name."),
        text("product_code", "metadata.code: product id shared with CRM and costs."),
        boolean("is_active", "active."),
        _CREATED,
    ),
)

PRICES = EntityContract(
    kind="stripe",
    name="prices",
    grain="One row per price and extract.",
    key=("price_id",),
    columns=(
        text("price_id", "id."),
        text("product_id", "Product."),
        text("nickname", "Plan name shown to people."),
        minor("unit_amount_minor", "Price per unit and interval; NULL = tiered."),
        _CURRENCY,
        text("interval", "recurring.interval; NULL = one-off."),
        integer("interval_count", "recurring.interval_count.", unit="intervals"),
        text("usage_type", "recurring.usage_type."),
        text("billing_scheme", "per_unit or tiered."),
        boolean("is_active", "active."),
        _CREATED,
    ),
)

SUBSCRIPTION_ITEMS = EntityContract(
    kind="stripe",
    name="subscription_items",
    grain="One row per subscription item (with its subscription's state) and extract.",
    key=("item_id",),
    date_column="subscription_created_at",
    columns=(
        text("item_id", "Subscription item id."),
        instant("subscription_created_at", "created of the subscription."),
        *_ITEM_STATE,
    ),
)

SUBSCRIPTION_EVENTS = EntityContract(
    kind="stripe",
    name="subscription_events",
    truth=Truth.LEDGER,
    grain="One row per customer.subscription.* event and item in its payload.",
    key=("event_id", "item_id"),
    date_column="occurred_at",
    columns=(
        text("event_id", "Event id."),
        text("item_id", "Subscription item id in data.object."),
        text("event_type", "customer.subscription.created, .updated, .deleted, …"),
        instant("occurred_at", "created of the event: when the state began."),
        text("api_version", "API version the payload is in (the account's default)."),
        *_ITEM_STATE,
    ),
)

INVOICES = EntityContract(
    kind="stripe",
    name="invoices",
    grain="One row per invoice and extract.",
    key=("invoice_id",),
    date_column="created_at",
    columns=(
        text("invoice_id", "id."),
        text("invoice_number", "number; NULL while draft."),
        text("customer_id", "Customer."),
        text("subscription_id", "Subscription; NULL = one-off invoice."),
        text("status", "draft, open, paid, void, uncollectible."),
        _CURRENCY,
        minor("subtotal_minor", "Before discount and tax."),
        minor("discount_minor", "Sum of total_discount_amounts."),
        minor("tax_minor", "Sum of taxes."),
        minor("total_minor", "After discount and tax."),
        minor("amount_paid_minor", "Paid so far."),
        _CREATED,
        instant("finalized_at", "status_transitions.finalized_at; NULL = draft."),
        instant("due_at", "due_date."),
        instant("paid_at", "status_transitions.paid_at."),
        instant("voided_at", "status_transitions.voided_at."),
        instant("uncollectible_at", "status_transitions.marked_uncollectible_at."),
    ),
)

INVOICE_LINES = EntityContract(
    kind="stripe",
    name="invoice_lines",
    grain="One row per invoice line and extract.",
    key=("line_id",),
    columns=(
        text("line_id", "Line id."),
        text("invoice_id", "Invoice."),
        text("subscription_id", "Subscription; NULL = one-off line."),
        text("item_id", "Subscription item; NULL = one-off line."),
        text("product_id", "Product; NULL = free-text line."),
        text("price_id", "Price; NULL = free-text line."),
        text("description", "Line text.", pii=Pii.INDIRECT),
        integer("quantity", "Units.", unit="units"),
        minor("amount_minor", "Before discount, before tax."),
        minor("discount_minor", "Sum of discount_amounts of the line."),
        minor("tax_minor", "Sum of taxes of the line."),
        _CURRENCY,
        instant("service_starts_at", "period.start."),
        instant("service_ends_at", "period.end (exclusive)."),
        boolean("is_proration", "proration."),
    ),
)

CHARGES = EntityContract(
    kind="stripe",
    name="charges",
    grain="One row per charge and extract.",
    key=("charge_id",),
    date_column="created_at",
    columns=(
        text("charge_id", "id."),
        text("customer_id", "Customer."),
        text("invoice_id", "Invoice paid; NULL = not for an invoice."),
        text("status", "succeeded, pending, failed."),
        minor("amount_minor", "Charged."),
        minor("amount_refunded_minor", "Refunded so far."),
        _CURRENCY,
        _CREATED,
        text("failure_code", "Decline code; NULL = none."),
        text("balance_transaction_id", "Ledger line; NULL = failed."),
    ),
)

REFUNDS = EntityContract(
    kind="stripe",
    name="refunds",
    grain="One row per refund and extract.",
    key=("refund_id",),
    date_column="created_at",
    columns=(
        text("refund_id", "id."),
        text("charge_id", "Charge refunded."),
        minor("amount_minor", "Refunded."),
        _CURRENCY,
        _CREATED,
        text("status", "succeeded, pending, failed, canceled."),
        text("reason", "reason; NULL = not given."),
        text("balance_transaction_id", "Ledger line."),
    ),
)

CREDIT_NOTES = EntityContract(
    kind="stripe",
    name="credit_notes",
    grain="One row per credit note and extract.",
    key=("credit_note_id",),
    date_column="created_at",
    columns=(
        text("credit_note_id", "id."),
        text("invoice_id", "Invoice reduced."),
        text("customer_id", "Customer."),
        minor("subtotal_minor", "Before tax."),
        minor("tax_minor", "Tax."),
        minor("total_minor", "With tax."),
        _CURRENCY,
        _CREATED,
        text("status", "issued or void."),
        instant("voided_at", "voided_at; NULL = stands."),
        text("reason", "reason; NULL = not given."),
        text("refund_id", "Refund that paid it out; NULL = none."),
    ),
)

BALANCE_TRANSACTIONS = EntityContract(
    kind="stripe",
    name="balance_transactions",
    truth=Truth.LEDGER,
    grain="One row per balance transaction.",
    key=("transaction_id",),
    date_column="created_at",
    columns=(
        text("transaction_id", "id."),
        _CREATED,
        date("available_on", "available_on, UTC date."),
        text("type", "charge, refund, adjustment, payout, stripe_fee, …"),
        text("reporting_category", "reporting_category."),
        minor("amount_minor", "Gross."),
        minor("fee_minor", "Fees."),
        minor("net_minor", "Net."),
        _CURRENCY,
        number(
            "exchange_rate", "Stripe's settlement rate; not accounting FX.", unit="rate"
        ),
        text("source_id", "Object it comes from."),
    ),
)

DISPUTES = EntityContract(
    kind="stripe",
    name="disputes",
    grain="One row per dispute and extract.",
    key=("dispute_id",),
    date_column="created_at",
    columns=(
        text("dispute_id", "id."),
        text("charge_id", "Charge disputed."),
        text(
            "status",
            "warning_needs_response, warning_under_review, warning_closed, "
            "needs_response, under_review, won, lost.",
        ),
        text("reason", "reason; NULL = not given."),
        minor("amount_minor", "Disputed."),
        minor("fee_minor", "Fees of its ledger lines."),
        _CURRENCY,
        _CREATED,
        instant(
            "reinstated_at",
            "When money came back: the ledger line that gives it; NULL = it did not.",
        ),
    ),
)

PAYOUTS = EntityContract(
    kind="stripe",
    name="payouts",
    grain="One row per payout and extract.",
    key=("payout_id",),
    date_column="created_at",
    columns=(
        text("payout_id", "id."),
        text("status", "paid, pending, in_transit, canceled, failed."),
        minor("amount_minor", "Paid out; negative = taken from the bank account."),
        _CURRENCY,
        _CREATED,
        date("arrives_on", "arrival_date: day it is, or will be, in the bank."),
        text("balance_transaction_id", "Ledger line."),
        text("bank_reference", "trace_id.value, else statement_descriptor."),
    ),
)

CONTRACTS = (
    CUSTOMERS,
    PRODUCTS,
    PRICES,
    SUBSCRIPTION_ITEMS,
    SUBSCRIPTION_EVENTS,
    INVOICES,
    INVOICE_LINES,
    CHARGES,
    REFUNDS,
    CREDIT_NOTES,
    BALANCE_TRANSACTIONS,
    DISPUTES,
    PAYOUTS,
)
