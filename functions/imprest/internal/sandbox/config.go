package sandbox

import (
	"context"
	"io"
	"log/slog"
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
	// file in a temporary folder, which Run names.
	Journal string
	// Faults are names of [FaultList].
	Faults []string
	// Seed makes a run repeatable: the same seed puts the same faults on the
	// same requests, and draws the same ids. 0 draws ids at random.
	Seed uint64
	// Once runs one purchase without a browser, and then ends.
	Once bool
	// Out takes what a person or a script is to read; nil discards.
	Out io.Writer
	// Logger takes what went on underneath; nil discards.
	Logger *slog.Logger
}

// FaultInfo is one fault that can be switched on.
type FaultInfo struct {
	// Name is what is typed.
	Name string
	// About says in one line what goes wrong, and how the run ends.
	About string
}

// FaultList returns every fault, in the order in which they are shown.
func FaultList() []FaultInfo { return nil }

// Run serves the sandbox until ctx ends, or with cfg.Once runs one purchase.
// An error with core.CodeInvalid is about cfg and names the field as the
// command line spells it ("--addr").
func Run(ctx context.Context, cfg Config) error { return nil }
