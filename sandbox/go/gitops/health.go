package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	argohealth "github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	appv1 "github.com/argoproj/argo-cd/v3/pkg/apis/application/v1alpha1"
	"github.com/argoproj/argo-cd/v3/util/lua"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

type checks = lua.ResourceHealthOverrides

type verdict struct {
	Status  string `json:"status"`
	Message string `json:"message"`
}

type verdicts struct {
	ArgoCD  verdict `json:"argocd"`
	Kstatus verdict `json:"kstatus"`
}

const healthKey = "resource.customizations.health."

// healthChecks reads them as Argo CD's settings do: `…health.<group>_<Kind>` is for `<group>/<Kind>`.
func healthChecks(path string) (checks, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var settings struct {
		Data map[string]string `json:"data"`
	}
	if err := yaml.Unmarshal(text, &settings); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	found := checks{}
	for key, script := range settings.Data {
		if rest, ok := strings.CutPrefix(key, healthKey); ok {
			found[strings.Replace(rest, "_", "/", 1)] = appv1.ResourceOverride{HealthLua: script}
		}
	}
	return found, nil
}

func health(in io.Reader, checks checks) ([]verdicts, error) {
	var objects []map[string]any
	if err := json.NewDecoder(in).Decode(&objects); err != nil {
		return nil, err
	}
	found := make([]verdicts, 0, len(objects))
	for _, object := range objects {
		each := &unstructured.Unstructured{Object: whole(object).(map[string]any)}
		argo, err := argohealth.GetResourceHealth(each, checks)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", each.GetName(), err)
		}
		if argo == nil {
			argo = &argohealth.HealthStatus{Message: "no check"}
		}
		computed, err := status.Compute(each)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", each.GetName(), err)
		}
		found = append(found, verdicts{
			verdict{string(argo.Status), argo.Message},
			verdict{computed.Status.String(), computed.Message},
		})
	}
	return found, nil
}

// whole turns numbers into integers, as the API's own decoder does: kstatus takes no others.
func whole(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, each := range v {
			v[key] = whole(each)
		}
	case []any:
		for i, each := range v {
			v[i] = whole(each)
		}
	case float64:
		return int64(v)
	}
	return value
}
