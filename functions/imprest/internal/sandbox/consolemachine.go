package sandbox

import (
	"fmt"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core/purchase"
)

// machine is the state machine of a purchase as a picture. It is drawn from the
// table that core/purchase goes by: a state that comes to it is in the picture
// by itself.
type machine struct {
	// ID tells the pictures of one page apart.
	ID            string
	Width, Height float64
	Nodes         []machineNode
	Edges         []machineEdge
	// Path is the way that was gone, in words.
	Path string
}

// machineNode is a state, with its middle and its size.
type machineNode struct {
	State, Word         string
	X, Y, Width, Height float64
	// Lit says that the purchase was there, Now that it is there.
	Lit, Now bool
	// Hub is the state that nearly every other one leads to; Turned says that
	// its word stands upright.
	Hub, Turned bool
}

// Left and Top are the node's corner.
func (n machineNode) Left() float64 { return n.X - n.Width/2 }
func (n machineNode) Top() float64  { return n.Y - n.Height/2 }

// Upper and Lower are where its one or two lines of text stand.
func (n machineNode) Upper() float64 { return n.Y - 2 }
func (n machineNode) Lower() float64 { return n.Y + 11 }

// Two reports whether the word is another than the protocol's.
func (n machineNode) Two() bool { return n.Word != n.State }

// machineEdge is what may follow what, as the path of a line.
type machineEdge struct {
	D string
	// Lit says that the purchase went there. Faint are the edges of the hub,
	// of which Both lead there and back.
	Lit, Faint, Both bool
}

// place is where a state stands: how far along the way, and in which row.
type place struct {
	along float64
	row   int
}

const (
	mainRow = iota
	sideRow
	hubRow
)

// machinePlaces finds a place for every state: a row for the way on which
// nothing goes wrong, which goes by the first of each state's followers; a row
// for what leads off it; and one for the hub. The second row stands half a step
// aside, so that lines pass between its states.
func machinePlaces() (places map[purchase.State]place, hub purchase.State) {
	states := purchase.States()
	most := 0
	for _, s := range states {
		into := 0
		for _, from := range states {
			if slices.Contains(from.Next(), s) {
				into++
			}
		}
		if into > most {
			hub, most = s, into
		}
	}
	places = map[purchase.State]place{hub: {row: hubRow}}
	for s, along := states[0], 0.0; ; along++ {
		places[s] = place{along, mainRow}
		next := s.Next()
		if len(next) == 0 {
			break
		}
		if _, placed := places[next[0]]; placed {
			break
		}
		s = next[0]
	}
	for _, s := range states {
		if _, placed := places[s]; placed {
			continue
		}
		along := 0.0
		for from, p := range places {
			if from == hub || !slices.Contains(from.Next(), s) {
				continue
			}
			if p.row == mainRow {
				along = max(along, p.along+0.5)
			} else {
				along = max(along, p.along+1)
			}
		}
		places[s] = place{along, sideRow}
	}
	return places, hub
}

// drawing turns places into points, along the page or down it.
type drawing struct {
	upright         bool
	start, step     float64
	rows            [3]float64
	halfAlong       float64
	halfAcross      [3]float64
	length, breadth float64
}

var (
	acrossThePage = drawing{start: 54, step: 118, rows: [3]float64{44, 106, 164}, halfAlong: 48, halfAcross: [3]float64{18, 18, 15}, length: 756, breadth: 184}
	downThePage   = drawing{upright: true, start: 24, step: 58, rows: [3]float64{76, 202, 318}, halfAlong: 18, halfAcross: [3]float64{48, 56, 18}, length: 368, breadth: 340}
)

// path writes a line of points, each given as along and across; "C" and the
// like stand between them as they are.
func (d drawing) path(parts ...any) string {
	var b strings.Builder
	for i := 0; i < len(parts); i++ {
		if word, ok := parts[i].(string); ok {
			b.WriteString(word)
			continue
		}
		along, across := parts[i].(float64), parts[i+1].(float64)
		i++
		if d.upright {
			along, across = across, along
		}
		fmt.Fprintf(&b, " %.5g %.5g ", along, across)
	}
	return b.String()
}

