"""Full, read-only, foreign and rotten disks: one clear sentence, readers keep a whole build."""

from __future__ import annotations

import errno
import json
import os
import random
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from ingest import landing, ledger
from ingest.errors import StorageError
from ingest.paths import TEMPORARY
from ingest.storage import disk_errors
from orchestration.build_file import prepare_build_file
from orchestration.publish import (
    Manifest,
    PublishedTable,
    PublishRequest,
    build_id_for,
    current_build,
    publish_build,
    recover,
)
from orchestration.publish.manifest import find_damage
from orchestration.room import check_room, explained, needed_bytes
from orchestration.session import open_session
from orchestration.settings import Settings, load_settings
from tests.faults import invariants

if TYPE_CHECKING:
    from collections.abc import Iterator

NIGHT = datetime(2026, 11, 1, 2, tzinfo=UTC)
AS_OF = date(2026, 10, 31)
TABLES = (PublishedTable("fct_deals", "main", "core", ("all",)),)
FLIPS, CUTS = 60, 40
CONFIG = """
company: {name: Acme, reporting_currency: USD, timezone: UTC}
sources:
  - name: people
    kind: files
    path: drop
    settle_seconds: 0
    datasets:
      users:
        files: users.csv
        mode: replace
        columns: {user_id: id, user_name: name}
        constants: {valid_from: 2026-01-01}
"""
needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="mounting a small disk needs root"
)


def publish(root: Path, number: int) -> Manifest:
    now = NIGHT + timedelta(seconds=number)
    with duckdb.connect(str(root / "warehouse.duckdb")) as con:
        con.execute(
            f"create or replace table fct_deals as select i as deal_id, {number} as night,"
            " md5(i::varchar) as note from range(3000) as r(i)"
        )
    return publish_build(
        PublishRequest(
            warehouse=root / "warehouse.duckdb",
            published=root / "published",
            tables=TABLES,
            build_id=build_id_for(AS_OF, now, seed="s"),
            as_of=AS_OF,
            code_version="c",
            company_name="Acme",
            now=now,
        )
    )


