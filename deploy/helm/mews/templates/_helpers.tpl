{{- define "mews.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Short enough for what is appended: the longest is `-migrate-telemetry-ingest-<revision>`. */}}
{{- define "mews.fullname" -}}
{{- $name := .Values.nameOverride | default .Chart.Name -}}
{{- $both := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $both | trunc 30 | trimSuffix "-" -}}
{{- end -}}

{{/* What the services are, by name. */}}
{{- define "mews.catalogue" -}}
{{- .Files.Get "files/services.yaml" -}}
{{- end -}}

{{/* Labels that never change: selectors are made of them. (list root component) */}}
{{- define "mews.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "mews.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{/* (list root component) */}}
{{- define "mews.labels" -}}
{{- $root := index . 0 -}}
{{ include "mews.selectorLabels" . }}
app.kubernetes.io/part-of: mews
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Labels of pods: nothing that changes with the chart alone, or each new chart would restart them. (list root component version) */}}
{{- define "mews.podLabels" -}}
{{ include "mews.selectorLabels" (slice . 0 2) }}
app.kubernetes.io/part-of: mews
app.kubernetes.io/version: {{ index . 2 | quote }}
{{- with (index . 0).Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Name, namespace, labels and annotations of an object. (list root name component [annotations]) */}}
{{- define "mews.metadata" -}}
{{- $root := index . 0 -}}
{{- $annotations := dict -}}
{{- if gt (len .) 3 -}}{{- $annotations = index . 3 | default dict -}}{{- end -}}
{{- $annotations = merge (deepCopy $annotations) $root.Values.commonAnnotations -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "mews.labels" (list $root (index . 2)) | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* One map over another: what the second says counts, false and 0 too. (list under over) */}}
{{- define "mews.overlay" -}}
{{- $out := deepCopy (index . 0) -}}
{{- range $key, $value := index . 1 -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $out $key)) -}}
{{- $_ := set $out $key (include "mews.overlay" (list (get $out $key) $value) | fromYaml) -}}
{{- else if not (kindIs "invalid" $value) -}}
{{- $_ := set $out $key $value -}}
{{- end -}}
{{- end -}}
{{- toYaml $out -}}
{{- end -}}

{{/* A setting as text; whole numbers without an exponent. */}}
{{- define "mews.text" -}}
{{- if kindIs "float64" . -}}
{{- if eq (floor .) . -}}{{- int64 . -}}{{- else -}}{{- . -}}{{- end -}}
{{- else -}}
{{- . -}}
{{- end -}}
{{- end -}}

{{/* A map of settings as a list of variables. */}}
{{- define "mews.variables" -}}
{{- range $index, $name := keys . | sortAlpha }}
{{- if $index }}
{{ end -}}
- name: {{ $name }}
  value: {{ include "mews.text" (get $ $name) | quote }}
{{- end }}
{{- end -}}

{{/* An image of the platform. (list root target override) */}}
{{- define "mews.image" -}}
{{- $root := index . 0 -}}{{- $target := index . 1 -}}
{{- if index . 2 -}}
{{- index . 2 -}}
{{- else -}}
{{- with $root.Values.image -}}
{{- $registry := $root.Values.global.imageRegistry | default .registry -}}
{{- with $registry }}{{ . }}/{{ end -}}
{{- with .repository }}{{ . }}/{{ end -}}
{{- $target -}}
{{- $digest := get .digests $target -}}
{{- if $digest }}@{{ $digest }}{{ else }}:{{ .tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* An image of a store. (list root image) */}}
{{- define "mews.storeImage" -}}
{{- $root := index . 0 -}}
{{- with index . 1 -}}
{{- with $root.Values.global.imageRegistry | default .registry }}{{ . }}/{{ end -}}
{{- .repository -}}
{{- if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end -}}
{{- end -}}
{{- end -}}

{{- define "mews.pullSecrets" -}}
{{- with concat .Values.global.imagePullSecrets .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Where a key of a group of secrets stands. (list root settings group key) */}}
{{- define "mews.secretKeyRef" -}}
{{- $root := index . 0 -}}{{- $settings := index . 1 -}}{{- $key := index . 3 -}}
{{- $name := $settings.existingSecret | default (printf "%s-%s" (include "mews.fullname" $root) (index . 2)) -}}
{{- $other := get ($settings.keys | default dict) $key -}}
{{- if kindIs "map" $other -}}
name: {{ $other.name | default $name }}
key: {{ $other.key | default $key }}
{{- else -}}
name: {{ $name }}
key: {{ $other | default $key }}
{{- end -}}
{{- end -}}

{{/* A variable from a Secret. (list root settings group key variable) */}}
{{- define "mews.secretVariable" -}}
- name: {{ index . 4 }}
  valueFrom:
    secretKeyRef:
      {{- include "mews.secretKeyRef" (slice . 0 4) | nindent 6 }}
{{- end -}}

{{/* The name of the ServiceAccount. (list root settings own-name) */}}
{{- define "mews.serviceAccountName" -}}
{{- $account := (index . 1).serviceAccount -}}
{{- if $account.create -}}
{{- $account.name | default (index . 2) -}}
{{- else -}}
{{- $account.name | default "default" -}}
{{- end -}}
{{- end -}}

{{/* What all pods say about where and how they run. (list root settings component) */}}
{{- define "mews.placement" -}}
{{- $root := index . 0 -}}
{{- with index . 1 -}}
enableServiceLinks: false
{{- include "mews.pullSecrets" $root }}
securityContext:
  {{- toYaml .podSecurityContext | nindent 2 }}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- if kindIs "bool" .hostUsers }}
hostUsers: {{ .hostUsers }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Softly over nodes and zones, if nothing else is said. (list root settings component) */}}
{{- define "mews.spread" -}}
{{- $spread := (index . 1).topologySpreadConstraints -}}
topologySpreadConstraints:
{{- if $spread }}
  {{- toYaml $spread | nindent 2 }}
{{- else }}
  {{- range $key := list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "mews.selectorLabels" (list (index $ 0) (index $ 2)) | nindent 8 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* Annotations that make an object a hook. What Jobs only need goes once all of them have succeeded: Helm does not own it, and
so would refuse to make it when hooks are turned off. (list root weight [policy of deletion beside the usual]) */}}
{{- define "mews.hook" -}}
{{- if (index . 0).Values.useHelmHooks -}}
helm.sh/hook: pre-install,pre-upgrade
helm.sh/hook-weight: {{ index . 1 | quote }}
helm.sh/hook-delete-policy: {{ concat (list "before-hook-creation") (slice . 2) | join "," }}
{{- end -}}
{{- end -}}
