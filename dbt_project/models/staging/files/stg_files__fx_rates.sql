with

standing as (

    {{ file_rows(
        'fx_rates',
        ['rate_date', 'base_currency', 'quote_currency', 'rate_type', 'published_at'],
        day='rate_date',
        version_column='published_at'
    ) }}

)

select
    -- strings
    base_currency,
    quote_currency,
    rate_type,
    rate_source,

    -- numerics
    rate,

    -- dates
    rate_date,

    -- timestamps
    published_at,

    -- load
    source_name,
    source_account,
    legal_entity,
    _source_ref,
    _batch_id,
    _load_date,
    _extracted_at,
    _row_hash

from standing