def settings_in(folder: Path) -> Settings:
    (folder / "warehouse.yml").write_text(CONFIG)
    (folder / "drop").mkdir(exist_ok=True)
    (folder / "drop" / "users.csv").write_text("id,name\n1,Lan\n")
    return load_settings(
        root=folder / "root", config_path=folder / "warehouse.yml", environ={}
    )


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk of a few megabytes for the length of the block."""
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", folder],
        check=True,
    )
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def warehouse(
    *arguments: str, cwd: Path, **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [str(Path(sys.executable).with_name("warehouse")), *arguments],
        capture_output=True, text=True, check=False, cwd=cwd,
        env={**os.environ, **environ},  # noqa: TID251 - a child process
    )  # fmt: skip


# B5: not enough room to start.


def test_a_night_that_may_not_fit_does_not_start(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.home.root.mkdir()
    settings.home.warehouse.write_bytes(b"x" * 1000)
    dropped = (tmp_path / "drop" / "users.csv").stat().st_size
    needed = needed_bytes(settings)
    assert needed == 3 * 1000 + 3 * dropped
    check_room(settings, free=lambda _: needed)
    with pytest.raises(StorageError) as refused:
        check_room(settings, free=lambda _: needed - 1)
    assert refused.value.exit_code == 74
    assert f"{needed - 1:,} bytes free" in str(refused.value)
    assert f"may need {needed:,}" in str(refused.value)


def test_room_is_looked_for_on_every_disk_the_night_writes_to(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.home.root.mkdir()
    with pytest.raises(StorageError, match="published has 0 bytes free"):
        check_room(
            settings, free=lambda place: 0 if place.name == "published" else 10**12
        )


# B1 to B4: full while landing, building, publishing.


@pytest.mark.parametrize(
    "wrapped",
    [
        OSError(errno.ENOSPC, "No space left on device", "/data/x"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        duckdb.IOException('Could not write file "x": No space left on device'),
        RuntimeError("(sqlite3.OperationalError) database or disk is full"),
    ],
)
def test_a_full_disk_is_told_with_what_is_free_and_needed(
    tmp_path: Path, wrapped: Exception
) -> None:
    settings = settings_in(tmp_path)
    failed = ValueError("a step failed")
    failed.__cause__ = wrapped
    with pytest.raises(StorageError) as told, explained(settings):
        raise failed
    assert told.value.exit_code == 74
    assert re.search(
        r"[\d,]+ bytes are free at .*, a night may need [\d,]+", str(told.value)
    )
    assert "free some space" in str(told.value)


def test_a_full_disk_while_landing_names_stream_and_room(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with (
        pytest.raises(StorageError) as told,
        explained(settings),
        disk_errors("land people/users"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert told.value.exit_code == 74
    assert "land people/users" in str(told.value)
    assert "bytes are free" in str(told.value)


@needs_root
@pytest.mark.parametrize("megabytes", [1, 2])
def test_a_full_disk_while_publishing_leaves_the_last_build_and_nothing_half(
    tmp_path: Path, megabytes: int
) -> None:
    with small_disk(tmp_path / "published", megabytes + 2) as published:
        first = publish(tmp_path, 1)
        filler = published / "filler"
        free = shutil.disk_usage(published).free
        filler.write_bytes(b"x" * max(free - megabytes * 100_000, 0))
        with pytest.raises(StorageError) as refused:
            publish(tmp_path, 2)
        assert refused.value.exit_code == 74
        assert "The last build is served" in str(refused.value)
        assert [p.name for p in published.glob(f"*{TEMPORARY}")] == []
        assert current_build(published) == published / first.build_id
        assert invariants.served_is_whole(tmp_path) == []
        filler.unlink()
        publish(tmp_path, 3)
        assert invariants.served_is_whole(tmp_path) == []


FILLS = """
import duckdb, sys
con = duckdb.connect(sys.argv[1])
con.execute("set checkpoint_threshold = '1GB'")
number = 0
while True:
    number += 1
    con.execute("begin")
    con.execute(f"insert into t select {number}, repeat('x', 500) || i from range(2000) r(i)")
    con.execute(f"insert into control values ({number}, 2000)")
    con.execute("commit")
    print(number, flush=True)
    if number % 4 == 0:
        con.execute("checkpoint")
