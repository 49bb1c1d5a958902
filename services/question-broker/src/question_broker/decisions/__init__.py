"""Pure decisions of the question-broker."""
