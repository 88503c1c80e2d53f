from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest.errors import ConfigError
from orchestration.settings import (
    child_environment,
    find_config,
    find_root,
    load_settings,
    read_alert_settings,
)

if TYPE_CHECKING:
    from pathlib import Path


def test_without_anything_the_sandbox_company_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = load_settings(environ={})
    assert settings.config.uses_sandbox
    assert settings.home.root == tmp_path / ".warehouse"


def test_own_config_in_this_folder_wins_over_the_sandbox(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "warehouse.yml").write_text("company: {}")
    assert find_config(None, {}) == tmp_path / "warehouse.yml"


def test_named_config_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such configuration file"):
        find_config(tmp_path / "other.yml", {})


def test_root_is_given_then_named_then_default(tmp_path: Path) -> None:
    named = {"WAREHOUSE_ROOT": str(tmp_path / "named")}
    assert find_root(tmp_path / "given", environ=named) == tmp_path / "given"
    assert find_root(None, environ=named) == tmp_path / "named"


def test_children_get_no_secret_and_no_telemetry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("STRIPE_KEY", "sk_live_planted")
    environment = child_environment({"WAREHOUSE_DUCKDB": "x"})
    assert "sk_live_planted" not in environment.values()
    assert environment["DO_NOT_TRACK"] == "1"
    assert environment["WAREHOUSE_DUCKDB"] == "x"


def test_alert_secrets_do_not_show_in_text() -> None:
    settings = read_alert_settings(
        {"WAREHOUSE_ALERT_WEBHOOK": "https://h.test/T0/SECRET"}
    )
    assert "SECRET" not in repr(settings)


def test_mail_without_addresses_is_refused() -> None:
    with pytest.raises(ConfigError, match="MAIL_FROM"):
        read_alert_settings({"WAREHOUSE_ALERT_SMTP_HOST": "mail.test"})
