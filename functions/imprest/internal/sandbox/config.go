package sandbox

import (
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
	// CloudAddr is where the fake cloud listens. There is none yet: it must
	// be "".
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
	if cfg.CloudAddr != "" {
		return core.Invalid(op, "--cloud-addr: there is no fake cloud yet")
	}
	var names []string
	for _, fault := range faults() {
		names = append(names, fault.Name)
	}
	for _, name := range cfg.Faults {
		if !slices.Contains(names, name) {
			return core.Invalid(op, fmt.Sprintf("--faults: there is no %.40q; there are %s", name, strings.Join(names, ", ")))
		}
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
