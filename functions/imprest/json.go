package main

import (
	"bytes"
	"encoding/json"

	"github.com/urfave/cli/v3"
)

// jsonFlag is what every command has that prints a result; about says what is
// printed.
func jsonFlag(about string) cli.Flag { return &cli.BoolFlag{Name: "json", Usage: about} }

const (
	asOneLine  = "print it as one line of JSON"
	asEachLine = "print each as one line of JSON"
)

// printJSON writes v as one line, in one piece.
func (p *program) printJSON(v any) error {
	line, err := encodeLine(v)
	if err == nil {
		_, err = p.stdout.Write(line)
	}
	return err
}

// encodeLine is v as one line of JSON, with <, > and & as they are.
func encodeLine(v any) ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return line.Bytes(), err
}
