"""What the sources of the large company say, as SQL by contract column.

Belongs here: the order streams land in, and the files a company keeps by hand. Stays out: the life
the rows tell of (`ingest.sandbox.bulk_lives`), the CRM, ads and billing (`ingest.sandbox.bulk_crm`,
`bulk_ads`, `bulk_billing`), types, load columns, files (`ingest.sandbox.bulk`). Columns a query
leaves out land as NULL.
"""

from __future__ import annotations

from typing import Final

from ingest.sandbox.bulk_ads import AD_ENTITIES
from ingest.sandbox.bulk_billing import BILLING_ENTITIES
from ingest.sandbox.bulk_crm import CRM_ENTITIES
from ingest.sandbox.bulk_entity import BulkEntity

_FILE_ENTITIES: Final = (
    BulkEntity(
        "files", "users", "people_drop", dataset="users", mode="upsert",
        query="""
        select 'NV' || i as user_id, date '2015-01-01' as valid_from,
            'Nhân viên ' || i as user_name, 'nv' || i || '@bulk.example' as email,
            'Team ' || (i % 8) as team, 'Department ' || (i % 8 // 4) as department,
            case when i % 5 = 0 then date '{first_day}' + 499 end as valid_to,
            '{"hubspot_main": "' || (100 + i) || '"}' as external_ids
        from range(60) as reps (i)
        union all
        select 'NV' || i, date '{first_day}' + 500, 'Nhân viên ' || i,
            'nv' || i || '@bulk.example', 'Team ' || ((i + 1) % 8),
            'Department ' || ((i + 1) % 8 // 4), null,
            '{"hubspot_main": "' || (100 + i) || '"}'
        from range(0, 60, 5) as movers (i)
        """,
    ),
    BulkEntity(
        "files", "fx_rates", "finance_drop", dataset="fx_rates", mode="upsert",
        query="""
        select rate_date, 'USD' as base_currency, 'VND' as quote_currency, rate_type,
            rate_date + interval 1 hour as published_at,
            if(rate_type = 'plan', 25000, 24800 + pick(rate_date, rate_type, 600))
                as rate,
            'bank' as rate_source
        from (
            select unnest(range(date '{first_day}', date '{as_of}' + 1, interval 1 day))
                ::date as rate_date
        ) as days
        cross join (values ('average_transfer'), ('closing'), ('plan'))
            as types (rate_type)
        where rate_date > timestamptz '{since}' - interval 8 day
        """,
    ),
    BulkEntity(
        "files", "targets", "finance_drop", dataset="targets", mode="upsert",
        query="""
        select 'sales_revenue' as kpi_key, 'total' as scope_type, '' as scope_id,
            month::date as period_start, month::date as effective_from,
            last_day(month) as period_end, 1000000000 as value, 'money' as unit,
            'VND' as currency, month::date as approved_at
        from range(
            date_trunc('month', date '{first_day}')::timestamp,
            timestamp '{as_of}', interval 1 month
        ) as months (month)
        """,
    ),
)  # fmt: skip

BULK_ENTITIES: Final = (
    *_FILE_ENTITIES,
    *CRM_ENTITIES,
    *AD_ENTITIES,
    *BILLING_ENTITIES,
)
"""Every stream of the large company, in the order it lands."""
