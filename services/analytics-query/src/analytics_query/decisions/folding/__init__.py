"""How events become figures.

Each module here is about one part of an attempt's document, and offers some of these tables; `registry` gathers them:

- `FOLDS`: by kind of event, what it changes in the document of its attempt. Folding must not depend on the order of the
  events, and what is kept must have a bound: keep the newest by (`seq`, `event_id`), counts by few names, or a sample
  that is chosen by the events' ids (see `bounded`).
- `CREDITS`: what the document amounts to, entered into a ledger. After a change the old document's entries are taken
  away and the new one's are made, so that late events and late news set all roll-ups right. A credit does not look at
  `events` and `updated_at`: kinds without a fold change nothing else, and cost no new credit.
- `READS`: other modules whose parts the credits look at. The orchestrator's word and the outcome all may look at.
- `DIRECT`: by kind, what an event enters at once, once: only what needs no other event to be known.
- `TASK_FOLDS`, `TASK_CREDITS`: the same of a task's document.

So at any time the roll-ups are the sum of what all documents amount to and of all direct entries, which is a function
of the set of events: neither order nor repetition nor the cut into transactions can be seen in them.

Newest values (`Ledger.last`) are not sums. Of an attempt they are entered at its `groups.standing`, by which the newest
attempt stands; once an attempt has such a value it must go on having one.

Whoever changes what is folded or credited counts `FOLD_VERSION` up: projections of an older version are to be rebuilt.
"""

FOLD_VERSION = 5
