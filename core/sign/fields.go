package sign

import (
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
	var order [maxFields]uint16
	return string(fs.appendCanonical(nil, fs.order(&order)))
}

const (
	// maxFields bounds the work that one message can ask for. The longest
	// documented one has 13.
	maxFields = 128
	// maxName is the greatest length of a field name.
	maxName = 64
	// maxNumber is the greatest length of a JSON number.
	maxNumber = 64
)

// order returns the indexes of fs by name. An insertion sort: messages are
// short, and those that Parse made are sorted already.
func (fs Fields) order(space *[maxFields]uint16) []uint16 {
	order := space[:0]
	for i := range fs {
		at := len(order)
		order = append(order, uint16(i))
		for at > 0 && fs[order[at-1]].Name > fs[i].Name {
			order[at] = order[at-1]
			at--
		}
		order[at] = uint16(i)
	}
	return order
}

func (fs Fields) appendCanonical(dst []byte, order []uint16) []byte {
	start := len(dst)
	for _, i := range order {
		f := &fs[i]
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

// sort puts fs into the order of names and reports whether each is there once.
func (fs Fields) sort() (unique bool) {
	unique = true
	for i := 1; i < len(fs); i++ {
		f := fs[i]
		at := i
		for at > 0 && fs[at-1].Name > f.Name {
			fs[at] = fs[at-1]
			at--
		}
		fs[at] = f
		if at > 0 && fs[at-1].Name == f.Name {
			unique = false
		}
	}
	return unique
}

// check reports why fs must not be signed, or nil: the same rules that Parse
// holds a received message to.
func (fs Fields) check() error {
	if len(fs) > maxFields {
		return malformed("more fields than any message has")
	}
	for i := range fs {
		if !nameOK(fs[i].Name) {
			return malformed("a field name is not 1 to 64 of A-Z, a-z, 0-9 and _")
		}
		if err := checkText(fs[i].Value); err != nil {
			return err
		}
		if Ambiguous(fs[i].Value) {
			return errAmbiguous
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
		n := 0
		for n < len(value) && nameByte[value[n]] {
			n++
		}
		if n >= 1 && n <= maxName && n < len(value) && value[n] == '=' {
			return true
		}
	}
}

// nameByte marks the bytes of a field name.
var nameByte = func() (table [256]bool) {
	for _, c := range "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_" {
		table[c] = true
	}
	return table
}()

func nameOK(name string) bool {
	if name == "" || len(name) > maxName {
		return false
	}
	for i := 0; i < len(name); i++ {
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
	errAmbiguous = malformed(`a value holds "&name=": it could be read as another message with the same signature`)
	errControl   = malformed("a control character or U+FEFF in a name or value")
	errUTF8      = malformed("not valid UTF-8")
)
