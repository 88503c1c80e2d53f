"""Which staged rows must arrive in which mart, and what may be left out for which reason.

Belongs here: the table of checks and the SQL of their sides. Stays out: running and comparing
them (`orchestration.totals`).

Each check says what staging holds, row by row, with the reason a row may not arrive (NULL = it
must), and what arrived. Reasons of time and deletion are found from staging by rules of their own,
written here a second time; who was merged into whom, and which records are one person, the models
say. A record they lose or keep wrongly makes the two sides differ. Facts without
rows of their own in staging are not here: rates and targets per period and states per day are
filled from these, and recurring revenue is held against its stock by dbt's own tests.
"""

# ruff: noqa: S608 - parts of this module's own text, no data

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

ROWS: Final = "rows"


@dataclass(frozen=True)
class MartTotal:
    """One mart's check: what is staged = what arrived + what was left out, by reason.

    Rows of its queries have `source_name, source_account, _currency`, `reason` (NULL = none) and
    the measures; `left_out` names rows by reasons that only the models know. `$end` is the
    instant the as-of day ends, `$as_of` the day, `$home` the reporting currency.
    """

    theme: str
    entity: str
    mart: str
    staged: str
    arrived: str
    measures: tuple[str, ...] = (ROWS,)
    left_out: str = ""


_DEALS: Final = """
    deals as (
        select source_name, source_account, opportunity_id as id, currency, amount,
            created_at, closed_at, is_deleted, deleted_at, true as is_file
        from build.main.stg_files__opportunities where is_standing
        union all
        select source_name, source_account, opportunity_id, currency, amount,
            created_at, null, is_deleted, deleted_at, false
        from build.main.stg_hubspot__deals
    ),
    changes as (
        select source_name, opportunity_id as id, field, changed_at, new_value
        from build.main.stg_hubspot__deal_property_history
        union all
        select source_name, opportunity_id, field, changed_at, new_value
        from build.main.stg_files__opportunity_changes where changed_at < $end
    ),
    losers as (
        select source_name, loser_id as id from build.main.int_record_merges_resolved
        where object_type = 'opportunity'
    ),
    -- A record shows the amount of the reading, its log that of the end of the day.
    amounts as (
        select source_name, id, bool_or(changed_at < $end) as was_set,
            max_by(coalesce(new_value, ''), changed_at) filter (changed_at < $end) as amount
        from changes where field = 'amount' group by all
    ),
    origins as (
        select source_name, id, any_value(source_account) as source_account,
            bool_and(is_file and closed_at is null) as is_undated
        from deals group by all
    )
"""

_ORIGIN: Final = """
    left join origins
        on f.source_name = origins.source_name and f.source_record_id = origins.id
"""

OPPORTUNITIES: Final = MartTotal(
    theme="sales",
    entity="opportunities",
    mart="fct_opportunities",
    measures=(ROWS, "amount"),
    staged=f"""
        with {_DEALS}
        select d.source_name, d.source_account, coalesce(d.currency, $home) as _currency,
            case
                when tests.record_id is not null then 'test_record'
                when losers.id is not null then 'merged'
                when d.created_at >= $end then 'after_as_of'
                when d.is_deleted and coalesce(d.deleted_at < $end, true) then 'deleted'
            end as reason,
            case
                when amounts.id is null then d.amount
                when amounts.was_set then cast(nullif(amounts.amount, '') as decimal(38, 4))
            end as amount
        from deals d
        left join losers using (source_name, id)
        left join amounts using (source_name, id)
        left join build.main.int_test_records_found tests
            on tests.entity = 'opportunities'
            and d.source_name = tests.source_name and d.id = tests.record_id
    """,
    arrived=f"""
        with {_DEALS}
        select f.source_name, origins.source_account, f.currency as _currency,
            null as reason, f.amount
        from build.main.fct_opportunities f {_ORIGIN}
    """,
)

CLOSES: Final = MartTotal(
    theme="sales",
    entity="opportunities closed",
    mart="fct_opportunity_closes",
    measures=(ROWS, "amount"),
    # Won or lost on a day no file and no log tells: closed, but in no period.
    staged=f"""
        with {_DEALS},
        logged as (
            select distinct source_name, id from changes
            where field = 'status' and changed_at < $end
        )
        select f.source_name, origins.source_account, f.currency as _currency,
            case when origins.is_undated and logged.id is null then 'no_close_date' end
                as reason,
            f.amount
        from build.main.fct_opportunities f {_ORIGIN}
        left join logged
            on f.source_name = logged.source_name and f.source_record_id = logged.id
        where f.status in ('won', 'lost')
    """,
    arrived=f"""
        with {_DEALS}
        select f.source_name, origins.source_account, c.currency as _currency,
            null as reason, c.amount
        from build.main.fct_opportunity_closes c
        left join build.main.fct_opportunities f using (opportunity_id) {_ORIGIN}
    """,
)

