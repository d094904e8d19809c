"""Run all benchmarks and write `RESULTS.md` next to this file.

Name some to run only those; what was measured before stays in the file: `python benchmarks/results.py calls bulk`.
`large` names all that is about ten million, which takes long and some 15 GB of disk, and is never run unasked.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import atscale
import bulk
import calls
import ground
import memory
import pace
import postgres
import transport
from atscale import table

FILE = Path(__file__).with_name("RESULTS.md")
HEAD = """# Results

Each section is written by one part of `make bench`, and says when. All calls go to our simulator, in a process of its
own, over loopback: what is measured is what we cost, never what Sailthru does. Read ratios, not times; the machine may
have had other work.
"""


def of_calls() -> str:
    """Calls per profile."""
    rows = [[kind, *(f"{made[name]:.2f}" for name in made)] for kind, made in calls.run().items()]
    told = "Target: one write and at most one read a changed profile; nothing for an unchanged one."
    return told + "\n\n" + table("profile | POST /user | GET /user | DELETE /user", rows)


def of_transport() -> str:
    """CPU per call against the vendor's client."""
    found = transport.run()
    base = found["official, 20"]
    rows = [
        [name, f"{one['ms']:.2f}", f"{one['ms'] / base['ms']:.2f}", f"{one['rate'] / base['rate']:.2f}"]
        for name, one in found.items()
    ]
    told = f"Upserts, medians of {transport.RUNS}; the reference is `sailthru-client` with 20 threads."
    return told + "\n\n" + table("client, in flight | CPU ms a call | CPU, ratio | calls/s, ratio", rows)


def of_pace() -> str:
    """Share of the permitted rate."""
    figures = [pace.run(20, 0.0), pace.run(50, 0.2, pace.PUBLISHED, pace.SHARE)]
    rows = [
        [one.at_once, f"{one.latency * 1000:.0f} ms", one.minutes, f"{one.share:.1%}", f"{one.core:.2f}"]
        for one in figures
    ]
    told = (
        "A whole apply, one write and one look a profile. Without latency the simulator allows"
        f" {pace.LIMIT:,} calls a minute (lowered, so that windows and not the machine are the limit), all for us; with"
        f" latency the published {pace.PUBLISHED:,}, of which {pace.SHARE:.0%} are ours. The share is of the upserts"
        " permitted in the worst minute filled from end to end; the target is 95 %. The last column is the apply's CPU"
        f" per upsert, times {pace.PACE:.0f} upserts a second (our default share of the published limits). At 50 in"
        " flight of a kind and 200 ms at most 250 upserts a second are possible, whatever the limit."
    )
    head = "in flight | latency | upserts by minute | share of a full minute | cores at the default pace"
    return told + "\n\n" + table(head, rows)


def of_bulk() -> str:
    """Many upserts through jobs."""
    found = [bulk.run(size) for size in (100_000, 300_000, 1_000_000)]
    first = found[0]
    rows = [
        [
            f"{one.size:,}",
            f"{one.plan.wall:.0f} / {one.plan.peak:.0f}",
            f"{one.apply.wall:.0f}",
            f"{one.apply.cpu:.0f}",
            f"{one.apply.peak:.0f}",
            f"{one.apply.peak / first.apply.peak:.2f}",
            sum(one.calls.values()),
        ]
        for one in found
    ]
    head = "upserts | plan s / MiB | apply s | apply CPU s | apply peak MiB | peak, ratio | calls in all"
    told = "An empty account, filled by jobs and verified by export. Target: a million in under 500 MiB. Single runs."
    return told + " Most of the time is the simulator's own, which does the jobs.\n\n" + table(head, rows)


def of_memory() -> str:
    """Memory of the /user route."""
    found = memory.run()
    least = found[memory.SIZES[0]]
    rows = [[f"{size:,}", f"{one.peak:.0f}", f"{one.peak / least.peak:.2f}"] for size, one in found.items()]
    return "Upserts one by one.\n\n" + table("actions | apply peak MiB | ratio", rows)


def of_postgres() -> str:
    """A million rows out of PostgreSQL."""
    found = postgres.run()
    base = found["psql"]
    rows = [
        [name, f"{one.wall:.1f}", f"{one.wall / base.wall:.2f}", f"{one.cpu:.1f}", f"{one.peak:.0f}"]
        for name, one in found.items()
    ]
    told = (
        f"{postgres.ROWS:,} rows of 17 columns, out of a PostgreSQL on the same machine: `COPY … TO STDOUT` by psql,"
        f" and our source into the workspace, whole processes, medians of {postgres.RUNS}. Target: at most twice."
        " Without rows ours is the start: the imports of Ibis, Arrow, DuckDB, the driver and pandas, which the driver"
        " brings, and a spec that is read."
    )
    return told + "\n\n" + table("reader | wall s | wall, ratio | CPU s of the client | peak MiB", rows)


SCALE = "Plans at size"
"""One section of all sizes: growth is told from the smallest to the largest."""

PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    "calls": ("Calls per profile", of_calls),
    "pace": ("Pace", of_pace),
    "transport": ("CPU per call", of_transport),
    "memory": ("Memory of the /user route", of_memory),
    "bulk": ("Jobs", of_bulk),
    "postgres": ("Rows out of PostgreSQL", of_postgres),
    "startup": ("Start", atscale.of_startup),
    "scale": (SCALE, atscale.of_scale),
    "peers": ("Peers", atscale.of_peers),
    "spark": ("Spark", atscale.of_spark),
    "unchanged": ("An unchanged account", atscale.of_unchanged),
}
LARGE: dict[str, tuple[str, Callable[[], str]]] = {
    "scale-10m": (SCALE, atscale.of_large),
    "peers-10m": ("Peers at ten million", atscale.of_large_peers),
    "spark-10m": ("Spark at ten million", atscale.of_large_spark),
    "served-10m": ("Ten million over HTTP", atscale.of_served),
}
TITLES = tuple(dict.fromkeys(title for title, _ in (*PARTS.values(), *LARGE.values())))


def kept() -> dict[str, str]:
    """The sections that the file has, by title."""
    if not FILE.exists():
        return {}
    parts = FILE.read_text().split("\n## ")[1:]
    return {part.split("\n", 1)[0]: part.split("\n", 1)[1].strip() for part in parts}


def main(asked: list[str]) -> None:
    """Run the parts asked for, and write after each."""
    found = kept()
    names = [name for word in asked or PARTS for name in (LARGE if word == "large" else [word])]
    for name in names:
        title, run = (PARTS | LARGE)[name]
        where = ground.machine()
        print(f"{title} ...", flush=True)
        found[title] = f"{where}\n\n{run()}"
        sections = [f"## {title}\n\n{found[title]}\n" for title in TITLES if title in found]
        FILE.write_text("\n".join([HEAD, *sections]))
        print(found[title], flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
