"""A million rows out of PostgreSQL: ours into the workspace, and psql's `COPY … TO STDOUT` of the same rows."""

from __future__ import annotations

import sys
from collections.abc import Mapping

from ground import ROOT, Cost, measured

ROWS = 1_000_000
RUNS = 3

TABLE = f"""CREATE TABLE customers AS SELECT i::bigint AS id, 'person' || i || '@example.com' AS email,
  'Name ' || i % 1000 AS first_name, 'Last ' || i % 5000 AS last_name, 'City ' || i % 50 AS city, 'DE' AS country,
  ((i % 2000) / 7.0)::numeric(10, 2) AS spent, i % 2 = 0 AS news, (i % 7)::int AS orders,
  timestamptz '2024-01-01' + i * interval '1 second' AS created_at, (i % 100)::float8 / 3 AS score,
  timestamp '2024-01-01' + i * interval '1 second' AS updated_at, date '1950-01-01' + i % 20000 AS born,
  md5(i::text)::uuid AS uid, jsonb_build_object('a', i % 10) AS preferences, array['a', 'b'] AS tags,
  CASE WHEN i % 3 != 0 THEN 'note ' || i END AS note FROM generate_series(1, {ROWS}) AS s(i)"""

OURS = """
import sys
from pathlib import Path
from reconcile import sources
from reconcile.spec import load
from reconcile.state.engines.duckdb import DuckDB
from reconcile.state.model import Demand

source = sources.open_all(load.load(Path(sys.argv[1])), {"URL": sys.argv[2]})["customers"]
with DuckDB() as workspace, source.read(Demand(())) as batches:
    print(workspace.count(workspace.store("customers", batches)))
"""

SPEC = """\
version: 1
account: {name: bench, api_key: "{{ env('KEY') }}", api_secret: "{{ env('SECRET') }}"}
sources: {customers: {connect: "{{ env('URL') }}", WHAT, key: id}}
profiles: {from: customers, email: email}
"""


def run() -> Mapping[str, Cost]:
    """The medians of both, by name: whole processes, one of ours after one of psql's, and ours of no rows at all."""
    import tempfile
    from pathlib import Path

    sys.path.insert(0, str(ROOT / "tests"))
    import postgres_server

    found: dict[str, list[Cost]] = {"psql": [], "ours": [], "ours, no rows": []}
    with tempfile.TemporaryDirectory() as folder, postgres_server.running() as url:
        spec, start = Path(folder) / "spec.yaml", Path(folder) / "start.yaml"
        spec.write_text(SPEC.replace("WHAT", "table: customers"))
        start.write_text(SPEC.replace("WHAT", "query: SELECT * FROM customers LIMIT 0"))
        measured(["psql", url, "-qc", TABLE, "-c", "VACUUM ANALYZE customers"], {})
        for _ in range(RUNS):
            found["psql"].append(measured(["psql", url, "-qc", "COPY customers TO STDOUT"], {}))
            found["ours"].append(measured([sys.executable, "-c", OURS, spec, url], {}))
            found["ours, no rows"].append(measured([sys.executable, "-c", OURS, start, url], {}))
    assert {one.said.strip() for one in found["ours"]} == {str(ROWS)}
    return {name: sorted(costs, key=lambda one: one.wall)[RUNS // 2] for name, costs in found.items()}
