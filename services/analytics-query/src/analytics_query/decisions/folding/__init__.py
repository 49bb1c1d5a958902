"""How events become figures.

Each module here is about one part of an attempt's document, and offers three tables:

- `FOLDS`: by kind of event, what it changes in the document. Folding must not depend on the order of the events: keep
  the newest by `seq`, counts, sets, or a bounded sample that is chosen by the events' ids.
- `CREDITS`: what the document amounts to, entered into a ledger. After a change the old document's entries are taken
  away and the new one's are made, so that late events and late news set all roll-ups right.
- `DIRECT`: by kind, what an event enters at once, once: only what needs no other event to be known.
"""
