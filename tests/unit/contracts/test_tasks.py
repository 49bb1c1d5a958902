import pytest
from pydantic import ValidationError

from contracts.tasks import NewTask, Requirements


def test_free_requirements_stay_flat_on_the_wire() -> None:
    given = {"frameworks": ["passport"], "tags": ["gpu"], "free": 1}
    task = NewTask.model_validate({"description": "x", "requirements": given}, extra="forbid")
    assert task.requirements.free == {"frameworks": ["passport"], "free": 1}
    assert task.to_dict()["requirements"] == given
    assert NewTask.model_validate_json(task.to_json()) == task


def test_an_unknown_key_of_a_reserved_object_is_refused_at_an_edge() -> None:
    with pytest.raises(ValidationError, match=r"requirements\.limits\.run_time"):
        NewTask.model_validate({"description": "x", "requirements": {"limits": {"run_time": 1}}}, extra="forbid")


@pytest.mark.parametrize("key", ["verify", "tags", "capabilities"])
def test_one_entry_alone_may_stand_for_a_list(key: str) -> None:
    assert getattr(Requirements.model_validate({key: "make test"}), key) == ["make test"]


@pytest.mark.parametrize("description", ["", "   ", "\n"])
def test_an_empty_description_is_refused(description: str) -> None:
    with pytest.raises(ValidationError, match="description"):
        NewTask(description=description)


def test_an_unknown_field_is_ignored_on_the_bus_and_refused_at_an_edge() -> None:
    given = {"description": "x", "colour": "red"}
    assert NewTask.model_validate(given).description == "x"
    with pytest.raises(ValidationError, match="colour"):
        NewTask.model_validate(given, extra="forbid")


def test_a_wrong_priority_names_the_allowed_ones() -> None:
    with pytest.raises(ValidationError, match="'critical', 'high', 'medium' or 'low'"):
        NewTask.model_validate({"description": "x", "priority": "urgent"})


def test_requirements_that_no_message_can_carry_are_refused() -> None:
    with pytest.raises(ValidationError, match=r"requirements\n.*at most 262144 bytes"):
        NewTask.model_validate({"description": "x", "requirements": {"notes": "x" * 262_144}})


@pytest.mark.parametrize(("name", "most"), [("tags", 100), ("capabilities", 100), ("verify", 100), ("env", 1_000)])
def test_a_new_task_names_no_more_than_anybody_needs(name: str, most: int) -> None:
    def task(entries: int) -> NewTask:
        names = [f"n{number}" for number in range(entries)]
        requirements = {name: dict.fromkeys(names, "") if name == "env" else names}
        return NewTask.model_validate({"description": "do it", "requirements": requirements})

    assert len(getattr(task(most).requirements, name)) == most
    with pytest.raises(ValueError, match=f"{name}: must have at most {most} entries, not {most + 1}"):
        task(most + 1)
