{{/* Name of what belongs to the whole release. */}}
{{- define "olms.name" -}}
{{- if contains "olms" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-olms" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end -}}
{{- end }}

{{- define "olms.selector" -}}
app.kubernetes.io/name: olms
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{- define "olms.labels" -}}
{{ include "olms.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end }}

{{- define "olms.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end }}

{{/* The services that run: those of the values, and the sandbox where it is switched on. As YAML: name → what it says. */}}
{{- define "olms.services" -}}
{{- $services := deepCopy .Values.services -}}
{{- if .Values.sandbox.enabled }}{{ $_ := set $services "sandbox" (dict "replicas" 1 "autoscaling" (dict "by" "none")) }}{{ end -}}
{{- range $name, $own := $services }}
{{ $name }}: {{ merge (deepCopy ($own | default dict)) (deepCopy $.Values.defaults) | toJson }}
{{- end }}
{{- end }}

{{- define "olms.kafka" -}}
{{- if .Values.kafka.bundled }}{{ include "olms.name" . }}-kafka:9092{{ else }}{{ required "kafka.brokers: name the brokers, or set kafka.bundled" .Values.kafka.brokers }}{{ end -}}
{{- end }}

{{- define "olms.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ .uid }}
runAsGroup: {{ .uid }}
fsGroup: {{ .uid }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "olms.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: {{ .uid }}
runAsGroup: {{ .uid }}
capabilities: { drop: [ALL] }
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{/* A variable out of the secret. */}}
{{- define "olms.secret" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef: { name: {{ .secret | default .root.Values.existingSecret }}, key: {{ .key | default .name }}{{ if .optional }}, optional: true{{ end }} }
{{- end }}

{{- define "olms.settings" -}}
{{- range $name, $value := . }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
{{- end }}

{{/* Volumes and mounts of every container of OLMS. */}}
{{- define "olms.mounts" -}}
- { name: tmp, mountPath: /tmp }
{{- range .Values.certificates }}
- { name: certificates-{{ .name }}, mountPath: /etc/olms/certificates/{{ .name }}, readOnly: true }
{{- end }}
{{- end }}
{{- define "olms.volumes" -}}
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
{{- range .Values.certificates }}
- name: certificates-{{ .name }}
  secret: { secretName: {{ .secret }} }
{{- end }}
{{- end }}

{{/* Where a pod may run, and how pods of one service are spread. */}}
{{- define "olms.placement" -}}
topologySpreadConstraints:
  {{- range $key := list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
  - maxSkew: 1
    topologyKey: {{ $key }}
    whenUnsatisfiable: {{ $.root.Values.topologySpread.whenUnsatisfiable }}
    labelSelector:
      matchLabels: {{- include "olms.selector" $ | nindent 8 }}
  {{- end }}
affinity:
  podAntiAffinity:
    preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 100
        podAffinityTerm:
          topologyKey: kubernetes.io/hostname
          labelSelector:
            matchLabels: {{- include "olms.selector" . | nindent 14 }}
{{- with .root.Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .root.Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
