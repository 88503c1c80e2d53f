"""Names of people and companies, Vietnamese letters in NFC.

Belongs here: word lists and the functions that draw from them. Stays out: who is who in the
story (`people`, `crm`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from unicodedata import category, normalize

if TYPE_CHECKING:
    from random import Random

_FAMILY: Final = (
    "Nguyễn",
    "Trần",
    "Lê",
    "Phạm",
    "Hoàng",
    "Huỳnh",
    "Phan",
    "Vũ",
    "Võ",
    "Đặng",
    "Bùi",
    "Đỗ",
    "Hồ",
    "Ngô",
    "Dương",
    "Lý",
)
_MIDDLE: Final = (
    "Văn",
    "Thị",
    "Minh",
    "Thanh",
    "Quốc",
    "Ngọc",
    "Hữu",
    "Đức",
    "Thu",
    "Gia",
    "Bảo",
    "Kim",
)
_GIVEN: Final = (
    "Anh",
    "Bình",
    "Châu",
    "Dũng",
    "Giang",
    "Hà",
    "Hạnh",
    "Hiếu",
    "Hùng",
    "Hương",
    "Khánh",
    "Lan",
    "Linh",
    "Long",
    "Mai",
    "Nam",
    "Nga",
    "Phúc",
    "Phương",
    "Quân",
    "Quỳnh",
    "Sơn",
    "Tâm",
    "Thảo",
    "Trang",
    "Trung",
    "Tuấn",
    "Uyên",
    "Việt",
    "Yến",
)
_BUSINESS: Final = (
    "Thương mại",
    "Dược phẩm",
    "Logistics",
    "Nội thất",
    "Thực phẩm",
    "Xây dựng",
    "Giáo dục",
    "Du lịch",
    "May mặc",
    "Bao bì",
    "Cơ khí",
    "Nông sản",
    "Bất động sản",
    "Y tế",
)
_BRAND: Final = (
    "An Phát",
    "Hoà Bình",
    "Sao Mai",
    "Thiên Long",
    "Đại Dương",
    "Phương Nam",
    "Hưng Thịnh",
    "Việt Tiến",
    "Tân Á",
    "Minh Khang",
    "Đông Á",
    "Hải Âu",
    "Kim Long",
    "Trường Sơn",
    "Bình Minh",
    "Lam Sơn",
    "Cửu Long",
    "Thành Công",
)
_FOREIGN: Final = (
    "Merlion",
    "Straits",
    "Marina",
    "Orchid",
    "Raffles",
    "Lotus",
    "Harbour",
    "Summit",
    "Pacific",
    "Equator",
)
_FOREIGN_FORM: Final = (
    "Trading Pte Ltd",
    "Logistics Pte Ltd",
    "Foods Pte Ltd",
    "Tech Ltd",
)


def draw_person(throw: Random) -> tuple[str, str]:
    """Return (first name, last name): given name, family and middle name."""
    last = f"{throw.choice(_FAMILY)} {throw.choice(_MIDDLE)}"
    return throw.choice(_GIVEN), last


def draw_company(throw: Random, *, foreign: bool) -> str:
    """Return a company name."""
    if foreign:
        name = f"{throw.choice(_FOREIGN)} {throw.choice(_FOREIGN)}"
        return f"{name} {throw.choice(_FOREIGN_FORM)}"
    return f"Công ty {throw.choice(_BUSINESS)} {throw.choice(_BRAND)} {throw.choice(_GIVEN)}"


def to_ascii(text: str) -> str:
    """Return the letters of a name without marks, lower case, for e-mail addresses."""
    bare = normalize("NFD", text.replace("Đ", "D").replace("đ", "d"))
    return "".join(c for c in bare if category(c) != "Mn" and c.isalnum()).lower()
