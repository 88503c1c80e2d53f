"""The files of the sandbox company: finance, marketing and the one-time billing history.

Belongs here: what each CSV holds as of an instant and how it is written (Vietnamese headers,
dd/mm/YYYY, 1.234,56, UTF-8 with BOM; the vendor export plain). Stays out: the contents'
origin (`finance`, `gl`, `people`, `marketing`), reading files (`ingest.sources.files`).
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import astuple, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

from ingest.sandbox.bank import bank_lines_until
from ingest.sandbox.finance import (
    BASE,
    MONEY_TARGETS,
    QUOTE,
    costs_until,
    product_costs_until,
    rates_until,
    targets_until,
)
from ingest.sandbox.gl import ACCOUNTS, TIE_OUT, balances_until, journals_until
from ingest.sandbox.history import write_item_rows, write_subscription_rows
from ingest.sandbox.marketing import emails_until, posts_until, visits_until
from ingest.sandbox.offer import to_major
from ingest.sandbox.office import (
    assignments_until,
    calendar_until,
    call_targets_until,
    capacity_until,
    timesheets_until,
)
from ingest.sandbox.people import EVERYONE, Person, manager_of
from ingest.sandbox.story import ZONE_NAME, local_day, month_start
from ingest.sandbox.touches import touches_until

if TYPE_CHECKING:
    from pathlib import Path

    from ingest.sandbox.gl import Balance
    from ingest.sandbox.model import Company

DROP: Final = "drop"
EXPORT: Final = "export"
CRM_SOURCE: Final = "hubspot_main"
"""Name of the CRM source in `warehouse.yml`; the users file maps people to its owners."""

_Row = Sequence[object]
_ZONE: Final = ZoneInfo(ZONE_NAME)


def write_drop(company: Company, root: Path, now: datetime) -> list[Path]:
    """Write the finance and marketing files as of `now` below root/drop; return every file of it.

    A file whose content did not change is left alone, as a person would leave it.
    """
    tables: dict[str, tuple[_Row, Iterable[_Row]]] = {
        "nhan_su.csv": (_USERS, _user_rows(now)),
        "chi_tieu.csv": (_TARGETS, _target_rows(now)),
        "gia_von.csv": (_PRODUCT_COSTS, _product_cost_rows(now)),
        "lich_lam_viec.csv": (_CALENDAR, _calendar_rows(company.seed, now)),
        "giao_kpi.csv": (_ASSIGNMENTS, _assignment_rows(company.seed, now)),
        "nang_luc.csv": (_CAPACITY, _capacity_rows(now)),
    }
    hours: dict[str, list[_Row]] = {}
    for one in timesheets_until(company.seed, now):
        row = (
            one.user_id,
            one.day,
            _WORK[one.kind],
            one.hours,
            one.hourly_cost,
            QUOTE,
        )
        hours.setdefault(f"cham_cong_{one.day.year}.csv", []).append(row)
    tables |= {name: (_HOURS, rows) for name, rows in hours.items()}
    by_year: dict[str, list[_Row]] = {}
    for rate in rates_until(company.seed, now):
        name = f"ty_gia_{rate.rate_date.year}.csv"
        by_year.setdefault(name, []).append(
            (
                rate.rate_date,
                BASE,
                QUOTE,
                _RATE_TYPES[rate.rate_type],
                rate.rate,
                rate.published_at,
                "Vietcombank",
            )
        )
    tables |= {name: (_RATES, rows) for name, rows in by_year.items()}
    costs: dict[str, list[_Row]] = {}
    for cost in costs_until(company.seed, now):
        row = (
            cost.month,
            _COST_TYPES[cost.cost_type],
            cost.department,
            cost.channel,
            cost.product_id,
            cost.amount,
            QUOTE,
        )
        costs.setdefault(f"chi_phi_{cost.month.year}.csv", []).append(row)
    tables |= {name: (_COSTS, rows) for name, rows in costs.items()}
    tables |= _marketing_tables(company.seed, now)
    tables |= {
        name: (_BALANCES, rows) for name, rows in _balance_rows(company, now).items()
    }
    tables |= {
        name: (_JOURNAL, rows) for name, rows in _journal_rows(company, now).items()
    }
    tables |= {
        f"so_do_tai_khoan_{account.legal_entity}.csv": (
            _ACCOUNT_MAP,
            [(prefix, line, sign) for prefix, (line, sign) in TIE_OUT.items()],
        )
        for account in company.stripe.values()
    }
    tables |= {name: (_BANK, rows) for name, rows in _bank_rows(company, now).items()}
    tables["diem_cham.csv"] = (_TOUCHES, _touch_rows(company, now))
    return [
        _write(root / DROP / name, header, rows, encoding="utf-8-sig", show=_show_local)
        for name, (header, rows) in tables.items()
    ]


def write_export(company: Company, root: Path, now: datetime) -> list[Path]:
    """Write the one-time history of both Stripe accounts as of `now` below root/export.

    Stripe keeps events for 30 days only; a real company loads such an export first. Files
    that are there already stay as they are.
    """
    written: list[Path] = []
    for account in company.stripe.values():
        for entity, write in (
            ("subscriptions", write_subscription_rows),
            ("subscription_items", write_item_rows),
        ):
            path = root / EXPORT / f"{account.name}_{entity}.csv"
            if not path.exists():
                header, rows = write(account, now)
                _write(path, header, rows, encoding="utf-8", show=_show_iso)
            written.append(path)
    return written


def _marketing_tables(
    seed: int, now: datetime
) -> dict[str, tuple[_Row, Iterable[_Row]]]:
    """Return the marketing files by name: one per tool and year, as the tools export them."""
    found: dict[str, tuple[_Row, list[_Row]]] = {}
    for stem, header, days in (
        ("email", _EMAILS, emails_until(seed, now)),
        ("mang_xa_hoi", _POSTS, posts_until(seed, now)),
        ("luot_truy_cap", _VISITS, visits_until(seed, now)),
    ):
        for day in days:
            name = f"{stem}_{day.date.year}.csv"
            found.setdefault(name, (header, []))[1].append(astuple(day))
    return dict(found)


_EMAILS: Final = (
    "Chiến dịch",
    "Ngày gửi",
    "Đã gửi",
    "Bị trả lại",
    "Bị hủy",
    "Người mở",
    "Người mở đã lọc",
    "Người nhấp",
    "Chuyển đổi",
    "Hủy đăng ký",
)
_POSTS: Final = (
    "Nền tảng",
    "Mã bài đăng",
    "Ngày",
    "Tiếp cận",
    "Hiển thị",
    "Cảm xúc",
    "Bình luận",
    "Chia sẻ",
    "Lưu",
    "Nhấp",
    "Người theo dõi",
)
_VISITS: Final = (
    "Website",
    "Ngày",
    "Nguồn",
    "Phương tiện",
    "Chiến dịch",
    "Trang đích",
    "Phiên",
    "Người dùng",
    "Sự kiện chính",
    "Phiên có sự kiện chính",
)
_USERS: Final = (
    "Mã nhân viên",
    "Họ và tên",
    "Email",
    "Nhóm",
    "Phòng ban",
    "Mã quản lý",
    "Chức danh",
    "Khu vực",
    "FTE",
    "Từ ngày",
    "Đến ngày",
    "Mã hệ thống",
    "Đang làm việc",
)
_TARGETS: Final = (
    "Mã KPI",
    "Phạm vi",
    "Mã phạm vi",
    "Kỳ từ",
    "Kỳ đến",
    "Giá trị",
    "Đơn vị",
    "Tiền tệ",
    "Loại",
    "Hiệu lực từ",
    "Ngày duyệt",
    "Người duyệt",
    "Lý do",
)
_COSTS: Final = (
    "Tháng",
    "Loại chi phí",
    "Phòng ban",
    "Kênh",
    "Mã sản phẩm",
    "Số tiền",
    "Tiền tệ",
)
_PRODUCT_COSTS: Final = (
    "Mã sản phẩm",
    "Từ ngày",
    "Đến ngày",
    "Giá vốn",
    "Tiền tệ",
)
_CALENDAR: Final = ("Lịch", "Ngày", "Ngày làm việc", "Lý do", "Mã nhân viên")
_HOURS: Final = (
    "Mã nhân viên",
    "Ngày",
    "Công việc",
    "Số giờ",
    "Chi phí mỗi giờ",
    "Tiền tệ",
)
_ASSIGNMENTS: Final = ("Mã nhân viên", "Mã KPI", "Kỳ từ", "Vai trò", "Ngày xác nhận")
_CAPACITY: Final = ("Bộ phận", "Tháng", "Năng lực", "Đơn vị")
_WORK: Final = {"prospecting": "Tìm kiếm khách hàng", "administration": "Hành chính"}
_RATES: Final = (
    "Ngày",
    "Từ tiền",
    "Sang tiền",
    "Loại tỷ giá",
    "Tỷ giá",
    "Công bố lúc",
    "Nguồn",
)
_BALANCES: Final = (
    "Kỳ",
    "Tài khoản",
    "Tên tài khoản",
    "Tiền tệ",
    "Dư nợ đầu kỳ",
    "Dư có đầu kỳ",
    "Phát sinh nợ",
    "Phát sinh có",
    "Dư nợ cuối kỳ",
    "Dư có cuối kỳ",
    "Tiền hạch toán",
    "Phát sinh nợ hạch toán",
    "Phát sinh có hạch toán",
)
_JOURNAL: Final = (
    "Số chứng từ",
    "Dòng",
    "Ngày hạch toán",
    "Kỳ",
    "Tài khoản",
    "Nợ",
    "Có",
    "Tiền tệ",
    "Chứng từ gốc",
    "Diễn giải",
)
_BANK: Final = (
    "Mã giao dịch",
    "Ngày",
    "Số tiền",
    "Tiền tệ",
    "Đối tác",
    "Diễn giải",
)
_ACCOUNT_MAP: Final = ("Đầu tài khoản", "Chỉ tiêu đối chiếu", "Dấu")
_TOUCHES: Final = (
    "Mã điểm chạm",
    "Thời điểm",
    "Kênh",
    "Chiến dịch",
    "Khóa người dùng",
    "Mã khách hàng tiềm năng",
    "Mã công ty",
    "Chỉ xem",
)
_ROLES: Final = {
    "rep": "Nhân viên kinh doanh",
    "manager": "Trưởng nhóm",
    "marketer": "Tiếp thị",
    "accountant": "Kế toán",
}
_SCOPES: Final = {
    "total": "Công ty",
    "team": "Nhóm",
    "rep": "Nhân viên",
    "lead_source_group": "Nguồn khách hàng",
    "content_piece": "Nội dung",
}
_RATE_TYPES: Final = {
    "average_transfer": "Chuyển khoản trung bình",
    "closing": "Đóng cửa",
    "plan": "Kế hoạch",
}
_COST_TYPES: Final = {
    "salary": "Lương",
    "tool": "Công cụ",
    "agency": "Đại lý",
    "content": "Nội dung",
    "research": "Nghiên cứu",
    "event": "Sự kiện",
    "other": "Khác",
}


def _user_rows(now: datetime) -> Iterator[_Row]:
    """Yield every posting that has begun; its end once a later day or the leaving is here."""
    today = local_day(now)
    for person in EVERYONE:
        begun = [p for p in person.postings if p.valid_from <= today]
        for index, posting in enumerate(begun):
            is_last = index == len(begun) - 1
            ends = None if is_last else begun[index + 1].valid_from - timedelta(days=1)
            has_left = person.left_on is not None and person.left_on < today
            if is_last and has_left:
                ends = person.left_on
            yield (
                person.user_id,
                person.name,
                person.email,
                posting.team,
                person.department,
                manager_of(person, posting.valid_from),
                _ROLES[person.role],
                "Miền Nam" if posting.team == "Sài Gòn" else "Miền Bắc",
                Decimal(posting.fte),
                posting.valid_from,
                ends,
                _external_ids(person),
                "Không" if has_left else "Có",
            )


def _external_ids(person: Person) -> str | None:
    """Return the ids of a person in other systems, as JSON."""
    return json.dumps({CRM_SOURCE: person.owner_id}) if person.owner_id else None


def _target_rows(now: datetime) -> Iterator[_Row]:
    """Yield every approved revision of every target."""
    for target in targets_until(now):
        is_money = target.kpi_key in MONEY_TARGETS
        yield (
            target.kpi_key,
            _SCOPES[target.scope_type],
            target.scope_id,
            target.period_start,
            target.period_end,
            target.value,
            "Tiền" if is_money else "Số lượng",
            QUOTE if is_money else None,
            "Tuyệt đối",
            target.effective_from,
            target.approved_at,
            target.approved_by,
            target.reason,
        )
    for calls in call_targets_until(now):
        yield (
            "calls_made",
            _SCOPES["rep"],
            calls.user_id,
            calls.month,
            month_start(calls.month, 1) - timedelta(days=1),
            calls.value,
            "Số lượng",
            None,
            "Tuyệt đối",
            calls.month,
            calls.approved_at,
            "Nguyễn Thị Hạnh",
            "Kế hoạch gọi khách hàng",
        )


def _calendar_rows(seed: int, now: datetime) -> Iterator[_Row]:
    """Yield holidays, the Saturdays worked instead and everybody's leave."""
    for one in calendar_until(seed, now):
        yield (
            one.calendar_id,
            one.day,
            "Có" if one.is_working else "Không",
            one.name,
            one.user_id,
        )


