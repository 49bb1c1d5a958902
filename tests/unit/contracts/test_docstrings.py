"""What stands below a field is in the schema, and nowhere else."""

from typing import Annotated

from pydantic import Field

from contracts.base import Model
from contracts.docstrings import field_docs


class Base(Model):
    """A base."""

    inherited: int
    """Of the base."""
    replaced: int
    """No longer said."""


class Described(Base):
    """A model."""

    replaced: int
    own: int
    """In two
    lines."""
    told: Annotated[int, Field(description="Said otherwise.")]
    """Not shown."""
    silent: int

    class Inner(Model):
        """A model in a model."""

        own: str
        """Of the inner one."""


def test_each_field_has_its_own_words_or_its_base_s() -> None:
    described = Described.model_json_schema()["properties"]
    assert {name: one.get("description") for name, one in described.items()} == {
        "inherited": "Of the base.",
        "replaced": None,
        "own": "In two\nlines.",
        "told": "Said otherwise.",
        "silent": None,
    }
    assert Described.Inner.model_json_schema()["properties"]["own"]["description"] == "Of the inner one."


def test_a_class_without_source_has_none() -> None:
    assert field_docs(type("Made", (), {"__annotations__": {"x": int}})) == {}
