package sign

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every byte, at every place of words and between them, is found by the test of
// eight bytes at once exactly where the test of one byte finds it.
func TestPlainIsTheSameForOneByteAndForEight(t *testing.T) {
	for length := range 26 {
		for at := range length {
			for c := range 256 {
				s := strings.Repeat("x", at) + string([]byte{byte(c)}) + strings.Repeat("x", length-at-1)
				end := length
				if !plainByte[c] {
					end = at
				}
				require.Equal(t, end, plainEnd(s, 0), "%q", s)
				require.Equal(t, plainByte[c] || c == '"' || c == '\\', plain(s), "%q", s)
				require.Equal(t, length, plainEnd(s, at+1), "%q", s)
			}
		}
	}
}

// Bytes that stand beside each other do not hide one another.
func TestPlainEndAmongManyOddBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 200_000 {
		s := make([]byte, random.IntN(20))
		for i := range s {
			s[i] = "\x00\x1f !\"#%&'[\\]~\x7f\x80\xffx"[random.IntN(17)]
		}
		from := random.IntN(len(s) + 1)
		end := from
		for end < len(s) && plainByte[s[end]] {
			end++
		}
		require.Equal(t, end, plainEnd(string(s), from), "%q from %d", s, from)
		odd := slices.ContainsFunc(s[from:], func(c byte) bool { return !plainByte[c] && c != '"' && c != '\\' })
		require.Equal(t, !odd, plain(string(s[from:])), "%q", s[from:])
	}
}

// What prefix says of two names is what their texts say, or nothing.
func TestPrefixIsInTheOrderOfNames(t *testing.T) {
	names := []string{""}
	for _, c := range []string{"\x00", "0", "A", "Z", "_", "a", "\xff"} {
		for length := range 10 {
			for at := range length {
				names = append(names, strings.Repeat("a", at)+c+strings.Repeat("a", length-at-1))
			}
		}
	}
	for _, a := range names {
		for _, b := range names {
			if prefix(a) != prefix(b) {
				require.Equal(t, a < b, prefix(a) < prefix(b), "%q %q", a, b)
			} else if len(a) <= 8 && len(b) <= 8 {
				require.Equal(t, strings.TrimRight(a, "\x00"), strings.TrimRight(b, "\x00"))
			}
		}
	}
}
