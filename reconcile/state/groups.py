"""Who is in which group, where that takes more than an expression over properties: samples, members, other groups.

A sample is drawn by the MD5 of salt and id, which both engines make alike: the same person falls on the same side of a
share for good, whatever else is known of them, and of their address nothing is asked.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Iterator, Sequence
from fractions import Fraction

import ibis

from reconcile.spec import rules
from reconcile.spec.group import Group, Sample
from reconcile.spec.model import Spec
from reconcile.state import values
from reconcile.state.model import Rows


def listed(source: str) -> str:
    """The column that tells whose key a source of members has; null where it has not."""
    return f"m:{source}"


def belongs(rows: Rows, group: Group, fits: Rows, key: Rows) -> Rows:
    """Whether people are in a group; null where that is left open, and no other term says no.

    Args:
        fits: whether they fit its rule; null where that is left open.
        key: the source's own id.
    """
    return functools.reduce(operator.and_, _terms(rows, group, key), fits)


def _terms(rows: Rows, group: Group, key: Rows) -> Iterator[Rows]:
    if group.members is not None:
        yield rows[listed(group.members.source)].notnull()
    if group.in_ is not None:
        yield any_of(rows, group.in_)
    if group.not_in is not None:
        yield ~any_of(rows, group.not_in)
    if group.sample is not None:
        yield drawn(key, group.sample)
    if group.holdout is not None:
        yield ~drawn(key, group.holdout)


def any_of(rows: Rows, groups: Sequence[str]) -> Rows:
    """Whether people are in at least one of these groups."""
    return functools.reduce(operator.or_, (rows[rules.member(name)] for name in groups))


def drawn(key: Rows, sample: Sample) -> Rows:
    """Whether people belong to a sample."""
    return values.md5(ibis.literal(f"{sample.salt}:").concat(key)) < bound(sample.percent)


def bound(percent: float) -> str:
    """Of all texts of hexadecimal digits, so many of a hundred come before this one."""
    share = Fraction(str(percent)) / 100
    return "g" if share == 1 else f"{int(share * 2**64):016x}"


def suppressed(rows: Rows, spec: Spec) -> dict[str, Rows]:
    """The groups anew, without those whom `exclude_from_all` takes off every list but its groups' own.

    What they were before is kept beside them: other groups ask about that, see `before_exclusion`.
    """
    out, names = spec.exclude_from_all, excludable(spec)
    if out is None:
        return {}
    kept = {before(name): rows[rules.member(name)] for name in names}
    return kept | {rules.member(name): rows[rules.member(name)] & ~any_of(rows, out) for name in names}


def excludable(spec: Spec) -> list[str]:
    """The groups that `exclude_from_all` may take people out of."""
    out = spec.exclude_from_all
    return [name for name in spec.groups if name not in out] if out is not None else []


def before_exclusion(rows: Rows, spec: Spec) -> Rows:
    """The same people, in whatever groups they are for other groups that ask."""
    names = excludable(spec)
    return rows.mutate(**{rules.member(name): rows[before(name)] for name in names}) if names else rows


def before(group: str) -> str:
    """The column of who would be in a group without `exclude_from_all`; there where the spec excludes anybody."""
    return f"b:{group}"
