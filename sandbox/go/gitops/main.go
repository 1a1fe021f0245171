// Command gitops shows what GitOps tools make of the operator's objects, by those tools' own libraries: Argo CD's Lua
// and gitops-engine, and kstatus, which Flux and Helm 4 wait by. It is for tests: what it prints is JSON.
//
//	gitops health --settings argocd-cm.yaml <objects.json
//	gitops sync   --settings … --kubeconfig … --app shop --namespace shop [--prune] [--server-side] [--self-heal] FOLDER
//	gitops diff   --settings … --kubeconfig … --app shop --namespace shop FOLDER
//	gitops delete --settings … --kubeconfig … --app shop
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/klog/v2"
)

type options struct {
	settings   string
	kubeconfig string
	app        string
	namespace  string
	folder     string
	prune      bool
	serverSide bool
	selfHeal   bool
}

func main() {
	klog.SetLogger(logr.Discard())
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("say what to do: health, sync, diff or delete")
	}
	var o options
	var limit time.Duration
	flags := flag.NewFlagSet(arguments[0], flag.ContinueOnError)
	flags.StringVar(&o.settings, "settings", "", "the ConfigMap argocd-cm with the health checks")
	flags.StringVar(&o.kubeconfig, "kubeconfig", "", "whom to act as, and where")
	flags.StringVar(&o.app, "app", "", "the Application's name")
	flags.StringVar(&o.namespace, "namespace", "", "for manifests that name none")
	flags.BoolVar(&o.prune, "prune", false, "remove what the folder no longer has, last")
	flags.BoolVar(&o.selfHeal, "self-heal", false, "apply only what is OutOfSync")
	flags.BoolVar(&o.serverSide, "server-side", false, "apply as with ServerSideApply=true")
	flags.DurationVar(&limit, "timeout", 2*time.Minute, "for the whole of it")
	if err := flags.Parse(arguments[1:]); err != nil {
		return err
	}
	o.folder = flags.Arg(0)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	checks, err := healthChecks(o.settings)
	if err != nil {
		return err
	}
	var answer any
	switch arguments[0] {
	case "health":
		answer, err = health(os.Stdin, checks)
	case "sync", "diff", "delete":
		answer, err = onCluster(ctx, arguments[0], o, checks)
	default:
		err = fmt.Errorf("%s: there are health, sync, diff and delete", arguments[0])
	}
	if answer != nil {
		if wrong := json.NewEncoder(os.Stdout).Encode(answer); wrong != nil {
			return wrong
		}
	}
	return err
}

func onCluster(ctx context.Context, what string, o options, checks checks) (any, error) {
	c, err := connect(o, checks)
	if err != nil {
		return nil, err
	}
	defer c.cache.Invalidate()
	if what == "delete" {
		return c.delete(ctx)
	}
	target, err := manifests(o)
	if err != nil {
		return nil, err
	}
	if what == "diff" {
		return c.diff(target)
	}
	return c.sync(ctx, target)
}
