{{/* Where the stores are, and what a process must know and mount to reach them. */}}

{{- define "mews.postgres.host" -}}
{{- ternary (printf "%s-postgres" (include "mews.fullname" .)) .Values.postgres.external.host .Values.postgres.deploy -}}
{{- end -}}

{{- define "mews.postgres.port" -}}
{{- ternary 5432 (int .Values.postgres.external.port) .Values.postgres.deploy -}}
{{- end -}}

{{- define "mews.nats.host" -}}
{{- ternary (printf "%s-nats" (include "mews.fullname" .)) .Values.nats.external.host .Values.nats.deploy -}}
{{- end -}}

{{- define "mews.nats.port" -}}
{{- ternary 4222 (int .Values.nats.external.port) .Values.nats.deploy -}}
{{- end -}}

{{- define "mews.redis.host" -}}
{{- ternary (printf "%s-redis" (include "mews.fullname" .)) .Values.redis.external.host .Values.redis.deploy -}}
{{- end -}}

{{- define "mews.redis.port" -}}
{{- ternary 6379 (int .Values.redis.external.port) .Values.redis.deploy -}}
{{- end -}}

{{/* The files of one TLS client as variables, by prefix. (list folder tls prefix ca-name client-infix) */}}
{{- define "mews.tls.variables" -}}
{{- $tls := index . 1 -}}
{{- if $tls.caSecret.name }}
{{ index . 2 }}{{ index . 3 }}: /etc/mews/tls/{{ index . 0 }}/ca.crt
{{- end }}
{{- if ($tls.clientSecret | default dict).name }}
{{ index . 2 }}{{ index . 4 }}CERTIFICATE: /etc/mews/tls/{{ index . 0 }}/tls.crt
{{ index . 2 }}{{ index . 4 }}KEY: /etc/mews/tls/{{ index . 0 }}/tls.key
{{- end }}
{{- end -}}

{{- define "mews.postgres.variables" -}}
POSTGRES_HOST: {{ include "mews.postgres.host" . }}
POSTGRES_PORT: {{ include "mews.postgres.port" . }}
POSTGRES_DB: {{ .Values.postgres.database }}
POSTGRES_TLS: {{ .Values.postgres.tls.mode }}
{{- include "mews.tls.variables" (list "postgres" .Values.postgres.tls "POSTGRES_TLS_" "CA" "") }}
{{- end -}}

{{- define "mews.nats.variables" -}}
NATS_HOST: {{ include "mews.nats.host" . | quote }}
NATS_PORT: {{ include "mews.nats.port" . }}
NATS_TLS: {{ .Values.nats.tls.enabled }}
{{- include "mews.tls.variables" (list "nats" .Values.nats.tls "NATS_TLS_" "CA" "") }}
{{- if not .Values.nats.credentials.enabled }}
{{- with .Values.nats.auth.user }}
NATS_USER: {{ . | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "mews.redis.variables" -}}
REDIS_HOST: {{ include "mews.redis.host" . }}
REDIS_PORT: {{ include "mews.redis.port" . }}
REDIS_DB: {{ .Values.redis.db }}
REDIS_TLS: {{ .Values.redis.tls.enabled }}
{{- with .Values.redis.user }}
REDIS_USER: {{ . | quote }}
{{- end }}
{{- include "mews.tls.variables" (list "redis" .Values.redis.tls "REDIS_TLS_" "CA" "") }}
{{- end -}}

{{- define "mews.otel.variables" -}}
{{- with .Values.otel.endpoint }}
OTEL_EXPORTER_OTLP_ENDPOINT: {{ . }}
OTEL_TRACES_SAMPLER_ARG: {{ $.Values.otel.samplerArg }}
{{- include "mews.tls.variables" (list "otel" $.Values.otel.tls "OTEL_EXPORTER_OTLP_" "CERTIFICATE" "CLIENT_") }}
{{- end }}
{{- end -}}

