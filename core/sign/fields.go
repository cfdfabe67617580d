package sign

import (
	"math/bits"
	"strings"

	"github.com/imprest-go/imprest/core"
)

// Field is one name and value of a message. A value is text: a JSON string
// decoded, a JSON number as its bytes stand, "true" or "false"; JSON null and
// the empty string are both "".
type Field struct {
	Name  string
	Value string
}

// Fields is a set of fields, each name once. [Parse] and [Verify] return them
// sorted by name; [Data] and [Joint] take them in any order.
type Fields []Field

// Get returns the value of the field called name, "" where it is absent: to
// the signature an empty field and an absent one are the same.
func (fs Fields) Get(name string) string {
	for i := range fs {
		if fs[i].Name == name {
			return fs[i].Value
		}
	}
	return ""
}

// Canonical returns the text that is signed, without the key: the fields that
// are not empty and not called "sign", sorted bytewise by name, as k=v joined
// by "&".
func (fs Fields) Canonical() string {
	var space [usualFields]place
	return string(fs.appendCanonical(nil, fs.order(&space)))
}

const (
	// maxFields bounds the work that one message can ask for. The longest
	// documented one has 13.
	maxFields = 128
	// usualFields is how many a message has at most, but for rare ones.
	usualFields = 16
	// maxName is the greatest length of a field name.
	maxName = 64
	// maxNumber is the greatest length of a JSON number.
	maxNumber = 64
)

// place is where a field stands: fs[at]. prefix holds the first eight bytes of
// its name, the first of them highest, so that nearly all names are compared as
// numbers.
type place struct {
	prefix uint64
	at     int
}

// order returns the places of fs by name, in space if there is room. An insertion
// sort: messages are short, and what Parse made is sorted already.
func (fs Fields) order(space *[usualFields]place) []place {
	order := space[:0]
	for i := range fs {
		p := place{prefix: prefix(fs[i].Name), at: i}
		order = append(order, p)
		k := i
		for ; k > 0; k-- {
			q := order[k-1]
			if !fs.before(p, q) {
				break
			}
			order[k] = q
		}
		order[k] = p
	}
	return order
}

func (fs Fields) before(p, q place) bool {
	if p.prefix != q.prefix {
		return p.prefix < q.prefix
	}
	return fs[p.at].Name < fs[q.at].Name
}

// prefix returns the first eight bytes of name, zeros behind a shorter one.
// Where two differ they are in the order of the names.
func prefix(name string) uint64 { return bits.ReverseBytes64(word(name)) }

// unique reports whether each name stands once in fs.
func (fs Fields) unique(order []place) bool {
	for i := 1; i < len(order); i++ {
		if order[i].prefix == order[i-1].prefix && fs[order[i].at].Name == fs[order[i-1].at].Name {
			return false
		}
	}
	return true
}

// sorted returns a copy of fs by name, for messages read: each name must be
// there once.
func (fs Fields) sorted() (Fields, error) {
	var space [usualFields]place
	order := fs.order(&space)
	if !fs.unique(order) {
		return nil, errTwice
	}
	sorted := make(Fields, len(fs))
	for i, p := range order {
		sorted[i] = fs[p.at]
	}
	return sorted, nil
}

// appendCanonical appends the text that is signed, without the key.
func (fs Fields) appendCanonical(dst []byte, order []place) []byte {
	start := len(dst)
	for _, p := range order {
		f := &fs[p.at]
		if f.Value == "" || f.Name == "sign" {
			continue
		}
		if len(dst) > start {
			dst = append(dst, '&')
		}
		dst = append(dst, f.Name...)
		dst = append(dst, '=')
		dst = append(dst, f.Value...)
	}
	return dst
}

// check reports why fs must not be signed, or nil: the same rules that Parse
// holds a received message to.
func (fs Fields) check() error {
	if len(fs) > maxFields {
		return malformed("more fields than any message has")
	}
	for i := range fs {
		if !nameOK(fs[i].Name) {
			return errName
		}
		if err := checkText(fs[i].Value); err != nil {
			return err
		}
	}
	return nil
}

// Ambiguous reports whether value holds "&name=" with a well-formed field
// name. The canonical string does not escape, so such a value and a document
// with one more field share a signature. Neither side of this module signs or
// accepts one.
func Ambiguous(value string) bool {
	for {
		i := strings.IndexByte(value, '&')
		if i < 0 {
			return false
		}
		value = value[i+1:]
		if opensField(value) {
			return true
		}
	}
}

// opensField reports whether s, which stands behind an "&", begins with "name=".
func opensField(s string) bool {
	n := nameEnd(s, 0)
	return n >= 1 && n <= maxName && n < len(s) && s[n] == '='
}

func nameOK(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i := range len(name) {
		if !nameByte[name[i]] {
			return false
		}
	}
	return true
}

func malformed(reason string) error {
	return &core.Error{Op: "sign", Code: core.CodeMalformed, Err: reasonError(reason)}
}

type reasonError string

func (e reasonError) Error() string { return string(e) }

var (
	errName      = malformed("a field name is not 1 to 64 of A-Z, a-z, 0-9 and _")
	errTwice     = malformed("a field name stands twice")
	errAmbiguous = malformed(`a value holds "&name=": it could be read as another message with the same signature`)
	errControl   = malformed("a control character or U+FEFF in a name or value")
	errUTF8      = malformed("not valid UTF-8")
)
