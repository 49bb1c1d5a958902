"""Keeping secrets out of what is reported: a task's environment values, keys of known formats, and private keys."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from json import dumps
from typing import Any, TypeVar, cast

from contracts.base import Model
from contracts.events.reporting import StreamData
from contracts.key_formats import MASK, KeyFormat, formats_in, holds_any, without_keys
from worker_agent.decisions.private_keys import HINTS, PrivateKeys

LEAST_LENGTH = 4
ORDINARY = frozenset({"true", "false", "none", "null", "test", "prod", "info", "debug", "warning", "error", "auto"})
"""Values that are no secret, and whose masking would spoil every report."""
KEPT_FIELDS = frozenset({"task_id", "target_worker", "question_id", "worker_id", "kind", "error_event_id"})

BODY = b'"body":'
BLOCK_HINTS = tuple(hint.encode() for hint in HINTS)

ModelT = TypeVar("ModelT", bound=Model)


class Redactor:
    """Masks the secrets of one attempt. A mask is never longer than what it hides, so no length limit is broken."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._secrets = sorted(set(_secrets(environment.values())), key=len, reverse=True)
        # JSON escapes some characters: each secret is looked for in the form that it has there.
        self._escaped = tuple(dumps(secret, ensure_ascii=False)[1:-1].encode() for secret in self._secrets)
        self._streams: dict[str, PrivateKeys] = {}

    def event(self, event: Model) -> bytes:
        """The JSON of an event whose `body` is without secrets. Events are given in their order."""
        json, body = event.to_json(), getattr(event, "body")  # noqa: B009 - every event has one, its base has not
        mask = self._mask(json[max(0, json.find(BODY)) :])
        if mask is None and not self._goes_on(body):
            return json
        return event.model_copy(update={"body": self._masked(body, mask or _Mask(self._secrets, []))}).to_json()

    def touches(self, json: bytes) -> bool:
        """Whether a JSON text can have a secret in it."""
        return self._mask(json) is not None

    def text(self, text: str) -> str:
        """The text with every secret masked."""
        mask = self._mask(dumps(text, ensure_ascii=False).encode())
        return mask.text(text, PrivateKeys()) if mask is not None else text

    def body(self, body: ModelT) -> ModelT:
        """The same body with every secret in its texts masked; enumerations and ids are left as they are."""
        return self._masked(body, self._mask(body.to_json()) or _Mask(self._secrets, []))

    def _mask(self, json: bytes) -> "_Mask | None":
        formats = formats_in(json)
        if formats or holds_any(BLOCK_HINTS, json) or holds_any(self._escaped, json):
            return _Mask(self._secrets, formats)
        return None

    def _masked(self, body: ModelT, mask: "_Mask") -> ModelT:
        if isinstance(body, StreamData):
            # What is written line by line: a private key may begin in one entry and end in another.
            content = mask.text(body.content, self._stream(body))
            body = body.model_copy(update={"content": content})
        return mask.model(body)

    def _stream(self, body: StreamData) -> PrivateKeys:
        return self._streams.setdefault(f"{body.stream_type}/{body.metadata.get('stream')}", PrivateKeys())

    def _goes_on(self, body: Any) -> bool:
        return bool(self._streams) and isinstance(body, StreamData) and self._stream(body).open


def without_known_secrets(text: str) -> str:
    """A text without keys of known formats and private keys, as it may be logged; JSON stays JSON."""
    return without_keys(PrivateKeys().mask(text))


@dataclass(frozen=True, slots=True)
class _Mask:
    """Masks what was found: these secrets, and keys of these formats."""

    secrets: Sequence[str]
    formats: Sequence[KeyFormat]

    def text(self, text: str, private_keys: PrivateKeys) -> str:
        for secret in self.secrets:
            if secret in text:
                text = text.replace(secret, MASK[: len(secret)])
        return without_keys(private_keys.mask(text), self.formats)

    def model(self, model: ModelT) -> ModelT:
        changed = {
            name: self._value(getattr(model, name)) for name in type(model).model_fields if name not in KEPT_FIELDS
        }
        return model.model_copy(update=changed)

    def _value(self, value: Any) -> Any:
        if isinstance(value, Model):
            return self.model(value)
        if isinstance(value, str):
            return value if isinstance(value, Enum) else self.text(value, PrivateKeys())
        if isinstance(value, Mapping):
            entries = cast("Mapping[Any, Any]", value)
            return {self._value(key): self._value(item) for key, item in entries.items()}
        if isinstance(value, list | tuple):
            return [self._value(item) for item in cast("list[Any]", value)]
        return value


def _secrets(values: Iterable[str]) -> Iterable[str]:
    for value in values:
        for part in (value, *value.splitlines()):
            secret = part.strip()
            if len(secret) >= LEAST_LENGTH and secret.lower() not in ORDINARY:
                yield secret