_LEADS: Final = """
    leads as (
        select source_name, source_account, lead_id as id, created_at, is_deleted,
            deleted_at
        from build.main.stg_files__leads
        union all
        select source_name, source_account, lead_id, created_at, is_deleted, deleted_at
        from build.main.stg_hubspot__contacts
    ),
    losers as (
        select source_name, loser_id as id from build.main.int_record_merges_resolved
        where object_type = 'lead'
    ),
    records as (
        select leads.*, coalesce(created_at >= $end, false) as is_later,
            losers.id is null
            and not (
                coalesce(is_deleted, false) and coalesce(deleted_at < $end, true)
            ) as is_living,
            identified.person_key, tests.record_id is not null as is_test
        from leads
        left join losers using (source_name, id)
        left join build.main.int_leads_identified identified
            on leads.source_name || ':' || leads.id = identified.lead_id
        left join build.main.int_test_records_found tests
            on tests.entity = 'leads'
            and leads.source_name = tests.source_name and leads.id = tests.record_id
    )
"""

LEADS: Final = MartTotal(
    theme="marketing",
    entity="leads",
    mart="fct_leads",
    # Records, not people: a record has arrived when its person is in the mart.
    staged=f"""
        with {_LEADS}
        select source_name, source_account, '' as _currency,
            case
                when is_test then 'test_record'
                when is_later then 'after_as_of'
                when not bool_or(is_living and not is_later) over (
                    partition by coalesce(person_key, source_name || id)
                ) then 'deleted'
            end as reason
        from records
    """,
    arrived=f"""
        with {_LEADS}
        select records.source_name, records.source_account, '' as _currency, null as reason
        from build.main.fct_leads f
        left join build.main.int_leads_identified own using (lead_id)
        left join records
            on own.person_key = records.person_key and not records.is_later
    """,
)

_ACTIVITIES: Final = """
    activities as (
        select source_name, source_account, activity_id as id, occurred_at, is_deleted,
            deleted_at
        from build.main.stg_files__activities
        union all
        select source_name, source_account, activity_id, occurred_at, is_deleted, deleted_at
        from build.main.stg_hubspot__calls
        union all
        select source_name, source_account, activity_id, occurred_at, is_deleted, deleted_at
        from build.main.stg_hubspot__emails
        union all
        select source_name, source_account, activity_id, occurred_at, is_deleted, deleted_at
        from build.main.stg_hubspot__meetings
    ),
    origins as (
        select source_name, id, any_value(source_account) as source_account
        from activities group by all
    )
"""

ACTIVITIES: Final = MartTotal(
    theme="sales",
    entity="activities",
    mart="fct_activities",
    staged=f"""
        with {_ACTIVITIES}
        select activities.source_name, activities.source_account, '' as _currency,
            case
                when tests.record_id is not null then 'test_record'
                when occurred_at >= $end then 'after_as_of'
                when is_deleted and coalesce(deleted_at < $end, true) then 'deleted'
            end as reason
        from activities
        left join build.main.int_test_records_found tests
            on tests.entity = 'activities'
            and activities.source_name = tests.source_name
            and activities.id = tests.record_id
    """,
    arrived=f"""
        with {_ACTIVITIES}
        select f.source_name, origins.source_account, '' as _currency, null as reason
        from build.main.fct_activities f {_ORIGIN}
    """,
)

AD_DAYS: Final = MartTotal(
    theme="marketing",
    entity="ad_performance_daily",
    mart="fct_ad_performance_daily",
    # The mart is per campaign and day, files come finer: sums, not rows.
    measures=("spend_amount", "impressions", "clicks"),
    staged="""
        select source_name, source_account, currency as _currency,
            case when date > $as_of then 'after_as_of' end as reason,
            spend_amount, impressions, clicks
        from (
            select source_name, source_account, currency, date,
                cast(cast(cost_micros as decimal(28, 0)) * 0.000001 as decimal(38, 6))
                    as spend_amount,
                impressions, clicks
            from build.main.stg_google_ads__campaign_performance_daily
            union all
            select source_name, source_account, currency, date,
                cast(spend as decimal(38, 6)), impressions, clicks
            from build.main.stg_meta_ads__campaign_insights_daily
            union all
            select source_name, ad_account_id, coalesce(upper(currency), '(unknown)'),
                date, cast(spend as decimal(38, 6)), impressions, clicks
            from build.main.stg_files__ad_performance_daily
        )
    """,
    arrived="""
        select source_name, ad_account_id as source_account, currency as _currency,
            null as reason, spend_amount, impression_count as impressions, click_count as clicks
        from build.main.fct_ad_performance_daily
    """,
)


