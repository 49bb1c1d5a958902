{{/* What `mews cluster setup` must know. Which Secrets it makes: those that the user has not named. */}}
{{- define "mews.setup.settings" -}}
{{- $fullname := include "mews.fullname" . -}}
{{- $made := printf "%s\n%s" (include "mews.postgres.variables" .) (include "mews.nats.variables" .) | fromYaml -}}
{{- $_ := set $made "MEWS_HOME" "/tmp" -}}
{{- $_ := set $made "MEWS_RELEASE" $fullname -}}
{{- $_ := set $made "MEWS_NAMESPACE" .Release.Namespace -}}
{{- $_ := set $made "MEWS_WORKERS" .Values.worker.maxReplicas -}}
{{- $_ := set $made "MEWS_SECRETS" (include "mews.setup.groups" .) -}}
{{- with .Values.setup.credentialDays }}{{- $_ := set $made "MEWS_CREDENTIALS_DAYS" . -}}{{- end -}}
{{- if or .Values.postgres.deploy .Values.postgres.admin.existingSecret -}}
{{- $_ := set $made "POSTGRES_ADMIN_USER" .Values.postgres.admin.user -}}
{{- $_ := set $made "POSTGRES_ADMIN_SECRET" (ternary (printf "%s-postgres" $fullname) .Values.postgres.admin.existingSecret .Values.postgres.deploy) -}}
{{- $_ := set $made "POSTGRES_ADMIN_PASSWORD_KEY" (ternary "admin_password" .Values.postgres.admin.key .Values.postgres.deploy) -}}
{{- end -}}
{{- toYaml $made -}}
{{- end -}}

{{/* The groups of Secrets that the setup makes, each `<fullname>-<group>`. */}}
{{- define "mews.setup.groups" -}}
{{- $groups := list -}}
{{- if not .Values.postgres.existingSecret -}}{{- $groups = append $groups "postgres" -}}{{- end -}}
{{- if and .Values.redis.passwordRequired (not .Values.redis.existingSecret) -}}{{- $groups = append $groups "redis" -}}{{- end -}}
{{- if not .Values.serviceTokens.existingSecret -}}{{- $groups = append $groups "services" -}}{{- end -}}
{{- if and .Values.gateway.listedTokens (not .Values.gateway.existingSecret) -}}{{- $groups = append $groups "gateway" -}}{{- end -}}
{{- with .Values.nats.credentials -}}
{{- if and .enabled (not .existingSecret) -}}{{- $groups = append $groups "bus" -}}{{- end -}}
{{- if and .enabled (not .workersSecret) -}}{{- $groups = append $groups "bus-workers" -}}{{- end -}}
{{- end -}}
{{- join "," $groups -}}
{{- end -}}

{{/* Passwords that the user has made: the database's roles get them. */}}
{{- define "mews.setup.passwords" -}}
{{- if .Values.postgres.existingSecret -}}
{{- range $name, $facts := include "mews.catalogue" . | fromYaml -}}
{{- range $role := list "owner" "app" -}}
{{- $key := printf "%s_%s_password" $facts.schema $role }}
{{ include "mews.secretVariable" (list $ $.Values.postgres "postgres" $key (upper $key)) }}
{{- end -}}
{{- end -}}
{{- end -}}
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
