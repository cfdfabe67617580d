package main

import (
	"context"
	"fmt"
	"io"
	"mime"
	"os"

	"github.com/urfave/cli/v3"

	"github.com/imprest-go/imprest/core"
)

const (
	typeJSON = "application/json"
	typeForm = "application/x-www-form-urlencoded"
)

func contentTypeFlag() cli.Flag {
	return &cli.StringFlag{
		Name:        "content-type",
		Usage:       "the Content-Type `TYPE` that the body came with, or json or form; empty for none, which is read as JSON",
		DefaultText: "form if the body begins with name=, which no JSON does; json otherwise",
	}
}

// body is what a command was given to read.
type body struct {
	bytes       []byte
	contentType string
}

// isForm reports whether the body says that it is a form.
func (b body) isForm() bool {
	media, _, err := mime.ParseMediaType(b.contentType)
	return err == nil && media == typeForm
}

// body reads the file that the command names, or standard input: up to more
// than a message can have, so that whoever judges it sees that it is too long.
func (p *program) body(ctx context.Context, cmd *cli.Command) (body, error) {
	if cmd.Args().Len() > 1 {
		return body{}, usage("unexpected argument %q: one FILE is read", cmd.Args().Get(1))
	}
	bytes, err := p.read(ctx, cmd.Args().First())
	if err != nil {
		return body{}, err
	}
	b := body{bytes: bytes, contentType: cmd.String("content-type")}
	switch {
	case !cmd.IsSet("content-type"):
		b.contentType = typeJSON
		if beginsForm(b.bytes) {
			b.contentType = typeForm
		}
	case b.contentType == "json":
		b.contentType = typeJSON
	case b.contentType == "form":
		b.contentType = typeForm
	}
	return b, nil
}

// noteLineEnd tells of the line end that echo and editors leave behind a form:
// it is part of the last value, and strict reading refuses it.
func (p *program) noteLineEnd(b body) {
	if n := len(b.bytes); b.isForm() && n > 0 && b.bytes[n-1] == '\n' {
		p.note("the form ends with a line end, which counts as part of its last value: use printf in the place of echo")
	}
}

// maxInput is how much is read: whoever judges a message sees that it is too
// long, and a record of one that is not fits, escaped as it is.
const maxInput = 8 * core.MaxBody

// read returns the contents of the file called name; "" and "-" are standard
// input. It ends with ctx, whatever the other end of a pipe does.
func (p *program) read(ctx context.Context, name string) ([]byte, error) {
	source, from := p.stdin, "standard input"
	if name != "" && name != "-" {
		from = name
		file, err := os.Open(name)
		if err != nil {
			return nil, usage("%v", err)
		}
		defer file.Close()
		source = file
	} else if isTerminal(p.stdin) && isTerminal(p.stderr) {
		fmt.Fprintln(p.stderr, "reading from the terminal: end the body with Ctrl-D on a line of its own")
	}
	type result struct {
		bytes []byte
		err   error
	}
	read := make(chan result, 1)
	go func() {
		bytes, err := io.ReadAll(io.LimitReader(source, maxInput))
		read <- result{bytes, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-read:
		if r.err != nil {
			return nil, usage("%s: cannot be read: %v", from, r.err)
		}
		return r.bytes, nil
	}
}

// beginsForm reports whether text begins like a form, with a field name and
// "=": no JSON document does.
func beginsForm(text []byte) bool {
	for i, c := range text {
		switch {
		case c == '=':
			return i > 0
		case c == '_', '0' <= c && c <= '9', 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z':
		default:
			return false
		}
	}
	return false
}
