module infomaniak-operator/sandbox/pause

go 1.26.0
