import pytest

from contracts.events.quality import TestCounts
from worker_agent.decisions.junit import counts_in

PYTEST = b"""<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.5">
<testcase classname="t" name="a" time="0.25" />
<testcase classname="t" name="b" time="0.2"><failure message="assert 1 == 2">t.py:3</failure></testcase>
<testcase classname="t" name="c" time="0.05"><skipped type="pytest.skip" message="no">t.py:9</skipped></testcase>
<testcase classname="t" name="d" time="0"><error message="failed on setup">boom</error></testcase>
</testsuite></testsuites>"""
SUREFIRE = b"""<testsuite name="com.shop.CartTest" time="1,200.5" tests="2" errors="0" skipped="0" failures="0">
<properties><property name="java.version" value="21"/></properties>
<testcase name="adds" time="1,200.004"><system-out><![CDATA[<error/>]]></system-out></testcase>
<testcase name="flaky" classname="com.shop.CartTest" time="0.1"><flakyFailure message="once"/></testcase>
</testsuite>"""
GO = b"""<testsuites tests="1"><testsuite tests="1" failures="0" time="0.01" name="shop">
<testcase name="TestTotal" time="0.01">
</testcase></testsuite></testsuites>"""
NESTED = b"""<testsuites><testsuite name="outer" tests="9"><testsuite name="inner">
<testcase name="a"><failure/><error/></testcase></testsuite></testsuite></testsuites>"""


@pytest.mark.parametrize(
    ("content", "counts"),
    [
        (PYTEST, TestCounts(total=4, passed=1, failed=1, skipped=1, errors=1, duration_ms=500)),
        (SUREFIRE, TestCounts(total=2, passed=2, duration_ms=1_200_104)),
        (GO, TestCounts(total=1, passed=1, duration_ms=10)),
        (NESTED, TestCounts(total=1, passed=0, errors=1, duration_ms=0)),
        (b"<testsuites/>", TestCounts(total=0, passed=0, duration_ms=0)),
    ],
)
def test_the_cases_of_a_file_are_counted(content: bytes, counts: TestCounts) -> None:
    assert counts_in(content) == counts


BOMB = b"""<!DOCTYPE testsuites [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>
<testsuites><testcase name="&c;"/></testsuites>"""
OUTSIDE = b"""<!DOCTYPE testsuites [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<testsuites><testcase name="a">&x;</testcase></testsuites>"""


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\xff\xfe",
        b"no xml",
        b"<testsuites><testcase>",
        b"<html><testcase/></html>",
        b'<?xml version="1.0" encoding="no-such-encoding"?><testsuites/>',
        b'<?xml version="1.0" encoding="utf-7"?><testsuites/>',
        BOMB,
        OUTSIDE,
        b"<testsuites>" + b"<testsuite>" * 500_000,
        b"<testsuites>" + b"<testsuite>" * 101 + b"</testsuite>" * 101 + b"</testsuites>",
    ],
)
def test_what_is_damaged_dangerous_or_of_another_kind_is_no_report(content: bytes) -> None:
    assert counts_in(content) is None


@pytest.mark.parametrize("time", ["nan", "inf", "-5", "1e400", "99999999999999", "soon", ""])
def test_a_time_that_no_test_takes_counts_nothing(time: str) -> None:
    counts = counts_in(f'<testsuite><testcase time="{time}"/></testsuite>'.encode())
    assert counts is not None
    assert (counts.total, counts.duration_ms) == (1, 0)
