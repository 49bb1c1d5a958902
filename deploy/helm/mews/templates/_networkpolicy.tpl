{{/* Pods of this release. (list root components…) */}}
{{- define "mews.peer" -}}
{{- $root := index . 0 -}}
podSelector:
  matchLabels:
    app.kubernetes.io/name: {{ include "mews.name" $root }}
    app.kubernetes.io/instance: {{ $root.Release.Name }}
  matchExpressions:
    - {key: app.kubernetes.io/component, operator: In, values: [{{ rest . | join ", " }}]}
{{- end -}}

{{/* Head of a policy for the pods of one component. (list root component) */}}
{{- define "mews.policy" -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "mews.metadata" (list (index . 0) (printf "%s-%s" (include "mews.fullname" (index . 0)) (index . 1)) (index . 1)) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "mews.selectorLabels" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
{{- end -}}

{{/* A way out to a store: the chart's own, or peers that the user names. (list root store port) */}}
{{- define "mews.egress.store" -}}
{{- $root := index . 0 -}}{{- $store := index $root.Values (index . 1) -}}
- ports: [{port: {{ index . 2 }}, protocol: TCP}]
  {{- if $store.deploy }}
  to:
    - {{ include "mews.peer" (list $root (index . 1)) | nindent 6 | trim }}
  {{- else }}
  {{- with $store.external.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{/* The port of an address. */}}
{{- define "mews.port" -}}
{{- $url := urlParse . -}}
{{- $port := last (splitList ":" $url.host) -}}
{{- if and (contains ":" $url.host) (regexMatch "^[0-9]+$" $port) -}}
{{- $port -}}
{{- else -}}
{{- ternary 443 80 (eq $url.scheme "https") -}}
{{- end -}}
{{- end -}}

{{- define "mews.egress.otel" -}}
{{- with .Values.otel.endpoint }}
- ports: [{port: {{ include "mews.port" . }}, protocol: TCP}]
  {{- with $.Values.otel.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "mews.egress.apiServer" -}}
{{- with .Values.networkPolicy.apiServer }}
- ports:
    {{- range .ports }}
    - {port: {{ . }}, protocol: TCP}
    {{- end }}
  {{- with .to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end -}}
