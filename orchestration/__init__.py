"""The composer of the night: asset graph, gates, publication, command line.

Belongs here: putting extraction, gates and dbt together. Stays out: talking to sources
(`ingest`), what must be true of data (`expectations`), what figures mean (`dbt_project`).
"""
