"""Settings of the question-broker."""

import ipaddress
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from question_broker.decisions.asking import Approval
from question_broker.decisions.escalating import EscalationPolicy
from question_broker.decisions.quotas import Quotas
from question_broker.decisions.signing import key_of
from question_broker.handlers.asking import AskingPolicy
from question_broker.upstreams import Receiver
from servicekit.settings import ServiceSettings

DAY_MS = 86_400_000


class Settings(ServiceSettings):
    """Beside the shared ones."""

    expiry_tick_ms: int = Field(default=500, ge=10)
    """How often questions past their deadline are looked for."""

    question_retention_days: int = Field(default=365, ge=0)
    """How long closed questions are kept, with what rules answered and whom escalations told; 0: for ever. Suggestions
    and dry-runs know nothing older."""
    attempt_retention_days: int = Field(default=90, ge=0)
    """How long it is remembered which attempts of a task have ended after the last news of it, and responses that
    came before the news of who helps are held; 0: for ever."""
    learning_retention_days: int = Field(default=0, ge=0)
    """How long what workers have learned is kept after it was last shared; 0: for ever."""
    inbox_retention_days: int = Field(default=90, ge=0)
    """How long it is remembered which batches of a producer were applied after its last one; longer than any spool may
    keep a batch. 0: for ever."""

    quota_open_requests_per_attempt: int = Field(default=20, ge=1)
    """Most open requests for resources, permission or collaboration of one attempt; one more is refused at once."""
    quota_requests_per_worker_hour: int = Field(default=120, ge=1)
    """Most requests for resources, permission or collaboration of one worker within an hour."""
    collaboration_approval: Approval = Approval.auto
    """Whether requests for collaboration go ahead by themselves (`auto`) or wait until they are granted (`manager`)."""

    escalation_webhook_url: str | None = None
    """Where questions that wait too long are told, in a form that Slack shows (https, or http on loopback)."""
    escalation_secret: SecretStr | None = None
    """Key of the webhook's signature: `whsec_` and 24 to 64 bytes in base64 (Standard Webhooks)."""
    escalation_allow_http: bool = False
    """Whether the webhook may go without encryption to another machine."""
    escalation_proxy: str | None = None
    """Base address of an HTTP proxy through which the webhook goes."""
    escalation_after_ms: int = Field(default=300_000, ge=0, le=7 * DAY_MS)
    """How long a question waits before it is told."""
    escalation_critical_after_ms: int = Field(default=0, ge=0, le=7 * DAY_MS)
    """The same for a question of priority critical."""
    escalation_attempts: int = Field(default=8, ge=1, le=100)
    """How often a message that is not taken is sent; then it is dead."""
    escalation_retry_ms: int = Field(default=5_000, ge=1)
    """The pause before the second attempt; it doubles with each further one, up to 15 minutes."""
    escalation_timeout_ms: int = Field(default=10_000, ge=1, le=30_000)
    """How long one attempt may take."""
    escalation_tick_ms: int = Field(default=1_000, ge=10)
    """How often questions that wait too long, and messages that are due, are looked for."""

    @property
    def asking_policy(self) -> AskingPolicy:
        """What workers may ask for."""
        quotas = Quotas(self.quota_open_requests_per_attempt, self.quota_requests_per_worker_hour)
        return AskingPolicy(quotas, self.collaboration_approval)

    @property
    def escalation_policy(self) -> EscalationPolicy:
        """When and how often somebody is told."""
        return EscalationPolicy(
            self.escalation_after_ms,
            self.escalation_critical_after_ms,
            self.escalation_attempts,
            self.escalation_retry_ms,
        )

    @property
    def webhook(self) -> Receiver | None:
        """Who is told; None: nobody."""
        if self.escalation_webhook_url is None or self.escalation_secret is None:
            return None
        key = key_of(self.escalation_secret.get_secret_value())
        timeout_s = self.escalation_timeout_ms / 1000
        return Receiver(self.escalation_webhook_url, key, timeout_s, self.escalation_proxy)

    @model_validator(mode="after")
    def _webhook_is_safe(self) -> Self:
        if self.escalation_webhook_url is None:
            return self
        if self.escalation_secret is None:
            raise ValueError("ESCALATION_WEBHOOK_URL is set but ESCALATION_SECRET is not: messages must be signed")
        try:
            key_of(self.escalation_secret.get_secret_value())
        except ValueError as error:
            raise ValueError(f"ESCALATION_SECRET {error}") from error
        _check_url(self.escalation_webhook_url, allow_http=self.escalation_allow_http)
        return self


def _check_url(url: str, *, allow_http: bool) -> None:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
        raise ValueError("ESCALATION_WEBHOOK_URL is no https address without user and password")
    if parts.scheme == "http" and not (allow_http or _is_loopback(parts.hostname)):
        raise ValueError(
            "ESCALATION_WEBHOOK_URL must be https: its host is not this machine (ESCALATION_ALLOW_HTTP=true lets it be)"
        )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
