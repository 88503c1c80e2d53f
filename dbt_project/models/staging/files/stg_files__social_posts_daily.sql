with

standing as (

    {{ file_rows(
        'social_posts_daily',
        ['platform', 'post_id', 'date'],
        day='date'
    ) }}

)

select
    -- ids
    post_id,

    -- strings
    platform,

    -- numerics
    reach,
    impressions,
    reactions,
    comments,
    shares,
    saves,
    clicks,
    followers,

    -- dates
    date,

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
