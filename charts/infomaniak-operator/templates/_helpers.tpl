{{- define "infomaniak-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- /* 53 characters: the longest suffix, -secrets and more, must fit into 63. */ -}}
{{- define "infomaniak-operator.fullname" -}}
{{- $name := include "infomaniak-operator.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 53 | trimSuffix "-" -}}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 53 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "infomaniak-operator.serviceAccount" -}}
{{- .Values.serviceAccount.name | default (.Values.serviceAccount.create | ternary (include "infomaniak-operator.fullname" .) "default") -}}
{{- end -}}

{{- define "infomaniak-operator.leaseName" -}}
{{- .Values.leaderElection.leaseName | default (include "infomaniak-operator.fullname" .) -}}
{{- end -}}

{{- /* What Services and the Deployment select by: never changes. */ -}}
{{- define "infomaniak-operator.selector" -}}
app.kubernetes.io/name: {{ include "infomaniak-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end -}}

{{- /* Ours go before what is given: selectors rely on them. */ -}}
{{- define "infomaniak-operator.labels" -}}
{{- $ours := dict
  "app.kubernetes.io/name" (include "infomaniak-operator.name" .)
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/part-of" "infomaniak-operator"
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-") -}}
{{- merge $ours .Values.commonLabels | toYaml -}}
{{- end -}}

{{- /* Everything of metadata but name and namespace. Takes a list: the context, further labels, further annotations. */ -}}
{{- define "infomaniak-operator.metadata" -}}
{{- $top := index . 0 -}}
labels:
  {{- merge (include "infomaniak-operator.labels" $top | fromYaml) (index . 1) | toYaml | nindent 2 }}
{{- with merge (dict) (index . 2) $top.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "infomaniak-operator.image" -}}
{{- $image := .Values.image -}}
{{- with $image.registry }}{{ . | trimSuffix "/" }}/{{ end -}}
{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end -}}

{{- /* What Prometheus calls the target: the Service's name, or namespace/name of the PodMonitor. */ -}}
{{- define "infomaniak-operator.job" -}}
(.*/)?{{ include "infomaniak-operator.fullname" . }}(-metrics)?
{{- end -}}

{{- define "infomaniak-operator.secretNamespace" -}}
{{- .Values.credentials.default.secretNamespace | default .Release.Namespace -}}
{{- end -}}

{{- /* The namespaces that are watched, as JSON; the operator watches that of its default credential, too. */ -}}
{{- define "infomaniak-operator.namespaces" -}}
{{- $found := .Values.watch.namespaces -}}
{{- if and $found .Values.credentials.default.secretName -}}
{{- $found = append $found (include "infomaniak-operator.secretNamespace" .) -}}
{{- end -}}
{{- $found | uniq | toJson -}}
{{- end -}}

{{- /* The namespaces whose Secrets are read, as JSON; empty: all that are watched. */ -}}
{{- define "infomaniak-operator.secretsIn" -}}
{{- $found := .Values.credentials.namespaces -}}
{{- if and $found .Values.credentials.default.secretName -}}
{{- $found = append $found (include "infomaniak-operator.secretNamespace" .) -}}
{{- end -}}
{{- $found | uniq | toJson -}}
{{- end -}}

{{- define "infomaniak-operator.args" -}}
- run
- --log-level={{ .Values.operator.logLevel }}
- --workers={{ int .Values.operator.workers }}
- --resync-seconds={{ coalesce .Values.operator.roundSeconds .Values.operator.resyncSeconds }}
- --health-poll-seconds={{ .Values.operator.healthPollSeconds }}
- --statistics-seconds={{ .Values.operator.statisticsSeconds }}
- --statistics-calls={{ int .Values.operator.statisticsCalls }}
- --create-grace-seconds={{ .Values.operator.createGraceSeconds }}
- --cloud-timeout-seconds={{ .Values.operator.cloudTimeoutSeconds }}
- --metrics-address=:{{ int .Values.metrics.port }}
{{- if .Values.metrics.authorization.enabled }}
- --metrics-authorization
{{- end }}
{{- if .Values.metrics.objectNames }}
- --metrics-object-names
{{- end }}
- --health-address=:{{ int .Values.health.port }}
{{- if .Values.leaderElection.enabled }}
- --leader-elect
- --lease-namespace={{ .Release.Namespace }}
- --lease-name={{ include "infomaniak-operator.leaseName" . }}
{{- end }}
{{- range .Values.watch.namespaces }}
- --namespace={{ . }}
{{- end }}
{{- with .Values.clusterID }}
- {{ printf "--cluster-id=%s" . | quote }}
{{- end }}
{{- range .Values.credentials.allowedAuthURLs }}
- {{ printf "--allowed-auth-url=%s" . | quote }}
{{- end }}
{{- with .Values.credentials.default }}
{{- if .secretName }}
- {{ printf "--default-credentials=%s/%s%s" (include "infomaniak-operator.secretNamespace" $) .secretName (ternary (printf ":%s" .cloudName) "" (ne .cloudName "")) | quote }}
{{- range .allowedNamespaces }}
- {{ printf "--default-credentials-namespace=%s" . | quote }}
{{- end }}
{{- end }}
{{- end }}
{{- range .Values.credentials.namespaces }}
- {{ printf "--credentials-namespace=%s" . | quote }}
{{- end }}
- --tenant-isolation={{ .Values.tenantIsolation.mode }}
{{- range .Values.tenantIsolation.exemptNamespaces }}
- {{ printf "--tenant-isolation-exempt=%s" . | quote }}
{{- end }}
{{- if .Values.operator.restore }}
- --restore
{{- end }}
{{- if .Values.readinessGates }}
- --readiness-gates
{{- end }}
{{- range .Values.extraArgs }}
- {{ tpl . $ | quote }}
{{- end }}
{{- end -}}

{{- /* What cannot be, said before anything is installed. */ -}}
{{- define "infomaniak-operator.validate" -}}
{{- if and (not .Values.leaderElection.enabled) (gt (int .Values.replicas) 1) -}}
{{- fail "replicas: more than one takes leaderElection.enabled: two operators without it make everything twice" -}}
{{- end -}}
{{- if and .Values.credentials.default.allowedNamespaces (not .Values.credentials.default.secretName) -}}
{{- fail "credentials.default.allowedNamespaces: there is no credentials.default.secretName that they could use" -}}
{{- end -}}
{{- if and .Values.credentials.default.secretName (not .Values.credentials.default.allowedNamespaces) -}}
{{- fail "credentials.default.secretName: nobody may use it: name namespaces in credentials.default.allowedNamespaces, or \"*\"" -}}
{{- end -}}
{{- range .Values.credentials.namespaces -}}
{{- if and $.Values.watch.namespaces (not (has . $.Values.watch.namespaces)) -}}
{{- fail (printf "credentials.namespaces: %s is not among watch.namespaces, so nothing in it is looked at" .) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.metrics.serviceMonitor.enabled (not .Values.metrics.service.enabled) -}}
{{- fail "metrics.serviceMonitor.enabled: takes metrics.service.enabled; or use metrics.podMonitor" -}}
{{- end -}}
{{- if and .Values.metrics.authorization.enabled .Values.metrics.podMonitor.enabled (not .Values.metrics.podMonitor.authorization) -}}
{{- fail "metrics.podMonitor.enabled: with metrics.authorization.enabled it takes metrics.podMonitor.authorization; or use metrics.serviceMonitor" -}}
{{- end -}}
{{- end -}}
