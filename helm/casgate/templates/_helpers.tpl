{{- define "casgate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* 57 characters, so that the names of all objects fit into 63. */}}
{{- define "casgate.fullname" -}}
{{- $name := include "casgate.name" . -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $full .Values.fullnameOverride | trunc 57 | trimSuffix "-" -}}
{{- end -}}

{{- define "casgate.serviceAccountName" -}}
{{- $own := ternary (include "casgate.fullname" .) "default" .Values.serviceAccount.create -}}
{{- default $own .Values.serviceAccount.name -}}
{{- end -}}

{{- define "casgate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "casgate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "casgate.labels" -}}
{{ include "casgate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "casgate.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The configuration as a file. What cannot work in a pod is refused here. */}}
{{- define "casgate.config" -}}
{{- $config := .Values.config -}}
{{- if not $config.routes -}}
{{- fail "config.routes: there is none, so nothing could be served" -}}
{{- end -}}
{{- if not (regexMatch (printf ":%d\"" (int .Values.containerPort)) (toJson $config.listen)) -}}
{{- fail (printf "containerPort: config.listen has no address with port %d" (int .Values.containerPort)) -}}
{{- end -}}
{{- if (default dict $config.state).embedded -}}
{{- fail "config.state.embedded: a rollout starts a second process, which cannot have the file; use redis or bucket" -}}
{{- end -}}
{{ toYaml $config }}
{{- end -}}

{{/* The port of an address: 0.0.0.0:9090 is 9090. */}}
{{- define "casgate.adminPort" -}}
{{- regexFind "[0-9]+$" .Values.config.admin -}}
{{- end -}}

{{/* Milliseconds of a duration such as `1m 30s`, as casgate reads it. */}}
{{- define "casgate.milliseconds" -}}
{{- $units := dict "ms" 1 "msec" 1 "millis" 1 "s" 1000 "sec" 1000 "secs" 1000 "second" 1000 "seconds" 1000 -}}
{{- $units = merge $units (dict "m" 60000 "min" 60000 "mins" 60000 "minute" 60000 "minutes" 60000) -}}
{{- $units = merge $units (dict "h" 3600000 "hr" 3600000 "hrs" 3600000 "hour" 3600000 "hours" 3600000) -}}
{{- $sum := 0.0 -}}
{{- if ne (toString .) "0" -}}
{{- if not (regexMatch "^\\s*([0-9]+(\\.[0-9]+)?\\s*[a-z]+\\s*)+$" (toString .)) -}}
{{- fail (printf "config.shutdown: %v is no duration" .) -}}
{{- end -}}
{{- range regexFindAll "[0-9]+(\\.[0-9]+)?\\s*[a-z]+" (toString .) -1 -}}
{{- $unit := regexFind "[a-z]+" . -}}
{{- if not (hasKey $units $unit) -}}
{{- fail (printf "config.shutdown: write %s in ms, s, m or h" .) -}}
{{- end -}}
{{- $sum = addf $sum (mulf (float64 (regexFind "^[0-9.]+" .)) (get $units $unit)) -}}
{{- end -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* The grace period: long enough for the configuration's way of ending, with 5 s to spare. */}}
{{- define "casgate.gracePeriod" -}}
{{- $shutdown := default dict .Values.config.shutdown -}}
{{- $delay := include "casgate.milliseconds" (get $shutdown "delay" | default "3s") | float64 -}}
{{- $drain := include "casgate.milliseconds" (get $shutdown "drain" | default "20s") | float64 -}}
{{- $least := add 5 (ceil (divf (addf $delay $drain) 1000)) -}}
{{- if kindIs "invalid" .Values.terminationGracePeriodSeconds -}}
{{- $least -}}
{{- else if lt (int64 .Values.terminationGracePeriodSeconds) $least -}}
{{- fail (printf "terminationGracePeriodSeconds: shutdown.delay, shutdown.drain and 5s to spare are %ds" $least) -}}
{{- else -}}
{{- int64 .Values.terminationGracePeriodSeconds -}}
{{- end -}}
{{- end -}}
