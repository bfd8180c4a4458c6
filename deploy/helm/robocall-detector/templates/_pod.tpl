{{/* What pods share. Each takes a dict: root (the chart's scope), name, values (of the service), own (settings that the chart gives it). */}}

{{- define "robocall.labels" -}}
app.kubernetes.io/name: {{ .root.Chart.Name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .name }}
{{- end }}

{{- define "robocall.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{/* Settings of claims, of the chart, of all, of the service: later ones win, false and 0 too (`merge` takes these for
absent). Then Secrets, whose names must not stand in settings. A policy of a claim says by itself whether it enforces. */}}
{{- define "robocall.environment" -}}
{{- $settings := dict -}}
{{- $claimed := dict -}}
{{- if and .root.Values.claims.policy .claims }}{{ $_ := set $claimed "ROBOCALL_POLICY_FILE" "/var/lib/robocall-policy/policy.yaml" }}{{ end }}
{{- if not .root.Values.claims.policy }}{{ $_ := set $claimed "ROBOCALL_MODE" "shadow" }}{{ end }}
{{- if and .root.Values.claims.models .claims }}{{ $_ := set $claimed "ROBOCALL_MODELS_URL" "/var/lib/robocall-models" }}{{ end }}
{{- range list $claimed .own .root.Values.settings .values.settings }}
{{- range $setting, $value := . }}
{{- $text := toString $value }}
{{- if kindIs "float64" $value }}{{/* of whole numbers too, large ones as 1e+06 */}}
{{- if eq (floor $value) $value }}{{ $text = printf "%.0f" $value }}{{ end }}
{{- end }}
{{- $_ := set $settings $setting $text }}
{{- end }}
{{- end -}}
env:
  {{- range $setting, $text := $settings }}
  - name: {{ $setting }}
    value: {{ $text | quote }}
  {{- end }}
  {{- if eq .name "worker" }}
  - name: ROBOCALL_INSTANCE_ID # keeps its partitions over a restart
    valueFrom: { fieldRef: { fieldPath: metadata.name } }
  {{- end }}
{{- with compact (list .root.Values.secret .values.secret) }}
envFrom:
  {{- range . }}
  - secretRef: { name: {{ . }} }
  {{- end }}
{{- end }}
{{- end }}

{{/* No rights, a root that nobody writes to. */}}
{{- define "robocall.container" -}}
image: {{ include "robocall.image" .root }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
{{ include "robocall.environment" . }}
{{- end }}

{{/* enableServiceLinks would set ROBOCALL_BRIDGE_PORT and the like, which are no settings of ours. */}}
{{- define "robocall.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: { type: RuntimeDefault }
{{- with .root.Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}
