{{/*
One service: a StatefulSet, so that each process has a name and a folder of its own, and the headless Service of its
names. Takes beside what `_pod.tpl` takes: command (list), port (of metrics or pages), job (as Prometheus names it; ""
= no metrics), health (path, or ""), files (contents of a ConfigMap at /etc/robocall), ports (further ones, with protocol),
first (command that runs before it, and a Secret that this alone sees at /etc/robocall-first), claims ("read" or "write":
what it does to what lies in .Values.claims; without it, it has none of them).
*/}}
{{- define "robocall.service" -}}
{{- $full := printf "%s-%s" .root.Release.Name .name -}}
{{- if .files }}
apiVersion: v1
kind: ConfigMap
metadata:
  name: {{ $full }}
  labels: {{- include "robocall.labels" . | nindent 4 }}
data: {{- toYaml .files | nindent 2 }}
---
{{- end }}
apiVersion: v1
kind: Service
metadata:
  name: {{ $full }}-pods
  labels: {{- include "robocall.labels" . | nindent 4 }}
spec:
  clusterIP: None
  selector: {{- include "robocall.labels" . | nindent 4 }}
  ports:
    - { name: web, port: {{ .port }} }
---
apiVersion: apps/v1
kind: StatefulSet
metadata:
  name: {{ $full }}
  labels: {{- include "robocall.labels" . | nindent 4 }}
spec:
  serviceName: {{ $full }}-pods
  replicas: {{ if hasKey .values "replicas" }}{{ .values.replicas }}{{ else }}1{{ end }}
  podManagementPolicy: Parallel
  selector:
    matchLabels: {{- include "robocall.labels" . | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "robocall.labels" . | nindent 8 }}
        {{- with .job }}
        robocall-job: {{ . }}
        {{- end }}
      {{- with .files }}
      annotations:
        checksum/files: {{ toYaml . | sha256sum }}
      {{- end }}
    spec:
      {{- include "robocall.pod" . | nindent 6 }}
      terminationGracePeriodSeconds: 60
      {{- with .first }}
      initContainers:
        - name: first
          command: {{ toJson .command }}
          {{- include "robocall.container" $ | nindent 10 }}
          volumeMounts:
            {{- include "robocall.mounts" $ | nindent 12 }}
            - { name: first, mountPath: /etc/robocall-first, readOnly: true }
      {{- end }}
      containers:
        - name: {{ .name }}
          args: {{ toJson .command }}
          {{- include "robocall.container" . | nindent 10 }}
          ports:
            - { name: web, containerPort: {{ .port }} }
            {{- range .ports }}
            - { name: {{ .name }}, containerPort: {{ .port }}, protocol: {{ .protocol }} }
            {{- end }}
          readinessProbe:
            {{- if .health }}
            httpGet: { path: {{ .health }}, port: web }
            {{- else }}
            tcpSocket: { port: web }
            {{- end }}
            periodSeconds: 5
          resources: {{- toYaml .values.resources | nindent 12 }}
          volumeMounts: {{- include "robocall.mounts" . | nindent 12 }}
      volumes:
        - { name: tmp, emptyDir: {} }
        - { name: code, emptyDir: {} }
        {{- if not .values.storage }}
        - { name: state, emptyDir: {} }
        {{- end }}
        {{- with .first }}
        - { name: first, secret: { secretName: {{ .secret }}, defaultMode: 0440 } }
        {{- end }}
        {{- if .files }}
        - { name: files, configMap: { name: {{ $full }} } }
        {{- end }}
        {{- include "robocall.given" . | nindent 8 }}
        {{- include "robocall.claimed" . | nindent 8 }}
  {{- with .values.storage }}
  volumeClaimTemplates:
    - metadata: { name: state }
      spec:
        accessModes: [ReadWriteOnce]
        resources: { requests: { storage: {{ . }} } }
  {{- end }}
{{- end }}

{{- define "robocall.mounts" -}}
- { name: tmp, mountPath: /tmp }
- { name: code, mountPath: /home/robocall/.cache }
- { name: state, mountPath: /var/lib/robocall }
{{- if .files }}
- { name: files, mountPath: /etc/robocall, readOnly: true }
{{- end }}
{{- include "robocall.givenMount" . }}
{{- range $name := include "robocall.claims" . | fromYamlArray }}
- { name: {{ $name }}, mountPath: /var/lib/robocall-{{ $name }}, readOnly: {{ eq $.claims "read" }} }
{{- end }}
{{- end }}

{{/* Volumes of the carrier that one service writes and others read. */}}
{{- define "robocall.claims" -}}
{{- range $name, $claim := .root.Values.claims }}
{{- if and $claim $.claims }}
- {{ $name }}
{{- end }}
{{- end }}
{{- end }}

{{- define "robocall.claimed" -}}
{{- range $name := include "robocall.claims" . | fromYamlArray }}
- { name: {{ $name }}, persistentVolumeClaim: { claimName: {{ index $.root.Values.claims $name }} } }
{{- end }}
{{- end }}

{{/* Files of the carrier, which settings name: a policy, certificates, roles. */}}
{{- define "robocall.given" -}}
{{- with .root.Values.filesSecret }}
- { name: given, secret: { secretName: {{ . }}, defaultMode: 0440 } }
{{- end }}
{{- end }}

{{- define "robocall.givenMount" -}}
{{- if .root.Values.filesSecret }}
- { name: given, mountPath: /etc/robocall-files, readOnly: true }
{{- end }}
{{- end }}
