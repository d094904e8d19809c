"""Values made unreadable: the SHA-256 of salt and value.

A salt is a secret: it goes into a table of one row, so that it is in no statement, and so in no error or log of an
engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import ibis

from reconcile.spec import templates
from reconcile.spec.model import Spec
from reconcile.spec.property import TEXTS, Property, ValueType
from reconcile.state import arrows, values
from reconcile.state.model import Rows
from reconcile.state.workspace import Workspace

_SALT = "salt"


@ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]  # Ibis ships no types
def sha256(text: str) -> str:  # type: ignore[empty-body]  # the engine has the body
    """The engine's SHA-256, lower-case hex."""


@dataclass(frozen=True, slots=True)
class Salts:
    """The salts of a spec's properties, each asked for once.

    Args:
        environ: where `env()` looks.
    """

    spec: Spec
    workspace: Workspace
    environ: Mapping[str, str]
    _kept: dict[str, Rows] = field(default_factory=dict)

    def hashed(self, rows: Rows, name: str, prop: Property) -> Rows:
        """The rows with a property's column hashed; a null stays one.

        Raises:
            CredentialsRefused: the variable of the salt is not set.
        """
        kind = prop.type if prop.type in TEXTS and prop.type else values.kind_of(rows[name]) or ValueType.STRING
        salted = rows.cross_join(self._salt(name, prop))
        made = sha256(salted[_SALT].concat(values.of(salted[name], kind)))
        return salted.mutate(**{name: made}).drop(_SALT)

    def _salt(self, name: str, prop: Property) -> Rows:
        if name not in self._kept:
            salt = templates.resolve(prop.salt or "", self.environ, where=self.spec.where("properties", name, _SALT))
            self._kept[name] = self.workspace.store(f"salt of {name}", arrows.table({_SALT: [salt]}, {_SALT: "string"}))
        return self._kept[name]
