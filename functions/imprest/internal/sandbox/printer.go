package sandbox

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode"
)

// printer writes what a person reads: with colours on a terminal, plain
// otherwise. It is safe for use by many goroutines.
type printer struct {
	mu     sync.Mutex
	w      io.Writer
	colour bool
	began  time.Time
}

func newPrinter(w io.Writer) *printer {
	if w == nil {
		w = io.Discard
	}
	return &printer{w: w, colour: isTerminal(w), began: time.Now()}
}

// isTerminal reports whether w is a terminal whose owner has not asked for
// plain text (no-color.org).
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
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

// line writes a line as it is.
func (p *printer) line(text string) {
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
	p.mu.Lock()
	defer p.mu.Unlock()
	elapsed := fmt.Sprintf("%6d ms", time.Since(p.began).Milliseconds())
	_, _ = fmt.Fprintf(p.w, "%s  %s %s\n", p.paint(dim, elapsed), p.paint(colour, fmt.Sprintf("%-13s", name)), printable(text))
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