"""


@needs_root
@pytest.mark.parametrize("megabytes", [4, 5, 6, 7])
def test_a_full_disk_at_commit_or_checkpoint_keeps_what_was_committed(
    tmp_path: Path, megabytes: int
) -> None:
    with small_disk(tmp_path / "disk", megabytes) as disk:
        file = disk / "warehouse.duckdb"
        with duckdb.connect(str(file)) as con:
            con.execute("create table t (batch int, x varchar)")
            con.execute("create table control (batch int, row_count int)")
        done = subprocess.run(
            [sys.executable, "-c", FILLS, str(file)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1, "the process must end, not stay and answer nothing"
        assert "No space left" in done.stderr
        acknowledged = len(done.stdout.split())
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        said: list[str] = []
        prepare_build_file(
            file, sleep=lambda _: None, say=said.append, patience_seconds=0
        )
        assert said == []
        with duckdb.connect(str(file), read_only=True) as con:
            rows = con.execute(
                "select c.batch, c.row_count, count(t.x) from control as c"
                " left join t on t.batch = c.batch group by 1, 2"
            ).fetchall()
        assert len(rows) >= acknowledged
        assert all(promised == found for _, promised, found in rows)


# B7 and A11: rot, cuts, leftovers.


def test_every_flipped_byte_and_every_cut_of_a_served_file_is_caught(
    tmp_path: Path,
) -> None:
    good = publish(tmp_path, 1)
    published = tmp_path / "published"
    chance = random.Random(7)  # noqa: S311 - seeded on purpose
    files = [published / good.build_id / "bi.duckdb"]
    files += sorted((published / good.build_id / "parquet").rglob("*.parquet"))
    wrong_answers = caught = 0
    for number in range(FLIPS + CUTS):
        file = files[number % len(files)]
        whole = file.read_bytes()
        at = chance.randrange(len(whole))
        broken = bytearray(whole)
        broken[at] ^= 1 << chance.randrange(8)
        file.chmod(0o644)
        file.write_bytes(whole[:at] if number >= FLIPS else bytes(broken))
        caught += find_damage(published / good.build_id) is not None
        wrong_answers += file.suffix == ".duckdb" and _answers_wrongly(file)
        file.write_bytes(whole)
    assert caught == FLIPS + CUTS
    assert wrong_answers == 0
    assert find_damage(published / good.build_id) is None


def _answers_wrongly(file: Path) -> bool:
    try:
        with duckdb.connect(str(file), read_only=True) as con:
            found = con.execute(
                "select count(*), sum(deal_id), count(distinct note), max(night)"
                " from fct_deals"
            ).fetchone()
    except (duckdb.Error, UnicodeDecodeError):
        return False
    return found != (3000, 3000 * 2999 // 2, 3000, 1)


def test_the_next_start_serves_the_last_whole_build(tmp_path: Path) -> None:
    first, second = publish(tmp_path, 1), publish(tmp_path, 2)
    published = tmp_path / "published"
    file = published / second.build_id / "bi.duckdb"
    file.chmod(0o644)
    with file.open("r+b") as handle:
        handle.seek(5000)
        handle.write(b"\xff")
    said = recover(published)
    assert said is not None
    assert "is damaged (bi.duckdb differs from its manifest)" in said
    assert current_build(published) == published / first.build_id
    assert invariants.served_is_whole(tmp_path) == []


def _foreign_wal(file: Path) -> None:
    """A WAL of another file of that name, as a restored backup leaves it."""
    code = (
        "import duckdb, os, signal, sys\ncon = duckdb.connect(sys.argv[1])\n"
        "con.execute('create table t as select range as i from range(1000)')\n"
        "con.execute('checkpoint')\ncon.execute('insert into t values (5)')\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    other = file.with_name("other.duckdb")
    subprocess.run([sys.executable, "-c", code, str(other)], check=False)
    other.with_name("other.duckdb.wal").rename(file.with_name(f"{file.name}.wal"))
    other.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.with_name(f"{file.name}.wal").write_bytes(b"\0" * 5000),
        lambda file: file.with_name(f"{file.name}.wal").write_bytes(os.urandom(5000)),
        _foreign_wal,
        lambda file: os.truncate(file, 100),
        lambda file: os.truncate(file, 0),
        lambda file: file.write_bytes(os.urandom(20_000)),
    ],
    ids=["zero wal", "random wal", "foreign wal", "cut", "empty", "random"],
)
def test_whatever_lies_in_the_place_of_the_build_file_a_night_can_start(
    tmp_path: Path, damage: object
) -> None:
    file = tmp_path / "warehouse.duckdb"
    with duckdb.connect(str(file)) as con:
        con.execute("create table t as select 'x' as i")
    assert callable(damage)
    damage(file)
    said: list[str] = []
    prepare_build_file(file, sleep=lambda _: None, say=said.append, patience_seconds=0)
    with duckdb.connect(str(file)) as con:
        con.execute("create or replace table t as select 1 as i")
    assert all("rebuilt from raw" in text for text in said)


def test_leftovers_of_a_killed_run_are_no_obstacle(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    root = settings.home.root
    kind = Path("files") / "users" / "people.users"
    dated = "load_date=2026-11-01"
    half = b"PAR1" + b"\0" * 200
    for cut in range(0, 200, 10):
        # A2: a file cut anywhere while it was written lies under a name nothing reads.
        left = root / "incoming" / kind / f"{dated}{TEMPORARY}" / f"b{cut}.parquet"
        left.parent.mkdir(parents=True, exist_ok=True)
        left.write_bytes(half[:cut])
    for name in (
        root / "raw" / kind / dated / f"b.parquet{TEMPORARY}",
        root / "archive" / f"77-users.csv{TEMPORARY}",
        root / "state" / "people.users" / f"users.json{TEMPORARY}",
        root / "quarantine" / kind / dated / f"b.jsonl{TEMPORARY}",
        root / "published" / f"2026-10-31T1-x{TEMPORARY}" / "bi.duckdb",
        root / "published" / ".current.json.new",
    ):
        name.parent.mkdir(parents=True, exist_ok=True)
        name.write_bytes(half)
    (root / "published" / ".current.new").symlink_to("2026-10-31T1-x")
    # A promotion killed before its line: in raw, not in the ledger, not read by anything.
    (root / "raw" / kind / dated / "b.parquet").write_bytes(half)
    (root / "state" / "ledger.jsonl").write_bytes(b'{"kind":"files","ent')
    holder = {
        "pid": 2**22 - 1,
        "started_at": "2026-10-31T02:00:00+00:00",
        "step": "night",
    }
    (root / "state" / "run.lock").write_text(json.dumps(holder))

    landing.repair(root)
    assert recover(root / "published") is None
    publish(root, 1)
    assert sorted(p.name for p in root.rglob(f"*{TEMPORARY}")) == []
    assert ledger.read(root) == []
    assert invariants.served_is_whole(root) == []


# B8: not ours to write.


def refused_at_start(settings: Settings) -> StorageError:
    """Open the warehouse as every night does first, and return what it refuses with."""
    with (
        pytest.raises(StorageError) as refused,
        open_session(settings, step="x", clock=lambda: NIGHT, say=lambda _: None),
    ):
        pass
    return refused.value


@pytest.mark.parametrize("place", ["root", "root/state", "root/published"])
def test_a_file_in_the_place_of_a_folder_is_told_before_any_work(
    tmp_path: Path, place: str
) -> None:
    settings = settings_in(tmp_path)
    blocked = tmp_path / place
    blocked.parent.mkdir(parents=True, exist_ok=True)
    blocked.write_text("not a folder")
    refused = refused_at_start(settings)
    assert refused.exit_code == 73
    assert str(blocked) in str(refused)
    assert "may write" in str(refused)


@needs_root
def test_a_disk_mounted_read_only_is_told_before_any_work(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    with small_disk(tmp_path / "root", 8) as disk:
        subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
        refused = refused_at_start(settings)
    assert refused.exit_code == 73
    assert "Read-only file system" in str(refused)


@needs_root
def test_a_folder_of_another_user_is_told_in_one_line(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.home.root.mkdir(mode=0o755)
    code = (
        "import os, sys; from pathlib import Path\n"
        "from datetime import UTC, datetime\n"
        "from orchestration.session import open_session\n"
        "from orchestration.settings import load_settings\n"
        "from ingest.errors import StorageError\n"
        "s = load_settings(root=Path(sys.argv[1]), config_path=Path(sys.argv[2]), environ={})\n"
        "os.chdir(sys.argv[1]); os.setuid(65534)\n"
        "try:\n"
        "    with open_session(s, step='x', clock=lambda: datetime.now(UTC), say=print): pass\n"
        "except StorageError as error:\n"
        "    print(error); sys.exit(error.exit_code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(settings.home.root), str(settings.config.path)],
        capture_output=True, text=True, check=False,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert done.returncode == 73, done.stderr
    assert "Give user 65534" in done.stdout


def test_a_refusing_disk_ends_the_command_in_one_line(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.home.root.write_text("not a folder")
    done = warehouse("rollback", "b", "--root", str(settings.home.root), cwd=tmp_path)
    assert done.returncode == 73, done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_missing_configuration_is_told_in_one_line(tmp_path: Path) -> None:
    done = warehouse("nightly", "--config", str(tmp_path / "no.yml"), cwd=tmp_path)
    assert done.returncode == 78
    assert "Traceback" not in done.stderr
    assert "no.yml" in done.stderr
