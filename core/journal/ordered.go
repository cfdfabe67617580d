package journal

import (
	"iter"
	"slices"
	"sort"
)

// chunkSize bounds how many keys an insertion or a removal moves.
const chunkSize = 512

// ordered is a sorted set. It keeps its keys in short sorted chunks: a binary
// search finds the chunk, and only that chunk is moved about, so a set of a
// million keys is changed as quickly as one of a thousand, without the
// balancing of a tree.
type ordered[K any] struct {
	compare func(a, b K) int
	chunks  [][]K // in order, none of them empty
}

// chunkOf returns the index of the first chunk whose last key is not less
// than k: the one that holds k, if any does.
func (o *ordered[K]) chunkOf(k K) int {
	return sort.Search(len(o.chunks), func(i int) bool {
		chunk := o.chunks[i]
		return o.compare(chunk[len(chunk)-1], k) >= 0
	})
}

func (o *ordered[K]) insert(k K) {
	if len(o.chunks) == 0 {
		o.chunks = [][]K{{k}}
		return
	}
	i := min(o.chunkOf(k), len(o.chunks)-1)
	chunk := o.chunks[i]
	at, found := slices.BinarySearchFunc(chunk, k, o.compare)
	if found {
		return
	}
	chunk = slices.Insert(chunk, at, k)
	o.chunks[i] = chunk
	if len(chunk) > chunkSize {
		upper := slices.Clone(chunk[chunkSize/2:])
		clear(chunk[chunkSize/2:]) // the keys moved; do not keep them alive
		o.chunks[i] = chunk[:chunkSize/2]
		o.chunks = slices.Insert(o.chunks, i+1, upper)
	}
}

func (o *ordered[K]) remove(k K) {
	i := o.chunkOf(k)
	if i == len(o.chunks) {
		return
	}
	at, found := slices.BinarySearchFunc(o.chunks[i], k, o.compare)
	if !found {
		return
	}
	o.chunks[i] = slices.Delete(o.chunks[i], at, at+1)
	if len(o.chunks[i]) == 0 {
		o.chunks = slices.Delete(o.chunks, i, i+1)
	}
}

// from yields the keys that are not less than k, in order.
func (o *ordered[K]) from(k K) iter.Seq[K] {
	return func(yield func(K) bool) {
		for i := o.chunkOf(k); i < len(o.chunks); i++ {
			at, _ := slices.BinarySearchFunc(o.chunks[i], k, o.compare)
			for _, key := range o.chunks[i][at:] {
				if !yield(key) {
					return
				}
			}
		}
	}
}
