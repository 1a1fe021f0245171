package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/cache"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/kube"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/utils/tracing"
	"github.com/go-logr/logr"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// tracking is how Argo CD 3 knows its own.
const tracking = "argocd.argoproj.io/tracking-id"

type cluster struct {
	options
	checks  checks
	config  *rest.Config
	kubectl kube.Kubectl
	cache   cache.ClusterCache
}

// only keeps the cache to what the tests' Applications hold: everything else is not worth the reading.
type only struct{}

func (only) IsExcludedResource(group, kind, _ string) bool {
	switch kind {
	case "Secret", "Namespace":
		return group != ""
	}
	return group != "network.infomaniak.cloud"
}

func connect(o options, checks checks) (*cluster, error) {
	config, err := clientcmd.BuildConfigFromFlags("", o.kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 50, 100
	c := &cluster{o, checks, config, &kube.KubectlCmd{Log: logr.Discard(), Tracer: tracing.NopTracer{}}, nil}
	c.cache = cache.NewClusterCache(config,
		cache.SetLogr(logr.Discard()),
		cache.SetSettings(cache.Settings{ResourcesFilter: only{}}),
		cache.SetPopulateResourceInfoHandler(func(un *unstructured.Unstructured, _ bool) (any, bool) {
			id := un.GetAnnotations()[tracking]
			return id, id != ""
		}),
	)
	return c, c.cache.EnsureSynced()
}

func (c *cluster) ours(r *cache.Resource) bool {
	id, _ := r.Info.(string)
	return strings.HasPrefix(id, c.app+":")
}

// live is what the cluster has of the Application, by its own watches.
func (c *cluster) live(target []*unstructured.Unstructured) (map[kube.ResourceKey]*unstructured.Unstructured, error) {
	return c.cache.GetManagedLiveObjs(target, c.ours)
}

// manifests are the folder's, with the mark that Argo CD sets.
func manifests(o options) ([]*unstructured.Unstructured, error) {
	files, err := filepath.Glob(filepath.Join(o.folder, "*.yaml"))
	if err != nil {
		return nil, err
	}
	var found []*unstructured.Unstructured
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		items, err := kube.SplitYAML(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, item := range items {
			if item.GetKind() != "Namespace" && item.GetNamespace() == "" {
				item.SetNamespace(o.namespace)
			}
			gvk, marks := item.GroupVersionKind(), item.GetAnnotations()
			if marks == nil {
				marks = map[string]string{}
			}
			marks[tracking] = fmt.Sprintf("%s:%s/%s:%s/%s", o.app, gvk.Group, gvk.Kind, o.namespace, item.GetName())
			item.SetAnnotations(marks)
		}
		found = append(found, items...)
	}
	return found, nil
}

func name(un *unstructured.Unstructured) string {
	return un.GetKind() + "/" + un.GetName()
}
