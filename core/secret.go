package core

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "***"

// Secret is a text that does not print: an app_key, a token, a cookie key.
// fmt (every verb, nested in any struct), encoding/json, encoding.TextMarshaler
// and log/slog all show "***". [Secret.Reveal] is the one way to the text, easy
// to find in a review. The zero value is the empty secret.
type Secret struct {
	// A pointer, since fmt prints unexported fields of a nested struct by
	// reflection, past every method, and of a pointer it prints the address.
	text *string
}

// NewSecret wraps text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Secrets wraps each text: handy for the keys of an app.
func Secrets(texts ...string) []Secret {
	secrets := make([]Secret, len(texts))
	for i, text := range texts {
		secrets[i] = NewSecret(text)
	}
	return secrets
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether the secret is empty.
func (s Secret) IsZero() bool { return s.text == nil }

// Equal compares two secrets in constant time (their lengths may show).
func (s Secret) Equal(t Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(t.Reveal())) == 1
}

// String returns "***", or "" for the empty secret.
func (s Secret) String() string {
	if s.text == nil {
		return ""
	}
	return redacted
}

// GoString returns "***".
func (s Secret) GoString() string { return redacted }

// Format writes what [Secret.String] returns, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText returns what [Secret.String] returns.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON returns what [Secret.String] returns, quoted.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }

// UnmarshalText takes the text, so that a configuration file can hold one.
func (s *Secret) UnmarshalText(text []byte) error {
	*s = NewSecret(string(text))
	return nil
}

// LogValue returns what [Secret.String] returns.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }
