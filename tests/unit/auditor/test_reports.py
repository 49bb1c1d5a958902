from pathlib import Path

import pytest
from pydantic import TypeAdapter

from auditor.errors import UnreadableReportError
from auditor.reports import parse_json, parse_xml, read_text, worst

BILLION_LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;&lol;&lol;">]>
<testsuites>&lol2;</testsuites>"""
EXTERNAL = """<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>"""


@pytest.mark.parametrize("text", [BILLION_LAUGHS, EXTERNAL, "<open>", "", "<!DOCTYPE a><a/>"])
def test_hostile_or_broken_xml_is_refused(text: str) -> None:
    with pytest.raises(UnreadableReportError):
        parse_xml(text)


@pytest.mark.parametrize("text", ["{", "[]", '{"a": "x"}', "[" * 100_000])
def test_json_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(UnreadableReportError):
        parse_json(text, TypeAdapter(dict[str, int]))


def test_a_report_that_is_absent_a_link_or_too_large_is_refused(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("0123456789")
    link = tmp_path / "link"
    link.symlink_to(secret)
    for path, limit in ((tmp_path / "absent", 100), (link, 100), (secret, 9), (tmp_path, 100)):
        with pytest.raises(UnreadableReportError):
            read_text(path, limit)
    assert read_text(secret, 10) == "0123456789"


def test_the_worst_come_first_and_equals_keep_their_order() -> None:
    assert worst([("a", 1), ("b", 3), ("c", 3)], lambda item: item[1], 2) == [("b", 3), ("c", 3)]
