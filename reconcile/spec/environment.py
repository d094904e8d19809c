"""The nouns of environments: what one may change of the spec."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, StrictBool, StrictFloat, StrictInt, StringConstraints

from reconcile.spec.model import Engine, PartName, Policy, Recipients, Spec
from reconcile.spec.part import Part, Scalar
from reconcile.spec.source import Contract


def _long_engine(short: Any) -> Any:
    return {} if short == "duckdb" else short


class EnvironmentAccount(Part):
    """What differs in the account; what is left out is as in the spec."""

    name: str | None = None
    """A short name for the account."""
    api_key: str | None = None
    """The API key, by reference only."""
    api_secret: str | None = None
    """The shared secret, by reference only."""
    url: str | None = None
    """Where the API answers."""
    registry: str | None = None
    """The natural list that holds every profile we manage; `list_prefix` goes before it too."""


class EnvironmentSource(Part):
    """What differs in a source that the spec has. Another way of reading it takes the place of the spec's."""

    connect: str | None = None
    """A database URL or path; may use `env()` and `file()`."""
    table: str | None = None
    """The table or view to read."""
    query: str | None = None
    """One SELECT to read instead of a table."""
    parameters: Mapping[str, Scalar | list[Scalar]] = Field(default_factory=dict)
    """Values for the query, by name; merged with the spec's."""
    file: str | None = None
    """Files to read instead of a database."""
    dbt: str | None = None
    """A model of dbt to read instead."""
    manifest: str | None = None
    """dbt's manifest, from the spec's folder."""
    contract: Contract | None = None
    """What must be true of the rows; merged with the spec's, key by key."""


ListPrefix: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=50, pattern=r"^[^\s$][^$]*$")]


class Environment(Part):
    """What one environment changes. It has the properties, vars and groups of the spec: those are the same for all."""

    account: EnvironmentAccount = EnvironmentAccount()
    """What differs in the account."""
    sources: Mapping[PartName, EnvironmentSource] = Field(default_factory=dict)
    """What differs in sources, by id."""
    policy: Policy = Policy()
    """What differs in the policy, key by key."""
    engine: Annotated[Engine, BeforeValidator(_long_engine)] = Engine()
    """Where the rows are worked on."""
    state: str | None = None
    """Where its runs leave what later ones have to know."""
    seal: Recipients | None = None
    """Public keys of age that its plans are sealed to."""
    list_prefix: ListPrefix | None = None
    """Goes before the name of every list, the registry's too: `"staging: "` makes `staging: Lapsed` of `Lapsed`."""
    variables: Mapping[PartName, str | StrictInt | StrictFloat | StrictBool] = Field(default_factory=dict)
    """Values of variables, before those of `vars.yaml`."""


class File(Spec):
    """All that the files of a spec say: the spec, and its environments."""

    environments: Mapping[PartName, Environment] = Field(default_factory=dict)
    """Other accounts of the same spec, by id: `--env staging` chooses one."""


class Environments(Part):
    """The section by itself."""

    environments: Mapping[PartName, Environment] = Field(default_factory=dict)
    """By id."""
