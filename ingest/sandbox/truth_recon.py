"""The tie-out of the sandbox company: its books agree with billing, so nothing is unexplained.

Belongs here: the KPI of what is left to explain. Stays out: the books (`gl`). Timing that the
records of both sides prove is no gap.
"""

from __future__ import annotations

from typing import Final

from ingest.sandbox.truth_rows import Kind

KPIS: Final = {"recon_difference": Kind.AMOUNT}
