package pgstore_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/pgstore"
	"github.com/imprest-go/imprest/core"
)

func TestOpenAsksNobody(t *testing.T) {
	s, err := pgstore.Open(pgstore.Config{URL: core.NewSecret("postgres://shop@database.invalid/shop")})
	require.NoError(t, err)
	require.NoError(t, s.Close())
}

func TestOpenShowsNothingOfTheURL(t *testing.T) {
	for name, cfg := range map[string]pgstore.Config{
		"none":             {},
		"unreadable":       {URL: core.NewSecret("postgres://shop:hunter2@host:port/shop")},
		"no URL":           {URL: core.NewSecret("hunter2")},
		"less than no one": {URL: core.NewSecret("postgres://shop:hunter2@host/shop"), Connections: -1},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := pgstore.Open(cfg)
			require.Equal(t, core.CodeInvalid, core.CodeOf(err))
			assert.NotContains(t, err.Error(), "hunter2")
		})
	}
}
