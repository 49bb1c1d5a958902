"""What this process shows and believes when it connects to others over TLS."""

import ssl
from functools import cache

import httpx


def client_context(ca: str | None, certificate: str | None, key: str | None) -> ssl.SSLContext:
    """Believe `ca` (the system's authorities if None) and names, and show a certificate if there is one.

    Raises OSError for a file that is missing or is not what it should be.
    """
    context = ssl.create_default_context(cafile=ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if certificate:
        context.load_cert_chain(certificate, key)
    return context


@cache
def public_context() -> ssl.SSLContext:
    """Believe the public authorities; one for the whole process, since reading them takes 20 ms of processor time."""
    return httpx.create_ssl_context(trust_env=False)
