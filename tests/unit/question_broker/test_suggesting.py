"""Answers to earlier questions, as suggestions."""

from question_broker.decisions.suggesting import Earlier, by_question, suggestions


def earlier(number: int, question: str, answer: str) -> Earlier:
    return Earlier(f"q-{number}", question, answer, "ada")


ASKED = "Should I use pytest or unittest for the new tests?"


def test_the_most_similar_comes_first_and_what_is_unlike_not_at_all() -> None:
    found = suggestions(
        ASKED,
        [
            earlier(1, "Which database should the service use?", "postgres"),
            earlier(2, "Should I use pytest or unittest for the new tests?", "pytest"),
            earlier(3, "Should the tests use unittest, or pytest?", "unittest here"),
        ],
    )
    assert [one.answer for one in found] == ["pytest", "unittest here"]
    assert found[0].similarity_percent == 100
    assert 55 <= found[1].similarity_percent < 100


def test_the_same_answer_is_one_suggestion_and_counted() -> None:
    found = suggestions(
        ASKED,
        [
            earlier(1, "Use pytest or unittest for these tests?", "Pytest"),
            earlier(2, ASKED, " pytest"),
            earlier(3, ASKED, "unittest"),
            earlier(4, ASKED, "PYTEST"),
        ],
    )
    assert [(one.answer, one.question_id, one.times) for one in found] == [
        (" pytest", "q-2", 3),
        ("unittest", "q-3", 1),
    ]


def test_at_most_three_are_shown() -> None:
    assert len(suggestions(ASKED, [earlier(n, ASKED, f"answer {n}") for n in range(9)])) == 3


def test_each_question_gets_the_suggestions_of_its_own_candidates() -> None:
    found = by_question(
        [("q-a", ASKED), ("q-b", "Deploy on Friday?"), ("q-c", "x")],
        [("q-a", earlier(1, ASKED, "pytest")), ("q-b", earlier(2, "Deploy on a Friday?", "no"))],
    )
    assert {question: [one.answer for one in given] for question, given in found.items()} == {
        "q-a": ["pytest"],
        "q-b": ["no"],
    }
