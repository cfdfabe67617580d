package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/imprest-go/imprest/core"
)

// printer writes what a person reads, or JSON alone. It is safe for use by many
// goroutines.
type printer struct {
	mu     sync.Mutex
	w      io.Writer
	colour bool
	asJSON bool
	began  time.Time
}

func newPrinter(cfg Config) *printer {
	p := &printer{w: cfg.Out, colour: cfg.Colour, asJSON: cfg.JSON, began: time.Now()}
	if p.w == nil {
		p.w = io.Discard
	}
	return p
}

const (
	dim   = "\x1b[2m"
	bold  = "\x1b[1m"
	red   = "\x1b[31m"
	plain = "\x1b[0m"
)

func (p *printer) paint(code, text string) string {
	if !p.colour {
		return text
	}
	return code + text + plain
}

// json writes v as one line.
func (p *printer) json(v any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return &core.Error{Op: "sandbox.Run", Code: core.CodeInternal, Err: err}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = p.w.Write(text.Bytes())
	return nil
}

// line writes a line for a person as it is.
func (p *printer) line(text string) {
	if p.asJSON {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, _ = fmt.Fprintln(p.w, text)
}

// pair writes a name and what it stands for.
func (p *printer) pair(name, text string) {
	p.line("  " + p.paint(bold, fmt.Sprintf("%-9s", name)) + " " + printable(text))
}

// step writes one step of a run, with the time since the run began.
func (p *printer) step(name, format string, args ...any) {
	p.write(bold, name, fmt.Sprintf(format, args...))
}

// trouble writes a step that a fault brought about.
func (p *printer) trouble(name, format string, args ...any) {
	p.write(red, name, fmt.Sprintf(format, args...))
}

func (p *printer) write(colour, name, text string) {
	elapsed := fmt.Sprintf("%6d ms", time.Since(p.began).Milliseconds())
	p.line(p.paint(dim, elapsed) + "  " + p.paint(colour, fmt.Sprintf("%-13s", name)) + " " + printable(text))
}

// printable returns s as one line without characters that play tricks on a
// terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '·'
		}
		return r
	}, s)
}
