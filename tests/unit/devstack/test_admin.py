from devstack.admin import SchemaRoles, identifier, literal, role_statements


def test_texts_and_names_cannot_leave_their_quotes():
    assert literal("it's \\ here") == "E'it''s \\\\ here'"
    assert identifier('a"b') == '"a""b"'


def test_passwords_are_quoted_and_never_shown():
    roles = SchemaRoles("orchestrator", "own'er", "a\\pp")
    statements = role_statements([roles])
    assert "PASSWORD E'own''er'" in " ".join(statements)
    assert "own'er" not in repr(roles)
