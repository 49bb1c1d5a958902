"""A fleet's history of a month, made up from a seed: what its workers report, and what the platform decides.

`shape` says how large the fleet is, who is in it and what is planted in its history; `attempts` plans the tasks;
`reports`, `measures` and `endings` write what an attempt reports; `history` puts everything into one stream of sealed
batches in the order of time; `lines` is the form of an event on its way to the bus or into a table.
"""
