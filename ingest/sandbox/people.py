"""The sales people of the sandbox company: who, in which team, from when to when.

Belongs here: the organisation of the story and its HubSpot owners. Stays out: what people do
(`crm`, `calls`), the users file (`drop`).

Twelve reps in three teams under three managers: two reps join later, one leaves (and on the
next working day all records move in one bulk edit), one moves to another team.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from ingest.sandbox.names import to_ascii
from ingest.sandbox.story import STORY_START, Draft, at_local

if TYPE_CHECKING:
    from ingest.sandbox.model import Versioned

HANOI: Final = "Hà Nội"
SAIGON: Final = "Sài Gòn"
INTERNATIONAL: Final = "Quốc tế"


@dataclass(frozen=True, slots=True)
class Posting:
    """One team a person is in, from a day on."""

    valid_from: date
    team: str
    fte: str = "1"


@dataclass(frozen=True, slots=True)
class Person:
    """One employee; `owner_id` and `crm_user_id` are two different ids of HubSpot."""

    user_id: str
    last_name: str
    first_name: str
    role: str
    department: str
    postings: tuple[Posting, ...]
    manager_id: str | None = None
    left_on: date | None = None
    """Last day of work."""
    owner_id: str | None = None
    crm_user_id: str | None = None

    @property
    def name(self) -> str:
        """Full name in Vietnamese order."""
        return f"{self.last_name} {self.first_name}"

    @property
    def email(self) -> str:
        """Work e-mail."""
        return f"{to_ascii(self.name)}@acme.example"

    def team_on(self, day: date) -> str:
        """Return the team in force on `day` (the first one before joining)."""
        held = [p.team for p in self.postings if p.valid_from <= day]
        return held[-1] if held else self.postings[0].team

    def works_on(self, day: date) -> bool:
        """Return whether the person is employed on `day`."""
        if day < self.postings[0].valid_from:
            return False
        return self.left_on is None or day <= self.left_on


def _person(
    number: int,
    last_name: str,
    first_name: str,
    team: str,
    *,
    role: str = "rep",
    manager: int | None = None,
    joined: date = STORY_START,
    moved: tuple[date, str] | None = None,
    left_on: date | None = None,
    fte: str = "1",
) -> Person:
    """Return a member of the sales department, with the CRM ids of the number."""
    postings = (Posting(joined, team, fte),)
    if moved:
        postings += (Posting(moved[0], moved[1], fte),)
    return Person(
        user_id=f"NV{number:03d}",
        last_name=last_name,
        first_name=first_name,
        role=role,
        department="Kinh doanh",
        postings=postings,
        manager_id=f"NV{manager:03d}" if manager else None,
        left_on=left_on,
        owner_id=str(70_000_000 + number * 1_117),
        crm_user_id=str(9_200_000 + number * 31),
    )


MANAGERS: Final = (
    _person(1, "Nguyễn Thị", "Hạnh", HANOI, role="manager"),
    _person(2, "Trần Quốc", "Dũng", SAIGON, role="manager"),
    _person(3, "Lê Minh", "Châu", INTERNATIONAL, role="manager"),
)
REPS: Final = (
    _person(11, "Phạm Văn", "Hùng", HANOI, manager=1),
    _person(12, "Đỗ Thu", "Trang", HANOI, manager=1),
    _person(13, "Bùi Đức", "Sơn", HANOI, manager=1),
    _person(
        14,
        "Vũ Ngọc",
        "Linh",
        HANOI,
        manager=1,
        moved=(date(2025, 10, 1), INTERNATIONAL),
    ),
    _person(21, "Huỳnh Gia", "Phúc", SAIGON, manager=2),
    _person(22, "Võ Thị", "Mai", SAIGON, manager=2),
    _person(23, "Đặng Hữu", "Long", SAIGON, manager=2, left_on=date(2026, 1, 30)),
    _person(24, "Ngô Kim", "Yến", SAIGON, manager=2, joined=date(2025, 3, 17)),
    _person(31, "Hồ Bảo", "Khánh", INTERNATIONAL, manager=3),
    _person(32, "Dương Minh", "Quân", INTERNATIONAL, manager=3, fte="0.5"),
    _person(33, "Phan Thanh", "Thảo", INTERNATIONAL, manager=3),
    _person(34, "Lý Quốc", "Việt", INTERNATIONAL, manager=3, joined=date(2025, 9, 8)),
)
OFFICE: Final = (
    Person(
        "NV051",
        "Hoàng Ngọc",
        "Uyên",
        "marketer",
        "Marketing",
        (Posting(STORY_START, "Marketing"),),
    ),
    Person(
        "NV061",
        "Trần Thị",
        "Nga",
        "accountant",
        "Tài chính",
        (Posting(STORY_START, "Kế toán"),),
    ),
)
EVERYONE: Final = (*MANAGERS, *REPS, *OFFICE)

LEAVER: Final = next(person for person in REPS if person.left_on)
HANDOVER_AT: Final = at_local(date(2026, 2, 2), 10, 0, 0)
"""One bulk edit moves the leaver's records: every stamp is the same millisecond."""
HEIR: Final = next(person for person in REPS if person.user_id == "NV022")


def reps_on(day: date) -> list[Person]:
    """Return the reps employed on `day`."""
    return [person for person in REPS if person.works_on(day)]


def manager_of(person: Person, day: date) -> str | None:
    """Return the user id of the manager of the person's team on `day`."""
    if person.role != "rep":
        return person.manager_id
    team = person.team_on(day)
    return next(m.user_id for m in MANAGERS if m.postings[0].team == team)


def write_owners() -> tuple[Versioned, ...]:
    """Return the HubSpot owners; a leaver is archived the day after the last one."""
    return tuple(_write_owner(person) for person in (*MANAGERS, *REPS))


def _write_owner(person: Person) -> Versioned:
    """Return one owner with every change of team."""
    created: datetime = at_local(person.postings[0].valid_from, 8)
    draft = Draft(str(person.owner_id))
    draft.change(
        created,
        {
            "owner_id": person.owner_id,
            "user_id": person.crm_user_id,
            "email": person.email,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "team_name": person.postings[0].team,
            "is_deleted": False,
            "created_at": created,
        },
    )
    for posting in person.postings[1:]:
        draft.change(at_local(posting.valid_from, 9), {"team_name": posting.team})
    if person.left_on:
        gone = at_local(HANDOVER_AT.date() + timedelta(days=1), 9)
        draft.change(gone, {"is_deleted": True})
    return draft.finish(stamp="updated_at")
