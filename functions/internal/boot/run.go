package boot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// Open opens a journal: rest is what stands behind the "kind:" of
// IMPREST_JOURNAL.
type Open func(ctx context.Context, rest string) (store journal.Store, closing func() error, err error)

// Target is what a build has linked: its stores by kind, and who may bring the
// events.
type Target struct {
	Stores map[string]Open
	// Queue opens the queue of IMPREST_QUEUE_URL, and calls nobody; its error names
	// the variable at fault. nil is a build that has none.
	Queue func(url string) (Enqueue, error)
	// Hosts serve a function until the process ends, where they find that it
	// runs under them; the first one that does has it.
	Hosts []Host
}

// Host runs a function under a platform.
type Host struct {
	// Here reports whether this process runs there.
	Here func(getenv func(string) string) bool
	// Run serves until the process ends, or ctx does, which is when the process
	// is told to. listen is Config.Listen, for a host that listens. An error with
	// core.CodeInvalid says what is wrong with the environment.
	Run func(ctx context.Context, f Function, listen string, logger *slog.Logger) error
}

// host returns the first host that this process runs under.
func (t Target) host(getenv func(string) string) (Host, bool) {
	for _, host := range t.Hosts {
		if host.Here(getenv) {
			return host, true
		}
	}
	return Host{}, false
}

// inMemory is the IMPREST_JOURNAL of a try.
const inMemory = "memory"

// The exit statuses.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// Main is the whole of a deployable function, and returns the exit status: 2 for
// an environment that is not as it must be, with one line on standard error.
func Main(program Program, target Target) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	return run(ctx, program, target, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
}

func run(ctx context.Context, program Program, target Target, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	once := false
	for _, arg := range args {
		switch {
		case arg == "--help" || arg == "-h":
			fmt.Fprint(stdout, Help(program))
			return exitDone
		case arg == "--once" && program == Reconcile:
			once = true
		default:
			fmt.Fprintf(stderr, "%s: there is no %q: it takes its configuration from the environment, see --help\n", program, arg)
			return exitUsage
		}
	}
	usage := func(err error) int {
		fmt.Fprintf(stderr, "%s: %s\n", program, strings.ReplaceAll(err.Error(), "\n", " "))
		return exitUsage
	}
	cfg, err := Load(program, getenv, nil)
	if err != nil {
		return usage(err)
	}
	host, found := target.host(getenv)
	if !found && !once {
		return usage(errors.New("this build runs on AWS Lambda alone, which sets AWS_LAMBDA_RUNTIME_API: build it without the tag lambda.norpc"))
	}
	enqueue, err := openQueue(target, cfg.QueueURL)
	if err != nil {
		return usage(err)
	}
	logger := newLogger(stderr, cfg.LogLevel, getenv).With("program", string(program))
	store, closing, err := openJournal(ctx, target, cfg.Journal.Reveal())
	if err != nil {
		return usage(err)
	}
	defer func() {
		if err := closing(); err != nil {
			logger.Error("the journal did not close well", "reason", err.Error())
		}
	}()
	f, err := build(cfg, store, enqueue, logger, getenv)
	if err != nil {
		return usage(err)
	}
	if cfg.Journal.Reveal() == inMemory {
		logger.Warn("the journal is in memory: this process alone sees it, and what is recorded ends with it")
	}
	if once {
		err = f.Tick(ctx)
	} else {
		err = host.Run(ctx, f, cfg.Listen, logger)
		if core.CodeOf(err) == core.CodeInvalid {
			return usage(err)
		}
	}
	if err != nil {
		logger.Error("ended", "reason", err.Error())
		return exitFailed
	}
	return exitDone
}

// build wires a function at once, or, if it has keys elsewhere, with its first
// event; what is wrong with the rest of its configuration is said at once in any
// case.
func build(cfg Config, store journal.Store, enqueue Enqueue, logger *slog.Logger, getenv func(string) string) (Function, error) {
	if len(cfg.Secrets) == 0 {
		return Build(cfg, store, enqueue, logger)
	}
	assumed, _ := cfg.withSecrets(func(string, string) (string, error) { return strings.Repeat("k", 64), nil })
	model, err := Build(assumed, store, enqueue, logger)
	if err != nil {
		return Function{}, err
	}
	ext := newExtension(getenv)
	return later(model, func(ctx context.Context) (Function, error) {
		cfg, err := cfg.withSecrets(func(_, id string) (string, error) { return ext.secret(ctx, id) })
		if err != nil {
			return Function{}, err
		}
		return Build(cfg, store, enqueue, logger)
	}, logger), nil
}

// openQueue opens what IMPREST_QUEUE_URL names; nil if it is empty.
func openQueue(target Target, url string) (Enqueue, error) {
	if url == "" {
		return nil, nil
	}
	if target.Queue == nil {
		return nil, errors.New("IMPREST_QUEUE_URL must be empty: this build has no queue")
	}
	return target.Queue(url)
}

// openJournal opens what IMPREST_JOURNAL names. Its errors show nothing that
// could be a password.
func openJournal(ctx context.Context, target Target, name string) (journal.Store, func() error, error) {
	kind, rest, _ := strings.Cut(name, ":")
	if name == inMemory {
		return journal.NewMemory(), func() error { return nil }, nil
	}
	open, ok := target.Stores[kind]
	if !ok {
		kinds := slices.Sorted(maps.Keys(target.Stores))
		return nil, nil, fmt.Errorf("IMPREST_JOURNAL must be memory, or of the stores of this build: %s:…", strings.Join(kinds, ":…, "))
	}
	store, closing, err := open(ctx, rest)
	if err != nil {
		return nil, nil, fmt.Errorf("IMPREST_JOURNAL: %w", err)
	}
	if store == nil || closing == nil {
		return nil, nil, errors.New("IMPREST_JOURNAL: the store did not open")
	}
	return store, closing, nil
}
