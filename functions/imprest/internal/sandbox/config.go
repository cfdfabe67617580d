package sandbox

import (
	"cmp"
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
	// Journal is memory, sqlite:FILE, postgres://… or dynamodb:TABLE, whose
	// schema or table must be there; "" is a sqlite file in a temporary folder,
	// which Run names and leaves there, but for a run with Once that ends as it
	// should.
	Journal string
	// Faults are names of [FaultList].
	Faults []string
	// Rail is what a run with Once buys on: [RailVVChat] or [RailMall]. "" is
	// the one that Faults need, VVChat if both will do. Without Once both are
	// served, and it must be "".
	Rail string
	// Seed makes a run repeatable: on a new journal the same seed puts the
	// same faults on the same requests, and draws the same ids. 0 is a random
	// one, which Run names.
	Seed uint64
	// Once runs one purchase without a browser, and then ends.
	Once bool
	// Out takes what a person or a script is to read; nil discards.
	Out io.Writer
	// Colour writes colours to Out.
	Colour bool
	// JSON writes JSON alone to Out, one line: where everything is once it is
	// served, or with Once the purchase at its end.
	JSON bool
	// Logger takes what went on underneath; nil discards.
	Logger *slog.Logger

	// made is the temporary folder of the journal, "" if there is none.
	made string
}

// settle checks cfg and fills in what it leaves open.
func (cfg *Config) settle() error {
	const op = "sandbox.Run"
	if err := cfg.checkFaults(); err != nil {
		return core.Invalid(op, "--faults: "+err.Error())
	}
	if err := cfg.chooseRail(); err != nil {
		return core.Invalid(op, err.Error())
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
		cfg.Journal, cfg.made = "sqlite:"+filepath.Join(folder, "journal.db"), folder
	}
	return nil
}

// checkFaults reports names that are none, and faults that no run can have
// together.
func (cfg *Config) checkFaults() error {
	names := cfg.Faults
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

// The rails that a purchase can run on.
const (
	// RailVVChat is an order of VVChat, delivered by exchange code.
	RailVVChat = "vvchat"
	// RailMall is an order of Tuya's mall, paid with WeChat.
	RailMall = "mall"
)

// chooseRail settles Rail, and makes sure that every fault can happen there.
func (cfg *Config) chooseRail() error {
	switch {
	case cfg.Rail != "" && cfg.Rail != RailVVChat && cfg.Rail != RailMall:
		return fmt.Errorf("--rail: there is no %.40q; there are %s and %s", cfg.Rail, RailVVChat, RailMall)
	case cfg.Rail != "" && !cfg.Once:
		return errors.New("--rail: is for --once; without it both rails are served")
	case !cfg.Once:
		return nil
	}
	chosen := func(f fault) bool { return slices.Contains(cfg.Faults, f.Name) }
	if cfg.Rail == "" && slices.ContainsFunc(faults(), func(f fault) bool { return chosen(f) && f.About == "" }) {
		cfg.Rail = RailMall
	}
	for _, f := range faults() {
		switch {
		case !chosen(f):
		case cfg.Rail == RailMall && f.OnMall == "":
			return fmt.Errorf("--faults: %s cannot happen on the mall rail", f.Name)
		case cfg.Rail == RailVVChat && f.About == "":
			return fmt.Errorf("--faults: %s happens on the mall rail alone: say --rail %s", f.Name, RailMall)
		}
	}
	cfg.Rail = cmp.Or(cfg.Rail, RailVVChat)
	return nil
}
