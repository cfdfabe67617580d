package sandbox

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"sync"
)

// draws is where a run takes its chances from. Each use has a stream of its
// own, so that what one draws does not shift what another gets.
type draws struct {
	mu      sync.Mutex
	seed    [32]byte
	streams map[string]*stream
}

// newDraws returns the chances of the n-th run on a journal under a seed. A run
// that goes on with a journal draws other ids than the one before it.
func newDraws(seed uint64, run int64) *draws {
	var material [16]byte
	binary.BigEndian.PutUint64(material[:8], seed)
	binary.BigEndian.PutUint64(material[8:], uint64(run))
	return &draws{seed: sha256.Sum256(material[:]), streams: map[string]*stream{}}
}

// reader returns the stream of that name, the same one every time.
func (d *draws) reader(name string) io.Reader {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.streams[name]
	if s == nil {
		s = &stream{source: rand.NewChaCha8(d.of(name))}
		d.streams[name] = s
	}
	return s
}

// number returns a number of 0 to n-1 for that name, the same one every time.
func (d *draws) number(name string, n int) int {
	return rand.New(rand.NewChaCha8(d.of(name))).IntN(n)
}

// seedOf is the seed of a fake's ids.
func (d *draws) seedOf(fake string) uint64 {
	sum := d.of(fake)
	return max(binary.BigEndian.Uint64(sum[:8]), 1) // 0 would be a random one
}

func (d *draws) of(name string) [32]byte {
	return sha256.Sum256(append(d.seed[:], name...))
}

// stream is a source that many goroutines read.
type stream struct {
	mu     sync.Mutex
	source *rand.ChaCha8
}

func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.source.Read(p)
}
