{{/* The environment of the programs. Every name stands in docs/configuration.md; a test checks that. */}}

{{/* A number of a values file is a float to Helm, which prints 104857600 as 1.048576e+08. */}}
{{- define "tidegate.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ printf "%.0f" . }}{{- else -}}{{ toString . }}{{- end -}}
{{- end }}

{{/* What is no secret, as YAML of a dict; later ones win. dict root, component */}}
{{- define "tidegate.settings" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $all := dict "LOG_LEVEL" $values.logLevel "LOG_STYLE" $values.logStyle "GATEWAY_BUS_NAMESPACE" $values.redis.namespace -}}
{{- if not $values.database.urlKey -}}
{{- $_ := set $all "DB_HOST" $values.database.host -}}
{{- $_ := set $all "DB_PORT" $values.database.port -}}
{{- $_ := set $all "DB_DATABASE" $values.database.name -}}
{{- $_ := set $all "DB_USER" $values.database.user -}}
{{- end -}}
{{- if not $values.redis.urlKey -}}
{{- $_ := set $all "REDIS_HOST" $values.redis.host -}}
{{- $_ := set $all "REDIS_PORT" $values.redis.port -}}
{{- with $values.redis.username }}{{- $_ := set $all "REDIS_USERNAME" . -}}{{- end -}}
{{- end -}}
{{- if $values.database.tls.enabled }}{{- $_ := set $all "DB_SSL" true -}}{{- end -}}
{{- if $values.redis.tls.enabled }}{{- $_ := set $all "REDIS_TLS" true -}}{{- end -}}
{{- if eq .component "gateway" -}}
{{- $_ := set $all "PORT" 8055 -}}
{{- $_ := set $all "GATEWAY_ADMIN_PORT" $values.metrics.port -}}
{{- $_ := set $all "DB_POOL__MAX" $values.database.poolMax -}}
{{- $_ := set $all "GATEWAY_DRAIN_TIMEOUT" (printf "%ss" (include "tidegate.text" $values.gateway.drainTimeoutSeconds)) -}}
{{- $_ := set $all "WEBSOCKETS_REST_PATH" $values.paths.websocket -}}
{{- $_ := set $all "WEBSOCKETS_LOGS_ENABLED" (not (empty $values.paths.logs)) -}}
{{- with $values.paths.logs }}{{- $_ := set $all "WEBSOCKETS_LOGS_PATH" . -}}{{- end -}}
{{- $_ := set $all "WEBSOCKETS_GRAPHQL_ENABLED" (not (empty $values.paths.graphql)) -}}
{{- with $values.paths.graphql }}{{- $_ := set $all "WEBSOCKETS_GRAPHQL_PATH" . -}}{{- end -}}
{{- with $values.publicUrl }}{{- $_ := set $all "PUBLIC_URL" . -}}{{- end -}}
{{- else -}}
{{- $_ := set $all "CAPTURE_ADMIN_PORT" $values.metrics.port -}}
{{- end -}}
{{- if $values.tracing.enabled -}}
{{- $_ := set $all "OTEL_EXPORTER_OTLP_ENDPOINT" $values.tracing.endpoint -}}
{{- $_ := set $all "OTEL_TRACES_SAMPLER" "parentbased_traceidratio" -}}
{{- $_ := set $all "OTEL_TRACES_SAMPLER_ARG" $values.tracing.ratio -}}
{{- end -}}
{{- $own := ternary $values.gateway.settings $values.capture.settings (eq .component "gateway") -}}
{{- range $name, $value := $values.settings }}{{- $_ := set $all $name $value -}}{{- end -}}
{{- range $name, $value := $own }}{{- $_ := set $all $name $value -}}{{- end -}}
{{- range $name, $value := $all }}
{{ $name }}: {{ include "tidegate.text" $value | quote }}
{{- end -}}
{{- end }}

{{/* One variable out of a secret: dict name, secret, key */}}
{{- define "tidegate.fromSecret" }}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end }}

{{/* Certificates as variables, so that no volume is needed: dict prefix, tls */}}
{{- define "tidegate.certificates" -}}
{{- $secret := .tls.existingSecret -}}
{{- if and .tls.enabled $secret }}
{{- range $name, $key := dict "CA" .tls.caKey "CERT" .tls.certificateKey "KEY" .tls.privateKeyKey }}
{{- if $key }}
{{- include "tidegate.fromSecret" (dict "name" (printf "%s__%s" $.prefix $name) "secret" $secret "key" $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* env and envFrom of a container: dict root, component ("gateway", "capture"), administrator (bool) */}}
{{- define "tidegate.environment" -}}
{{- $values := .root.Values -}}
{{- $own := ternary $values.gateway $values.capture (eq .component "gateway") -}}
env:
{{- range $name, $value := include "tidegate.settings" . | fromYaml }}
  - name: {{ $name }}
    value: {{ $value | quote }}
{{- end }}
{{- if eq .component "gateway" }}
{{- include "tidegate.fromSecret" (dict "name" "SECRET" "secret" $values.secret.existingSecret "key" $values.secret.key) | nindent 2 }}
{{- end }}
{{- with $values.database.urlKey }}
{{- include "tidegate.fromSecret" (dict "name" "DB_CONNECTION_STRING" "secret" $values.database.existingSecret "key" .) | nindent 2 }}
{{- else }}
{{- with $values.database.passwordKey }}
{{- include "tidegate.fromSecret" (dict "name" "DB_PASSWORD" "secret" $values.database.existingSecret "key" .) | nindent 2 }}
{{- end }}
{{- end }}
{{- if and (eq .component "capture") $values.database.captureUrlKey }}
{{- include "tidegate.fromSecret" (dict "name" "CAPTURE_DB_URL" "secret" $values.database.existingSecret "key" $values.database.captureUrlKey) | nindent 2 }}
{{- end }}
{{- with $values.redis.urlKey }}
{{- include "tidegate.fromSecret" (dict "name" "REDIS" "secret" $values.redis.existingSecret "key" .) | nindent 2 }}
{{- else }}
{{- with $values.redis.passwordKey }}
{{- include "tidegate.fromSecret" (dict "name" "REDIS_PASSWORD" "secret" $values.redis.existingSecret "key" .) | nindent 2 }}
{{- end }}
{{- end }}
{{- with include "tidegate.certificates" (dict "prefix" "DB_SSL" "tls" $values.database.tls) }}
{{- . | nindent 2 }}
{{- end }}
{{- with include "tidegate.certificates" (dict "prefix" "REDIS_TLS" "tls" $values.redis.tls) }}
{{- . | nindent 2 }}
{{- end }}
{{- if .administrator }}
  - name: ADMIN_EMAIL
    value: {{ $values.administrator.email | quote }}
{{- include "tidegate.fromSecret" (dict "name" "ADMIN_PASSWORD" "secret" $values.administrator.existingSecret "key" $values.administrator.passwordKey) | nindent 2 }}
{{- with $values.administrator.tokenKey }}
{{- include "tidegate.fromSecret" (dict "name" "ADMIN_TOKEN" "secret" $values.administrator.existingSecret "key" .) | nindent 2 }}
{{- end }}
{{- end }}
{{- with $own.extraEnv }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $own.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