def _dropped_days(entity: str, mart: str, counted: str) -> MartTotal:
    """Return the check of a mart that has one row per row of a dropped entity and day."""
    return MartTotal(
        theme="marketing",
        entity=entity,
        mart=mart,
        measures=(ROWS, counted),
        staged=f"""
            select source_name, '' as source_account, '' as _currency,
                case when date > $as_of then 'after_as_of' end as reason, {counted}
            from build.main.stg_files__{entity}
        """,
        arrived=f"""
            select source_name, '' as source_account, '' as _currency, null as reason,
                {counted.removesuffix("s")}_count as {counted}
            from build.main.{mart}
        """,
    )


EMAIL_DAYS: Final = _dropped_days(
    "email_campaign_daily", "fct_email_campaigns_daily", "sent"
)
POST_DAYS: Final = _dropped_days(
    "social_posts_daily", "fct_social_posts_daily", "impressions"
)
SESSION_DAYS: Final = _dropped_days(
    "web_sessions_daily", "fct_web_sessions_daily", "sessions"
)

INVOICE_LINES: Final = MartTotal(
    theme="finance",
    entity="invoice_lines+credit_notes",
    mart="fct_invoice_lines",
    measures=(ROWS, "net_amount"),
    # A history export may repeat what its vendor still delivers; the vendor's own stands.
    staged="""
        select source_name, source_account, currency as _currency,
            case when row_number() over (
                partition by source_name, kind, id order by is_file, source_account
            ) > 1 then 'repeated' end as reason,
            net_amount
        from (
            select source_name, source_account, currency, 'line' as kind, line_id as id,
                0 as is_file,
                (amount_minor - coalesce(discount_minor, 0)) * stripe_minor_unit_amount
                    as net_amount
            from build.main.stg_stripe__invoice_lines
            left join build.main.currency_exponents using (currency)
            union all
            select source_name, source_account, currency, 'note', credit_note_id, 0,
                -subtotal_minor * stripe_minor_unit_amount
            from build.main.stg_stripe__credit_notes
            left join build.main.currency_exponents using (currency)
            union all
            select source_name, source_account, currency, 'line', line_id, 1, amount
            from build.main.stg_files__invoice_lines
            union all
            select source_name, source_account, currency, 'note', credit_note_id, 1, -amount
            from build.main.stg_files__credit_notes
        )
    """,
    left_out="""
        select source_name, source_account, currency as _currency,
            exclusion_reason as reason, net_amount
        from build.main.int_revenue_events_classified where exclusion_reason is not null
    """,
    arrived="""
        select source_name, source_account, currency as _currency, null as reason, net_amount
        from build.main.fct_invoice_lines
    """,
)

_TARGET_KEY: Final = "source_name, kpi_key, scope_type, period_start, effective_from"

TARGETS: Final = MartTotal(
    theme="core",
    entity="targets",
    mart="fct_targets",
    measures=(ROWS, "value"),
    staged="""
        select source_name, source_account, coalesce(currency, '') as _currency,
            case
                when approved_at is null then 'not_approved'
                when approved_at > $as_of then 'after_as_of'
                when row_number() over (
                    partition by kpi_key, scope_type, scope_id, period_start,
                        effective_from, approved_at <= $as_of
                    order by approved_at desc, _load_date desc, source_name
                ) > 1 then 'repeated'
            end as reason,
            value
        from build.main.stg_files__targets
    """,
    arrived=f"""
        select source_name, staged.source_account, coalesce(f.currency, '') as _currency,
            null as reason, f.target_value as value
        from (
            select *, period_start_date as period_start,
                effective_from_date as effective_from
            from build.main.fct_targets
        ) f
        left join (
            select {_TARGET_KEY}, any_value(source_account) as source_account
            from build.main.stg_files__targets group by all
        ) staged using ({_TARGET_KEY})
    """,
)

MART_TOTALS: Final = (
    OPPORTUNITIES,
    CLOSES,
    ACTIVITIES,
    LEADS,
    AD_DAYS,
    EMAIL_DAYS,
    POST_DAYS,
    SESSION_DAYS,
    INVOICE_LINES,
    TARGETS,
)
