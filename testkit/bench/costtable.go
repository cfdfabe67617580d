package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// part is something that a payment consists of: what each round found.
type part struct {
	name             string
	used             usage
	cpu, own         []float64
	coldCPU, coldOwn []float64
	// messages is how many requests the queue takes for it: 1 to send, 2 to receive
	// and to delete, which Lambda does.
	messages float64
}

// spent is what one event takes, the medians of the rounds.
func (p *part) spent() spent {
	s := spent{writes: p.used.writes(), reads: p.used.reads, messages: p.messages}
	if len(p.cpu) > 0 {
		s.cpu, s.own = median(p.cpu), median(p.own)
	}
	s.queue, s.merchant = float64(p.used.calls["SendMessage"]), float64(p.used.calls["Deliver"])
	// Requests that are made at once wait together. Only DynamoDB's are.
	s.dynamo = (float64(p.used.total()) - s.queue - s.merchant) / float64(max(1, p.used.peak))
	return s
}

// cold is what a start takes beyond the event that it is for.
func (p *part) cold() spent { return spent{cpu: median(p.coldCPU), own: median(p.coldOwn)} }

func (p *part) add(found played) error {
	if len(p.cpu) > 0 && (p.used.String() != found.used.String() || p.used.writes() != found.used.writes()) {
		return fmt.Errorf("%s: one time it is %s, one time %s", p.name, p.used, found.used)
	}
	peak := max(p.used.peak, found.used.peak)
	p.used = found.used
	p.used.peak = peak
	p.cpu, p.own = append(p.cpu, found.cpu), append(p.own, found.own)
	p.coldCPU, p.coldOwn = append(p.coldCPU, found.coldCPU), append(p.coldOwn, found.coldOwn)
	return nil
}

