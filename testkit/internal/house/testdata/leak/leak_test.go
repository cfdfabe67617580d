// Package leak logs secrets, for the test that has to find them.
package leak

import (
	"context"
	"errors"
	"log/slog"
	"testing"

	"github.com/imprest-go/imprest/core"
)

// To nobody, at a level that is off.
func TestLeak(*testing.T) {
	key := core.NewSecret("planted-key-of-an-app")
	slog.New(slog.DiscardHandler).DebugContext(context.Background(), "refused", "reason", errors.New("no such key: "+key.Reveal()))
}

// Below attributes that were given before.
func TestLeakByWith(*testing.T) {
	key := core.NewSecret(`planted "second" key`)
	slog.New(slog.DiscardHandler).With("key", key.Reveal()).Info("refused")
}

// A secret shows itself as three stars, and a word of which it is a part is another.
func TestNoLeak(*testing.T) {
	key := core.NewSecret("well-kept-key")
	slog.Debug("refused", "key", key, "id", "well-kept-keys")
}
