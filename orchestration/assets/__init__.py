"""Assets of the night, made by factories over the configuration and dbt's manifest.

Belongs here: what Dagster sees. Stays out: the work itself, which is callable without it.
"""
