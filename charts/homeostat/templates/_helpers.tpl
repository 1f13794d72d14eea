{{- define "homeostat.name" -}}
{{- if contains "homeostat" .Release.Name -}}{{ .Release.Name | trunc 53 | trimSuffix "-" }}{{- else -}}{{ printf "%s-homeostat" .Release.Name | trunc 53 | trimSuffix "-" }}{{- end -}}
{{- end -}}

{{- define "homeostat.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{ .Values.serviceAccount.name }}
{{- else if .Values.serviceAccount.create -}}
{{ include "homeostat.name" . }}
{{- else -}}
{{ fail "serviceAccount.name must name an existing ServiceAccount when serviceAccount.create is false" }}
{{- end -}}
{{- end -}}

{{- define "homeostat.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}{{ printf "%s@%s" .repository .digest }}{{- else -}}{{ printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "homeostat.selector" -}}
app.kubernetes.io/name: homeostat
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "homeostat.labels" -}}
{{ include "homeostat.selector" . }}
app.kubernetes.io/part-of: homeostat
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- /* A duration such as 1m30s in milliseconds. */ -}}
{{- define "homeostat.milliseconds" -}}
{{- $unit := dict "ms" 1.0 "s" 1000.0 "m" 60000.0 "h" 3600000.0 -}}
{{- $sum := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ms|s|m|h)" . -1 -}}
{{- $sum = addf $sum (mulf (regexFind "^[0-9.]+" . | float64) (get $unit (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{ $sum }}
{{- end -}}

{{- /* What the schema cannot say: settings that contradict each other. */ -}}
{{- define "homeostat.checks" -}}
{{- with .Values.lease -}}
{{- $duration := include "homeostat.milliseconds" .duration | float64 -}}
{{- $deadline := include "homeostat.milliseconds" .renewDeadline | float64 -}}
{{- $retry := include "homeostat.milliseconds" .retryPeriod | float64 -}}
{{- if le $duration $deadline -}}
{{- fail (printf "lease.duration (%s) must be longer than lease.renewDeadline (%s): else a standby may act while the leader still does" .duration .renewDeadline) -}}
{{- end -}}
{{- if le $deadline (mulf $retry 1.2) -}}
{{- fail (printf "lease.retryPeriod (%s) must be shorter than 5/6 of lease.renewDeadline (%s): else one lost request ends the term" .retryPeriod .renewDeadline) -}}
{{- end -}}
{{- end -}}
{{- end -}}
