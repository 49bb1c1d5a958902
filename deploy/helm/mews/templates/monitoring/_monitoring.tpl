{{/* As `mews.metadata`, with labels by which an operator finds the object. (list root name component labels) */}}
{{- define "mews.monitoring.metadata" -}}
{{- $root := index . 0 -}}
{{- $metadata := include "mews.metadata" (list $root (index . 1) (index . 2)) | fromYaml -}}
{{- $_ := set $metadata "labels" (merge (deepCopy (index . 3)) $metadata.labels) -}}
{{- toYaml $metadata -}}
{{- end -}}

{{/* How a target is scraped. */}}
{{- define "mews.monitoring.endpoint" -}}
interval: {{ .interval }}
scrapeTimeout: {{ .scrapeTimeout }}
relabelings:
  # A worker keeps its name when its pod is made anew, and its address not.
  - {sourceLabels: [__meta_kubernetes_pod_name], targetLabel: instance}
  {{- with .relabelings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with .metricRelabelings }}
metricRelabelings:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Groups of rules; alerts get labels, and lead to runbooks that lie elsewhere. (list rules groups) */}}
{{- define "mews.monitoring.groups" -}}
{{- $settings := index . 0 -}}
{{- range $group := index . 1 -}}
{{- range $rule := $group.rules -}}
{{- if $rule.alert -}}
{{- $_ := set $rule "labels" (merge (deepCopy $settings.alertLabels) ($rule.labels | default dict)) -}}
{{- $anchor := regexFind "#.*$" (dig "annotations" "runbook_url" "" $rule) -}}
{{- if and $settings.runbookUrl $anchor -}}
{{- $_ := set $rule.annotations "runbook_url" (print $settings.runbookUrl $anchor) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml (index . 1) -}}
{{- end -}}
