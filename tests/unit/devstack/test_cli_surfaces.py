import pytest

from devstack.cli.surfaces import parameter_lines, read_tools
from devstack.errors import DevstackError


def test_each_parameter_is_told_with_its_type_values_and_meaning():
    schema = {
        "$defs": {"Level": {"enum": ["high", "low"]}},
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "description": "What it is\n  called."},
            "level": {"$ref": "#/$defs/Level"},
            "levels": {"type": "array", "items": {"$ref": "#/$defs/Level"}},
            "size": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
        },
    }
    assert parameter_lines(schema) == [
        "name: string – What it is called.",
        "level?: high | low",
        "levels?: list of high | low",
        "size?: integer",
    ]


def test_a_program_that_cannot_tell_its_tools_is_named_with_what_it_said():
    with pytest.raises(DevstackError, match="no_such_program"):
        read_tools("no_such_program")
