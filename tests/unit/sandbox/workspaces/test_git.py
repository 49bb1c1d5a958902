from sandbox.workspaces.git import passed_on


def test_git_is_told_how_to_get_out_and_nothing_else() -> None:
    assert passed_on({"HTTPS_PROXY": "http://proxy", "TOKEN": "x"}) == {"HTTPS_PROXY": "http://proxy"}
