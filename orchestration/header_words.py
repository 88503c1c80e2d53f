"""What people call columns and files: everyday words of exports -> ours.

Belongs here: the vocabulary, in English and Vietnamese, and putting a header into its plain
form. Stays out: deciding what a file feeds (`header_proposals`), headers of templates
(`ingest.contracts.headers`).
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from typing import TYPE_CHECKING, Final

from ingest.contracts.headers import VIETNAMESE

if TYPE_CHECKING:
    from collections.abc import Mapping

NOISE: Final = frozenset(
    {"data", "export", "list", "report", "all", "history", "table"}
)
SAME: Final[Mapping[str, str]] = {
    "deal": "opportunity",
    "deals": "opportunities",
    "pipeline": "opportunities",
    "client": "customer",
    "clients": "customers",
    "company": "account",
    "companies": "accounts",
    "sales_rep": "owner_id",
    "sales_agent": "owner_id",
    "rep": "owner_id",
    "close_value": "amount",
    "deal_value": "amount",
    "opportunity_value": "amount",
    "value": "amount",
    "total": "amount",
    "stage_name": "stage",
    "opportunity_stage": "stage",
    "opportunity_status": "status",
    "engage_date": "created_at",
    "create_date": "created_at",
    "created": "created_at",
    "created_date": "created_at",
    "close_date": "closed_at",
    "closed": "closed_at",
    "won_date": "closed_at",
    "product": "product_id",
    "account": "account_id",
    "customer": "customer_id",
    "currency_code": "currency",
    "sector": "industry",
    "cost": "spend",
    "day": "date",
    "ten_khach_hang": "customer_name",
    "khach_hang": "customer_id",
    "cong_ty": "account_id",
    "nhan_vien": "owner_id",
    "nhan_vien_kinh_doanh": "owner_id",
    "nguoi_phu_trach": "owner_id",
    "nguoi_tao": "created_by_id",
    "san_pham": "product_id",
    "gia_tri": "amount",
    "gia_tri_hop_dong": "amount",
    "thanh_tien": "amount",
    "doanh_so": "amount",
    "doanh_thu": "amount",
    "chi_phi": "amount",
    "ngay_chot": "closed_at",
    "ngay_ket_thuc": "closed_at",
    "chien_dich": "campaign_id",
    "dien_thoai": "phone",
    "sdt": "phone",
    "bo_phan": "department",
    "dang_mo": "open",
    "thanh_cong": "won",
    "that_bai": "lost",
    "da_thanh_toan": "paid",
    "da_huy": "void",
    "luong": "salary",
    "cong_cu": "tool",
    "noi_dung": "content",
    "nghien_cuu": "research",
    "su_kien": "event",
    "khac": "other",
    "loai_tien": "currency",
    "don_vi_tien_te": "currency",
}
"""Words of everyday exports -> ours, after `normal`."""
PLATFORMS: Final[Mapping[str, str]] = {
    "google": "google",
    "facebook": "meta",
    "meta": "meta",
    "linkedin": "linkedin",
    "tiktok": "tiktok",
    "microsoft": "microsoft",
    "bing": "microsoft",
}
ALIASES: Final[Mapping[str, frozenset[str]]] = {
    "user_id": frozenset({"sales_agent", "sales_rep", "rep", "employee_id"}),
    "user_name": frozenset({"sales_agent", "sales_rep", "rep", "full_name", "ho_ten"}),
    "manager_id": frozenset({"manager", "quan_ly"}),
    "region": frozenset({"regional_office", "vung"}),
    "employee_count": frozenset({"employees", "headcount"}),
    "annual_revenue": frozenset({"revenue"}),
    "country": frozenset({"office_location", "address_country"}),
    "parent_account_id": frozenset({"subsidiary_of", "parent_account", "parent"}),
    "category": frozenset({"series", "product_family", "nhom_hang"}),
    "list_price": frozenset({"sales_price", "price", "gia_ban", "don_gia"}),
    "date": frozenset({"stat_time_hour", "stat_time_day", "ngay_thang"}),
    "spend": frozenset(
        {
            "cost_micros",
            "cost_in_local_currency",
            "amount_spent",
            "chi_phi",
            "so_tien_da_chi",
        }
    ),
    "occurred_at": frozenset({"created"}),
    "unit_price": frozenset({"unit_amount", "price", "don_gia"}),
    "fee_amount": frozenset({"fee"}),
    "net_amount": frozenset({"net"}),
    "tax_amount": frozenset({"tax", "vat", "thue"}),
    "paid_at": frozenset({"created", "ngay_thu_tien"}),
    "refunded_at": frozenset({"created"}),
    "issued_at": frozenset({"created"}),
    "opened_at": frozenset({"created"}),
    "arrived_on": frozenset({"arrival_date"}),
    "started_at": frozenset({"start_date"}),
    "valid_from": frozenset({"created", "start_date", "hire_date", "ngay_vao_lam"}),
    "payment_id": frozenset({"charge_id"}),
    "started_on": frozenset({"start_date"}),
    "ended_on": frozenset({"end_date"}),
    "ad_account_id": frozenset({"customer_id", "account_id", "advertiser_id"}),
    "conversion_value": frozenset({"conversions_value"}),
}
"""Column -> headers that only this column's entity means by it; read after `SAME`."""
VERSIONS: Final = frozenset(
    {
        *("updated_at", "updated_time", "updated", "last_updated", "last_updated_at"),
        *("modified_at", "modified_time", "modified", "last_modified"),
        *("last_modified_at", "last_modified_time", "ngay_cap_nhat"),
    }
)
"""Headers of when a line was written anew: of several of one key the newest counts."""
FILE_NAMES: Final[Mapping[str, str]] = {
    "sales_teams": "users",
    "sales_team": "users",
    "charge": "payments",
    "charges": "payments",
    "balance_transaction": "ledger_transactions",
    "balance_transactions": "ledger_transactions",
    "invoice_line_item": "invoice_lines",
    "credit_note_line_item": "credit_note_lines",
    "ad_campaign_group": "campaigns",
    "ads_campaign": "campaigns",
    "basic_ad": "ad_performance_daily",
    "campaign_stats": "ad_performance_daily",
    "campaign_performance_daily": "ad_performance_daily",
    "campaign_hourly": "ad_performance_daily",
    "ad_analytics_by_campaign": "ad_performance_daily",
    "co_hoi": "opportunities",
    "chi_tieu_doanh_so": "targets",
    "nhan_vien": "users",
    "don_hang": "invoices",
    "quang_cao": "ad_performance_daily",
    "so_quy_ngan_hang": "bank_transactions",
    "sao_ke": "bank_transactions",
}
"""What people call files -> the entity, beside its titles."""


def platform_of(name: str) -> str:
    """Return the ad platform a file is named after, '' = none."""
    words = plain(name).split("_")
    return next((known for word, known in PLATFORMS.items() if word in words), "")


def vietnamese(column: str) -> str:
    """Return the plain form of a column's Vietnamese header."""
    return plain(VIETNAMESE[column])


def plain(text: str) -> str:
    """Return a header as small letters without marks, underscores between words."""
    flat = unicodedata.normalize("NFKD", text.replace("đ", "d").replace("Đ", "D"))
    kept = "".join(c for c in flat if not unicodedata.combining(c)).lower()
    return re.sub(r"[^a-z0-9]+", "_", kept).strip("_")


def normal(text: str) -> str:
    """Return a header with everyday words replaced by ours."""
    flat = plain(text)
    if flat in SAME:
        return SAME[flat]
    # Inside a longer header only words that stand for a thing are replaced.
    words = [
        same if (same := SAME.get(word, word)).isalpha() else word
        for word in flat.split("_")
    ]
    joined = "_".join(words)
    return SAME.get(joined, joined)


def likeness(one: str, other: str) -> float:
    """Return how alike two words are, 0 to 1."""
    return difflib.SequenceMatcher(None, one, other).ratio()
