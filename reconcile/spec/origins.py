"""What must hold of the sources of a spec. Every finding is said, each with its place."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

from reconcile.errors import Problem, SpecInvalid
from reconcile.spec import parameters, templates
from reconcile.spec.model import Path, Spec
from reconcile.spec.places import Places, called, meant
from reconcile.spec.source import WAYS, Contract, SourceSpec, age


def problems(spec: Spec, places: Places) -> Iterator[Problem]:
    """What is wrong with the sources as written."""
    for name, source in spec.sources.items():
        path: Path = ("sources", name)
        yield from _way(path, source, places)
        yield from _query(path, source, places)
        yield from _text(path, source, places)
        yield from _contract((*path, "contract"), source, places)
        if source.dbt is not None and source.model is None:
            where = places.value(*path, "dbt")
            yield Problem(f"{called((*path, 'dbt'))} is not ref('model')", where, "For example: dbt: ref('customers')")


def _way(path: Path, source: SourceSpec, places: Places) -> Iterator[Problem]:
    ways = source.ways
    if len(ways) != 1:
        found = " and ".join(ways) or "none"
        yield Problem(f"{called(path)} needs exactly one of {', '.join(WAYS)}; found {found}", places.key(*path))
    elif ways[0] != "file" and source.connect is None:
        hint = "A database URL or path: connect: \"{{ env('DATABASE_URL') }}\""
        thing = "model of dbt" if ways[0] == "dbt" else ways[0]
        yield Problem(f'{called(path)} has no "connect": a {thing} is in a database', places.key(*path), hint)
    elif ways[0] == "file" and source.connect is not None:
        where = places.key(*path, "connect")
        yield Problem(f'{called(path)} has a file, and so no use for "connect"', where, "Take one of them out.")


def _query(path: Path, source: SourceSpec, places: Places) -> Iterator[Problem]:
    if source.query is None:
        if source.parameters:
            yield Problem(f"{called(path)} has parameters, but no query", places.key(*path, "parameters"))
        return
    try:
        unknown = parameters.unknown(source)
        templates.references(source.query)
    except SpecInvalid as error:
        where = places.value(*path, "query")
        yield from (Problem(f"{called((*path, 'query'))}: {one.message}", where, one.hint) for one in error.problems)
        return
    for name in unknown:
        said = f'{called((*path, "query"))}: there is no parameter "{name}"'
        yield Problem(said, places.value(*path, "query"), meant(name, source.parameters))


def _text(path: Path, source: SourceSpec, places: Places) -> Iterator[Problem]:
    """What is only for files of text."""
    if source.encoding is not None:
        where = places.value(*path, "encoding")
        try:
            codecs.lookup(source.encoding).incrementaldecoder(errors="strict").decode(b"")
        except (LookupError, TypeError, ValueError):
            hint = "For example: windows-1252, latin-1, utf-16; utf-8 when left out."
            yield Problem(f'{called((*path, "encoding"))}: there is no encoding "{source.encoding}"', where, hint)
    for key in ("encoding", "columns"):
        if getattr(source, key) and source.file is None:
            said = f"{called((*path, key))} is for files; a database knows it"
            yield Problem(said, places.key(*path, key), "Take it out.")


def _contract(path: Path, source: SourceSpec, places: Places) -> Iterator[Problem]:
    contract = source.contract or Contract()
    for column, text in contract.max_age.items():
        if age(text) is None:
            here = (*path, "max_age", column)
            hint = "For example: 36 hours. There are minutes, hours, days and weeks."
            yield Problem(f'{called(here)} is no age: "{text}"', places.value(*here), hint)
    for column, accepted in contract.accepted_values.items():
        if not [value for value in accepted if value is not None]:
            here = (*path, "accepted_values", column)
            yield Problem(f"{called(here)} accepts no value", places.value(*here))
