-- Opening + billed - credited - recognised (+ FX) is the closing, to the minor unit, in the
-- currency of the invoices, of the books and of presentation; one month's closing is the next
-- one's opening; a line whose service is over leaves nothing; and what all lines were billed is
-- what sales revenue was invoiced, credit notes alike.
with

lines as (

    select * from {{ ref('fct_deferred_revenue_monthly') }}

),

waterfall as (

    select * from {{ ref('rpt_deferred_revenue_waterfall') }}

),

invoice_lines as (

    select * from {{ ref('fct_invoice_lines') }}

),

plans as (

    select * from {{ ref('int_revenue_plans_laid') }}
    where held_until is null

),

credits as (

    select * from {{ ref('int_revenue_credits_shared') }}
    where voided_date is null

),

lines_off as (

    select
        revenue_event_id as subject,
        month_start_date,
        'line' as rule,
        opening_original_amount + billed_original_amount - credited_original_amount
        - recognised_original_amount - closing_original_amount as difference

    from lines
    union all
    select
        revenue_event_id as subject,
        month_start_date,
        'line_functional' as rule,
        opening_functional_amount + billed_functional_amount - credited_functional_amount
        - recognised_functional_amount - closing_functional_amount as difference

    from lines
    union all
    select
        revenue_event_id as subject,
        month_start_date,
        'line_opening' as rule,
        opening_original_amount - lag(closing_original_amount, 1, 0) over (
            partition by revenue_event_id
            order by month_start_date
        ) as difference

    from lines

),

waterfall_off as (

    {%- for rule, suffix, fx in [
        ('waterfall', '_original_amount', '0'),
        ('waterfall_functional', '_functional_amount', '0'),
        ('waterfall_presented', '_amount', 'fx_amount'),
    ] %}
        {{ 'union all' if not loop.first }}
        select
            waterfall_id as subject,
            month_start_date,
            '{{ rule }}' as rule,
            opening{{ suffix }} + billed{{ suffix }} - credited{{ suffix }}
            - recognised{{ suffix }} + {{ fx }} - closing{{ suffix }} as difference

        from waterfall
    {%- endfor %}

),

-- The whole against its parts: planned over life = billed - credited, by line.
planned as (

    select
        revenue_event_id,
        sum({{ recognised_amount(
            'plan_amount', 'exponent', '(cut_on - starts_on)', 'service_days'
        ) }}) as planned_amount

    from plans
    group by 1

),

credited as (

    select
        revenue_event_id,
        sum(credit_amount) as credited_amount

    from credits
    group by 1

),

lives_off as (

    select
        planned.revenue_event_id as subject,
        cast(null as date) as month_start_date,
        'life' as rule,
        case when invoice_lines.event_type = 'invoice_line' then invoice_lines.net_amount else 0 end
        - coalesce(credited.credited_amount, 0) - planned.planned_amount as difference

    from invoice_lines
    inner join planned
        on invoice_lines.revenue_event_id = planned.revenue_event_id
    left join credited
        on planned.revenue_event_id = credited.revenue_event_id

),

company as (

    select
        legal_entity || ' ' || currency as subject,
        sum(case when event_type = 'invoice_line' then net_amount else 0 end) as billed_amount,
        -sum(case when event_type = 'credit_note' then net_amount else 0 end) as noted_amount

    from invoice_lines
    group by 1

),

company_waterfall as (

    select
        legal_entity || ' ' || original_currency as subject,
        sum(billed_original_amount) as billed_amount

    from lines
    group by 1

),

company_notes as (

    select
        invoice_lines.legal_entity || ' ' || invoice_lines.currency as subject,
        sum(credits.credit_amount) as noted_amount

    from credits
    inner join invoice_lines
        on credits.revenue_event_id = invoice_lines.revenue_event_id
    where credits.credit_type = 'credit_note'
    group by 1

),

company_off as (

    select
        company.subject,
        cast(null as date) as month_start_date,
        'billed' as rule,
        company.billed_amount - coalesce(company_waterfall.billed_amount, 0) as difference

    from company
    left join company_waterfall
        on company.subject = company_waterfall.subject
    union all
    select
        company.subject,
        cast(null as date) as month_start_date,
        'credit_notes' as rule,
        company.noted_amount - coalesce(company_notes.noted_amount, 0) as difference

    from company
    left join company_notes
        on company.subject = company_notes.subject

),

found as (

    select * from lines_off
    union all
    select * from waterfall_off
    union all
    select * from lives_off
    union all
    select * from company_off

)

-- An unknown part (no rate) is another check's business.
select * from found
where difference <> 0
