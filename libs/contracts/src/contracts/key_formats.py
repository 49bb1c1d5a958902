"""What keys look like: the formats that their issuers publish, each found by a literal that it cannot be without.

No guessing by entropy: a commit id, a digest, a UUID or an image in base64 looks as random as a key. A format is
listed if its own letters tell it from all else. Patterns are linear: each fails soon, or takes all that it has read.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

MASK = "********"

# A word begins here: also after an escaped character of JSON, of a URL, or of a terminal, all of which end in letters.
_START = (
    r"(?:(?<![A-Za-z0-9_-])|(?<=\\[bfnrt])|(?<=\\u[0-9A-Fa-f]{4})|(?<=%[0-9A-Fa-f]{2})"
    r"|(?<=\x1b\[m)|(?<=\x1b\[[0-9]m)|(?<=\x1b\[[0-9]{2}m)|(?<=\x1b\[[0-9];[0-9]{2}m))"
)
# What stands between a name and its value, in a shell, in JSON, in YAML, in a header; also escaped once more.
_IS = r"(?:\\{0,3}[\"'])?[ \t]{0,4}[:=][ \t]{0,4}(?:\\{0,3}[\"'])?"
# A variable or a placeholder stands where a value would: there is nothing to hide.
_REAL = r"(?![$<{*%])"


@dataclass(frozen=True)
class KeyFormat:
    """Keys of one issuer: one of `hints` is in every text that holds one; group 1, if any, is what is secret."""

    issuer: str
    hints: tuple[str, ...]
    pattern: re.Pattern[str]

    def mask(self, text: str) -> str:
        """The text with such keys masked."""
        if not any(hint in text for hint in self.hints):
            return text
        return self.pattern.sub(_masked, text)


def _format(issuer: str, hints: str, pattern: str) -> KeyFormat:
    return KeyFormat(issuer, tuple(hints.split()), re.compile(pattern, re.ASCII))


FORMATS = (
    _format("AWS", "AKIA ASIA ABIA ACCA A3T", _START + r"A(?:KIA|SIA|BIA|CCA|3T[A-Z0-9])[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _format(
        "AWS",
        "ccess_key CCESS_KEY ccessKey",
        r"(?:[Ss]ecret_?[Aa]ccess_?[Kk]ey|SECRET_ACCESS_KEY)" + _IS + r"([A-Za-z0-9/+=]{40})(?![A-Za-z0-9/+=])",
    ),
    _format(
        "AWS",
        "ession_token ESSION_TOKEN essionToken ecurity-Token",
        r"(?:aws_session_token|AWS_SESSION_TOKEN|[Ss]essionToken|X-Amz-Security-Token)"
        + _IS
        + r"([A-Za-z0-9/+=%]{100,})",
    ),
    _format(
        "AWS Bedrock", "ABSK bedrock-api-key-", r"(?:ABSK[A-Za-z0-9+/]{100,}|bedrock-api-key-[A-Za-z0-9+/=_-]{40,})"
    ),
    _format("GitHub", "ghp_ gho_ ghu_ ghs_ ghr_", r"gh[pousr]_[A-Za-z0-9_]{36,}"),
    _format("GitHub", "github_pat_", r"github_pat_[A-Za-z0-9_]{50,}"),
    _format(
        "GitLab",
        "glpat- gldt- glft- glsoat- glrt- glcbt- glptt- glimt- glagent- gloas- glffct- glwt- GR1348941",
        r"(?:gl(?:pat|dt|ft|soat|rt|cbt|ptt|imt|agent|oas|ffct|wt)-|GR1348941)[A-Za-z0-9_-]{20,}(?:\.[a-z0-9]{2,9})*",
    ),
    _format(
        "Slack",
        "xoxa- xoxb- xoxc- xoxd- xoxe- xoxo- xoxp- xoxr- xoxs- xoxe. xapp-",
        r"(?:xoxe\.)?(?:xox[abceoprs]|xapp)-[A-Za-z0-9-]{10,}|xoxd-[A-Za-z0-9%/+-]{40,}",
    ),
    _format("Slack", "hooks.slack.com/", r"hooks\.slack\.com/(?:services|workflows|triggers)/([A-Za-z0-9/_+-]{20,})"),
    _format("Discord", "/api/webhooks/", r"discord(?:app)?\.com/api/webhooks/([0-9]{10,20}/[A-Za-z0-9_-]{40,})"),
    _format(
        "OpenAI, Anthropic, OpenRouter and others",
        "sk-",
        _START + r"sk-(?:[A-Za-z0-9]{20,}|(?:ant|proj|svcacct|admin|None|or|lf)-[A-Za-z0-9_-]{20,})",
    ),
    _format("OpenAI, named", "T3BlbkFJ", _START + r"sk-[A-Za-z0-9_-]{1,200}T3BlbkFJ[A-Za-z0-9_-]{20,}"),
    _format("Google", "AIza", _START + r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])"),
    _format("Google", "AQ.Ab8", _START + r"AQ\.Ab8[A-Za-z0-9_-]{40,}"),
    _format("Google", "GOCSPX- ya29.", r"(?:GOCSPX-[A-Za-z0-9_-]{20,}|" + _START + r"ya29\.[A-Za-z0-9_-]{20,})"),
    _format(
        "Stripe",
        "sk_live_ sk_test_ sk_prod_ rk_live_ rk_test_ rk_prod_",
        _START + r"[rs]k_(?:live|test|prod)_[A-Za-z0-9]{10,}",
    ),
    _format("Stripe", "whsec_", r"whsec_[A-Za-z0-9+/=]{24,}"),
    _format("npm", "npm_", r"npm_[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    _format("npm", ":_auth _password", r"(?::_auth(?:Token)?|:_password)" + _IS + _REAL + r"([^\s\"'\\;]{8,})"),
    _format("PyPI", "pypi-AgE", r"pypi-AgE[A-Za-z0-9_-]{50,}"),
    _format("RubyGems", "rubygems_", r"rubygems_[a-f0-9]{48}"),
    _format("crates.io", "cio", _START + r"cio[A-Za-z0-9]{32}(?![A-Za-z0-9])"),
    _format("Docker", "dckr_", r"dckr_[po]at_[A-Za-z0-9_-]{27,}"),
    _format(
        "JSON Web Token",
        "eyJ",
        _START + r"eyJ[\w-]{17,}+\.(?:eyJ[\w-]{2,}+\.[\w-]*+|[\w-]*+(?:\.[\w-]{8,}+){3})",
    ),
    _format(
        "HTTP header",
        "uthorization UTHORIZATION",
        r"(?i:authorization)"
        + _IS
        + r"(?:(?i:basic|bearer|token|apikey)[ \t]{1,4})?"
        + _REAL
        + r"([A-Za-z0-9._~+/=:-]{8,})",
    ),
    _format(
        "HTTP header", "earer EARER", r"(?i:bearer)[ \t]{1,4}(?=[A-Za-z._~+/-]{0,60}[0-9])([A-Za-z0-9._~+/=-]{20,})"
    ),
    _format(
        "HTTP header",
        "pi-key PI-KEY pi-Key PI-Key",
        r"(?i:x-(?:goog-)?api-key)" + _IS + _REAL + r"([A-Za-z0-9._~+/=-]{8,})",
    ),
    _format("URL with a password", "://", r"://[^\s/@:\"'<>\\]{0,200}:" + _REAL + r"([^\s/@\"'<>\\]{1,200})@"),
    _format("URL with a token", "://", r"://([A-Za-z0-9_.~%-]{20,200})@"),
    _format(
        "Azure",
        "AccountKey= SharedAccessKey= SharedSecretKey=",
        r"(?:AccountKey|SharedAccessKey|SharedSecretKey)=([A-Za-z0-9+/=%]{32,})",
    ),
    _format("Azure", "sig=", r"[?&]sig=([A-Za-z0-9%/+=]{40,})"),
    _format("Azure", "Q~", _START + r"[A-Za-z0-9_.~-]{3}[0-9]Q~[A-Za-z0-9_.~-]{31,34}(?![A-Za-z0-9_.~-])"),
    _format("Azure DevOps", "AZDO", r"(?<![A-Za-z0-9])[A-Za-z0-9]{76}AZDO[A-Za-z0-9]{4}(?![A-Za-z0-9])"),
    _format("Twilio", "SK", _START + r"SK[0-9a-f]{32}(?![A-Za-z0-9])"),
    _format("SendGrid", "SG.", _START + r"SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}"),
    _format("Mailgun", "key-", _START + r"key-[0-9a-f]{32}(?![A-Za-z0-9])"),
    _format("Mailchimp", "-us", r"(?<![A-Za-z0-9])[0-9a-z]{32}-us[0-9]{1,2}(?![0-9])"),
    _format("Telegram", ":AA", r"(?<![0-9A-Za-z])[0-9]{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])"),
    _format("Hugging Face", "hf_ api_org_", _START + r"(?:hf_|api_org_)[A-Za-z]{34}(?![A-Za-z0-9])"),
    _format(
        "Groq, xAI, Perplexity",
        "gsk_ xai- pplx-",
        _START + r"(?:gsk_[A-Za-z0-9]{40,}|xai-[A-Za-z0-9_-]{60,}|pplx-[A-Za-z0-9]{40,})",
    ),
    _format("Replicate", "r8_", _START + r"r8_[A-Za-z0-9]{37}(?![A-Za-z0-9])"),
    _format("LangSmith", "lsv2_", r"lsv2_[ps][kt]_[0-9a-f]{32}_[0-9a-f]{10}"),
    _format("DigitalOcean", "_v1_", r"do[opr]_v1_[0-9a-f]{64}"),
    _format("Databricks", "dapi", _START + r"dapi[0-9a-f]{32}(?:-[0-9])?(?![A-Za-z0-9])"),
    _format("Doppler", "dp.", _START + r"dp\.(?:pt|ct|sa|scim|audit|st\.[a-z0-9_-]{1,40})\.[A-Za-z0-9]{40,}"),
    _format("Shopify", "shpat_ shpca_ shppa_ shpss_", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}"),
    _format("Square", "sq0", r"sq0(?:atp|csp|idp)-[A-Za-z0-9_-]{22,}"),
    _format("Grafana", "glc_ glsa_", r"(?:glc_[A-Za-z0-9+/]{32,}={0,2}|glsa_[A-Za-z0-9]{32}_[0-9A-Fa-f]{8})"),
    _format("New Relic", "NRAK-", r"NRAK-[A-Z0-9]{27}"),
    _format("Sentry", "sntrys_ sntryu_", r"sntry[su]_[A-Za-z0-9+/=_]{40,}"),
    _format("Linear, Notion", "lin_api_ ntn_", r"(?:lin_api_[A-Za-z0-9]{40}|" + _START + r"ntn_[A-Za-z0-9]{40,})"),
    _format("Postman", "PMAK-", r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}"),
    _format("Pulumi", "pul-", _START + r"pul-[0-9a-f]{40}(?![A-Za-z0-9])"),
    _format("PlanetScale", "pscale_", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}"),
    _format("Supabase", "sbp_ sb_secret_", _START + r"(?:sbp_[A-Za-z0-9]{40}|sb_secret_[A-Za-z0-9_-]{31})"),
    _format("Heroku", "HRKU-", r"HRKU-[A-Za-z0-9_-]{36,}"),
    _format("Cloudflare", "cfut_ cfat_", r"cf[ua]t_[A-Za-z0-9]{40,}"),
    _format("Vercel", "vck_ vca_ vcr_ vci_ vcp_", _START + r"vc[kacrip]_[A-Za-z0-9_-]{56}"),
    _format("HashiCorp", "hvs. hvb. hvr.", _START + r"hv[sbr]\.[A-Za-z0-9_-]{24,}"),
    _format("HashiCorp", ".atlasv1.", r"(?<![A-Za-z0-9])[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
    _format("age", "AGE-SECRET-KEY-", r"AGE-SECRET-KEY-1[A-Z0-9]{58}"),
)
_HINTS = tuple((hint.encode(), key_format) for key_format in FORMATS for hint in key_format.hints)
# Nearly every key has a run of this many letters, digits, `_` and `-`; where one need not, these are, in small letters.
_RUN = b"a" * 20
_LETTERS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_TO_RUNS = bytes(ord("a") if code in _LETTERS else 0 for code in range(256))
_WITHOUT_RUN = tuple(b"://|key|auth|earer|ion_token|iontoken|ity-token|sig=|q~|:_pass|whsec_|absk|xoxd-".split(b"|"))


def formats_in(json: bytes) -> list[KeyFormat]:
    """The formats of which a text in UTF-8, or the JSON of one, can hold a key. Quick: most hold nothing like one."""
    if _RUN not in json.translate(_TO_RUNS) and not holds_any(_WITHOUT_RUN, json.lower()):
        return []
    return list(dict.fromkeys(key_format for hint, key_format in _HINTS if hint in json))


def without_keys(text: str, formats: Iterable[KeyFormat] = FORMATS) -> str:
    """The text with every key masked. What stands around it is left, so JSON stays JSON."""
    for key_format in formats:
        text = key_format.mask(text)
    return text


def holds_any(parts: Iterable[bytes], whole: bytes) -> bool:
    """Whether one of the parts is in the whole."""
    for part in parts:  # noqa: SIM110 - a generator would cost more than what it looks for
        if part in whole:
            return True
    return False


def _masked(match: re.Match[str]) -> str:
    start, end = match.span(match.re.groups)
    whole, offset = match[0], match.start()
    return whole[: start - offset] + MASK[: end - start] + whole[end - offset :]
