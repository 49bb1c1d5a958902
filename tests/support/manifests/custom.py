"""Schemas of custom resources: the fields that this project uses, and no others, so that a misspelt one is found.

Kubernetes' own schemas do not have them, and those of the operators are thousands of lines each.
"""

from typing import Any

Schema = dict[str, Any]


def _object(required: str = "", **properties: Schema) -> Schema:
    # A trailing underscore stands for a name that is a word of Python's.
    fields = {name.rstrip("_"): schema for name, schema in properties.items()}
    return {"type": "object", "additionalProperties": False, "properties": fields, "required": required.split()}


def _list(items: Schema, least: int = 0) -> Schema:
    return {"type": "array", "items": items, "minItems": least}


def _text(pattern: str) -> Schema:
    return {"type": "string", "pattern": pattern}


def _one_of(*values: str) -> Schema:
    return {"enum": list(values)}


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer", "minimum": 0}
YES_OR_NO: Schema = {"type": "boolean"}
TEXTS: Schema = {"type": "object", "additionalProperties": TEXT}
NAME = _text("^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")
METADATA = _object("name", name=NAME, namespace=NAME, labels=TEXTS, annotations=TEXTS)

# Prometheus' operator
DURATION = _text("^(0|([0-9]+(ms|s|m|h|d|w|y))+)$")
KEY = _object("name key", name=TEXT, key=TEXT, optional=YES_OR_NO)
SOURCE = _object(secret=KEY, configMap=KEY)
TLS = _object(ca=SOURCE, cert=SOURCE, keySecret=KEY, serverName=TEXT, insecureSkipVerify=YES_OR_NO)
SELECTOR = _object(matchLabels=TEXTS, matchExpressions=_list(_object("key operator", key=TEXT, operator=TEXT)))
NAMESPACES = _object(any=YES_OR_NO, matchNames=_list(NAME))
RELABELING = _object(
    action=TEXT, sourceLabels=_list(TEXT), separator=TEXT, regex=TEXT, targetLabel=TEXT, replacement=TEXT
)
ENDPOINT = _object(
    "port",
    port=TEXT,
    path=TEXT,
    scheme=_one_of("http", "https"),
    interval=DURATION,
    scrapeTimeout=DURATION,
    tlsConfig=TLS,
    relabelings=_list(RELABELING),
    metricRelabelings=_list(RELABELING),
)
RECORD = _object("record expr", record=_text("^[a-zA-Z_:][a-zA-Z0-9_:]*$"), expr=TEXT, labels=TEXTS)
ALERT = _object(
    "alert expr", alert=TEXT, expr=TEXT, for_=DURATION, keep_firing_for=DURATION, labels=TEXTS, annotations=TEXTS
)
RULES = _list({"anyOf": [RECORD, ALERT]}, least=1)

# KEDA
POLICY = _object("type value periodSeconds", type=_one_of("Pods", "Percent"), value=NUMBER, periodSeconds=NUMBER)
SCALING = _object(
    stabilizationWindowSeconds=NUMBER, selectPolicy=_one_of("Max", "Min", "Disabled"), policies=_list(POLICY)
)
HPA = _object(name=TEXT, behavior=_object(scaleDown=SCALING, scaleUp=SCALING))
TRIGGER = _object(
    "type metadata", type=TEXT, name=TEXT, metadata=TEXTS, metricType=_one_of("AverageValue", "Value", "Utilization")
)

# Gateway API
PARENT = _object("name", group=TEXT, kind=TEXT, namespace=NAME, name=NAME, sectionName=TEXT, port=NUMBER)
PATH = _object("type value", type=_one_of("Exact", "PathPrefix", "RegularExpression"), value=_text("^/"))
BACKEND = _object("name port", name=NAME, port=NUMBER, weight=NUMBER)
ROUTE_DURATION = _text("^([0-9]{1,5}(h|m|s|ms)){1,4}$")

# cert-manager
ISSUER = _object("name kind", name=NAME, kind=_one_of("Issuer", "ClusterIssuer"))
PRIVATE_KEY = _object(
    algorithm=_one_of("RSA", "ECDSA", "Ed25519"), size=NUMBER, rotationPolicy=_one_of("Never", "Always")
)

