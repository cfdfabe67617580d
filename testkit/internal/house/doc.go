// Package house holds the rules of this module as tests: who may import whom,
// that everything exported is documented, that the programs in the
// documentation work. It has no code of its own.
package house
