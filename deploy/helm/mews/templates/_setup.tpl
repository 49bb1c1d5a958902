{{/* What `mews cluster setup` must know. */}}
{{- define "mews.setup.settings" -}}
{{- $made := printf "%s\n%s" (include "mews.postgres.variables" .) (include "mews.nats.variables" .) | fromYaml -}}
{{- $_ := set $made "MEWS_HOME" "/tmp" -}}
{{- $_ := set $made "MEWS_RELEASE" (include "mews.fullname" .) -}}
{{- $_ := set $made "MEWS_NAMESPACE" .Release.Namespace -}}
{{- $_ := set $made "MEWS_WORKERS" .Values.worker.maxReplicas -}}
{{- if or .Values.postgres.deploy .Values.postgres.admin.existingSecret -}}
{{- $_ := set $made "POSTGRES_ADMIN_USER" .Values.postgres.admin.user -}}
{{- $_ := set $made "POSTGRES_ADMIN_SECRET" (ternary (printf "%s-postgres" (include "mews.fullname" .)) .Values.postgres.admin.existingSecret .Values.postgres.deploy) -}}
{{- $_ := set $made "POSTGRES_ADMIN_PASSWORD_KEY" (ternary "admin_password" .Values.postgres.admin.key .Values.postgres.deploy) -}}
{{- end -}}
{{- toYaml $made -}}
{{- end -}}

{{/* Where the test finds the gateway, and whose certificate it believes. */}}
{{- define "mews.test.variables" -}}
- name: MEWS_HOME
  value: /tmp
- name: MEWS_GATEWAY
  value: {{ ternary "https" "http" .Values.serviceTls.enabled }}://{{ include "mews.fullname" . }}-mcp-gateway:8080
{{- if .Values.serviceTls.enabled }}
- name: SSL_CERT_FILE
  value: /etc/mews/tls/services/ca.crt
{{- end }}
{{- end -}}
