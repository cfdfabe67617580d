// Command shop is a small shop that sells licence keys for money of VVChat: an
// H5 page that works inside the IM and in any browser, login, purchases, and
// the platform's signed callbacks.
//
// What is yours to change: offers.go (what costs how much), licences.go (what a
// buyer gets), page (what he sees). shop.go wires them, config.go reads the
// environment.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/adapters/sqlitestore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal ends the shop in order; a second one ends the process.
	context.AfterFunc(ctx, stop)
	os.Exit(start(ctx, os.Getenv, os.Stderr))
}

// start is the whole program: its result is the exit status, 2 for an
// environment that does not do and 1 for everything else that went wrong.
func start(ctx context.Context, getenv func(string) string, stderr io.Writer) int {
	cfg, err := readConfig(getenv)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 2
	}
	log := slog.New(slog.NewJSONHandler(stderr, nil))
	if err := run(ctx, cfg, log); err != nil {
		log.Error("the shop has ended", "reason", err.Error())
		return 1
	}
	return 0
}

// sweepEvery is how often the journal is looked through for what is due:
// payments whose callback never came, and what a crash broke off.
const sweepEvery = 30 * time.Second

// run serves the shop until ctx ends, and lets what is under way finish.
func run(ctx context.Context, cfg config, log *slog.Logger) (err error) {
	if err := os.MkdirAll(cfg.dataDir, 0o700); err != nil {
		return err
	}
	journal, err := sqlitestore.Open(ctx, sqlitestore.Config{Path: filepath.Join(cfg.dataDir, "journal.db")})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, journal.Close()) }()
	keys, err := openLicences(ctx, filepath.Join(cfg.dataDir, "licences.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, keys.close()) }()

	s, err := newShop(cfg, journal, keys, time.Now, log)
	if err != nil {
		return err
	}
	var listen net.ListenConfig
	ln, err := listen.Listen(ctx, "tcp", cfg.addr)
	if err != nil {
		return err
	}
	log.Info("the shop is open", "address", ln.Addr().String(), "url", cfg.url)

	ctx, stop := context.WithCancel(ctx)
	var sweeping sync.WaitGroup
	sweeping.Go(func() { s.sweep(ctx) })
	err = nethttp.Serve(ctx, nethttp.NewServer("", nethttp.Config{Logger: log}.Wrap(s.routes)), ln)
	stop()
	sweeping.Wait() // a step that is cut off is taken up again by the next start
	return err
}

// sweep finishes what is due, at once what an earlier process left, until ctx
// ends.
func (s *shop) sweep(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if _, err := s.sales.Reconcile(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "the sweep failed, and is tried again", "reason", err.Error())
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
