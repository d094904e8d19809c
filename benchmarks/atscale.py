"""The sections of the results that are about size: time, memory, growth, peers, calls, start."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Mapping

import ground
import peers
import scale
import shops
import sparks
import startup
import unchanged

SHOP = (
    "Made-up shops (`shops.py`): 10 vars of six types, one by a template, one the identity; 5 lists and the registry;"
    " 1 % changed, 0.5 % new, 0.5 % gone. Desired from Parquet, observed from CSVs in the recorded form of exports."
)
PLAN = (
    "The whole plan, its changes written; the reference reads and hashes every column of the same inputs once."
    " Target: at most 3 times."
)
DIFF = (
    "The diff of two prepared states; the reference is a bare full outer join of the same Parquet that keeps the"
    " rows that differ. Target: at most 1.3 times at 10 M."
)
HOW = f"Whole processes, medians of {scale.RUNS} unless said, ours and the reference in turns."


def table(head: str, rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    columns = head.split(" | ")
    lines = [f"| {head} |", "|" + "---|" * len(columns)]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def of_scale() -> str:
    """The plan and the diff up to a million."""
    return _told(scale.run(scale.SMALL))


def of_large() -> str:
    """The same at ten million, with memory limited too."""
    scale.keep(scale.LARGE, scale.medians(scale.LARGE, scale.LIMITS, 1))
    return _told(scale.run([scale.LARGE]))


def _told(figures: Mapping[int, Mapping[str, ground.Cost]]) -> str:
    """All that is kept, of whatever size it is."""
    subprocess.run([peers.PYTHON, ground.HERE / "plots.py"], check=True)
    large = {size: taken for size, taken in figures.items() if size != scale.START}
    parts = [
        f"{SHOP} {HOW}",
        " ".join(f"{size:,}: {when}" for size, when in scale.dates().items()),
        "![time](time.svg) ![memory](memory.svg)",
        PLAN,
        table(HEAD, [_row(size, taken["plan"], taken["floor"]) for size, taken in large.items()]),
        DIFF,
        table(HEAD, [_row(size, taken["diff"], taken["join"]) for size, taken in large.items()]),
        *_limited(figures),
        *_growth(figures),
    ]
    return "\n\n".join(parts)


HEAD = "profiles | ours s | reference s | wall, ratio | CPU, ratio | ours MiB | reference MiB"


def _row(size: int, ours: ground.Cost, reference: ground.Cost) -> list[str]:
    ratios = (f"{ours.wall / reference.wall:.2f}", f"{ours.cpu / reference.cpu:.2f}")
    times = (f"{ours.wall:.1f}", f"{reference.wall:.1f}")
    return [f"{size:,}", *times, *ratios, f"{ours.peak:,.0f}", f"{reference.peak:,.0f}"]


def _limited(figures: Mapping[int, Mapping[str, ground.Cost]]) -> list[str]:
    taken = figures.get(scale.LARGE, {})
    rows = [[name, f"{taken[name].wall:.1f}", f"{taken[name].peak:,.0f}"] for name in scale.LIMITS if name in taken]
    told = f"The plan of {scale.LARGE:,} with memory limited, once each. Target: at most 1,024 MiB at that limit,"
    return [f"{told} and no failure at 512 MiB.", table("limit | wall s | peak MiB", rows)] if rows else []


def _growth(figures: Mapping[int, Mapping[str, ground.Cost]]) -> list[str]:
    """The exponent of time between the smallest and the largest that is kept."""
    sizes = [size for size in sorted(figures) if size != scale.START]
    if len(sizes) < 2 or scale.START not in figures:
        return []
    rows = []
    for step in scale.STEPS:
        start = figures[scale.START][step].wall
        ends = [(size, figures[size][step].wall) for size in (sizes[0], sizes[-1])]
        rows.append([step, f"{start:.1f}", f"{scale.exponent(start, *ends):.2f}"])
    told = f"Growth of time from {sizes[0]:,} to {sizes[-1]:,}, beyond the start (a shop of {scale.START:,})."
    return [f"{told} Target: an exponent of at most 1.", table("step | start s | exponent", rows)]


def of_peers() -> str:
    """Others at the same diff, up to a million."""
    return _of_peers(dict.fromkeys(scale.SMALL, (peers.NAMES, scale.RUNS)))


def of_large_peers() -> str:
    """Those who can, at ten million; once, for they take their time."""
    return _of_peers({scale.LARGE: (peers.LARGE, 1)})


def _of_peers(asked: Mapping[int, tuple[tuple[str, ...], int]]) -> str:
    rows = []
    for size, (names, runs) in asked.items():
        found = peers.run(size, names, runs)
        scale.keep(size, {name: cost for name, cost in found.items() if name != "ours"})
        ours = found["ours"]
        rows += [
            [f"{size:,}", name, f"{one.wall:.1f}", f"{one.wall / ours.wall:.1f}", f"{one.cpu:.1f}", f"{one.peak:,.0f}"]
            for name, one in found.items()
        ]
    told = (
        "Which profiles differ between two prepared states, and in which of 16 columns; all find the same. `datacompy`"
        " on Polars reads the same Parquet; `reladiff` joins two tables that are in a DuckDB file already; `dicts`"
        " is the script one writes: dicts by key, `deepdiff` for those that differ. A shop of"
        f" {scale.START:,} costs the start alone: of ours, more than a second is the imports of Ibis, Arrow and DuckDB,"
        " and four tenths is Ibis making statements of expressions. Target: ahead of each."
    )
    return f"{told} {HOW}\n\n" + table("profiles | who | wall s | times ours | CPU s | peak MiB", rows)


def of_spark() -> str:
    """The diff on Spark, up to a million."""
    return _of_spark(1_000_000)


def of_large_spark() -> str:
    """The same at ten million."""
    return _of_spark(scale.LARGE)


def _of_spark(size: int) -> str:
    found = sparks.run(size)
    base = found["direct"]
    rows = [[f"{size:,}", name, f"{one.wall:.1f}", f"{one.wall / base.wall:.2f}"] for name, one in found.items()]
    told = (
        "Which profiles differ between two prepared states, on a Spark in one machine; the reference is a full outer"
        " join of the same Parquet in PySpark that writes the rows that differ. Target: at most 1.5 times. Whole"
        f" processes, medians of {scale.RUNS}, the start of Java included. We compare numbers that stand for rows, and"
        " in full the rows whose numbers differ, as a plan does; people are matched by their id as well."
    )
    return told + "\n\n" + table("profiles | who | wall s | wall, ratio", rows)


def of_unchanged() -> str:
    """A plan over a million that finds nothing to do."""
    found = unchanged.run()
    lists = len(shops.list_names())
    rows = [
        ["profiles that the plan would touch", found.differences, 0],
        ["calls in all", sum(found.calls.values()), f"2 + {lists} exports and their polls"],
        *([name, count, {"POST /job": lists}.get(name, "")] for name, count in sorted(found.calls.items())),
        ["exports fetched", found.fetched["files"], lists],
        ["their size, MB", f"{found.fetched['bytes'] / 1e6:,.0f}", ""],
        [
            "plan, wall s / CPU s / peak MiB",
            f"{found.plan.wall:.0f} / {found.plan.cpu:.0f} / {found.plan.peak:.0f}",
            "",
        ],
    ]
    told = (
        f"An account of {unchanged.SIZE:,} profiles that is as the shop wants it, held by the simulator"
        f" ({found.held:,.0f} MiB), which also writes the exports, in Python: most of the time is its own. One run."
    )
    return told + "\n\n" + table("what | found | expected", rows)


def of_startup() -> str:
    """Our help, and a small spec validated, against the import of what the help is made with."""
    found = startup.run()
    ours, base = found[startup.HELP], found[startup.REFERENCE]
    rows = [
        [f"`{name}`", f"{one.wall:.3f}", f"{one.wall / base.wall:.2f}", f"{one.cpu:.3f}"] for name, one in found.items()
    ]
    told = (
        f"Medians of {startup.RUNS}, in turns. Target: the help takes at most 1.3 times the reference; it is"
        f" {ours.wall / base.wall:.2f}. `SPEC` is that of the shop of {scale.START:,}: ten properties, one by a"
        " template, and five groups by SQL."
    )
    return told + "\n\n" + table("command | wall s | ratio | CPU s", rows)


def of_served() -> str:
    """A plan of ten million against the simulator's HTTP, its exports written before."""
    shop = shops.made(scale.LARGE)
    with ground.account("--exports", shop.folder) as account:
        plan = unchanged.planned(shop, account.url)
        calls, fetched, held = account.calls(), account.fetched(), account.peak()
    counts = ground.counts(plan)
    rows = [
        ["wall s / CPU s / peak MiB of the plan", f"{plan.wall:.0f} / {plan.cpu:.0f} / {plan.peak:,.0f}"],
        ["found", ", ".join(f"{name} {count:,}" for name, count in counts.items() if count)],
        ["calls", ", ".join(f"{count} {name}" for name, count in sorted(calls.items()))],
        ["fetched", f"{fetched['files']} exports, {fetched['bytes'] / 1e9:.1f} GB"],
        ["simulator, peak MiB", f"{held:,.0f}"],
    ]
    told = (
        f"The whole command over {scale.LARGE:,} profiles, its exports fetched over HTTP from the simulator. It serves"
        " files that were written before (`written.py`): held as objects, so many would not fit. One run."
    )
    return told + "\n\n" + table("what | figure", rows)
