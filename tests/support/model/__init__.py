"""A model server that says what a script tells it to, over the wires that coding agents speak."""
