"""The life of the large company, as SQL its rows are told from: deals, campaigns, subscriptions.

Belongs here: who lives when, and the macros of chance and time. Stays out: what the sources say
of it (`ingest.sandbox.bulk_rows` and the modules by source it lists).

Everything follows from row numbers through DuckDB's hash, so any slice of time can be made
alone: a batch holds what changed in `({since}, {until}]`, in the state of `{until}`. Volumes
grow over the years, deals take weeks, customers leave, platforms restate conversions for a
month, people move team, records are merged and deleted.
"""

from __future__ import annotations

from typing import Final

_PLANS: Final = "(1 + hash(i, k, 'price', {seed}) % 6)"

HISTORY: Final = (
    # Uniform in [0, 1), and an instant of the company's life, later ones likelier.
    """
    create macro chance(i, salt) as (hash(i, salt, {seed}) % 1000003) / 1000003.0
    """,
    "create macro pick(i, salt, n) as cast(hash(i, salt, {seed}) % n as bigint)",
    """
    create macro born(i, salt) as
        timestamptz '{first_day} 00:00:00+07'
        + to_seconds(cast({days} * 86400 * pow(chance(i, salt), 0.7) as bigint))
    """,
    """
    create macro known(instant) as
        case when instant <= timestamptz '{until}' then instant end
    """,
    # A campaign runs a quarter of a year in its slot, then the next one takes it over.
    """
    create macro campaign(platform, slot, day) as
        platform || slot || '-' || ((day - date '{first_day}') // 91)
    """,
    """
    create temp table lead_lives as
    select
        i,
        born(i, 'lead') as created_at,
        case when chance(i, 'mql') < 0.4
            then born(i, 'lead') + to_seconds(cast(chance(i, 'mql at') * 1e6 as bigint))
        end as mql_at,
        case when chance(i, 'mql') < 0.18
            then born(i, 'lead')
                + to_seconds(cast((1 + chance(i, 'sql at')) * 1e6 as bigint))
        end as sql_at,
        case when i % 200 = 0 then born(i, 'lead') + interval 20 day end as merged_at,
        case when i % 230 = 1 then born(i, 'lead') + interval 30 day end as deleted_at
    from range({leads}) as numbers (i)
    """,
    """
    create temp table deal_lives as
    select
        i,
        created_at,
        created_at + to_seconds(cast(length * 0.2 as bigint)) as qualified_at,
        created_at + to_seconds(cast(length * 0.6 as bigint)) as offered_at,
        case when chance(i, 'outcome') < 0.85
            then created_at + to_seconds(cast(length as bigint))
        end as closed_at,
        chance(i, 'outcome') < 0.3 as is_won,
        case when chance(i, 'currency') < 0.7 then 'VND' else 'USD' end as currency,
        case when chance(i, 'currency') < 0.7 then 1000000 else 40 end
            * (5 + pick(i, 'amount', 200)) as amount,
        pick(i, 'owner', 60) as rep
    from (
        select i, born(i, 'deal') as created_at,
            (5 - ln(1 - chance(i, 'length')) * 35) * 86400 as length
        from range({deals}) as numbers (i)
    ) as deals
    """,
    """
    create temp table deal_changes as
    select i, created_at as changed_at, 'dealstage' as property, 'new' as value
    from deal_lives
    union all
    select i, qualified_at, 'dealstage', 'qualified' from deal_lives
    union all
    select i, offered_at, 'dealstage', 'offer' from deal_lives
    union all
    select i, closed_at, 'dealstage', if(is_won, 'closedwon', 'closedlost')
    from deal_lives where closed_at is not null
    union all
    select i, created_at, 'amount', cast(amount as varchar) from deal_lives
    union all
    select i, offered_at, 'amount', cast(amount * 9 // 10 as varchar)
    from deal_lives where chance(i, 'discounted') < 0.4
    union all
    select i, created_at, 'hubspot_owner_id', cast(100 + rep as varchar) from deal_lives
    union all
    select i, qualified_at, 'hubspot_owner_id', cast(100 + (rep + 7) % 60 as varchar)
    from deal_lives where chance(i, 'handed over') < 0.1
    union all
    select i, created_at, 'closedate',
        strftime(created_at + interval 60 day, '%Y-%m-%dT%H:%M:%SZ')
    from deal_lives
    """,
    "delete from deal_changes where changed_at > timestamptz '{until}'",
    """
    create temp table subscription_lives as
    select
        i,
        started_at,
        case when started_at + life < timestamptz '{until}' then started_at + life end
            as ended_at,
        case when chance(i, 'grows') < 0.3 and growth < life then started_at + growth end
            as grown_at,
        chance(i, 'money') < 0.3 as is_usd
    from (
        select i, born(i, 'customer') as started_at,
            to_days(cast(20 - ln(1 - chance(i, 'life')) * 900 as integer)) as life,
            to_days(cast(20 + chance(i, 'growth') * 400 as integer)) as growth
        from range({customers}) as numbers (i)
    ) as customers
    where started_at <= timestamptz '{until}'
    """,
    f"""
    create temp table item_lives as
    select
        i, k, started_at, ended_at, grown_at, is_usd,
        'si_' || i || '_' || k as item_id,
        'prod_' || (hash(i, k, 'product', {{seed}}) % 6) as product_id,
        if(is_usd, 4900, 1200000) * {_PLANS} as unit_amount_minor,
        1 + hash(i, k, 'quantity', {{seed}}) % 12 as quantity
    from subscription_lives cross join range(2) as items (k)
    where k = 0 or chance(i, 'second item') < 0.5
    """,  # noqa: S608 - our own text, no input
    """
    create temp table item_states as
    select *, started_at as valid_from, quantity as units,
        coalesce(known(grown_at), ended_at) as valid_to, 'created' as event
    from item_lives
    union all
    select *, grown_at, quantity * 2, ended_at, 'updated'
    from item_lives
    where known(grown_at) is not null
    """,
    """
    create temp table invoice_lives as
    select
        i,
        n,
        'in_' || i || '_' || n as invoice_id,
        is_usd,
        started_at + to_months(cast(n as integer)) as created_at,
        case when chance(i * 1000 + n, 'paid') < 0.97
            then started_at + to_months(cast(n as integer))
                + to_hours(cast(2 + pick(i * 1000 + n, 'paid after', 240) as integer))
        end as paid_at
    from subscription_lives cross join range({days} // 28) as months (n)
    where started_at + to_months(cast(n as integer))
        < coalesce(ended_at, timestamptz '{until}')
    """,
    """
    create temp table line_lives as
    select
        invoice_lives.invoice_id || '_' || item_lives.k as line_id,
        invoice_lives.invoice_id,
        invoice_lives.created_at,
        item_lives.i,
        item_lives.item_id,
        item_lives.product_id,
        item_lives.is_usd,
        if(invoice_lives.created_at >= item_lives.grown_at, 2, 1) * item_lives.quantity
            as quantity,
        item_lives.unit_amount_minor
    from invoice_lives
    inner join item_lives using (i)
    """,
)
"""Statements that make the company's life up to `{until}`, run before the queries."""
