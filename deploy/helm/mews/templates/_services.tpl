{{/* Probes of a container that serves HTTP. (list root settings) */}}
{{- define "mews.probes" -}}
{{- $scheme := ternary "HTTPS" "HTTP" (and (index . 0).Values.serviceTls.enabled (not (get (index . 1) "plainHttp"))) -}}
{{- with (index . 1).probes -}}
startupProbe:
  httpGet: {path: /healthz, port: http, scheme: {{ $scheme }}}
  periodSeconds: 2
  timeoutSeconds: {{ .timeoutSeconds }}
  failureThreshold: {{ .startupFailures }}
livenessProbe:
  httpGet: {path: /healthz, port: http, scheme: {{ $scheme }}}
  periodSeconds: {{ .livenessPeriodSeconds }}
  timeoutSeconds: {{ .timeoutSeconds }}
  failureThreshold: {{ .livenessFailures }}
readinessProbe:
  httpGet: {path: /readyz, port: http, scheme: {{ $scheme }}}
  periodSeconds: {{ .readinessPeriodSeconds }}
  timeoutSeconds: {{ .timeoutSeconds }}
  failureThreshold: 3
{{- end -}}
{{- end -}}

{{/* Who may call a service, from whom the services call. (list catalogue name) */}}
{{- define "mews.callers" -}}
{{- $callers := list -}}
{{- range $name, $facts := index . 0 -}}
{{- if has (index $ 1) $facts.calls -}}{{- $callers = append $callers $name -}}{{- end -}}
{{- end -}}
{{- $callers | join "," -}}
{{- end -}}

{{/* Host headers that the gateway serves: the Service's names, and those of Ingress and HTTPRoute. */}}
{{- define "mews.gateway.hosts" -}}
{{- $own := printf "%s-mcp-gateway" (include "mews.fullname" .) -}}
{{- $hosts := list $own (printf "%s.%s" $own .Release.Namespace) (printf "%s.%s.svc" $own .Release.Namespace) (printf "%s.%s.svc.cluster.local" $own .Release.Namespace) -}}
{{- if .Values.ingress.enabled -}}{{- $hosts = concat $hosts .Values.ingress.hosts -}}{{- end -}}
{{- if .Values.httpRoute.enabled -}}{{- $hosts = concat $hosts .Values.httpRoute.hostnames -}}{{- end -}}
{{- $both := list -}}
{{- range $hosts -}}{{- $both = concat $both (list . (printf "%s:*" .)) -}}{{- end -}}
{{- concat $both .Values.gateway.allowedHosts | uniq | join "," -}}
{{- end -}}

{{/* Settings that the chart makes, under the user's: those of the process, then those of all. (list root own made) */}}
{{- define "mews.settings" -}}
{{- $made := index . 2 -}}
{{- range $name, $_ := (index . 0).Values.config -}}{{- $made = omit $made $name -}}{{- end -}}
{{- toYaml (merge (deepCopy (index . 1)) $made) -}}
{{- end -}}

{{/* Settings of one service that are no secrets. (list root name facts settings) */}}
{{- define "mews.service.settings" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $facts := index . 2 -}}{{- $service := index . 3 -}}
{{- $made := dict "HTTP_HOST" "0.0.0.0" "HTTP_PORT" 8080 -}}
{{- $_ := set $made "SHUTDOWN_GRACE_MS" (mul (int $service.shutdownGraceSeconds) 1000) -}}
{{- $_ := set $made "NATS_DECLARES" (eq $name "orchestrator") -}}
{{- $_ := set $made "POSTGRES_USER" (include "mews.postgres.user" (list $root (printf "%s_app" $facts.schema))) -}}
{{- if $root.Values.nats.credentials.enabled -}}
{{- $_ := set $made "NATS_CREDENTIALS" "/etc/mews/bus/bus.creds" -}}
{{- end -}}
{{- if eq $name "mcp-gateway" -}}
{{- $_ := set $made "AUTH_MODE" "token" -}}
{{- $_ := set $made "GATEWAY_ALLOWED_HOSTS" (include "mews.gateway.hosts" $root) -}}
{{- with $root.Values.gateway.allowedOrigins -}}{{- $_ := set $made "GATEWAY_ALLOWED_ORIGINS" (join "," .) -}}{{- end -}}
{{- end -}}
{{- if eq $name "orchestrator" -}}
{{- $made = merge $made (include "mews.fleet.settings" $root | fromYaml) -}}
{{- end -}}
{{- include "mews.settings" (list $root $service.env $made) -}}
{{- end -}}

