-- KPI warehouse in the DuckDB command line, DBeaver or any SQL tool with DuckDB 1.0 or newer.
--
--     duckdb -c ".read this_file.sql"      or paste it
--
-- The link `current` is followed once, when the file is attached: the session reads that build
-- until it attaches again, whatever is published meanwhile. Read-only, so nobody is locked out.
attach '@PUBLISHED@/current/@AUDIENCE@.duckdb' as warehouse (read_only);
use warehouse;

-- Which build this is, and how good.
select distinct build_id, as_of_date, held_themes from build_info;

-- One KPI by month, in each presentation currency.
select
    period_start_date,
    currency,
    value,
    is_partial
from rpt_kpi_values
where
    kpi_key = 'mrr'
    and grain = 'month'
    and breakdown = 'total'
    and variant = 'standard'
    and basis = 'current'
order by period_start_date desc, currency
limit 24;

-- What every KPI means, in Vietnamese and English.
select kpi_key, name_vi, name_en, definition_vi, definition_en from kpi_registry;
