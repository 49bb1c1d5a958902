from enum import StrEnum
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, ValidationError

from servicekit.errors import ServiceError, is_coded, problem_of, shown, validation_problem


class Size(StrEnum):
    small = "small"
    dont_know = "don't know"


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Order(BaseModel):
    size: Size = Size.small
    count: Annotated[int, Field(ge=1)] = 1
    pet: Annotated[Cat | Dog | None, Field(discriminator="kind")] = None


def problem(**fields: object) -> list[tuple[str, str | None, list[str]]]:
    with pytest.raises(ValidationError) as error:
        Order.model_validate(fields, extra="forbid")
    return [(e.field, e.value, e.allowed) for e in validation_problem(error.value, Order).errors]


def test_a_wrong_value_of_a_closed_list_names_the_right_ones() -> None:
    assert problem(size="huge") == [("size", "huge", ["small", "don't know"])]


def test_a_wrong_tag_of_a_union_names_the_right_ones() -> None:
    assert problem(pet={"kind": "emu"}) == [("pet", '{"kind":"emu"}', ["cat", "dog"])]


def test_an_unknown_field_names_the_known_ones() -> None:
    assert problem(colour="red") == [("colour", "red", ["count", "pet", "size"])]


def test_every_wrong_field_is_told() -> None:
    assert [field for field, _, _ in problem(size=3, count=0)] == ["size", "count"]


def test_an_error_with_code_category_and_detail_is_told_whatever_its_class() -> None:
    class Stale(Exception):
        code, category, detail = "stale", "conflict", "it is stale"

    error = Stale()
    assert is_coded(error)
    assert (problem_of(error).status, problem_of(error).code) == (409, "stale")
    assert not is_coded(ValueError("no code"))


def test_an_unknown_category_counts_as_internal() -> None:
    class Odd(Exception):
        code, category, detail = "odd", "peculiar", "it is odd"

    assert problem_of(Odd()).status == 500  # pyright: ignore[reportArgumentType]


def test_the_message_of_an_error_is_its_detail() -> None:
    assert str(ServiceError("gone", "not_found", "it is gone")) == "it is gone"


def test_values_are_shown_as_json_and_shortened() -> None:
    assert shown({"a": 1}) == '{"a":1}'
    assert shown("x" * 121) == "x" * 120 + "… (121 characters)"
    assert shown({1, 2})
    assert shown(2**70) == str(2**70)
