"""What the billing system says of the large company: subscriptions, invoices, payments.

Belongs here: its queries by contract column, and the one-time export of what was before its log.
Stays out: the life they tell of (`ingest.sandbox.bulk_lives`), other sources
(`ingest.sandbox.bulk_rows`).
"""

from __future__ import annotations

from typing import Final

from ingest.sandbox.bulk_entity import BulkEntity

_ITEM_STATE: Final = """
    item_id, 'sub_' || i as subscription_id, 'cus_' || i as customer_id,
    started_at, 'price_' || item_id as price_id, product_id, unit_amount_minor,
    if(is_usd, 'USD', 'VND') as currency, units as quantity, 'month' as interval,
    1 as interval_count, 'licensed' as usage_type,
    if(i % 3 = 0, cast(i % '{deals}' as varchar), null) as opportunity_id
"""

BILLING_ENTITIES: Final = (
    BulkEntity(
        "stripe", "products", "stripe_main", is_full_list=True,
        query="""
        select 'prod_' || i as product_id, 'Sản phẩm ' || i as product_name,
            'P' || i as product_code, true as is_active
        from range(6) as products (i)
        """,
    ),
    BulkEntity(
        "stripe", "customers", "stripe_main",
        query="""
        select 'cus_' || i as customer_id, 'Khách hàng ' || i as customer_name,
            'VN' as country, if(is_usd, 'USD', 'VND') as currency,
            if(chance(i, 'linked') < 0.9, cast(i % {accounts} as varchar), null)
                as crm_account_id,
            started_at as created_at
        from subscription_lives
        where started_at > timestamptz '{since}'
        """,
    ),
    # The vendor's log reaches back 30 days; what was before is a one-time export.
    BulkEntity(
        "files", "subscription_items", "stripe_main", dataset="history", mode="upsert",
        query="""
        select item_id, valid_from, 'sub_' || i as subscription_id,
            'cus_' || i as customer_id, product_id,
            unit_amount_minor * if(is_usd, 0.01, 1) as unit_price,
            if(is_usd, 'USD', 'VND') as currency, units as quantity,
            'month' as interval, 1 as interval_count, valid_to
        from item_states
        where timestamptz '{since}' < '1971-01-01'
        """,
    ),
    BulkEntity(
        "stripe", "subscription_items", "stripe_main", is_full_list=True,
        query=f"""
        select started_at as subscription_created_at, ended_at,
            ended_at as canceled_at, if(ended_at is null, 'active', 'canceled') as status,
            {_ITEM_STATE}
        from item_states
        where event = 'updated' or known(grown_at) is null
        """,  # noqa: S608 - our own text, no input
    ),
    BulkEntity(
        "stripe", "subscription_events", "stripe_main",
        query=f"""
        select 'evt_' || i || '_' || event as event_id,
            'customer.subscription.' || event as event_type, occurred_at,
            if(event = 'deleted', 'canceled', 'active') as status,
            if(event = 'deleted', ended_at, null) as ended_at,
            {_ITEM_STATE}
        from (
            select *, valid_from as occurred_at from item_states
            union all
            select * replace ('deleted' as event), ended_at
            from item_states
            where ended_at is not null and (event = 'updated' or known(grown_at) is null)
        ) as events
        where occurred_at > greatest(
            timestamptz '{{since}}', timestamptz '{{until}}' - interval 30 day
        )
        """,  # noqa: S608 - our own text, no input
    ),
    BulkEntity(
        "stripe", "invoices", "stripe_main",
        query="""
        with sums as (
            select invoice_id, sum(quantity * unit_amount_minor) as total
            from line_lives
            group by 1
        )
        select invoice_id, 'N-' || invoice_id as invoice_number,
            'cus_' || i as customer_id, 'sub_' || i as subscription_id,
            if(known(paid_at) is null, 'open', 'paid') as status,
            if(is_usd, 'USD', 'VND') as currency, total as subtotal_minor,
            0 as discount_minor, total // 10 as tax_minor, total + total // 10
                as total_minor,
            if(known(paid_at) is null, 0, total + total // 10) as amount_paid_minor,
            created_at, created_at + interval 1 hour as finalized_at,
            created_at + interval 14 day as due_at, known(paid_at) as paid_at
        from invoice_lives
        inner join sums using (invoice_id)
        where coalesce(known(paid_at), created_at) > timestamptz '{since}'
        """,
    ),
    BulkEntity(
        "stripe", "invoice_lines", "stripe_main",
        query="""
        select line_id, invoice_id, 'sub_' || i as subscription_id, item_id, product_id,
            'price_' || item_id as price_id, 'Monthly plan' as description, quantity,
            quantity * unit_amount_minor as amount_minor, 0 as discount_minor,
            quantity * unit_amount_minor // 10 as tax_minor,
            if(is_usd, 'USD', 'VND') as currency, created_at as service_starts_at,
            created_at + interval 1 month as service_ends_at, false as is_proration
        from line_lives
        where created_at > timestamptz '{since}'
        """,
    ),
    BulkEntity(
        "stripe", "charges", "stripe_main",
        query="""
        select 'ch_' || invoice_id as charge_id, 'cus_' || i as customer_id, invoice_id,
            'succeeded' as status, sum(quantity * unit_amount_minor) * 11 // 10
                as amount_minor,
            0 as amount_refunded_minor, if(is_usd, 'USD', 'VND') as currency,
            paid_at as created_at, 'txn_' || invoice_id as balance_transaction_id
        from invoice_lives
        inner join line_lives using (invoice_id, i, is_usd)
        where known(paid_at) > timestamptz '{since}'
        group by invoice_id, i, is_usd, paid_at
        """,
    ),
    BulkEntity(
        "stripe", "credit_notes", "stripe_main",
        query="""
        select 'cn_' || invoice_id as credit_note_id, invoice_id, 'cus_' || i as customer_id,
            50000 as subtotal_minor, 5000 as tax_minor, 55000 as total_minor,
            'VND' as currency, created_at + interval 6 day as created_at,
            'issued' as status
        from invoice_lives
        where not is_usd and pick(i * 1000 + n, 'credited', 100) = 0
            and known(created_at + interval 6 day) > timestamptz '{since}'
        """,
    ),
)  # fmt: skip
"""Streams of billing, in the order they land."""