def _assignment_rows(seed: int, now: datetime) -> Iterator[_Row]:
    """Yield every KPI given to a person."""
    for one in assignments_until(seed, now):
        yield (
            one.user_id,
            one.kpi_key,
            one.quarter,
            _ROLES["rep"],
            one.acknowledged_at,
        )


def _capacity_rows(now: datetime) -> Iterator[_Row]:
    """Yield what every function says it can do in a month."""
    for one in capacity_until(now):
        yield one.function, one.month, one.hours, "giờ"


def _product_cost_rows(now: datetime) -> Iterator[_Row]:
    """Yield the direct cost of every product and period."""
    for cost in product_costs_until(now):
        yield cost.product_id, cost.valid_from, cost.valid_to, cost.unit_cost, QUOTE


PARENTS: Final = {"acme_sg": {"333": "Thuế", "511": "Doanh thu", "521": "Giảm trừ"}}
"""Accounts the Singapore office's export also shows as sums of those below them."""


def _balance_rows(company: Company, now: datetime) -> dict[str, list[_Row]]:
    """Return the balances by file: one per legal entity and closed month."""
    found: dict[str, list[_Row]] = {}
    balances = balances_until(company, now)
    for line in balances:
        found.setdefault(_balance_file(line), []).append(
            _balance_row(line, ACCOUNTS[line.account_code])
        )
    for line in _parent_balances(balances):
        name = PARENTS[line.legal_entity][line.account_code]
        found[_balance_file(line)].append(_balance_row(line, name))
    return found


