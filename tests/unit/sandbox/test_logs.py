import json
import logging

from sandbox.logs import JsonFormatter, fields


def test_a_record_is_one_line_of_json_with_its_fields() -> None:
    record = logging.LogRecord("sandbox", logging.INFO, __file__, 1, "two\nlines of %s", ("it",), None)
    record.__dict__.update(fields(process_id="p"))
    line = JsonFormatter().format(record)
    assert "\n" not in line
    said = json.loads(line)
    assert (said["message"], said["level"], said["process_id"]) == ("two\nlines of it", "info", "p")


def test_a_value_that_json_does_not_know_is_no_error() -> None:
    record = logging.LogRecord("sandbox", logging.INFO, __file__, 1, "x", (), None)
    record.__dict__.update(fields(value={1, 2}))
    assert json.loads(JsonFormatter().format(record))["value"] == "{1, 2}"
