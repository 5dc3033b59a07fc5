package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gangway-dev/gangway/internal/checker"
)

const (
	settleTime = 20 * time.Second // how long the world may take until it is at rest
	settlePace = 200 * time.Millisecond
	closedTime = 30 * time.Second // how long after closing work may still begin; the sweep tells of lost deliveries
)

// Check looks with the promise checker whether all promises hold: of open pull requests that their previews stand, of
// closed ones that nothing is left of them. What is under way gets some time to end first. The error lists everything
// that is wrong.
func (l *Local) Check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	for {
		problem := l.checkOnce(ctx)
		if problem == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return problem
		case <-time.After(settlePace):
		}
	}
}

// checkOnce judges what is there now. It keeps its verdict when there is no time left to look again.
func (l *Local) checkOnce(ctx context.Context) error {
	found, err := l.violations(ctx)
	if err != nil {
		return err
	}
	var problems []error
	for _, v := range found {
		problems = append(problems, errors.New(v.String()))
	}
	stacks, err := filepath.Glob(filepath.Join(l.stacks(), "*", "*", "*-*"))
	if err != nil {
		return err
	}
	open, err := (&Hub{url: l.Endpoints.GitHub, api: l.api}).OpenPulls(ctx)
	if err != nil {
		return err
	}
	if len(stacks) > len(open) {
		problems = append(problems, fmt.Errorf("%d stacks are on disk, and %d pull requests are open", len(stacks), len(open)))
	}
	return errors.Join(problems...)
}

// violations are the promises that do not hold now. A pause that the caller's deadline ends is no verdict: the look itself
// is not cut short.
func (l *Local) violations(ctx context.Context) ([]checker.Violation, error) {
	world, err := l.world()
	if err != nil {
		return nil, err
	}
	return checker.Check(context.WithoutCancel(ctx), world)
}

// world is where the checker has to look.
func (l *Local) world() (checker.World, error) {
	secret, err := os.ReadFile(l.SecretFile)
	if err != nil {
		return checker.World{}, err
	}
	key, err := os.ReadFile(l.AppKeyFile)
	if err != nil {
		return checker.World{}, err
	}
	w := checker.World{
		GitHub: l.Endpoints.GitHub + "/api/v3", AppID: appID, AppKeyFile: l.AppKeyFile,
		APIGateway: l.Endpoints.APIGateway, CloudRun: l.Endpoints.CloudRun, CloudBuild: l.Endpoints.CloudBuild,
		Project: Project, Region: Region, Installation: installation, Repositories: []string{Repository},
		BuildAccount: buildAccount, RevisionAccount: runAccount, Environment: l.environment,
		Stacks:  l.stacks(),
		Files:   []string{LogFile(l.o.Dir)},
		Secrets: []string{strings.TrimSpace(string(secret)), string(key)},
		// A delivery that was lost is healed by the sweep, which is when closing takes effect.
		TakeEffect: closedTime,
	}
	if l.Firestore == "" {
		w.Files = append(w.Files, l.store())
	}
	if l.hook != "" {
		w.Health = []string{l.hook + "/readyz"}
	}
	for _, name := range services {
		w.Services = append(w.Services, checker.Service{Name: name, Repository: Repository, Paths: []string{name}})
	}
	return w, nil
}

// readEnvironment notes what no preview may change.
func (l *Local) readEnvironment(ctx context.Context) error {
	world, err := l.world()
	if err != nil {
		return err
	}
	traffic, err := checker.ReadTraffic(ctx, world)
	if err != nil {
		return err
	}
	l.environment = &traffic
	return nil
}

func (l *Local) stacks() string { return filepath.Join(l.o.Dir, "stacks") }