def _balance_file(line: Balance) -> str:
    return f"so_du_{line.legal_entity}_{line.period:%Y_%m}.csv"


def _balance_row(line: Balance, name: str) -> _Row:
    """Return one line of a trial balance."""
    zero = Decimal(0)
    return (
        line.period,
        line.account_code,
        name,
        line.currency,
        max(line.opening, zero),
        max(-line.opening, zero),
        line.debit,
        line.credit,
        max(line.closing, zero),
        max(-line.closing, zero),
        line.currency,
        line.debit,
        line.credit,
    )


def _parent_balances(lines: list[Balance]) -> Iterator[Balance]:
    """Yield the sums of the accounts below each parent an export shows."""
    sums: dict[tuple[str, date, str], Balance] = {}
    for line in lines:
        for code in PARENTS.get(line.legal_entity, {}):
            if line.account_code.startswith(code):
                key = (line.legal_entity, line.period, code)
                known = sums.get(key)
                sums[key] = replace(
                    line,
                    account_code=code,
                    opening=line.opening + (known.opening if known else 0),
                    debit=line.debit + (known.debit if known else 0),
                    credit=line.credit + (known.credit if known else 0),
                )
    yield from sums.values()


def _bank_rows(company: Company, now: datetime) -> dict[str, list[_Row]]:
    """Return the bank statements by file: one per legal entity and month."""
    found: dict[str, list[_Row]] = {}
    for account in company.stripe.values():
        for line in bank_lines_until(account, now):
            name = f"sao_ke_{account.legal_entity}_{line.booked_on:%Y_%m}.csv"
            row = (
                line.transaction_id,
                line.booked_on,
                to_major(line.amount, account.currency),
                account.currency,
                line.counterparty,
                line.reference,
            )
            found.setdefault(name, []).append(row)
    return found


