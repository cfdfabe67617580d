// Command bench measures this module beside others in one run, on this machine,
// and prints tables:
//
//	go run . [-write] [-check] [table …]
//
// Without names it makes all tables. -write keeps them in RESULTS.md; -check ends
// with status 1 if a ratio is worse than its bar.
//
// It is a module of its own, so that what it measures us against is nobody's
// dependency.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// benches are the tables, in the order in which they are made.
var benches = []struct {
	name string
	run  func(ctx context.Context, progress io.Writer) (table, error)
}{
	{"start", start},
	{"verify", verify},
	{"sign", signing},
	{"lambda", adapters},
	{"stores", stores},
	{"slowdisk", slowDisk},
	{"http", callbacks},
	{"growth", growth},
	{"cost", cost},
	{"simulate", exploration},
	{"planted", planted},
}

func main() {
	write := flag.Bool("write", false, "write RESULTS.md")
	check := flag.Bool("check", false, "end with status 1 if a bar is missed")
	child := flag.Bool("figures", false, "measure SQLite, and print the figures in JSON: for the table slowdisk, which runs this in a child")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var missed []string
	var err error
	if *child {
		err = figuresOfSQLite(ctx, os.Stderr, os.Stdout)
	} else {
		missed, err = run(ctx, flag.Args(), *write)
	}
	switch {
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case *check && len(missed) > 0:
		fmt.Fprintln(os.Stderr, "bench: missed:", strings.Join(missed, "; "))
		os.Exit(1)
	}
}

func run(ctx context.Context, names []string, write bool) (missed []string, err error) {
	known := []string{}
	for _, b := range benches {
		known = append(known, b.name)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return nil, fmt.Errorf("there is no table %q: there are %s", name, strings.Join(known, ", "))
		}
	}
	var results bytes.Buffer
	out := io.MultiWriter(os.Stdout, &results)
	fmt.Fprintf(out, "# Measured\n\n%s\n", machine(time.Now()))
	for _, b := range benches {
		if len(names) > 0 && !slices.Contains(names, b.name) {
			continue
		}
		t, err := b.run(ctx, os.Stderr)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", b.name, err)
		}
		t.print(out)
		missed = append(missed, t.missed()...)
	}
	if write {
		return missed, os.WriteFile("RESULTS.md", results.Bytes(), 0o644)
	}
	return missed, nil
}
