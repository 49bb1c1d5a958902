"""An authorization server as far as a resource server sees it: metadata, keys, and signed tokens."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from fastapi import FastAPI
from fastapi.responses import JSONResponse, Response
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from servicekit.clock import SystemClock
from tests.support.serving import serving

RESOURCE = "https://mews.example.com/mcp"
# Making one takes as long as a test.
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)


class Issuer:
    """Signs tokens with keys that it shows."""

    def __init__(self) -> None:
        self.url = ""
        self.signing: dict[str, tuple[Any, str]] = {}
        self.shown: list[dict[str, Any]] = []
        self.fetched = 0
        self.is_away = False
        self.add_key("first")

    def add_key(self, key_id: str, *, shown: bool = True, algorithm: str = "ES256") -> None:
        """Sign with a new key from now on, if it is named."""
        private = RSA if algorithm.startswith(("RS", "PS")) else ec.generate_private_key(ec.SECP256R1())
        self.signing[key_id] = private, algorithm
        if shown:
            self.shown.append(public_key(private, key_id))

    def token(self, key_id: str = "first", headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A token for this resource that holds for an hour; what is None is left out."""
        now = int(SystemClock().now().timestamp())
        given = {"iss": self.url, "aud": RESOURCE, "sub": "alice", "exp": now + 3600, "scope": "mews:operator"} | claims
        private, algorithm = self.signing[key_id]
        said = {name: value for name, value in given.items() if value is not None}
        head = {"kid": key_id, "typ": "at+jwt"} | (headers or {})
        head = {name: value for name, value in head.items() if value is not None}
        return jwt.encode(said, private, algorithm, headers=head)


def public_key(private: Any, key_id: str) -> dict[str, Any]:
    """The public half as a JWK."""
    kind = RSAAlgorithm if isinstance(private, rsa.RSAPrivateKey) else ECAlgorithm
    return json.loads(kind.to_jwk(private.public_key())) | {"kid": key_id, "use": "sig"}


@asynccontextmanager
async def issuer() -> AsyncGenerator[Issuer]:
    """An issuer that is served."""
    made = Issuer()
    async with serving(_app(made)) as url:
        made.url = url
        yield made


def _app(made: Issuer) -> FastAPI:
    app = FastAPI(openapi_url=None)

    @app.get("/.well-known/openid-configuration")
    async def metadata() -> Response:
        return JSONResponse({"issuer": made.url, "jwks_uri": f"{made.url}/keys"})

    @app.get("/keys")
    async def keys() -> Response:
        made.fetched += 1
        return Response(status_code=503) if made.is_away else JSONResponse({"keys": made.shown})

    return app
