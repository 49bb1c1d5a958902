"""What can go wrong on one machine, said to the person at the terminal."""


class DevstackError(Exception):
    """One sentence that says what is wrong and what to do."""
