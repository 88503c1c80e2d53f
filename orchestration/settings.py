"""Where this warehouse lives and whom it tells: roots, configuration, alert channels.

Belongs here: the settings of one warehouse and the paths below its root. With
`ingest/config.py` the only reader of the environment. Stays out: what the configuration
means (`ingest.config`), secrets of sources (read by their connector when it needs them).
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from ingest import faults
from ingest.config import WarehouseConfig, load_config
from ingest.config_yaml import nearest
from ingest.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

PACKAGES: Final = Path(__file__).resolve().parents[1]
SANDBOX_CONFIG: Final = PACKAGES / "ingest" / "sandbox" / "warehouse.yml"
DEFAULT_CONFIG: Final = Path("warehouse.yml")
DEFAULT_ROOT: Final = Path(".warehouse")

ENV_ROOT: Final = "WAREHOUSE_ROOT"
ENV_CONFIG: Final = "WAREHOUSE_CONFIG"
ENV_SANDBOX_URL: Final = "WAREHOUSE_SANDBOX_URL"
ENV_WAIT: Final = "WAREHOUSE_WAIT_SECONDS"
ENV_FAULTS: Final = "WAREHOUSE_FAULTS"
ENV_FAULTS_REACHED: Final = "WAREHOUSE_FAULTS_REACHED"

_TLS: Final = ("auto", "starttls", "tls", "none")

TELEMETRY_OFF: Final[Mapping[str, str]] = {
    "DO_NOT_TRACK": "1",
    "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "GX_ANALYTICS_ENABLED": "false",
}
"""Nothing in a night reports home; every child process is told so."""

_HANDED_DOWN: Final = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TZ",
    "VIRTUAL_ENV",
    "SYSTEMROOT",
)
"""What a child process gets of our environment: enough to start, no secret of a source."""


@dataclass(frozen=True)
class Home:
    """The folders below a warehouse root."""

    root: Path

    @property
    def raw(self) -> Path:
        """Promoted batches, read by dbt."""
        return self.root / "raw"

    @property
    def explain(self) -> Path:
        """What the last build's figures add up, as statements on the build file."""
        return self.dbt / "explain"

    @property
    def raw_from_root(self) -> Path:
        """Raw as dbt names it, which works in the root: so one parse serves every root.

        Whole where the root has a comma in its name: DuckDB separates search paths by it.
        """
        return self.raw if "," in str(self.root) else Path(self.raw.name)

    @property
    def warehouse(self) -> Path:
        """The build file: unaudited, opened by the pipeline alone."""
        return self.root / "warehouse.duckdb"

    @property
    def published(self) -> Path:
        """Builds people read."""
        return self.root / "published"

    @property
    def nights(self) -> Path:
        """One report per night."""
        return self.root / "state" / "nights"

    @property
    def dagster(self) -> Path:
        """The Dagster instance: run history."""
        return self.root / "dagster_home"

    @property
    def dbt(self) -> Path:
        """Target and logs of dbt."""
        return self.root / "dbt"

    @property
    def sandbox(self) -> Path:
        """Files of the sandbox company."""
        return self.root / "sandbox"


PATIENCE_SECONDS: Final = 600.0
"""An analyst's look at the build file ends sooner; a night that waits longer is late."""


@dataclass(frozen=True)
class AlertSettings:
    """Where failures are reported; every channel is optional."""

    webhook_url: SecretStr | None = None
    smtp_host: str = ""
    smtp_port: int = 25
    smtp_tls: str = "auto"
    """`auto` (STARTTLS where offered), `starttls`, `tls` from the first byte, or `none`."""
    smtp_ca_file: str = ""
    """Certificates of the company's own authority; '' = those this machine trusts."""
    smtp_user: str = ""
    smtp_password: SecretStr | None = None
    mail_from: str = ""
    mail_to: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """One warehouse: its home, its configuration, its alert channels."""

    home: Home
    config: WarehouseConfig
    alerts: AlertSettings = AlertSettings()
    sandbox_url: str = ""
    """Where the sandbox company is served; '' = a night has to serve it itself."""
    patience_seconds: float = PATIENCE_SECONDS
    """How long a night waits for another program to close the build file."""

    @property
    def dbt_project_dir(self) -> Path:
        """The dbt project this package ships."""
        return PACKAGES / "dbt_project"

    @cached_property
    def code_version(self) -> str:
        """Package version, with the commit when this is a checkout."""
        return f"{version('kpi-warehouse')}{_read_commit()}"


def load_settings(
    *,
    root: Path | None = None,
    config_path: Path | None = None,
    sandbox_url: str | None = None,
    environ: Mapping[str, str] | None = None,
    require_secrets: bool = True,
) -> Settings:
    """Read settings: arguments first, then the environment, then defaults.

    Without any configuration the packaged sandbox company is used, so a fresh machine works.

    Raises:
        ConfigError: the configuration is wrong or a given file is not there.
    """
    env = os.environ if environ is None else environ  # noqa: TID251 - read here only
    home = Home(find_root(root, environ=env))
    served_at = sandbox_url or env.get(ENV_SANDBOX_URL) or ""
    config = load_config(
        find_config(config_path, env),
        environ=env,
        sandbox_url=served_at or None,
        sandbox_root=home.sandbox,
        require_secrets=require_secrets,
        root=home.root,
    )
    return Settings(
        home=home,
        config=config,
        alerts=read_alert_settings(env),
        sandbox_url=served_at,
        patience_seconds=read_patience(env),
    )


