"""Approvals: how far a plan may go that nobody has looked at yet, committed and reviewed like a spec.

`approve` writes one from a plan that people have seen. A later plan that stays within it needs no further eyes.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field, StrictInt, StringConstraints, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reconcile.errors import ApprovalUnreadable
from reconcile.spec.part import Part

HEAD = """\
# How far a plan may go: at most so many, and nothing that is not named. Fewer changes always fit.
# reconcile apply SPEC --within THIS_FILE
"""
_LARGEST = 4 * 2**20
"""Bytes; no approval comes near it."""
_SHARE = r"^[0-9]{1,4}(\.[0-9]{1,3})? ?%$"

VERSION: Literal[2] = 2
"""The version of approvals that is written and read. Since 2 the digest of the spec is keyed."""

Count: TypeAlias = Annotated[StrictInt, Field(ge=0)]


class Profiles(Part):
    """Profiles, by what may be done with them; what is not named may not be done."""

    create: Count = 0
    update: Count = 0
    """Of those that are there, moved and unlisted ones included."""
    unlist: Count = 0
    delete: Count = 0


class Members(Part):
    """Members of one list."""

    join: Count = 0
    leave: Count = 0


class Values(Part):
    """Values of one var."""

    set: Count = 0
    cleared: Count = 0


class Approval(Part):
    """What a plan may come to.

    A list, a var or an operation that is not named here is forbidden. `spec` is the digest of the spec that it is for;
    without it the approval stands for any spec of this account, and without `expires` for good.
    """

    version: Literal[2] = VERSION
    account: str
    """The account's name in the spec."""
    environment: str | None = None
    """The environment of the spec, if it has one."""
    spec: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = None
    """A keyed digest of what the spec said when it was approved; another spec does not fit. Any spec, when absent."""
    plan: str | None = None
    """The plan that it was made from; for people."""
    expires: AwareDatetime | None = None
    """Until when it holds. For good, when absent."""
    tolerance: Annotated[str, StringConstraints(pattern=_SHARE)] = "0%"
    """By how much each number may be exceeded: data moves on. Zero stays zero."""
    new_lists: tuple[str, ...] = ()
    """Lists that may be created."""
    profiles: Profiles = Profiles()
    """At most so many profiles."""
    lists: Mapping[str, Members] = Field(default_factory=dict)
    """At most so many members, by list."""
    vars: Mapping[str, Values] = Field(default_factory=dict)
    """At most so many values, by var."""


def read(path: Path) -> Approval:
    """An approval from its file.

    Raises:
        ApprovalUnreadable: there is no such file, or it is no approval; says which key and why.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST + 1)
        if len(content) > _LARGEST:
            raise ApprovalUnreadable(f"The approval {path} has more than {_LARGEST:,} bytes, as no approval has.")
        said = YAML(typ="safe", pure=True).load(content.decode())
        _raise_if_earlier(path, said)
        return Approval.model_validate(said)
    except OSError as error:
        raise ApprovalUnreadable(f"The approval {path} cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise ApprovalUnreadable(f"{path} is no approval: {where}: {first['msg']}.") from None
    except (YAMLError, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError):
        raise ApprovalUnreadable(f"The approval {path} is no YAML.") from None


def _raise_if_earlier(path: Path, said: object) -> None:
    if isinstance(said, dict) and said.get("version") == 1:
        raise ApprovalUnreadable(
            f"{path} is an approval of an earlier version of reconcile (version 1; this one reads {VERSION}).",
            hint="Write it anew with `reconcile approve`; one that names no spec only needs the line `version: 2`.",
        )


def text(approval: Approval) -> str:
    """An approval as its file; `read` of it gives an equal one."""
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = None
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.allow_unicode = True
    yaml.width = 100_000
    out = io.StringIO()
    yaml.dump({"version": VERSION} | approval.model_dump(mode="json", exclude_defaults=True), out)
    return HEAD + out.getvalue()
