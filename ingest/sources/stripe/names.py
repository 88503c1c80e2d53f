"""Names of fields Stripe documents, before and after 2025-03-31 (read 2026-11).

Belongs here: what is known, so that what is not can be reported. Stays out: use of fields.
"""

from __future__ import annotations

from typing import Final


def _names(text: str) -> frozenset[str]:
    return frozenset({"id", "object", "livemode", "created", "metadata", *text.split()})


CUSTOMER: Final = _names("""
    address balance business_name cash_balance currency customer_account default_currency
    default_source deleted delinquent description discount email individual_name
    invoice_credit_balance invoice_prefix invoice_settings name next_invoice_sequence phone
    preferred_locales shipping sources subscriptions tax tax_exempt tax_ids test_clock
""")
PRODUCT: Final = _names("""
    active attributes caption deactivate_on default_price deleted description features
    images marketing_features name package_dimensions shippable statement_descriptor
    tax_code type unit_label updated url
""")
PRICE: Final = _names("""
    active billing_scheme currency currency_options custom_unit_amount deleted lookup_key
    nickname product recurring tax_behavior tiers tiers_mode transform_quantity type
    unit_amount unit_amount_decimal
""")
SUBSCRIPTION: Final = _names("""
    application application_fee_percent automatic_tax billing_cycle_anchor
    billing_cycle_anchor_config billing_mode billing_schedules billing_thresholds cancel_at
    cancel_at_period_end canceled_at cancellation_details collection_method currency
    current_period_end current_period_start customer customer_account days_until_due
    default_payment_method default_source default_tax_rates description discount discounts
    ended_at invoice_settings items latest_invoice managed_payments
    next_pending_invoice_item_invoice
    on_behalf_of pause_collection payment_settings pending_invoice_item_interval
    pending_setup_intent pending_update plan presentment_details quantity schedule
    start_date status test_clock transfer_data trial_end trial_settings trial_start
""")
EVENT: Final = _names("""
    account api_version context data pending_webhooks request type
""")
INVOICE: Final = _names("""
    account_country account_name account_tax_ids amount_due amount_overpaid amount_paid
    amount_remaining amount_shipping application application_fee_amount attempt_count
    attempted auto_advance automatic_tax automatically_finalizes_at billing_reason charge
    collection_method confirmation_secret currency custom_fields customer customer_account
    customer_address customer_email customer_name customer_phone customer_shipping
    customer_tax_exempt customer_tax_ids default_payment_method default_source
    default_tax_rates description discount discounts due_date effective_at ending_balance
    footer from_invoice hosted_invoice_url invoice_pdf issuer last_finalization_error
    latest_revision lines next_payment_attempt number on_behalf_of paid paid_out_of_band
    parent payment_intent payment_settings payments period_end period_start
    post_payment_credit_notes_amount pre_payment_credit_notes_amount quote receipt_number
    rendering rendering_options shipping_cost shipping_details starting_balance
    statement_descriptor status status_transitions subscription subscription_details
    subscription_proration_date subtotal subtotal_excluding_tax tax test_clock
    threshold_reason total total_discount_amounts total_excluding_tax
    total_pretax_credit_amounts total_tax_amounts total_taxes transfer_data
    webhooks_delivered_at
""")
LINE: Final = _names("""
    amount amount_excluding_tax currency description discount_amounts discountable discounts
    invoice invoice_item parent period plan pretax_credit_amounts price pricing proration
    proration_details quantity quantity_decimal subscription subscription_item subtotal
    tax_amounts tax_calculation_reference tax_rates taxes type unit_amount_excluding_tax
""")
CREDIT_NOTE: Final = _names("""
    amount amount_shipping currency customer customer_account customer_balance_transaction
    discount_amount discount_amounts effective_at invoice lines memo number
    out_of_band_amount pdf post_payment_amount pre_payment_amount pretax_credit_amounts
    reason refund refunds shipping_cost status subtotal subtotal_excluding_tax tax_amounts
    total total_excluding_tax total_taxes type voided_at
""")
CHARGE: Final = _names("""
    amount amount_captured amount_refunded amount_updates application application_fee
    application_fee_amount authorization_code balance_transaction billing_details
    calculated_statement_descriptor captured currency customer description destination
    dispute disputed failure_balance_transaction failure_code failure_message fraud_details
    invoice level3 on_behalf_of order outcome paid payment_intent payment_method
    payment_method_details presentment_details radar_options receipt_email receipt_number
    receipt_url refunded refunds review shipping source source_transfer
    statement_descriptor statement_descriptor_suffix status transfer transfer_data
    transfer_group
""")
REFUND: Final = _names("""
    amount balance_transaction charge currency description destination_details
    failure_balance_transaction failure_reason instructions_email next_action
    payment_intent pending_reason presentment_details reason receipt_number
    source_transfer_reversal status transfer_reversal
""")
DISPUTE: Final = _names("""
    amount balance_transaction balance_transactions charge currency
    enhanced_eligibility_types evidence evidence_details is_charge_refundable
    network_details network_reason_code payment_intent payment_method_details reason status
""")
PAYOUT: Final = _names("""
    amount application_fee application_fee_amount arrival_date automatic
    balance_transaction currency description destination failure_balance_transaction
    failure_code failure_message method original_payout payout_method
    reconciliation_status reversed_by source_balance source_type statement_descriptor
    status trace_id type
""")
BALANCE_TRANSACTION: Final = _names("""
    amount available_on balance_type currency description exchange_rate fee fee_details net
    reporting_category source status type
""")
