package mall

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/imprest-go/imprest/core"
)

// MixedConfig is what [NewMixed] needs to know.
type MixedConfig struct {
	// Transports has the operations that a transport of their own carries.
	// nil is none.
	Transports map[string]Transport
	// Otherwise carries all others. Required.
	Otherwise Transport
}

// Mixed is a [Transport] that leaves each operation to another: an [OpenAPI]
// for the devices of a home, say, and an [Action] for the rest. Which operation
// goes where is configured and not tried out: a relative of the OpenAPI does
// not answer as the operation does. It is safe for use by many goroutines.
type Mixed struct {
	cfg MixedConfig
}

var _ Transport = (*Mixed)(nil)

// NewMixed checks cfg and returns a Mixed. Its errors have core.CodeInvalid and
// name the field.
func NewMixed(cfg MixedConfig) (*Mixed, error) {
	const op = "mall.NewMixed"
	if cfg.Otherwise == nil {
		return nil, core.Invalid(op, "otherwise must be given: NewAction makes one")
	}
	known := AllOperations()
	for operation, transport := range cfg.Transports {
		if !slices.Contains(known, operation) || operation == OpVoipServiceAuthorization || transport == nil {
			return nil, core.Invalid(op, fmt.Sprintf("transports must give operations a transport, and %.40q is no operation, or has none", operation))
		}
	}
	cfg.Transports = maps.Clone(cfg.Transports)
	return &Mixed{cfg: cfg}, nil
}

// Call has the operation's transport carry it.
func (m *Mixed) Call(ctx context.Context, caller Caller, operation string, params any) (json.RawMessage, error) {
	if transport, ok := m.cfg.Transports[operation]; ok {
		return transport.Call(ctx, caller, operation, params)
	}
	return m.cfg.Otherwise.Call(ctx, caller, operation, params)
}
