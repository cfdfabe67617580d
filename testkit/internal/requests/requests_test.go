package requests

import (
	"context"
	"net"
	"net/http"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/adapters/nethttp"
	"github.com/imprest-go/imprest/core"
)

// A handler sees what was sent, and its client gets what it answered, whatever
// lies between them.
func TestTheSameRequestAndTheSameAnswer(t *testing.T) {
	each(t, func(t *testing.T, tr transport, row row) {
		hold(t, tr, row, func(h core.Handler) core.Handler { return h })
	})
}

// The same for a handler of net/http that rides along.
func TestTheSameThroughAnHTTPHandler(t *testing.T) {
	each(t, func(t *testing.T, tr transport, row row) {
		hold(t, tr, row, func(h core.Handler) core.Handler { return nethttp.FromHTTP(nethttp.Wrap(h)) })
	})
}

func each(t *testing.T, run func(*testing.T, transport, row)) {
	for _, tr := range transports() {
		t.Run(tr.name, func(t *testing.T) {
			for _, row := range rows() {
				t.Run(row.name, func(t *testing.T) {
					if tr.cannot != nil {
						if why := tr.cannot(row.over(tr)); why != "" {
							t.Skip(why)
						}
					}
					run(t, tr, row)
				})
			}
		})
	}
}

// hold has tr carry a row to a handler behind around, and holds what it saw and
// what came back against what was sent and answered.
func hold(t *testing.T, tr transport, row row, around func(core.Handler) core.Handler) {
	want, got, err := carried(t, tr, row, around, tr.differs)
	require.NoError(t, err)
	assert.Equal(t, want, got)
}

// told is a request and its answer as a failed test can print them.
type told struct {
	Line    string
	Header  core.Header
	Body    string
	Remote  string
	Status  int
	Answer  core.Header
	Content string
}

// carried has tr carry a row. It returns what had to arrive at both ends and
// what did, with differs taken into account.
func carried(t *testing.T, tr transport, row row, around func(core.Handler) core.Handler, differs []difference) (want, got told, err error) {
	t.Helper()
	resp := row.response
	if resp.Status == 0 && resp.Body == nil {
		resp = *core.Text(http.StatusOK, "success")
	}
	var seen []core.Request
	h := core.HandlerFunc(func(_ context.Context, r *core.Request) *core.Response {
		copied := *r
		copied.Header, copied.Body = slices.Clone(r.Header), slices.Clone(r.Body)
		seen = append(seen, copied)
		return &core.Response{Status: resp.Status, Header: slices.Clone(resp.Header), Body: resp.Body}
	})
	r := row.over(tr)
	arrived, err := tr.carry(t, around(h), r)
	if err != nil {
		return want, got, err
	}
	require.Len(t, seen, 1, "the handler was not called once; the client got %d", arrived.status)
	wantRequest, wantAnswer := sent(r), answered(r, resp)
	for _, d := range differs {
		change(d.sent, &wantRequest)
		change(d.seen, &seen[0])
		change(d.answered, &wantAnswer)
		change(d.got, &arrived)
	}
	ip, _, err := net.SplitHostPort(seen[0].RemoteAddr)
	seen[0].RemoteAddr = ip
	return tell(wantRequest, wantAnswer), tell(seen[0], arrived), err
}

func change[T any](by func(*T), of *T) {
	if by != nil {
		by(of)
	}
}

func tell(r core.Request, a answer) told {
	return told{
		Line: r.Method + " " + r.Path + "?" + r.RawQuery, Header: append(core.Header{}, r.Header...), Body: string(r.Body), Remote: r.RemoteAddr,
		Status: a.status, Answer: append(core.Header{}, a.header...), Content: string(a.body),
	}
}

// No difference is there without a row that needs it.
func TestEveryDifferenceHasARow(t *testing.T) {
	for _, tr := range transports() {
		for i, left := range tr.differs {
			assert.NotEmpty(t, left.says)
			others := slices.Delete(slices.Clone(tr.differs), i, i+1)
			needed := slices.ContainsFunc(rows(), func(row row) bool {
				if tr.cannot != nil && tr.cannot(row.over(tr)) != "" {
					return false
				}
				want, got, err := carried(t, tr, row, func(h core.Handler) core.Handler { return h }, others)
				return err == nil && !assert.ObjectsAreEqual(want, got)
			})
			assert.True(t, needed, "%s: no row needs that %s", tr.name, left.says)
		}
	}
}

func TestTheTable(t *testing.T) {
	assert.GreaterOrEqual(t, len(rows()), 60)
	names := map[string]bool{}
	for i, row := range rows() {
		assert.False(t, names[row.name], "%d: %q is there twice", i, row.name)
		names[row.name] = true
	}
	for _, tr := range transports() {
		carries := 0
		for _, row := range rows() {
			if tr.cannot == nil || tr.cannot(row.over(tr)) == "" {
				carries++
			}
		}
		assert.Greater(t, carries, len(rows())*9/10, "%s carries %s rows", tr.name, strconv.Itoa(carries))
	}
}
