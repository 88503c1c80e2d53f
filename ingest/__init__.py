"""Extraction: from sources and dropped files to typed, promoted Parquet.

Belongs here: configuration, connectors, the files kind, entity contracts, typing, landing, the
ledger, and the sandbox company the connectors can be tried on. Stays out: the orchestrator,
dbt, Great Expectations and every judgement of whether content is plausible.
"""
