from contracts.sandbox import FileChange
from sandbox.workspaces.diffstat import parse


def test_renames_binaries_and_odd_names_are_read() -> None:
    numstat = "1\t2\tplain\0-\t-\tpicture\0" + "3\t0\t\0old name\0new\tname\0" + "0\t5\tgone\0"
    names = "M\0plain\0A\0picture\0R087\0old name\0new\tname\0D\0gone\0T\0turned\0"
    assert parse(numstat, names) == [
        FileChange(path="plain", status="modified", added_lines=1, removed_lines=2),
        FileChange(path="picture", status="added"),
        FileChange(path="new\tname", previous_path="old name", status="renamed", added_lines=3, removed_lines=0),
        FileChange(path="gone", status="deleted", added_lines=0, removed_lines=5),
        FileChange(path="turned", status="type_changed"),
    ]


def test_no_change_is_an_empty_list() -> None:
    assert parse("", "") == []
