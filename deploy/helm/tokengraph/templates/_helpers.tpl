{{- define "tokengraph.name" -}}
{{- if contains "tokengraph" .Release.Name }}{{ .Release.Name }}{{ else }}{{ printf "%s-tokengraph" .Release.Name }}{{ end -}}
{{- end }}

{{- define "tokengraph.selector" -}}
app.kubernetes.io/name: tokengraph
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}
