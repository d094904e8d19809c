"""Every database and file we can read, see docs/sources.md.

Here lives what knows a database: how to reach it, which types it has, how its rows stream, what its errors mean.
What never will: anything about people, properties or Sailthru. Rows leave this wing as Arrow batches, and whatever
the database, a column comes as one of few types (`columns.Kind`): integer (int64), number (float64, or float32 where
the database has that), decimal (exact), text, timestamp (microseconds, UTC, without zone), date, boolean. What has no
such type (JSON, UUID, arrays, times of day) comes as text. A value that does not fit its column's type is null, is
counted in the source's `misfits`, and is flagged in its row where that is asked for (`Demand.flagged`). Importing this
package imports no engine; reading does.
"""

from __future__ import annotations

from reconcile.sources.opening import OpenSource, check, open_all

__all__ = ["OpenSource", "check", "open_all"]
