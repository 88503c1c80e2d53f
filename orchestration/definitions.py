"""What Dagster loads: `dagster-webserver -m orchestration.definitions`.

Belongs here: nothing but the definitions of the warehouse the environment names.
"""

from __future__ import annotations

from orchestration.build import build_definitions
from orchestration.settings import load_settings

defs = build_definitions(load_settings(require_secrets=False))
