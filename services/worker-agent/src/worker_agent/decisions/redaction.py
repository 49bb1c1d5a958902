"""Keeping secrets out of what is reported: the values of a task's environment are masked wherever they turn up."""

from collections.abc import Iterable, Mapping
from enum import Enum
from json import dumps
from typing import Any, TypeVar, cast

from contracts.base import Model

LEAST_LENGTH = 4
MASK = "********"
ORDINARY = frozenset({"true", "false", "none", "null", "test", "prod", "info", "debug", "warning", "error", "auto"})
"""Values that are no secret, and whose masking would spoil every report."""
KEPT_FIELDS = frozenset({"task_id", "target_worker", "question_id", "worker_id", "kind", "error_event_id"})

ModelT = TypeVar("ModelT", bound=Model)


class Redactor:
    """Masks the secrets of one attempt. A mask is never longer than what it hides, so no length limit is broken."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._secrets = sorted(set(_secrets(environment.values())), key=len, reverse=True)
        # JSON escapes some characters: each secret is looked for in the form that it has there.
        self._escaped = [dumps(secret, ensure_ascii=False)[1:-1].encode() for secret in self._secrets]

    def text(self, text: str) -> str:
        """The text with every secret masked."""
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, MASK[: len(secret)])
        return text

    def touches(self, json: bytes) -> bool:
        """Whether a JSON text has a secret in it."""
        return any(secret in json for secret in self._escaped)

    def body(self, body: ModelT) -> ModelT:
        """The same body with every secret in its texts masked; enumerations and ids are left as they are."""
        return self._model(body)

    def _model(self, model: ModelT) -> ModelT:
        changed = {
            name: self._value(getattr(model, name)) for name in type(model).model_fields if name not in KEPT_FIELDS
        }
        return model.model_copy(update=changed)

    def _value(self, value: Any) -> Any:
        if isinstance(value, Model):
            return self._model(value)
        if isinstance(value, str):
            return value if isinstance(value, Enum) else self.text(value)
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
