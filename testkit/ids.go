package testkit

import (
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
)

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// ids makes the identifiers of a fake. Each kind has a stream of its own, so
// that the third trade_no of a seed is the same whatever else was made before
// it. It is not safe for concurrent use.
type ids struct {
	seed    [32]byte
	streams map[string]*rand.ChaCha8
}

// newIDs returns identifiers that are the same for the same seed; a seed of 0
// is a random one.
func newIDs(seed uint64) *ids {
	g := &ids{streams: map[string]*rand.ChaCha8{}}
	if seed == 0 {
		_, _ = crand.Read(g.seed[:]) // never fails
		return g
	}
	var n [8]byte
	binary.BigEndian.PutUint64(n[:], seed)
	g.seed = sha256.Sum256(n[:])
	return g
}

// next returns the next identifier of a kind: n characters of [A-Za-z0-9].
func (g *ids) next(kind string, n int) string {
	stream := g.streams[kind]
	if stream == nil {
		stream = rand.NewChaCha8(sha256.Sum256(append(g.seed[:], kind...)))
		g.streams[kind] = stream
	}
	r := rand.New(stream)
	id := make([]byte, n)
	for i := range id {
		id[i] = idAlphabet[r.IntN(len(idAlphabet))]
	}
	return string(id)
}
