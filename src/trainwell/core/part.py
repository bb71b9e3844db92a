"""A part of a recipe: a registered name with its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_serializer, model_validator


class Plain(BaseModel):
    """Frozen data whose unknown keys are errors and whose fields are documented by the text below them."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=False)


class Part(Plain):
    """A registered name with its options; in YAML `mlp`, or `{name: mlp, width: 256}`.

    Example:
        >>> Part.of("mlp").but(width=256)
        Part(name='mlp', options={'width': 256})
    """

    name: str = "auto"
    """A registered name, `auto`, or the path of your own class or function as `package.module:Name`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword options of that name; `trainwell parts` lists them."""

    @classmethod
    def of(cls, value: Any) -> Part:
        """A part from a name, a mapping with `name`, a class or function, or a part."""
        return cls.model_validate(value)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value, "options": {}}
        if isinstance(value, Mapping):
            return _part_mapping(dict(value))
        if isinstance(value, Part):
            return {"name": value.name, "options": value.options}
        if isinstance(value, type | FunctionType):
            return {"name": path_of(value), "options": {}}
        raise ValueError("expected a name, or a mapping with 'name' and options")

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: Any, _handler: Any) -> dict[str, Any]:
        name = {"type": "string", "description": cls.model_fields["name"].description}
        return {"title": "Part", "anyOf": [name, {"type": "object", "properties": {"name": name}}]}

    @model_serializer
    def _as_short_form(self) -> Any:
        return {"name": self.name, **self.options} if self.options else self.name

    def but(self, **options: Any) -> Part:
        """The same name with some options changed."""
        return Part(name=self.name, options={**self.options, **options})

    @property
    def is_auto(self) -> bool:
        return self.name == "auto"


def _part_mapping(value: dict[str, Any]) -> dict[str, Any]:
    if "name" not in value and "options" not in value:
        return {"name": "auto", "options": value}
    options = value.pop("options", {})
    return {"name": value.pop("name", "auto"), "options": {**options, **value}}


def path_of(thing: Callable[..., Any]) -> str:
    """`package.module:Name` of a class or function, the form in which a recipe names the user's own code."""
    return f"{thing.__module__}:{thing.__qualname__}"
