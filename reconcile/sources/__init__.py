"""Every database and file we can read, see docs/sources.md.

Here lives what knows a database: how to reach it, which types it has, how its rows stream, what its errors mean.
What never will: anything about people, properties or Sailthru. Rows leave this wing as Arrow batches, and whatever
the database, a column comes as one of six types (`columns.KINDS`): integer (int64), number (float64), text,
timestamp (microseconds, UTC, without zone), date, boolean. NUMERIC and DECIMAL are numbers (float64); what has no
such type (JSON, UUID, arrays, times of day) comes as text. A value that does not fit its column's type is null, and
is counted in the source's `misfits`. Importing this package imports no engine; reading does.
"""

from __future__ import annotations

from reconcile.sources.opening import OpenSource, check, open_all

__all__ = ["OpenSource", "check", "open_all"]
