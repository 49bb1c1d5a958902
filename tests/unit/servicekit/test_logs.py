import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from servicekit.logs import configure_logging, get_logger
from servicekit.settings import ServiceSettings
from servicekit.traces import continued


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def configured(**settings: object) -> io.StringIO:
    stream = io.StringIO()
    configure_logging("carts", ServiceSettings.model_validate(settings), stream)
    return stream


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_json_object_that_names_service_logger_and_time() -> None:
    log = get_logger("some.module")
    stream = configured()
    log.info("a thing", task_id="task-1", odd={1, 2}, text="a\nb")
    [line] = lines(stream)
    assert line["event"] == "a thing"
    assert (line["service"], line["logger"], line["level"]) == ("carts", "some.module", "info")
    assert (line["task_id"], line["text"]) == ("task-1", "a\nb")
    assert line["at"].endswith("Z")


def test_logs_of_libraries_take_the_same_way() -> None:
    stream = configured()
    logging.getLogger("alembic").info("upgrade %s", "1")
    logging.getLogger("httpx").info("not this")
    [line] = lines(stream)
    assert (line["event"], line["logger"], line["service"]) == ("upgrade 1", "alembic", "carts")


def test_what_is_below_the_level_is_left_out() -> None:
    stream = configured(log_level="warning")
    get_logger("x").info("no")
    get_logger("x").warning("yes")
    logging.getLogger("y").info("no")
    assert [line["event"] for line in lines(stream)] == ["yes"]


def test_a_crash_is_one_line_with_its_traceback() -> None:
    stream = configured()
    try:
        raise ValueError("no wheels")
    except ValueError:
        get_logger("x").exception("crash")
        logging.getLogger("y").exception("crash too")
    for line in lines(stream):
        assert line["exception"].endswith("ValueError: no wheels")


def test_a_line_within_a_trace_names_it() -> None:
    stream = configured()
    with continued({"Traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}):
        get_logger("x").info("inside")
    get_logger("x").info("outside")
    inside, outside = lines(stream)
    assert inside["trace_id"] == "0af7651916cd43dd8448eb211c80319c"
    assert "trace_id" not in outside


def test_a_person_gets_plain_lines_without_local_variables() -> None:
    stream = configured(log_format="console")
    password = "hunter2"
    try:
        raise ValueError(len(password))
    except ValueError:
        get_logger("x").exception("crash")
    assert "crash" in stream.getvalue()
    assert "hunter2" not in stream.getvalue().replace('password = "hunter2"', "")


def test_every_line_is_scrubbed_before_it_is_written() -> None:
    stream = io.StringIO()
    configure_logging("carts", ServiceSettings(), stream, scrub=lambda line: line.replace("s3cret", "***"))
    get_logger("a").error("it is s3cret", where="s3cret")
    logging.getLogger("b").error("a library says s3cret")
    assert [line["event"] for line in lines(stream)] == ["it is ***", "a library says ***"]
    assert "s3cret" not in stream.getvalue()
