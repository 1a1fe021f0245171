package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/argoproj/argo-cd/gitops-engine/pkg/diff"
	argohealth "github.com/argoproj/argo-cd/gitops-engine/pkg/health"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/common"
	"github.com/argoproj/argo-cd/gitops-engine/pkg/sync/syncwaves"
	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// argoManager is the field manager of Argo CD's server-side apply.
const argoManager = "argocd-controller"

const again = 500 * time.Millisecond

// wave is how the Application stood right after a wave was applied.
type wave struct {
	Wave   int               `json:"wave"`
	Health map[string]string `json:"health"`
}

type synced struct {
	Phase     string            `json:"phase"`
	Message   string            `json:"message"`
	Waves     []wave            `json:"waves"`
	Resources map[string]string `json:"resources"`
}

// sync goes on until the operation is over. As in Argo CD's controller each step has a context of its own, made from
// the state of the last and from what the cluster has now: one that lives longer would look at old objects.
func (c *cluster) sync(ctx context.Context, target []*unstructured.Unstructured) (*synced, error) {
	answer := &synced{Resources: map[string]string{}}
	foreground := metav1.DeletePropagationForeground
	var phase common.OperationPhase
	var message string
	var results []common.ResourceSyncResult
	begin := metav1.Now()
	afterWave := func(_ common.SyncPhase, number int, _ bool) error {
		standing, err := c.health(target)
		answer.Waves = append(answer.Waves, wave{number, standing})
		return err
	}
	for !phase.Completed() {
		live, err := c.live(target)
		if err != nil {
			return answer, err
		}
		pairs := sync.Reconcile(target, live, c.namespace, c.cache)
		outOfSync, err := diff.DiffArray(pairs.Target, pairs.Live, c.how(diff.WithStructuredMergeDiff(c.serverSide))...)
		if err != nil {
			return answer, err
		}
		step, cleanup, err := sync.NewSyncContext("", pairs, c.config, c.config, c.kubectl, c.namespace,
			sync.WithLogr(logr.Discard()),
			sync.WithHealthOverride(c.checks),
			sync.WithInitialState(phase, message, results, begin),
			sync.WithOperationSettings(false, c.prune, false, false),
			sync.WithPruneLast(true),
			sync.WithPrunePropagationPolicy(&foreground),
			sync.WithResourceModificationChecker(c.selfHeal, outOfSync),
			sync.WithServerSideApply(c.serverSide),
			sync.WithServerSideApplyManager(argoManager),
			sync.WithSyncWaveHook(afterWave),
		)
		if err != nil {
			return answer, err
		}
		step.Sync()
		phase, message, results = step.GetState()
		cleanup()
		answer.Phase, answer.Message = string(phase), message
		for _, each := range results {
			answer.Resources[each.ResourceKey.Kind+"/"+each.ResourceKey.Name] = each.Message
		}
		if err := pause(ctx); err != nil && !phase.Completed() {
			return answer, fmt.Errorf("%s: %w", message, err)
		}
	}
	return answer, nil
}

func (c *cluster) health(target []*unstructured.Unstructured) (map[string]string, error) {
	live, err := c.live(target)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, each := range live {
		health, err := argohealth.GetResourceHealth(each, c.checks)
		if err != nil {
			return nil, err
		}
		if health != nil {
			found[name(each)] = string(health.Status)
		}
	}
	return found, nil
}

// differences are the names of what Argo CD would call OutOfSync, by each of its three ways to compare.
type differences struct {
	ThreeWay   []string          `json:"threeWay"`
	Structured []string          `json:"structured"`
	ServerSide []string          `json:"serverSide"`
	Health     map[string]string `json:"health"`
}

func (c *cluster) diff(target []*unstructured.Unstructured) (*differences, error) {
	live, err := c.live(target)
	if err != nil {
		return nil, err
	}
	pairs := sync.Reconcile(target, live, c.namespace, c.cache)
	applier, cleanup, err := c.kubectl.ManageServerSideDiffDryRuns(c.config)
	if err != nil {
		return nil, err
	}
	defer cleanup()
	answer := &differences{}
	for found, way := range map[*[]string]diff.Option{
		&answer.ThreeWay:   diff.WithStructuredMergeDiff(false),
		&answer.Structured: diff.WithStructuredMergeDiff(true),
		&answer.ServerSide: diff.WithServerSideDiff(true),
	} {
		*found = []string{}
		dry := diff.WithServerSideDryRunner(diff.NewK8sServerSideDryRunner(applier))
		result, err := diff.DiffArray(pairs.Target, pairs.Live, c.how(way, dry)...)
		if err != nil {
			return nil, err
		}
		for i, each := range result.Diffs {
			switch {
			case pairs.Target[i] == nil: // to be pruned
				*found = append(*found, name(pairs.Live[i]))
			case each.Modified:
				*found = append(*found, name(pairs.Target[i]))
			}
		}
	}
	answer.Health, err = c.health(target)
	return answer, err
}

// how is what all ways to compare have in common.
func (c *cluster) how(more ...diff.Option) []diff.Option {
	parser := diff.WithGVKParser(c.cache.GetGVKParser())
	return append([]diff.Option{diff.WithLogr(logr.Discard()), diff.WithManager(argoManager), parser}, more...)
}

// delete is the Application's end by cascade, as Argo CD's controller does it: the last wave first, each only when the
// one after it is gone, all in the foreground.
func (c *cluster) delete(ctx context.Context) (map[string][]string, error) {
	foreground := metav1.DeletePropagationForeground
	asked := []string{}
	answer := func() map[string][]string { return map[string][]string{"deleted": asked} }
	for {
		found, err := c.live(nil)
		if err != nil || len(found) == 0 {
			return answer(), err
		}
		live := slices.Collect(maps.Values(found))
		last := slices.MaxFunc(live, func(a, b *unstructured.Unstructured) int {
			return syncwaves.Wave(a) - syncwaves.Wave(b)
		})
		for _, each := range live {
			going := each.GetDeletionTimestamp() != nil || slices.Contains(asked, name(each))
			if going || syncwaves.Wave(each) != syncwaves.Wave(last) {
				continue
			}
			err := c.kubectl.DeleteResource(ctx, c.config, each.GroupVersionKind(), each.GetName(), each.GetNamespace(),
				metav1.DeleteOptions{PropagationPolicy: &foreground})
			if err != nil {
				return answer(), err
			}
			asked = append(asked, name(each))
		}
		if err := pause(ctx); err != nil {
			return answer(), fmt.Errorf("%s and %d more are still there: %w", name(last), len(live)-1, err)
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(again):
		return nil
	}
}
