package main

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// table is what one bench found.
type table struct {
	title   string
	columns []string
	rows    [][]string
	bars    []bar
	notes   []string
}

// bar is what a figure must reach.
type bar struct {
	what  string
	value float64
	limit float64
	// least is set where value must not be smaller than limit; else it must not
	// be greater.
	least bool
}

func (b bar) met() bool {
	if b.least {
		return b.value >= b.limit
	}
	return b.value <= b.limit
}

func (b bar) String() string {
	verdict, relation := "met", "at most"
	if !b.met() {
		verdict = "MISSED"
	}
	if b.least {
		relation = "at least"
	}
	return fmt.Sprintf("%s: %.2f, %s %g: %s", b.what, b.value, relation, b.limit, verdict)
}

func (t table) missed() []string {
	var all []string
	for _, b := range t.bars {
		if !b.met() {
			all = append(all, b.String())
		}
	}
	return all
}

// print writes the table in Markdown, in columns that line up in a terminal too.
func (t table) print(w io.Writer) {
	fmt.Fprintf(w, "\n## %s\n\n", t.title)
	widths := make([]int, len(t.columns))
	for i := range t.columns {
		widths[i] = len([]rune(t.columns[i]))
		for _, row := range t.rows {
			widths[i] = max(widths[i], len([]rune(row[i])))
		}
	}
	line := func(cells []string) {
		for i, cell := range cells {
			pad := strings.Repeat(" ", widths[i]-len([]rune(cell)))
			if i > 0 {
				cell = pad + cell // figures, to the right
			} else {
				cell += pad
			}
			fmt.Fprintf(w, "| %s ", cell)
		}
		fmt.Fprintln(w, "|")
	}
	line(t.columns)
	for i, width := range widths {
		rule := strings.Repeat("-", width)
		if i > 0 {
			rule = rule[:width-1] + ":"
		}
		fmt.Fprintf(w, "| %s ", rule)
	}
	fmt.Fprintln(w, "|")
	for _, row := range t.rows {
		line(row)
	}
	for _, note := range t.notes {
		fmt.Fprintf(w, "\n%s\n", note)
	}
	if len(t.bars) > 0 {
		fmt.Fprintln(w)
	}
	for _, b := range t.bars {
		fmt.Fprintf(w, "- %s\n", b)
	}
}

// machine says where and with what was measured.
func machine(now time.Time) string {
	cpu := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				cpu = strings.TrimSpace(value)
				break
			}
		}
	}
	text := fmt.Sprintf("%s, %s, %s/%s, %d processors (%s).\n", now.UTC().Format(time.DateOnly), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), cpu)
	if info, ok := debug.ReadBuildInfo(); ok {
		var direct []string
		for _, dep := range info.Deps {
			if slices.Contains(measured, dep.Path) {
				direct = append(direct, dep.Path+" "+dep.Version)
			}
		}
		if len(direct) > 0 {
			text += "Beside: " + strings.Join(direct, ", ") + ".\n"
		}
	}
	return text
}

// measured are the modules whose versions belong to the figures.
var measured = []string{
	"github.com/akrylysov/algnhsa",
	"github.com/apex/gateway/v2",
	"github.com/aws/aws-lambda-go",
	"github.com/aws/aws-sdk-go-v2/service/dynamodb",
	"github.com/awslabs/aws-lambda-go-api-proxy",
	"github.com/go-playground/validator/v10",
	"github.com/jackc/pgx/v5",
	"github.com/shogo82148/ridgenative",
	"github.com/standard-webhooks/standard-webhooks/libraries",
	"github.com/stripe/stripe-go/v83",
	"modernc.org/sqlite",
}

// median returns the middle of all, and sorts it.
func median[T int64 | float64 | time.Duration](all []T) T {
	slices.Sort(all)
	return all[len(all)/2]
}
