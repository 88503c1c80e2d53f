"""What must be true at the two borders: raw in, marts out.

Belongs here: suites, the gate that runs them, plain results. Stays out: databases, files,
orchestration, and the shape of records (that is `ingest`'s). It sees frames only.
"""
