from devstack.cli.logs import readable


def test_a_json_line_becomes_one_for_people():
    line = (
        '{"timestamp":"2026-01-02T10:00:00.123456Z","level":"info","service":"x","event":"task assigned","task_id":"t"}'
    )
    assert readable(line) == "10:00:00.123 info    task assigned task_id=t"


def test_any_other_line_stays_as_it_is():
    for line in ("plain", "[1, 2]", '{"no": "event"}', "12", ""):
        assert readable(line) == line
