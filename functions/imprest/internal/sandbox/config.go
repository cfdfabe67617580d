package sandbox

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// Config is what [Run] needs to know. Its zero value serves on the documented
// addresses with a journal in a temporary file.
type Config struct {
	// Addr is where the merchant listens; "" is 127.0.0.1:8700, with Once a
	// free port of loopback. On an address that is not loopback there is no
	// control API.
	Addr string
	// PlatformAddr is where the fake platform and the phone listen, on
	// loopback; "" is 127.0.0.1:8701, with Once a free port.
	PlatformAddr string
	// CloudAddr is where the fake cloud and the mini program listen, on
	// loopback; "" is 127.0.0.1:8702 if that is free, else, and with Once, a
	// free port.
	CloudAddr string
	// Journal names the journal as [OpenJournal] takes it; "" is a sqlite
	// file in a temporary folder, which Run names and leaves there.
	Journal string
	// Faults are names of [FaultList].
	Faults []string
	// Seed makes a run repeatable: on a new journal the same seed puts the
	// same faults on the same requests, and draws the same ids. 0 is a random
	// one, which Run names.
	Seed uint64
	// Once runs one purchase without a browser, and then ends.
	Once bool
	// Out takes what a person or a script is to read; nil discards.
	Out io.Writer
	// Logger takes what went on underneath; nil discards.
	Logger *slog.Logger
}

// settle checks cfg and fills in what it leaves open.
func (cfg *Config) settle() error {
	const op = "sandbox.Run"
	if err := checkFaults(cfg.Faults); err != nil {
		return core.Invalid(op, "--faults: "+err.Error())
	}
	if cfg.Addr == "" {
		cfg.Addr = defaultAddr
		if cfg.Once {
			cfg.Addr = freePort
		}
	}
	if cfg.PlatformAddr == "" {
		cfg.PlatformAddr = defaultPlatformAddr
		if cfg.Once {
			cfg.PlatformAddr = freePort
		}
	}
	if cfg.CloudAddr == "" && cfg.Once {
		cfg.CloudAddr = freePort
	}
	if cfg.Seed == 0 {
		cfg.Seed = uint64(rand.Uint32()) + 1 // short enough to be typed again
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Journal == "" {
		folder, err := os.MkdirTemp("", "imprest-sandbox-")
		if err != nil {
			return &core.Error{Op: op, Code: core.CodeInternal, Err: fmt.Errorf("no temporary folder for the journal: %w", err)}
		}
		cfg.Journal = "sqlite:" + filepath.Join(folder, "journal.db")
	}
	return nil
}

// checkFaults reports names that are none, and faults that no run can have
// together.
func checkFaults(names []string) error {
	var known []string
	var chosen []fault
	for _, f := range faults() {
		known = append(known, f.Name)
		if !slices.Contains(names, f.Name) {
			continue
		}
		for _, other := range chosen {
			if why := clash(other, f); why != "" {
				return errors.New(why)
			}
		}
		chosen = append(chosen, f)
	}
	for _, name := range names {
		if !slices.Contains(known, name) {
			return fmt.Errorf("there is no %.40q; there are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}
