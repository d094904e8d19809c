"""What all parts of a spec share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler, StringConstraints
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from reconcile.spec import docstrings

Scalar: TypeAlias = (
    Annotated[str, StringConstraints(min_length=0)] | int | Annotated[float, Field(allow_inf_nan=False)] | bool | None
)


class Part(BaseModel):
    """A part of a spec: frozen, unknown keys refused, its docstrings the reference that people read."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1)

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """With the docstrings of the fields as their descriptions."""
        made = handler(schema)
        keys = handler.resolve_ref_schema(made)["properties"]
        for name, said in docstrings.of(cls).items():
            keys[cls.model_fields[name].alias or name]["description"] = said
        return made
