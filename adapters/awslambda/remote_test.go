package awslambda_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/awslambda"
)

// A load balancer adds the client to X-Forwarded-For, and what stands before is
// the client's word.
func TestTheClientOfALoadBalancer(t *testing.T) {
	for name, tt := range map[string]struct {
		lines []string
		want  string
	}{
		"one":             {[]string{"203.0.113.9"}, "203.0.113.9:0"},
		"forged":          {[]string{"192.0.2.1, 203.0.113.9"}, "203.0.113.9:0"},
		"forged, a line":  {[]string{"192.0.2.1", "192.0.2.2, 203.0.113.9"}, "203.0.113.9:0"},
		"with its port":   {[]string{"203.0.113.9:4711"}, "203.0.113.9:4711"},
		"IPv6":            {[]string{"2001:db8::9"}, "[2001:db8::9]:0"},
		"IPv6, with port": {[]string{"192.0.2.1, [2001:db8::9]:4711"}, "[2001:db8::9]:4711"},
		"none":            {nil, ""},
		"no address":      {[]string{"unknown"}, ""},
	} {
		r, _ := see(t, awslambda.Config{}, albMultiEvent().with(object{"multiValueHeaders": object{"host": []string{"shop.example"}, "x-forwarded-for": tt.lines}}).bytes(t))
		require.NotNil(t, r, name)
		assert.Equal(t, tt.want, r.RemoteAddr, name)
	}
}