// cost measures what a payment takes of Lambda and of DynamoDB, by the artifacts
// of template/aws and by a function of the usual parts, and reckons what a million
// come to. COST.md says how to read it.
func cost(ctx context.Context, progress io.Writer) (table, error) {
	const rounds, events = 5, 60
	assumed := assumed
	var err error
	if assumed.memory, err = templateMemory(); err != nil {
		return table{}, err
	}
	dir, err := os.MkdirTemp("", "bench-cost")
	if err != nil {
		return table{}, err
	}
	defer os.RemoveAll(dir)
	s, err := openStage(ctx, dir, progress)
	if err != nil {
		return table{}, err
	}
	defer s.close()

	order, asking := &part{name: "order begun"}, &part{name: "unpaid order asked about, once"}
	taken := &part{name: "paid: taken, into the queue", messages: 1}
	delivered := &part{name: "delivered from the queue", messages: 2}
	inline := &part{name: "paid: taken and delivered"}
	duplicate := &part{name: "duplicate of a notification"}
	sweep := &part{name: "sweep that finds nothing"}
	peer, peerDuplicate := &part{name: "peers: taken and delivered"}, &part{name: "peers: duplicate"}

	tick := lambdatest.Schedule(s.now)
	for round := range rounds {
		say(progress, "cost: round %d of %d", round+1, rounds)
		ids, one, err := s.orders(ctx, 2*(events+2))
		if err != nil {
			return table{}, err
		}
		order.used = one
		var queued, atOnce, strangers, messages, ticks [][]byte
		for i := range events + 2 {
			queued = append(queued, s.notification(ids[i]))
			messages = append(messages, lambdatest.SQS(lambdatest.Message{Body: fmt.Sprintf(`{"id":%q}`, ids[i])}))
			atOnce = append(atOnce, s.notification(ids[events+2+i]))
			strangers = append(strangers, s.notification(fmt.Sprintf("%08x-r%d-order", uint32(i)*2654435761, round)))
			ticks = append(ticks, tick)
		}
		for _, scene := range []struct {
			part   *part
			binary string
			env    []string
			events [][]byte
			fit    func([]byte) error
		}{
			{taken, s.paycallback, s.ours(true), queued, acknowledged},
			{peer, s.peers, s.theirs(), strangers, acknowledged},
			{delivered, s.reconcile, s.ours(false), messages, settled},
			{inline, s.paycallback, s.ours(false), atOnce, acknowledged},
			{duplicate, s.paycallback, s.ours(true), queued, acknowledged},
			{peerDuplicate, s.peers, s.theirs(), strangers, acknowledged},
			{sweep, s.reconcile, s.ours(false), ticks, func([]byte) error { return nil }},
		} {
			found, err := s.play(ctx, scene.binary, scene.env, scene.events, scene.fit)
			if err == nil {
				err = scene.part.add(found)
			}
			if err != nil {
				return table{}, fmt.Errorf("%s: %w", scene.part.name, err)
			}
		}
	}
	if asking.used, err = s.asked(ctx); err != nil {
		return table{}, err
	}
	large := &part{name: "a sale with 0.5 kB more, units"}
	if large.used, err = s.larger(ctx); err != nil {
		return table{}, err
	}
	if n := sweep.used.calls["Query"]; n == 0 || n != sweep.used.total() {
		return table{}, fmt.Errorf("a sweep that finds nothing makes queries alone, and this one made %s", sweep.used)
	}
	versions, err := linked(s.peers)
	if err != nil {
		return table{}, err
	}

	t := table{
		title:   "Cost on paper: a million payments on Lambda and DynamoDB",
		columns: []string{"what, a million times", "calls", "write units", "read units", "item, bytes", "processor, ms", "own time, ms", "GB-s, least", "GB-s, most", "USD"},
		notes: []string{
			"Made of what this run measured and of what COST.md assumes: units of one event, table + index; processor time of the function; its time without that in which it waits for others; " +
				fmt.Sprintf("then, with %g MB, %g ms for each wait for DynamoDB, %g for SQS and %g for the server that grants goods, GB-seconds and list prices of a million. ", assumed.memory, assumed.dynamo, assumed.queue, assumed.merchant) +
				"The sweep is that of a month of minutes, whatever is sold in it.",
			"The peers keep a table of events seen, with " + versions + ". They do less: COST.md says what.",
		},
	}
	// A sale has written so much since it was first measured.
	const writes = 14
	t.bars = []bar{
		{what: "write units of a sale, through the queue", value: order.used.writes() + taken.used.writes() + delivered.used.writes(), limit: writes},
		{what: "write units of a sale with 0.5 kB more", value: large.used.writes(), limit: writes},
	}
	row := func(name string, u usage, s spent, b bill) []string {
		cells := []string{name, "", "", figure(s.reads), "", "", "", "", "", fmt.Sprintf("%.2f", b.usd)}
		if u.calls != nil {
			cells[1] = fmt.Sprint(u.total())
		}
		if cells[2] = figure(u.table); u.index > 0 {
			cells[2] += " + " + figure(u.index)
		}
		if u.largest > 0 {
			cells[4] = fmt.Sprint(u.largest)
		}
		if s.cpu > 0 {
			cells[5], cells[6] = fmt.Sprintf("%.2f", s.cpu), fmt.Sprintf("%.2f", s.own)
			cells[7], cells[8] = fmt.Sprintf("%.0f", b.least), fmt.Sprintf("%.0f", b.most)
		}
		return cells
	}
	add := func(p *part) { t.rows = append(t.rows, row(p.name, p.used, p.spent(), assumed.million(p.spent()))) }
	sum := func(name string, parts ...*part) {
		var b bill
		var of spent
		var u usage
		for _, p := range parts {
			b, of = b.plus(assumed.million(p.spent())), of.plus(p.spent())
			u.table, u.index = u.table+p.used.table, u.index+p.used.index
		}
		t.rows = append(t.rows, row(name, u, of, b))
	}
	for _, p := range []*part{order, taken, delivered} {
		add(p)
	}
	sum("= a sale, through the queue", order, taken, delivered)
	add(inline)
	sum("= a sale, delivered at once", order, inline)
	for _, p := range []*part{large, duplicate, asking} {
		add(p)
	}
	month := assumed.million(sweep.spent())
	share := sweepsInAMonth / 1e6
	month = bill{least: month.least * share, most: month.most * share, usd: month.usd * share}
	t.rows = append(t.rows, row("the sweep, a month", sweep.used, sweep.spent(), month))
	start := func(name string, p *part) {
		t.rows = append(t.rows, row(name, usage{}, p.cold(), assumed.million(p.cold())))
	}
	start("paycallback's start, besides", taken)
	add(peer)
	add(peerDuplicate)
	start("peers' start, besides", peer)
	return t, nil
}

// linked names the modules that a program of the usual parts was built of.
func linked(binary string) (string, error) {
	info, err := buildinfo.ReadFile(binary)
	if err != nil {
		return "", err
	}
	var all []string
	for _, dep := range info.Deps {
		switch dep.Path {
		case "github.com/aws/aws-lambda-go", "github.com/awslabs/aws-lambda-go-api-proxy", "github.com/aws/aws-sdk-go-v2/config", "github.com/aws/aws-sdk-go-v2/service/dynamodb":
			all = append(all, dep.Path+" "+dep.Version)
		}
	}
	return strings.Join(all, ", "), nil
}
