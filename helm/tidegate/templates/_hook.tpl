{{/* Jobs around the life of a release, and what they need: nothing else of the release exists when they run. */}}

{{/* Account and network of the hooks: dict root, component, hooks */}}
{{- define "tidegate.hookSurroundings" -}}
{{- $annotations := dict "helm.sh/hook" .hooks "helm.sh/hook-weight" "-10" "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
{{- if .root.Values.serviceAccount.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "tidegate.hookServiceAccount" . }}
  namespace: {{ .root.Release.Namespace }}
  labels:
    {{- include "tidegate.labels" . | nindent 4 }}
  annotations:
    {{- toYaml (merge (dict) $annotations .root.Values.serviceAccount.annotations .root.Values.commonAnnotations) | nindent 4 }}
automountServiceAccountToken: false
---
{{- end }}
{{- if .root.Values.networkPolicy.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "tidegate.metadata" (merge (dict "suffix" .component "annotations" $annotations) .) | nindent 2 }}
spec:
  podSelector:
    matchLabels:
      {{- include "tidegate.selector" . | nindent 6 }}
  policyTypes: [Ingress, Egress]
  egress:
    {{- include "tidegate.egressToStores" .root | nindent 4 }}
---
{{- end }}
{{- end }}

{{/* The Job: dict root, component, hooks, backoffLimit, activeDeadlineSeconds, command, bootstrap */}}
{{- define "tidegate.hookJob" -}}
{{- $root := .root -}}
{{- $annotations := dict "helm.sh/hook" .hooks "helm.sh/hook-weight" "0" "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "tidegate.metadata" (merge (dict "suffix" .component "annotations" $annotations) .) | nindent 2 }}
spec:
  backoffLimit: {{ .backoffLimit }}
  activeDeadlineSeconds: {{ .activeDeadlineSeconds }}
  template:
    metadata:
      labels:
        {{- include "tidegate.labels" . | nindent 8 }}
      {{- with $root.Values.install.podAnnotations }}
      annotations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
    spec:
      restartPolicy: Never
      serviceAccountName: {{ include "tidegate.hookServiceAccount" . }}
      {{- include "tidegate.podSecurity" $root | nindent 6 }}
      {{- if .bootstrap }}
      initContainers:
        - name: bootstrap
          image: {{ include "tidegate.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          command: ["gateway", "bootstrap"]
          securityContext:
            {{- toYaml $root.Values.securityContext | nindent 12 }}
          {{- include "tidegate.environment" (dict "root" $root "component" "gateway" "administrator" true) | nindent 10 }}
          resources:
            {{- toYaml $root.Values.install.resources | nindent 12 }}
          {{- include "tidegate.volumeMounts" (dict "values" $root.Values.gateway) | nindent 10 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          image: {{ include "tidegate.image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          command: {{ toJson .command }}
          securityContext:
            {{- toYaml $root.Values.securityContext | nindent 12 }}
          {{- include "tidegate.environment" (dict "root" $root "component" "capture") | nindent 10 }}
          resources:
            {{- toYaml $root.Values.install.resources | nindent 12 }}
          {{- include "tidegate.volumeMounts" (dict "values" $root.Values.capture) | nindent 10 }}
      {{- with concat (ternary $root.Values.gateway.extraVolumes (list) (eq (toString .bootstrap) "true")) $root.Values.capture.extraVolumes | uniq }}
      volumes:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $root.Values.capture.nodeSelector }}
      nodeSelector:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $root.Values.capture.tolerations }}
      tolerations:
        {{- toYaml . | nindent 8 }}
      {{- end }}
{{- end }}
