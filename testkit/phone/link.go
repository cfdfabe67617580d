package phone

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"rsc.io/qr"

	"github.com/imprest-go/imprest/core"
)

// screenOf returns the screen of a link into the app.
func screenOf(action string) string {
	return map[string]string{
		"thirdlogin":      "/phone/login",
		"qpay":            "/phone/pay",
		"share":           "/phone/share",
		"openSessionView": "/phone/chat",
	}[action]
}

// readLink reads a qyx:// link, and returns the address of its screen. The
// screen judges the parameters; a link that is none of the documented ones, or
// that two readers could take in two ways, has no screen.
func readLink(link string) (screen string, ok bool) {
	u, err := url.Parse(link)
	if err != nil || u.Scheme != "qyx" || u.User != nil || u.Fragment != "" || (u.Path != "" && u.Path != "/") {
		return "", false
	}
	path := screenOf(u.Host)
	query, err := url.ParseQuery(u.RawQuery)
	if path == "" || err != nil {
		return "", false
	}
	for _, values := range query {
		if len(values) > 1 {
			return "", false
		}
	}
	// These are the phone's own, and none of a link's.
	for _, name := range []string{"action", "lang", "session"} {
		query.Del(name)
	}
	return path + "?" + query.Encode(), true
}

// link opens the screen of a qyx:// link: GET /phone/link.
func (p *phone) link(_ context.Context, r *core.Request) *core.Response {
	a, ok := read(r)
	if !ok {
		return p.problem(r, http.StatusBadRequest, wordsOf(r).BadLink)
	}
	to, ok := readLink(a.Get("uri"))
	if !ok {
		return p.problem(r, http.StatusBadRequest, wordsOf(r).UnknownLink)
	}
	return redirect(to)
}

// scanBody is what a desktop shows for a phone to scan.
type scanBody struct {
	URI string
	// Open is the link to the phone on this machine.
	Open string
	// Size is the code's width in modules, its quiet zone included, and Path
	// its dark modules as an SVG path.
	Size int
	Path string
}

// scan shows a qyx:// link as a QR code: GET /phone/scan.
func (p *phone) scan(_ context.Context, r *core.Request) *core.Response {
	w := wordsOf(r)
	a, ok := read(r)
	if !ok {
		return p.problem(r, http.StatusBadRequest, w.BadLink)
	}
	uri := a.Get("uri")
	if _, ok := readLink(uri); !ok {
		return p.problem(r, http.StatusBadRequest, w.UnknownLink)
	}
	code, err := qr.Encode(uri, qr.M)
	if err != nil { // it is too long for the most modules there are
		return p.problem(r, http.StatusBadRequest, w.LongLink)
	}
	body := scanBody{URI: uri, Open: "/phone/link?" + url.Values{"uri": {uri}}.Encode()}
	body.Size, body.Path = drawn(code)
	return p.show(r, http.StatusOK, "scan", "", screen{W: w, Title: w.Scan, Body: body})
}

// quiet is the empty border that a reader needs, in modules.
const quiet = 4

// drawn returns a code as an SVG path, one bar for each run of dark modules.
func drawn(code *qr.Code) (size int, path string) {
	var b strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			start := x
			for x < code.Size && code.Black(x, y) {
				x++
			}
			if x > start {
				b.WriteString("M" + strconv.Itoa(start+quiet) + " " + strconv.Itoa(y+quiet) + "h" + strconv.Itoa(x-start) + "v1H" + strconv.Itoa(start+quiet) + "z")
			}
		}
	}
	return code.Size + 2*quiet, b.String()
}