{{- define "mews.fleet.settings" -}}
{{- with .Values.fleet -}}
FLEET: {{ ternary "kubernetes" "none" .enabled }}
{{- if .enabled }}
FLEET_NAMESPACE: {{ $.Release.Namespace }}
FLEET_STATEFULSET: {{ include "mews.fullname" $ }}-worker
FLEET_AUTOSCALE: {{ and .autoscale.enabled (not $.Values.worker.keda.enabled) }}
FLEET_MIN_WORKERS: {{ .autoscale.minWorkers }}
FLEET_MAX_WORKERS: {{ .autoscale.maxWorkers }}
FLEET_SLOTS: {{ $.Values.worker.maxConcurrentTasks }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* All variables of one service. (list root name facts settings) */}}
{{- define "mews.service.variables" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $facts := index . 2 -}}
{{- include "mews.variables" (include "mews.service.settings" . | fromYaml) }}
{{ include "mews.secretVariable" (list $root $root.Values.postgres "postgres" (printf "%s_app_password" $facts.schema) "POSTGRES_PASSWORD") }}
{{- include "mews.nats.password" $root }}
{{- if and $facts.redis $root.Values.redis.passwordRequired }}
{{ include "mews.secretVariable" (list $root $root.Values.redis "redis" "password" "REDIS_PASSWORD") }}
{{- end }}
{{- if $facts.calls }}
{{ include "mews.secretVariable" (list $root $root.Values.serviceTokens "services" (printf "%s_token" $name) "SERVICE_TOKEN") }}
{{- end }}
{{- if include "mews.callers" (list (include "mews.catalogue" $root | fromYaml) $name) }}
{{ include "mews.secretVariable" (list $root $root.Values.serviceTokens "services" (printf "%s_callers" $name) "SERVICE_CALLERS") }}
{{- end }}
{{- if eq $name "mcp-gateway" }}
{{ include "mews.secretVariable" (list $root $root.Values.serviceTokens "services" "gateway_state_keys" "GATEWAY_STATE_KEYS") }}
{{- if $root.Values.gateway.listedTokens }}
{{ include "mews.secretVariable" (list $root $root.Values.gateway "gateway" "tokens" "GATEWAY_TOKENS") }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Settings of a migration: the service's own, and PostgreSQL's. Not from the ConfigMap, which is not there before
hooks. (list root name facts settings) */}}
{{- define "mews.migration.settings" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $facts := index . 2 -}}{{- $service := index . 3 -}}
{{- $made := include "mews.postgres.variables" $root | fromYaml -}}
{{- $_ := set $made "POSTGRES_USER" (include "mews.postgres.user" (list $root (printf "%s_app" $facts.schema))) -}}
{{- $_ := set $made "POSTGRES_OWNER_USER" (include "mews.postgres.user" (list $root (printf "%s_owner" $facts.schema))) -}}
{{- if eq $name "mcp-gateway" -}}{{- $_ := set $made "AUTH_MODE" "token" -}}{{- end -}}
{{- toYaml (merge (deepCopy $service.env) (deepCopy $root.Values.config) $made) -}}
{{- end -}}

{{/* Waits for a credential of the bus that gives what this version may need: after an upgrade the one of the version before
is there first. (list root settings image kind name file) */}}
{{- define "mews.credential.container" -}}
{{- $settings := index . 1 -}}
- name: credential
  image: {{ include "mews.image" (list (index . 0) (index . 2) $settings.image) }}
  imagePullPolicy: {{ (index . 0).Values.image.pullPolicy }}
  command: [/usr/bin/tini, --, python, -m, servicekit.bus.credential, {{ index . 5 }}, {{ index . 3 }}, {{ index . 4 }}]
  env:
    - name: POD_NAME
      valueFrom:
        fieldRef: {fieldPath: metadata.name}
  resources:
    requests: {cpu: 10m, memory: 64Mi}
    limits: {memory: 192Mi}
  securityContext:
    {{- toYaml $settings.containerSecurityContext | nindent 4 }}
  volumeMounts:
    - {name: bus, mountPath: /etc/mews/bus, readOnly: true}
{{- end -}}