# CloudNativePG
INITDB = _object(database=TEXT, owner=TEXT, encoding=TEXT, localeCollate=TEXT, localeCType=TEXT)
STORAGE = _object("size", size=TEXT, storageClass=TEXT)
SYNCHRONOUS = _object("method number", method=_one_of("any", "first"), number=NUMBER)
QUANTITIES = _object(requests=TEXTS, limits=TEXTS)

SPECIFICATIONS: dict[tuple[str, str], Schema] = {
    ("monitoring.coreos.com/v1", "ServiceMonitor"): _object(
        "selector endpoints",
        jobLabel=TEXT,
        selector=SELECTOR,
        namespaceSelector=NAMESPACES,
        endpoints=_list(ENDPOINT, least=1),
    ),
    ("monitoring.coreos.com/v1", "PodMonitor"): _object(
        "selector podMetricsEndpoints",
        jobLabel=TEXT,
        selector=SELECTOR,
        namespaceSelector=NAMESPACES,
        podMetricsEndpoints=_list(ENDPOINT, least=1),
    ),
    ("monitoring.coreos.com/v1", "PrometheusRule"): _object(
        "groups", groups=_list(_object("name rules", name=TEXT, interval=DURATION, rules=RULES), least=1)
    ),
    ("keda.sh/v1alpha1", "ScaledObject"): _object(
        "scaleTargetRef triggers",
        scaleTargetRef=_object("name", apiVersion=TEXT, kind=TEXT, name=NAME),
        pollingInterval=NUMBER,
        cooldownPeriod=NUMBER,
        minReplicaCount=NUMBER,
        maxReplicaCount=NUMBER,
        advanced=_object(horizontalPodAutoscalerConfig=HPA),
        triggers=_list(TRIGGER, least=1),
    ),
    ("cert-manager.io/v1", "Issuer"): _object(selfSigned=_object(), ca=_object("secretName", secretName=NAME)),
    ("cert-manager.io/v1", "Certificate"): _object(
        "secretName issuerRef",
        isCA=YES_OR_NO,
        commonName=TEXT,
        dnsNames=_list(TEXT, least=1),
        duration=_text("^[0-9]+h$"),
        secretName=NAME,
        privateKey=PRIVATE_KEY,
        usages=_list(TEXT),
        issuerRef=ISSUER,
    ),
    ("postgresql.cnpg.io/v1", "Cluster"): _object(
        "instances storage",
        inheritedMetadata=_object(labels=TEXTS, annotations=TEXTS),
        instances=NUMBER,
        imageName=TEXT,
        primaryUpdateStrategy=_one_of("unsupervised", "supervised"),
        enableSuperuserAccess=YES_OR_NO,
        bootstrap=_object(initdb=INITDB),
        postgresql=_object(synchronous=SYNCHRONOUS, parameters=TEXTS, pg_hba=_list(TEXT)),
        storage=STORAGE,
        walStorage=STORAGE,
        resources=QUANTITIES,
        affinity=_object(podAntiAffinityType=_one_of("preferred", "required"), topologyKey=TEXT),
        monitoring=_object(enablePodMonitor=YES_OR_NO),
    ),
    ("gateway.networking.k8s.io/v1", "HTTPRoute"): _object(
        "rules",
        parentRefs=_list(PARENT, least=1),
        hostnames=_list(TEXT),
        rules=_list(
            _object(
                matches=_list(_object(path=PATH)),
                backendRefs=_list(BACKEND),
                timeouts=_object(request=ROUTE_DURATION, backendRequest=ROUTE_DURATION),
            ),
            least=1,
        ),
    ),
}


def schema_of(api_version: str, kind: str) -> Schema | None:
    """The schema of a custom resource; None for a kind that is none of these."""
    specification = SPECIFICATIONS.get((api_version, kind))
    if specification is None:
        return None
    whole = {"apiVersion": {"const": api_version}, "kind": {"const": kind}, "metadata": METADATA}
    return _object("apiVersion kind metadata spec", **whole, spec=specification)
