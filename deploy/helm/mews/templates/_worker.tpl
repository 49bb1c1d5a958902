{{/* What a worker needs to know of the world: the bus, the collector, and no database. */}}
{{- define "mews.worker.config" -}}
{{- $made := include "mews.nats.variables" . | fromYaml -}}
{{- if .Values.otel.workers -}}
{{- $made = merge $made (include "mews.otel.variables" . | fromYaml) -}}
{{- end -}}
{{- toYaml (merge (deepCopy .Values.config) $made) -}}
{{- end -}}

{{/* Settings of the worker-agent that are no secrets. (list root worker) */}}
{{- define "mews.worker.settings" -}}
{{- $root := index . 0 -}}{{- $worker := index . 1 -}}
{{- $made := dict "HTTP_HOST" "0.0.0.0" "HTTP_PORT" 8105 "DATA_DIR" "/var/lib/mews/spool" "SANDBOX_SOCKET" "/run/mews/sandbox.sock" -}}
{{- $_ := set $made "SHUTDOWN_GRACE_MS" (mul (int $worker.shutdownGraceSeconds) 1000) -}}
{{- $_ := set $made "WORKSPACE_BUDGET_MB" $worker.sandbox.keptDiskMb -}}
{{- $_ := set $made "MAX_CONCURRENT_TASKS" $worker.maxConcurrentTasks -}}
{{- /* The sandbox goes with the pod, and what runs in it: another worker may take the task at once. */ -}}
{{- $_ := set $made "WORKER_STOP" "leave" -}}
{{- with $worker.tags -}}{{- $_ := set $made "WORKER_TAGS" (join "," .) -}}{{- end -}}
{{- if $root.Values.nats.credentials.enabled -}}
{{- $_ := set $made "NATS_CREDENTIALS" "/etc/mews/bus/worker.creds" -}}
{{- end -}}
{{- include "mews.settings" (list $root $worker.env $made) -}}
{{- end -}}

{{/* Settings of the sandbox; the user's count more. (list root worker) */}}
{{- define "mews.sandbox.settings" -}}
{{- $root := index . 0 -}}{{- $worker := index . 1 -}}
{{- $made := dict "SANDBOX_SOCKET" "/run/mews/sandbox.sock" "SANDBOX_WORKSPACE_ROOT" "/var/lib/mews/workspaces" -}}
{{- $_ := set $made "SANDBOX_ALLOWED_UIDS" (toString (int64 $worker.podSecurityContext.runAsUser)) -}}
{{- $_ := set $made "SANDBOX_BUBBLEWRAP" $worker.sandbox.bubblewrap -}}
{{- range $limit := list "DEFAULT" "MAX" -}}
{{- $_ := set $made (printf "SANDBOX_%s_MEMORY_MB" $limit) $worker.sandbox.memoryMb -}}
{{- $_ := set $made (printf "SANDBOX_%s_DISK_MB" $limit) $worker.sandbox.diskMb -}}
{{- end -}}
{{- $passed := list "TZ" "SSL_CERT_FILE" "SSL_CERT_DIR" -}}
{{- with $root.Values.egressProxy -}}
{{- if .url -}}
{{- range $name := list "HTTP_PROXY" "HTTPS_PROXY" "http_proxy" "https_proxy" -}}
{{- $_ := set $made $name $root.Values.egressProxy.url -}}{{- $passed = append $passed $name -}}
{{- end -}}
{{- range $name := list "NO_PROXY" "no_proxy" -}}
{{- $_ := set $made $name (concat (list "127.0.0.1" "localhost") $root.Values.egressProxy.noProxy | join ",") -}}{{- $passed = append $passed $name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $_ := set $made "SANDBOX_PASS_ENVIRONMENT" (join "," $passed) -}}
{{- toYaml (merge (deepCopy $worker.sandbox.env) $made) -}}
{{- end -}}

{{/* Seconds that a pod of a worker may take to end: the worker-agent's, then the sandbox's, which ends what runs and has 10 s
to close. */}}
{{- define "mews.worker.grace" -}}
{{- $sandbox := get .sandbox.env "SANDBOX_GRACE_MS" | default 5000 -}}
{{- add (int .shutdownGraceSeconds) (div (int $sandbox) 1000) 20 -}}
{{- end -}}

{{/* Whether the chart says how many workers there are; else what scales them would be undone by each upgrade. */}}
{{- define "mews.worker.replicas" -}}
{{- if not (or .Values.worker.keda.enabled (and .Values.fleet.enabled .Values.fleet.autoscale.enabled)) -}}
{{- int .Values.worker.replicas -}}
{{- end -}}
{{- end -}}

{{/* Any answer tells that the sandbox lives, a refusal too: the probe is not the user whom it admits. */}}
{{- define "mews.sandbox.probe" -}}
exec:
  command:
    - /opt/mews/bin/python
    - -Ic
    - |
      import socket, sys
      s = socket.socket(socket.AF_UNIX)
      s.settimeout(5)
      s.connect("/run/mews/sandbox.sock")
      s.sendall(b"GET /healthz HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n\r\n")
      sys.exit(not s.recv(1))
{{- end -}}
