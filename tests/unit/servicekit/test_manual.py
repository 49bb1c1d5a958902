from servicekit.manual import parameter_table


def test_every_parameter_is_a_row_with_its_type_bounds_default_and_meaning() -> None:
    schema = {
        "required": ["name"],
        "properties": {
            "name": {"type": "string", "minLength": 1, "description": "What it is\n  called | named."},
            "size": {"type": "integer", "minimum": 1, "maximum": 500, "default": 50},
            "tags": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}]},
            "deep": {"type": "boolean", "default": False},
        },
    }
    assert parameter_table(schema)[2:] == [
        "| `name` | string, not empty | required | What it is called \\| named. |",
        "| `size` | integer, 1 to 500 | `50` |  |",
        "| `tags` | string or list of `a`, `b` |  |  |",
        "| `deep` | boolean | `false` |  |",
    ]


def test_objects_inside_are_told_below_their_owner_and_once_where_they_hold_themselves() -> None:
    step = {"type": "object", "properties": {"title": {"type": "string"}, "inner": {"$ref": "#/$defs/Step"}}}
    schema = {"properties": {"steps": {"type": "array", "items": {"$ref": "#/$defs/Step"}}}, "$defs": {"Step": step}}
    names = [line.split("`")[1] for line in parameter_table(schema)[2:]]
    assert names == ["steps", "steps[].title", "steps[].inner"]