def _journal_rows(company: Company, now: datetime) -> dict[str, list[_Row]]:
    """Return the journal by file: one per legal entity and closed month."""
    found: dict[str, list[_Row]] = {}
    for account, journal in journals_until(company, now):
        name = f"nhat_ky_{account.legal_entity}_{journal.period:%Y_%m}.csv"
        rows = found.setdefault(name, [])
        for number, (code, minor) in enumerate(journal.legs, start=1):
            rows.append(
                (
                    journal.journal_id,
                    number,
                    local_day(journal.at),
                    journal.period,
                    code,
                    to_major(max(minor, 0), account.currency),
                    to_major(max(-minor, 0), account.currency),
                    account.currency,
                    journal.document_ref,
                    journal.text,
                )
            )
    return found


def _touch_rows(company: Company, now: datetime) -> Iterator[_Row]:
    """Yield every touch the tracker has exported."""
    for touch in touches_until(company, now):
        yield (
            touch.touch_id,
            touch.occurred_at,
            touch.channel,
            touch.campaign_id,
            touch.person_key,
            touch.lead_id,
            touch.account_id,
            "Có" if touch.is_view_through else "Không",
        )


def _show_local(value: object) -> str:
    """Return a cell as a Vietnamese office writes it."""
    if isinstance(value, datetime):
        return f"{value.astimezone(_ZONE):%d/%m/%Y %H:%M:%S}"
    if isinstance(value, date):
        return f"{value:%d/%m/%Y}"
    if isinstance(value, Decimal):
        return f"{value:,f}".translate(str.maketrans(",.", ".,"))
    return "" if value is None else str(value)


def _show_iso(value: object) -> str:
    """Return a cell as a vendor's export writes it."""
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else str(value)


def _write(
    path: Path,
    header: _Row,
    rows: Iterable[_Row],
    *,
    encoding: str,
    show: Callable[[object], str],
) -> Path:
    """Write a CSV aside and move it into place, unless it is there with this content."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([show(value) for value in row] for row in rows)
    content = text.getvalue().encode(encoding)
    if path.exists() and path.read_bytes() == content:
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f".{path.name}.part")
    aside.write_bytes(content)
    aside.replace(path)
    return path
