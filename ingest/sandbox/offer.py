"""What the sandbox company sells: products and their prices in VND and USD.

Belongs here: the product list shared by CRM, billing and cost files. Stays out: Stripe's
objects made of it (`billing`).
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class Product:
    """One product; prices are per seat and month in minor units by currency."""

    code: str
    name: str
    monthly_minor: dict[str, int]
    unit_cost_vnd: int
    """Direct cost per seat and month."""
    usage_type: str = "licensed"

    def yearly_minor(self, currency: str) -> int:
        """Price per seat and year: ten months' worth."""
        return self.monthly_minor[currency] * 10


BASIC: Final = Product("CRM-BASIC", "CRM Cơ bản", {"VND": 190_000, "USD": 900}, 31_000)
PRO: Final = Product(
    "CRM-PRO", "CRM Chuyên nghiệp", {"VND": 390_000, "USD": 1_900}, 52_000
)
ENTERPRISE: Final = Product(
    "CRM-ENT", "CRM Doanh nghiệp", {"VND": 790_000, "USD": 3_900}, 96_000
)
CALLCENTER: Final = Product(
    "CALL-CENTER", "Tổng đài", {"VND": 250_000, "USD": 1_200}, 70_000
)
SMS: Final = Product("SMS", "Tin nhắn SMS", {"VND": 450, "USD": 3}, 300, "metered")
ONBOARDING: Final = Product(
    "ONBOARDING",
    "Triển khai ban đầu",
    {"VND": 6_000_000, "USD": 30_000},
    2_500_000,
    "once",
)
PLANS: Final = (BASIC, PRO, ENTERPRISE)
PRODUCTS: Final = (*PLANS, CALLCENTER, SMS, ONBOARDING)

EXPONENT: Final = {"VND": 0, "USD": 2}
"""Decimal places of the minor unit; VND has none."""


def to_major(minor: int, currency: str) -> Decimal:
    """Return minor units as an exact amount in major units."""
    return Decimal(minor).scaleb(-EXPONENT[currency])