def find_root(given: Path | None, *, environ: Mapping[str, str] | None = None) -> Path:
    """Return the warehouse root: given, named by the environment, or the default."""
    env = os.environ if environ is None else environ  # noqa: TID251 - read here only
    return Path(given or env.get(ENV_ROOT) or DEFAULT_ROOT).resolve()


def find_config(given: Path | None, env: Mapping[str, str]) -> Path:
    """Return the configuration to use: given, named, in this folder, or the sandbox's."""
    named = given or (Path(env[ENV_CONFIG]) if env.get(ENV_CONFIG) else None)
    if named is not None:
        if not named.is_file():
            message = f"{named}: no such configuration file"
            raise ConfigError(message)
        return named.resolve()
    return (DEFAULT_CONFIG if DEFAULT_CONFIG.is_file() else SANDBOX_CONFIG).resolve()


def read_patience(env: Mapping[str, str]) -> float:
    """Return how many seconds to wait for the build file (`WAREHOUSE_WAIT_SECONDS`).

    Raises:
        ConfigError: it is not a number of seconds.
    """
    given = env.get(ENV_WAIT, "")
    if not given:
        return PATIENCE_SECONDS
    if not given.isdigit():
        message = f"{ENV_WAIT} must be a whole number of seconds, is {given!r}"
        raise ConfigError(message)
    return float(given)


def read_alert_settings(environ: Mapping[str, str] | None = None) -> AlertSettings:
    """Read the alert channels (`WAREHOUSE_ALERT_*`).

    Raises:
        ConfigError: the port is no number, the encryption no known word, or mail has a host
            but no addresses.
    """
    env = os.environ if environ is None else environ  # noqa: TID251 - read here only
    port = env.get("WAREHOUSE_ALERT_SMTP_PORT", "25")
    if not port.isdigit():
        message = f"WAREHOUSE_ALERT_SMTP_PORT must be a number, is {port!r}"
        raise ConfigError(message)
    tls = env.get("WAREHOUSE_ALERT_SMTP_TLS") or "auto"
    if tls not in _TLS:
        message = f"WAREHOUSE_ALERT_SMTP_TLS cannot be {tls!r}{nearest(tls, _TLS)}"
        raise ConfigError(message)
    receivers = env.get("WAREHOUSE_ALERT_MAIL_TO", "").split(",")
    settings = AlertSettings(
        webhook_url=_secret(env.get("WAREHOUSE_ALERT_WEBHOOK")),
        smtp_host=env.get("WAREHOUSE_ALERT_SMTP_HOST", ""),
        smtp_port=int(port),
        smtp_tls=tls,
        smtp_ca_file=env.get("WAREHOUSE_ALERT_SMTP_CA_FILE", ""),
        smtp_user=env.get("WAREHOUSE_ALERT_SMTP_USER", ""),
        smtp_password=_secret(env.get("WAREHOUSE_ALERT_SMTP_PASSWORD")),
        mail_from=env.get("WAREHOUSE_ALERT_MAIL_FROM", ""),
        mail_to=tuple(r.strip() for r in receivers if r.strip()),
    )
    if settings.smtp_host and not (settings.mail_from and settings.mail_to):
        message = (
            "WAREHOUSE_ALERT_SMTP_HOST is set; WAREHOUSE_ALERT_MAIL_FROM and "
            "WAREHOUSE_ALERT_MAIL_TO are needed too"
        )
        raise ConfigError(message)
    return settings


def child_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a child process: no secrets, no telemetry."""
    environ = os.environ  # noqa: TID251 - read here only
    kept = {name: environ[name] for name in _HANDED_DOWN if name in environ}
    return {**kept, **TELEMETRY_OFF, **(extra or {})}


def ui_environment(extra: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of Dagster's own processes, which extract and so need secrets."""
    return {**os.environ, **TELEMETRY_OFF, **extra}  # noqa: TID251 - read here only


def arm_faults(environ: Mapping[str, str] | None = None) -> None:
    """Arm the fault points the environment names, for a test of bad nights (`ingest.faults`).

    Raises:
        ConfigError: what it names is no order.
    """
    env = os.environ if environ is None else environ  # noqa: TID251 - read here only
    record = env.get(ENV_FAULTS_REACHED)
    faults.arm(env.get(ENV_FAULTS, ""), record=Path(record) if record else None)


def disable_telemetry() -> None:
    """Tell the libraries of this process, too, that nothing is reported home."""
    for name, value in TELEMETRY_OFF.items():
        os.environ.setdefault(name, value)  # noqa: TID251 - set here only


def _secret(value: str | None) -> SecretStr | None:
    return SecretStr(value) if value else None


def _read_commit() -> str:
    """Return `+<commit>` of the checkout this code runs from, '' when it is installed."""
    if not (PACKAGES / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short=12", "HEAD"],  # noqa: S607 - git of the user
            cwd=PACKAGES,
            capture_output=True,
            text=True,
            check=True,
            timeout=5,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"+{done.stdout.strip()}"