// edge draws the line between two places.
func (d drawing) edge(from, to place) string {
	a, b := d.start+from.along*d.step, d.start+to.along*d.step
	x, y := d.rows[from.row], d.rows[to.row]
	hx, hy, h := d.halfAcross[from.row], d.halfAcross[to.row], d.halfAlong
	near := h / 2
	switch {
	case to.row == hubRow:
		return d.path("M", a, x+hx, "L", a, y-hy-3)
	case from.row == to.row && to.along-from.along == 1:
		return d.path("M", a+h, x, "L", b-h-3, y)
	case from.row == to.row:
		return d.path("M", a, x-hx, "C", a, x-hx-24, b, y-hy-24, b, y-hy-3)
	case from.row == mainRow && to.along-from.along > 1:
		return d.path("M", a+near, x+hx, "C", a+near, x+hx+34, b-h-40, y, b-h-3, y)
	case from.row == mainRow:
		return d.path("M", a+near, x+hx, "C", a+near, x+hx+14, b-near, y-hy-14, b-near, y-hy-3)
	}
	return d.path("M", a+near, x-hx, "C", a+near, x-hx-14, b-near, y+hy+14, b-near, y+hy+3)
}

// drawMachine draws the machine with the way that a purchase went, oldest state
// first; none is none. words are what the states are called.
func drawMachine(id string, d drawing, went []purchase.State, words map[string]string) machine {
	m := machine{ID: id, Width: d.length, Height: d.breadth}
	if d.upright {
		m.Width, m.Height = d.breadth, d.length
	}
	places, hub := machinePlaces()
	moved := map[[2]purchase.State]bool{}
	var path []string
	for i, s := range went {
		path = append(path, words[string(s)])
		if i > 0 {
			moved[[2]purchase.State{went[i-1], s}] = true
		}
	}
	m.Path = strings.Join(path, " → ")
	for _, from := range purchase.States() {
		for _, to := range from.Next() {
			there, back := [2]purchase.State{from, to}, [2]purchase.State{to, from}
			e := machineEdge{Lit: moved[there]}
			switch hub {
			case from: // its lines are those that lead there, if there are any
				if slices.Contains(to.Next(), hub) {
					continue
				}
				e.D, e.Faint, e.Both = d.edge(places[to], place{places[to].along, hubRow}), true, true
			case to:
				e.D, e.Faint, e.Both = d.edge(places[from], place{places[from].along, hubRow}), true, slices.Contains(to.Next(), from)
				e.Lit = e.Lit || moved[back]
			default:
				e.D = d.edge(places[from], places[to])
			}
			m.Edges = append(m.Edges, e)
		}
	}
	// What is lit lies above the rest.
	slices.SortStableFunc(m.Edges, func(a, b machineEdge) int { return weight(a) - weight(b) })
	for _, s := range purchase.States() {
		n := machineNode{State: string(s), Word: words[string(s)], Lit: slices.Contains(went, s), Now: len(went) > 0 && went[len(went)-1] == s}
		along, across := d.start+places[s].along*d.step, d.rows[places[s].row]
		n.Width, n.Height = 2*d.halfAlong, 2*d.halfAcross[places[s].row]
		if s == hub {
			n.Hub, n.Turned, along, n.Width = true, d.upright, d.length/2, d.length-12
		}
		n.X, n.Y = along, across
		if d.upright {
			n.X, n.Y, n.Width, n.Height = across, along, n.Height, n.Width
		}
		m.Nodes = append(m.Nodes, n)
	}
	return m
}

func weight(e machineEdge) int {
	switch {
	case e.Lit:
		return 2
	case e.Faint:
		return 0
	}
	return 1
}

// wentThrough returns the states of a purchase in the order in which it came
// to them.
func wentThrough(p purchase.Purchase) []purchase.State {
	var went []purchase.State
	for _, e := range p.History {
		if len(went) == 0 || went[len(went)-1] != e.State {
			went = append(went, e.State)
		}
	}
	if len(went) == 0 || went[len(went)-1] != p.State {
		went = append(went, p.State)
	}
	return went
}
