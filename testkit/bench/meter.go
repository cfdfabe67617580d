package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// usage is what a program asked of DynamoDB and of others.
type usage struct {
	// calls counts the requests by operation: "PutItem", "SendMessage", and so on.
	calls map[string]int
	// failed counts the conditional writes among them that changed nothing.
	failed int
	// table and index are write units of the table and of its indexes, reads are
	// read units: see units.go.
	table, index, reads float64
	// largest is the greatest size of an item that was written, in bytes.
	largest int
	// outside is how long at least one request was under way, and peak how many
	// were at once.
	outside time.Duration
	peak    int
}

func (u usage) writes() float64 { return u.table + u.index }

// total counts the requests of all operations.
func (u usage) total() int {
	n := 0
	for _, count := range u.calls {
		n += count
	}
	return n
}

// String names the calls: "2 GetItem, PutItem".
func (u usage) String() string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(u.calls)) {
		if n := u.calls[name]; n > 1 {
			name = fmt.Sprintf("%d %s", n, name)
		}
		all = append(all, name)
	}
	return strings.Join(all, ", ")
}

// meter stands on loopback between a program and a server with DynamoDB's API,
// hands on what is said, and counts.
type meter struct {
	// url is where the program finds it.
	url    string
	server *http.Server
	target string

	mu      sync.Mutex
	used    usage
	active  int
	since   time.Time
	schemas map[string]schema
	failure error
}

// openMeter opens a meter before the server at target. Other calls of AWS's JSON
// protocol than DynamoDB's, and all without X-Amz-Target, are handed to others,
// and counted by the name that it returns.
func openMeter(target string, others func(w http.ResponseWriter, r *http.Request, body []byte) (operation string)) (*meter, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	m := &meter{url: "http://" + listener.Addr().String(), target: target, schemas: map[string]schema{}}
	m.server = &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		m.enter()
		defer m.leave()
		body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
		if err != nil {
			m.fails(err)
			return
		}
		service, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
		if !strings.HasPrefix(service, "DynamoDB_") {
			m.count(others(w, r, body))
			return
		}
		if err := m.forward(w, r, operation, body); err != nil {
			m.fails(fmt.Errorf("%s: %w", operation, err))
			w.WriteHeader(http.StatusInternalServerError)
		}
	})}
	go func() { _ = m.server.Serve(listener) }() // it ends with close
	return m, nil
}

func (m *meter) close() { _ = m.server.Close() }

// take returns what was counted since the last take, and begins anew.
func (m *meter) take() (usage, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	used, err := m.used, m.failure
	m.used, m.failure = usage{}, nil
	return used, err
}

func (m *meter) enter() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.active++; m.active == 1 {
		m.since = time.Now()
	}
	m.used.peak = max(m.used.peak, m.active)
}

func (m *meter) leave() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.active--; m.active == 0 {
		m.used.outside += time.Since(m.since)
	}
}

func (m *meter) count(operation string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used.calls == nil {
		m.used.calls = map[string]int{}
	}
	m.used.calls[operation]++
}

func (m *meter) fails(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.failure == nil {
		m.failure = err
	}
}

// forward makes a call of DynamoDB, and looks at the item before and after it, for
// what a write costs depends on both.
func (m *meter) forward(w http.ResponseWriter, r *http.Request, operation string, body []byte) error {
	ctx := r.Context()
	var input struct {
		TableName, IndexName string
		Key, Item            item
		ConsistentRead       bool
	}
	if err := json.Unmarshal(body, &input); err != nil {
		return err
	}
	form, err := m.schema(ctx, r.Header, input.TableName)
	if err != nil {
		return err
	}
	writes := operation == "PutItem" || operation == "UpdateItem" || operation == "DeleteItem"
	key := input.Key
	if operation == "PutItem" {
		key = input.Item.only(form.keys)
	}
	var before, after item
	if writes {
		if before, err = m.look(ctx, r.Header, input.TableName, key); err != nil {
			return err
		}
	}
	status, header, answer, err := m.call(ctx, r.Header, operation, body)
	if err != nil {
		return err
	}
	if writes {
		if after, err = m.look(ctx, r.Header, input.TableName, key); err != nil {
			return err
		}
	}
	m.count(operation)
	m.mu.Lock()
	switch {
	case writes && status == http.StatusOK:
		m.used.largest = max(m.used.largest, after.size())
		m.used.table += tableWrite(before, after)
		for _, index := range form.indexes {
			m.used.index += indexWrite(index, before, after)
		}
	case writes && bytes.Contains(answer, []byte("ConditionalCheckFailedException")):
		m.used.failed++
		m.used.table += tableWrite(before, input.Item)
	case status != http.StatusOK:
		err = fmt.Errorf("the server answers %d: %.300s", status, answer)
	case operation == "GetItem" || operation == "Query":
		var output struct {
			Item  item
			Items []item
		}
		if err = json.Unmarshal(answer, &output); err == nil {
			m.used.reads += read(append(output.Items, output.Item), input.ConsistentRead)
		}
	default:
		err = fmt.Errorf("nobody knows what it costs")
	}
	m.mu.Unlock()
	if err != nil {
		return err
	}
	maps.Copy(w.Header(), header)
	w.WriteHeader(status)
	_, err = w.Write(answer)
	return err
}

// call makes a call of DynamoDB with the headers of another: the server looks at
// the form of a signature alone.
func (m *meter) call(ctx context.Context, like http.Header, operation string, body []byte) (status int, header http.Header, answer []byte, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, m.target, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil, err
	}
	req.Header = like.Clone()
	req.Header.Set("X-Amz-Target", "DynamoDB_20120810."+operation)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, answer, err
}

func (m *meter) ask(ctx context.Context, like http.Header, operation string, input, output any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	status, _, answer, err := m.call(ctx, like, operation, body)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("the server answers %s %d: %.300s", operation, status, answer)
	}
	return json.Unmarshal(answer, output)
}

// look returns the item at key as it stands, nil if there is none.
func (m *meter) look(ctx context.Context, like http.Header, table string, key item) (item, error) {
	var output struct{ Item item }
	err := m.ask(ctx, like, "GetItem", map[string]any{"TableName": table, "Key": key, "ConsistentRead": true}, &output)
	return output.Item, err
}

// schema returns the form of a table, which is asked for once.
func (m *meter) schema(ctx context.Context, like http.Header, table string) (schema, error) {
	m.mu.Lock()
	known, ok := m.schemas[table]
	m.mu.Unlock()
	if ok {
		return known, nil
	}
	type keys []struct{ AttributeName string }
	names := func(k keys) (all []string) {
		for _, key := range k {
			all = append(all, key.AttributeName)
		}
		return all
	}
	var output struct {
		Table struct {
			KeySchema              keys
			GlobalSecondaryIndexes []struct {
				KeySchema  keys
				Projection struct {
					ProjectionType   string
					NonKeyAttributes []string
				}
			}
		}
	}
	if err := m.ask(ctx, like, "DescribeTable", map[string]string{"TableName": table}, &output); err != nil {
		return schema{}, err
	}
	form := schema{keys: names(output.Table.KeySchema)}
	for _, found := range output.Table.GlobalSecondaryIndexes {
		index := index{keys: names(found.KeySchema), all: found.Projection.ProjectionType == "ALL"}
		index.holds = slices.Concat(form.keys, index.keys, found.Projection.NonKeyAttributes)
		form.indexes = append(form.indexes, index)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.schemas[table] = form
	return form, nil
}