{{/* Where the services are. */}}
{{- define "mews.services.variables" -}}
{{- $scheme := ternary "https" "http" .Values.serviceTls.enabled }}
{{- range $name, $facts := include "mews.catalogue" . | fromYaml }}
{{ $facts.url }}: {{ $scheme }}://{{ include "mews.fullname" $ }}-{{ $name }}:8080
{{- end }}
{{- if .Values.serviceTls.enabled }}
HTTP_TLS_CERTIFICATE: /etc/mews/tls/services/tls.crt
HTTP_TLS_KEY: /etc/mews/tls/services/tls.key
SERVICE_TLS_CA: /etc/mews/tls/services/ca.crt
{{- end }}
{{- end -}}

{{/* The settings that all services share; what the user says in `config` counts more. */}}
{{- define "mews.config" -}}
{{- $made := printf "%s\n%s\n%s\n%s\n%s" (include "mews.postgres.variables" .) (include "mews.nats.variables" .) (include "mews.redis.variables" .) (include "mews.otel.variables" .) (include "mews.services.variables" .) | fromYaml -}}
{{- $_ := set $made "NATS_REPLICAS" .Values.nats.replicas -}}
{{- $_ := set $made "NATS_COMPRESSION" .Values.nats.compression -}}
{{- with .Values.nats.streamMaxBytes }}{{- $_ := set $made "NATS_STREAM_MAX_BYTES" . -}}{{- end -}}
{{- toYaml (merge (deepCopy .Values.config) $made) -}}
{{- end -}}

{{/* One volume of TLS files. (list root folder tls) */}}
{{- define "mews.tls.volume" -}}
{{- $tls := index . 2 -}}
{{- $client := $tls.clientSecret | default dict -}}
{{- if or $tls.caSecret.name $client.name }}
- name: tls-{{ index . 1 }}
  projected:
    defaultMode: 0440
    sources:
      {{- with $tls.caSecret }}
      {{- if .name }}
      - secret:
          name: {{ .name }}
          items: [{key: {{ .key | quote }}, path: ca.crt}]
      {{- end }}
      {{- end }}
      {{- with $client }}
      {{- if .name }}
      - secret:
          name: {{ .name }}
          items: [{key: {{ .certificateKey | quote }}, path: tls.crt}, {key: {{ .keyKey | quote }}, path: tls.key}]
      {{- end }}
      {{- end }}
{{- end }}
{{- end -}}

{{/* (list root folder tls) */}}
{{- define "mews.tls.mount" -}}
{{- $tls := index . 2 -}}
{{- if or $tls.caSecret.name ($tls.clientSecret | default dict).name }}
- name: tls-{{ index . 1 }}
  mountPath: /etc/mews/tls/{{ index . 1 }}
  readOnly: true
{{- end }}
{{- end -}}

{{/* The certificate that services show, in the form of the others. */}}
{{- define "mews.serviceTls" -}}
{{- with .Values.serviceTls -}}
caSecret: {{ toYaml .caSecret | nindent 2 }}
clientSecret:
  name: {{ .existingSecret }}
  certificateKey: {{ .certificateKey }}
  keyKey: {{ .keyKey }}
{{- end -}}
{{- end -}}

{{/* TLS of all that a process reaches, as "volume" or "mount". (list root what folders) */}}
{{- define "mews.tls.all" -}}
{{- $root := index . 0 -}}
{{- $all := dict "postgres" $root.Values.postgres.tls "redis" $root.Values.redis.tls "nats" $root.Values.nats.tls "otel" $root.Values.otel.tls -}}
{{- if $root.Values.serviceTls.enabled -}}
{{- $_ := set $all "services" (include "mews.serviceTls" $root | fromYaml) -}}
{{- end -}}
{{- $template := printf "mews.tls.%s" (index . 1) -}}
{{- range $folder := index . 2 -}}
{{- with get $all $folder -}}
{{- include $template (list $root $folder .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The role of a schema. (list root role) */}}
{{- define "mews.postgres.user" -}}
{{- get (index . 0).Values.postgres.users (index . 1) | default (index . 1) -}}
{{- end -}}

{{/* The password at NATS, where it has users instead of accounts. */}}
{{- define "mews.nats.password" -}}
{{- if and (not .Values.nats.credentials.enabled) .Values.nats.auth.existingSecret }}
- name: NATS_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ .Values.nats.auth.existingSecret }}
      key: {{ .Values.nats.auth.key }}
{{- end }}
{{- end -}}
