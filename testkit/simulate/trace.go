package simulate

import (
	"fmt"
	"strings"
	"time"
)

// line is one line of a schedule.
type line struct {
	at                   time.Duration
	actor                string
	process              int
	what, about, outcome string
}

// note writes a line, if anybody is to read it.
func (w *World) note(a *actor, what, about, outcome string) {
	if !w.tracing || a == nil {
		return
	}
	w.lines = append(w.lines, line{w.now.Sub(epoch), a.name, a.process, what, about, outcome})
}

// schedule is the run as a person reads it.
func (w *World) schedule() string {
	short := []string{}
	for i, s := range w.sales {
		short = append(short, s.id, fmt.Sprintf("<%d>", i+1))
	}
	names := strings.NewReplacer(short...)
	var text strings.Builder
	for i, l := range w.lines {
		process := "-"
		if l.process >= 0 {
			process = fmt.Sprint(l.process)
		}
		about := strings.TrimSpace(l.what + " " + names.Replace(l.about))
		fmt.Fprintf(&text, "%3d %9s  %-10s %s  %-34s %s\n", i+1, "+"+l.at.String(), l.actor, process, about, names.Replace(l.outcome))
	}
	if w.failure != nil {
		fmt.Fprintf(&text, "    BROKEN: %s: %s\n", w.failure.Invariant, names.Replace(w.failure.detail))
	}
	return text.String()
}
