import pytest

from worker_agent.decisions.coverage_reports import Covered, coverage_in

COVERAGE_PY = b"""<?xml version="1.0" ?>
<coverage version="7.6" timestamp="1" lines-valid="200" lines-covered="150" line-rate="0.75"
 branches-covered="0" branches-valid="0" branch-rate="0" complexity="0"><packages/></coverage>"""
COBERTURA = b"""<?xml version="1.0"?><!DOCTYPE coverage SYSTEM "http://cobertura.sourceforge.net/xml/coverage-04.dtd">
<coverage line-rate="0.9155" branch-rate="0.5" version="1.9" timestamp="1"><packages/></coverage>"""
JACOCO = b"""<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE report PUBLIC "-//JACOCO//DTD Report 1.1//EN" "report.dtd">
<report name="shop"><package name="com/shop"><counter type="LINE" missed="9" covered="1"/></package>
<counter type="BRANCH" missed="3" covered="1"/><counter type="LINE" missed="10" covered="30"/></report>"""
COVERAGE_JSON = b"""{"meta": {"format": 3}, "files": {"a.py": {}}, "totals": {"covered_lines": 3, "num_statements": 4,
"percent_covered": 70.0, "covered_branches": 1, "num_branches": 2}}"""
ISTANBUL = b"""{"total": {"lines": {"total": 8, "covered": 6, "skipped": 0, "pct": 75},
"branches": {"total": 0, "covered": 0, "pct": "Unknown"}}}"""
LCOV = b"""TN:
SF:a.ts
DA:1,1
LF:10
LH:9
BRF:4
BRH:1
end_of_record
SF:b.ts
LF:10
LH:1
end_of_record
"""


@pytest.mark.parametrize(
    ("path", "content", "covered"),
    [
        ("coverage.xml", COVERAGE_PY, Covered(75.0)),
        ("target/coverage.xml", COBERTURA, Covered(91.55, 50.0)),
        ("jacoco.xml", JACOCO, Covered(75.0, 25.0)),
        ("coverage.json", COVERAGE_JSON, Covered(75.0, 50.0)),
        ("coverage/coverage-summary.json", ISTANBUL, Covered(75.0)),
        ("coverage/lcov.info", LCOV, Covered(50.0, 25.0)),
        ("lcov.info", LCOV.replace(b"\n", b"\r\n"), Covered(50.0, 25.0)),
    ],
)
def test_lines_and_branches_of_a_report_are_read(path: str, content: bytes, covered: Covered) -> None:
    assert coverage_in(path, content) == covered


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.xml", b"<testsuites/>"),
        ("a.xml", b"<coverage/>"),
        ("a.xml", b'<coverage line-rate="nan"/>'),
        ("a.xml", b'<coverage line-rate="7"/>'),
        ("a.xml", b"<report><counter type='LINE' missed='-5' covered='4'/></report>"),
        ("a.xml", b"<report><counter type='LINE' missed='1e308' covered='1e308'/></report>"),
        ("a.xml", b'<!DOCTYPE c [<!ENTITY x "y">]><coverage line-rate="&x;"/>'),
        ("a.json", b""),
        ("a.json", b"[]"),
        ("a.json", b"[" * 100_000),
        ("a.json", b'{"totals": {"covered_lines": 1, "num_statements": 0}}'),
        ("a.json", b'{"totals": {"covered_lines": 9, "num_statements": 4}}'),
        ("a.json", b'{"totals": {"covered_lines": 1' + b"0" * 400 + b', "num_statements": 1}}'),
        ("a.json", b'{"totals": {"covered_lines": "many", "num_statements": 4}}'),
        ("a.json", b"\xff\xfe"),
        ("a.info", b"LF:0\nLH:0\n"),
        ("a.info", b"LF:" + b"9" * 10_000),
        ("a.info", b"\x00" * 1_000),
    ],
)
def test_what_tells_no_coverage_is_no_report(path: str, content: bytes) -> None:
    assert coverage_in(path, content) is None
