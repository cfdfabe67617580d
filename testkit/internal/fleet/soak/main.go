//go:build unix

// Command soak runs the fleet at length on PostgreSQL and on dynalite, and exits
// with status 1 unless the end is exact.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/imprest-go/imprest/testkit/internal/fleet"
)

func main() { os.Exit(run()) }

func run() int {
	seed := flag.Uint64("seed", uint64(time.Now().Unix()), "fixes what is sold")
	only := flag.String("store", "", "postgres or dynalite; both if it is empty")
	scale := flag.Float64("scale", 1, "how much of the whole run")
	overlay := flag.String("overlay", "", "a file for go build -overlay, to see a fault found")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := os.MkdirTemp("", "soak")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	var args []string
	if *overlay != "" {
		args = []string{"-overlay", *overlay}
	}
	binaries, err := fleet.Build(ctx, dir, args...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Fprintf(os.Stderr, "seed %d\n", *seed)
	status := 0
	var last []string
	for _, r := range []struct {
		name             string
		start            func(context.Context) (*fleet.Store, error)
		callbacks, kills int
		stops, cuts      int
		workers          int
	}{
		{"postgres", fleet.StartPostgres, 100_000, 210, 12, 40, 40},
		{"dynalite", fleet.StartDynalite, 10_000, 60, 4, 0, 12},
	} {
		if *only != "" && *only != r.name {
			continue
		}
		report, err := one(ctx, r.start, fleet.Config{
			Binaries: binaries, PayCallbacks: 4, Reconciles: 2, Workers: r.workers, Seed: *seed,
			Callbacks: int(float64(r.callbacks) * *scale), Kills: int(float64(r.kills) * *scale), Stops: int(float64(r.stops) * *scale), Cuts: int(float64(r.cuts) * *scale),
			Lease: 3 * time.Second, InFlight: 3 * time.Second, Later: 20 * time.Second, Load: 4 * time.Minute, Settle: 3 * time.Minute,
			Progress: func(p fleet.Progress) { fmt.Fprintln(os.Stderr, p) },
		})
		if err == nil {
			fmt.Println(report.Around())
			err = report.Err()
			last = append(last, report.String())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
		if errors.Is(err, context.Canceled) {
			break
		}
	}
	for _, line := range last {
		fmt.Println(line)
	}
	return status
}

func one(ctx context.Context, start func(context.Context) (*fleet.Store, error), cfg fleet.Config) (fleet.Report, error) {
	store, err := start(ctx)
	if err != nil {
		return fleet.Report{}, err
	}
	defer store.Close()
	cfg.Store = store
	return fleet.Run(ctx, cfg)
}
