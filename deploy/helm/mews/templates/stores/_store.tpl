{{/* What the pods of the chart's own stores have in common. (list root user) */}}
{{- define "mews.store.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- include "mews.pullSecrets" (index . 0) }}
securityContext:
  runAsNonRoot: true
  runAsUser: {{ index . 1 }}
  runAsGroup: {{ index . 1 }}
  fsGroup: {{ index . 1 }}
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{/* (list root store) */}}
{{- define "mews.store.claim" -}}
{{- $root := index . 0 -}}{{- $persistence := (index $root.Values (index . 1)).persistence -}}
- metadata:
    name: data
    labels:
      {{- include "mews.selectorLabels" . | nindent 6 }}
  spec:
    accessModes: [ReadWriteOnce]
    {{- with $persistence.storageClass | default $root.Values.global.storageClass }}
    storageClassName: {{ . }}
    {{- end }}
    resources:
      requests:
        storage: {{ $persistence.size }}
{{- end -}}

{{/* Service and ServiceAccount of a store. (list root store port) */}}
{{- define "mews.store.service" -}}
{{- $own := printf "%s-%s" (include "mews.fullname" (index . 0)) (index . 1) -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "mews.metadata" (list (index . 0) $own (index . 1)) | nindent 2 }}
spec:
  selector:
    {{- include "mews.selectorLabels" (list (index . 0) (index . 1)) | nindent 4 }}
  ports:
    - {name: {{ index . 1 }}, port: {{ index . 2 }}, targetPort: {{ index . 1 }}, protocol: TCP}
---
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "mews.metadata" (list (index . 0) $own (index . 1)) | nindent 2 }}
automountServiceAccountToken: false
{{- end -}}

{{- define "mews.nats.configuration" -}}
server_name: $POD_NAME
host: 0.0.0.0
port: 4222
http: "0.0.0.0:8222"
max_payload: 8388608
jetstream: {
  store_dir: /data
  max_memory_store: {{ .Values.nats.jetstream.maxMemory }}
  max_file_store: {{ .Values.nats.jetstream.maxFile }}
}
{{- if .Values.nats.credentials.enabled }}
include server.conf
resolver: {type: full, dir: /data/accounts, allow_delete: false}
{{- end }}
{{- end -}}
