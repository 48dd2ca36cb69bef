{{/* Egress rules. Without peers a rule holds for every address, on its ports. */}}

{{/* One rule: dict peers, ports, protocols */}}
{{- define "tidegate.egressRule" }}
- ports:
    {{- range $port := .ports }}
    {{- range $protocol := $.protocols | default (list "TCP") }}
    - port: {{ int $port }}
      protocol: {{ $protocol }}
    {{- end }}
    {{- end }}
  {{- with .peers }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{- define "tidegate.egressToStores" -}}
{{- $policy := .Values.networkPolicy -}}
{{- include "tidegate.egressRule" (dict "peers" $policy.dns "ports" $policy.dnsPorts "protocols" (list "UDP" "TCP")) }}
{{- include "tidegate.egressRule" (dict "peers" $policy.postgres "ports" ($policy.postgresPorts | default (list .Values.database.port))) }}
{{- include "tidegate.egressRule" (dict "peers" $policy.redis "ports" ($policy.redisPorts | default (list .Values.redis.port))) }}
{{- if .Values.tracing.enabled }}
{{- include "tidegate.egressRule" (dict "peers" $policy.otlp "ports" (list .Values.tracing.port)) }}
{{- end }}
{{- with $policy.extraEgress }}
{{ toYaml . }}
{{- end }}
{{- end }}
