"""What all parts of a spec share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Scalar: TypeAlias = (
    Annotated[str, StringConstraints(min_length=0)] | int | Annotated[float, Field(allow_inf_nan=False)] | bool | None
)


class Part(BaseModel):
    """A part of a spec: frozen, unknown keys refused, its docstrings the reference that people read."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1, use_attribute_docstrings=True)
