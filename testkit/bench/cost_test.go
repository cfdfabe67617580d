package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
)

// The worked example of COST.md is what the code reckons, line by line.
func TestTheWorkedExampleOfThePage(t *testing.T) {
	page, err := os.ReadFile("COST.md")
	if err != nil {
		t.Fatal(err)
	}
	a := assumptions{memory: 256, wholeCPU: 1769, dynamo: 4, queue: 8, merchant: 50, gbSecond: 0.0000133334, invocation: 0.20, write: 0.625, read: 0.125, message: 0.40}
	if a != assumed {
		t.Errorf("the example is of other assumptions than the table: %+v", assumed)
	}
	s := spent{cpu: 2, own: 2.3, dynamo: 3, queue: 1, writes: 4, reads: 1, messages: 1}
	b := a.million(s)
	share := a.memory / a.wholeCPU
	for _, line := range []string{
		fmt.Sprintf("waiting        3 × 4 ms + 1 × 8 ms + 0 × 50 ms = %g ms", 3*a.dynamo+a.queue),
		fmt.Sprintf("share          256 / 1769 = %.4f of a processor", share),
		fmt.Sprintf("least          ceil(2.3 + 20) = %g ms; × 0.25 GB × 10^6 = %.0f GB-s", a.duration(s, s.own), b.least),
		fmt.Sprintf("most           ceil(2 / %.4f + 20) = %g ms; × 0.25 GB × 10^6 = %.0f GB-s", share, a.duration(s, s.cpu/share), b.most),
		fmt.Sprintf("Lambda         %.0f × 0.0000133334 + 0.20 = %.2f USD", b.most, b.most*a.gbSecond+a.invocation),
		fmt.Sprintf("DynamoDB       4 × 0.625 + 1 × 0.125 = %.3f USD", s.writes*a.write+s.reads*a.read),
		fmt.Sprintf("SQS            1 × 0.40 = %.2f USD", s.messages*a.message),
		fmt.Sprintf("together       %.2f USD", b.usd),
	} {
		if !strings.Contains(string(page), "\n"+line+"\n") {
			t.Errorf("COST.md lacks the line\n%s", line)
		}
	}
	// By hand, so that the page and the code are not wrong together.
	if want := 8500*0.0000133334 + 0.20 + 2.5 + 0.125 + 0.40; math.Abs(b.usd-want) > 1e-9 || b.least != 5750 || b.most != 8500 {
		t.Errorf("%+v, not %g USD", b, want)
	}
}

func TestAFunctionThatDoesNotRunIsNotBilled(t *testing.T) {
	b := assumed.million(spent{writes: 5, dynamo: 2})
	if b != (bill{usd: 5 * assumed.write}) {
		t.Errorf("%+v", b)
	}
}

func TestAWholeProcessorIsNotMoreThanOne(t *testing.T) {
	a := assumed
	a.memory = 2 * a.wholeCPU
	s := spent{cpu: 10, own: 10}
	if b := a.million(s); b.least != b.most {
		t.Errorf("%+v", b)
	}
}

func TestTheTemplateSaysHowMuchMemory(t *testing.T) {
	memory, err := templateMemory()
	if err != nil || memory != assumed.memory {
		t.Errorf("template/aws has %g MB, COST.md tells of %g: %v", memory, assumed.memory, err)
	}
}

// DynamoDB's published examples, and the edges of a KiB.
func TestUnits(t *testing.T) {
	of := func(body int, due string) item {
		text := func(s string) []byte { return fmt.Appendf(nil, "%q", s) }
		it := item{"id": {"S": text("p1")}, "b": {"S": text(strings.Repeat("x", body))}}
		if due != "" {
			it["due"], it["part"] = map[string]json.RawMessage{"N": text(due)}, map[string]json.RawMessage{"N": text("3")}
		}
		return it
	}
	due := index{keys: []string{"part", "due"}, all: true}
	keys := index{keys: []string{"part", "due"}, holds: []string{"id", "part", "due"}}
	if got := of(100, "").size(); got != 2+2+1+100 {
		t.Errorf("an item of %d bytes", got)
	}
	for text, want := range map[string]int{"0": 1, "7": 2, "10": 2, "1234": 3, "-1234": 4, "1700000000123": 8, "100": 2} {
		if got := weight("N", fmt.Appendf(nil, "%q", text)); got != want {
			t.Errorf("the number %s weighs %d, not %d", text, got, want)
		}
	}
	if got := weight("B", []byte(`"AAECAw=="`)); got != 4 {
		t.Errorf("four bytes weigh %d", got)
	}
	for _, c := range []struct {
		name                 string
		before, after        item
		table, index, hollow float64
	}{
		{"made, not due", nil, of(10, ""), 1, 0, 0},
		{"made, due", nil, of(10, "5"), 1, 1, 1},
		{"another due", of(10, "5"), of(10, "6"), 1, 2, 2},
		{"the same due, another body", of(10, "5"), of(11, "5"), 1, 1, 0},
		{"the same", of(10, "5"), of(10, "5"), 1, 0, 0},
		{"not due any more", of(10, "5"), of(10, ""), 1, 1, 1},
		{"removed", of(10, "5"), nil, 1, 1, 1},
		{"1 KiB", nil, of(1024-5, ""), 1, 0, 0},
		{"over 1 KiB", nil, of(1024-4, ""), 2, 0, 0},
		{"over 1 KiB, another due", of(1200, "5"), of(1200, "6"), 2, 4, 2},
		{"it was larger", of(3000, ""), of(10, ""), 3, 0, 0},
	} {
		if got := tableWrite(c.before, c.after); got != c.table {
			t.Errorf("%s: %g units of the table, not %g", c.name, got, c.table)
		}
		if got := indexWrite(due, c.before, c.after); got != c.index {
			t.Errorf("%s: %g units of the index, not %g", c.name, got, c.index)
		}
		if got := indexWrite(keys, c.before, c.after); got != c.hollow {
			t.Errorf("%s: %g units of an index of keys, not %g", c.name, got, c.hollow)
		}
	}
	if got := read([]item{of(5000, "")}, true); got != 2 {
		t.Errorf("a consistent read of 5 kB is %g units", got)
	}
	if got := read(nil, false); got != 0.5 {
		t.Errorf("to find nothing is %g units", got)
	}
	if got := read([]item{of(3000, ""), of(3000, "")}, false); got != 1 {
		t.Errorf("a query of two items is %g units", got)
	}
}
