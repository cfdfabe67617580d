package core

import "strings"

// HeaderField is one header line: a name and a value, as they were received
// or are to be sent.
type HeaderField struct {
	Name  string
	Value string
}

// Header is a list of header lines. Order and repeats are kept; names are
// looked up without regard to case. The zero value is empty and ready to use.
type Header []HeaderField

// Get returns the value of the first line named name, or "".
func (h Header) Get(name string) string {
	for i := range h {
		if strings.EqualFold(h[i].Name, name) {
			return h[i].Value
		}
	}
	return ""
}

// Values returns the values of all lines named name, in their order, or nil.
func (h Header) Values(name string) []string {
	var values []string
	for i := range h {
		if strings.EqualFold(h[i].Name, name) {
			values = append(values, h[i].Value)
		}
	}
	return values
}

// Add appends a line and keeps those that are there.
func (h *Header) Add(name, value string) {
	*h = append(*h, HeaderField{Name: name, Value: value})
}

// Set puts one line in the place of all lines named name.
func (h *Header) Set(name, value string) {
	h.Del(name)
	h.Add(name, value)
}

// Del removes all lines named name. Lines that other copies of h hold are not
// touched.
func (h *Header) Del(name string) {
	var kept Header
	for _, field := range *h {
		if !strings.EqualFold(field.Name, name) {
			kept = append(kept, field)
		}
	}
	*h = kept
}
