package purchase

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/journal"
)

// ErrNoCodes says that no exchange code of a catalog is left: load more. The
// purchase waits, and is tried again. Its code is core.CodeRefused, and it is
// core.Retryable.
var ErrNoCodes error = &core.Error{Op: "purchase.Codes", Code: core.CodeRefused, Safe: true,
	Err: errors.New("no exchange code of this catalog is left: load more")}

// CodesConfig is what [NewCodes] needs to know.
type CodesConfig struct {
	// Store keeps the codes ("codes/<catalog>/<shard>"). Required.
	Store journal.Store
	// LowWater is how many free codes of a catalog are so few that OnLow is
	// told; 0 is never.
	LowWater int
	// OnLow is told after a code was reserved and LowWater or fewer are left.
	OnLow func(ctx context.Context, catalog string, left int)
	// Now tells the time; nil is time.Now.
	Now func() time.Time
	// Logger takes what an operator should know, never a code; nil discards.
	Logger *slog.Logger
}

// Codes is the stock of exchange codes (兑换码) by service catalog
// (catalog_code). Each is redeemed at most once: to reserve one is a single
// versioned write. It is safe for use by many goroutines and processes.
type Codes struct {
	cfg  CodesConfig
	mu   sync.Mutex
	hint map[string]string // catalog → the shard where a free code was found last
}

// NewCodes checks cfg and returns a stock. Its errors have core.CodeInvalid.
func NewCodes(cfg CodesConfig) (*Codes, error) {
	switch {
	case cfg.Store == nil:
		return nil, core.Invalid("purchase.NewCodes", "Store must be given")
	case cfg.LowWater < 0:
		return nil, core.Invalid("purchase.NewCodes", "LowWater must not be negative")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Codes{cfg: cfg, hint: map[string]string{}}, nil
}

// CodeState is what became of an exchange code.
type CodeState string

// The states of a code.
const (
	CodeFree CodeState = "free"
	// CodeReserved: a purchase is to redeem it.
	CodeReserved CodeState = "reserved"
	// CodeUsed: it was redeemed.
	CodeUsed CodeState = "used"
	// CodeQuarantined: nobody knows whether it was redeemed, or the platform
	// would not take it. A person decides.
	CodeQuarantined CodeState = "quarantined"
)

type codeEntry struct {
	Code     string    `json:"code"`
	State    CodeState `json:"state"`
	Purchase string    `json:"purchase,omitempty"`
	Try      int       `json:"try,omitempty"` // of the purchase
	At       time.Time `json:"at"`
}

type codeShard struct {
	Codes []codeEntry `json:"codes"`
}

const (
	codesPrefix = "codes/"
	shardSize   = 200
	maxCode     = 128
)

// Loaded says what became of a batch.
type Loaded struct {
	// Added counts the codes that are new.
	Added int
	// Duplicates are the lines, counted from 1, whose code stood before: in
	// the batch, or in the stock in any state.
	Duplicates []int
}

// Load adds a batch of codes, one per line; blank lines are passed over. A
// line that is no code (over 128 characters, or not printable ASCII) is
// core.CodeInvalid and names the line; nothing is added then. A batch whose
// loading broke off can be loaded again: what is there already is reported as
// duplicate.
func (c *Codes) Load(ctx context.Context, catalog string, batch io.Reader) (Loaded, error) {
	const op = "purchase.Codes.Load"
	if err := checkCatalog(op, catalog); err != nil {
		return Loaded{}, err
	}
	known := map[string]bool{}
	last := -1
	err := c.walk(ctx, catalog, "", func(record journal.Record, shard codeShard) bool {
		last++
		for _, entry := range shard.Codes {
			known[entry.Code] = true
		}
		return true
	})
	if err != nil {
		return Loaded{}, err
	}
	var loaded Loaded
	var fresh []codeEntry
	lines := bufio.NewScanner(batch)
	now := journal.Millis(c.cfg.Now())
	for number := 1; lines.Scan(); number++ {
		code := strings.TrimSpace(lines.Text())
		switch {
		case code == "":
			continue
		case len(code) > maxCode || journal.CheckID(code) != nil:
			return Loaded{}, core.Invalid(op, fmt.Sprintf("line %d is no exchange code: at most %d printable characters without a space", number, maxCode))
		case known[code]:
			loaded.Duplicates = append(loaded.Duplicates, number)
			continue
		}
		known[code] = true
		fresh = append(fresh, codeEntry{Code: code, State: CodeFree, At: now})
	}
	if err := lines.Err(); err != nil {
		return Loaded{}, &core.Error{Op: op, Code: core.CodeInternal, Err: fmt.Errorf("the batch cannot be read: %w", err)}
	}
	for chunk := range slices.Chunk(fresh, shardSize) {
		body, err := json.Marshal(codeShard{Codes: chunk})
		if err != nil {
			return loaded, &core.Error{Op: op, Code: core.CodeInternal, Err: err}
		}
		last++
		// A conflict is another load at the same time: both cannot go on, or
		// one code could be added twice.
		if _, err := c.cfg.Store.Put(ctx, journal.Record{ID: shardID(catalog, last), Body: body}); err != nil {
			return loaded, err
		}
		loaded.Added += len(chunk)
	}
	return loaded, nil
}

// Stock counts the codes of a catalog by state.
func (c *Codes) Stock(ctx context.Context, catalog string) (map[CodeState]int, error) {
	if err := checkCatalog("purchase.Codes.Stock", catalog); err != nil {
		return nil, err
	}
	stock := map[CodeState]int{}
	err := c.walk(ctx, catalog, "", func(_ journal.Record, shard codeShard) bool {
		for _, entry := range shard.Codes {
			stock[entry.State]++
		}
		return true
	})
	return stock, err
}

// find returns the id of a shard with a free code, ErrNoCodes if there is none.
func (c *Codes) find(ctx context.Context, catalog string) (string, error) {
	c.mu.Lock()
	from := c.hint[catalog]
	c.mu.Unlock()
	found := ""
	look := func(record journal.Record, shard codeShard) bool {
		if free(shard) > 0 {
			found = record.ID
		}
		return found == ""
	}
	if from != "" {
		// Including the shard of the hint itself.
		if record, shard, err := c.load(ctx, from); err == nil && free(shard) > 0 {
			return record.ID, nil
		}
		if err := c.walk(ctx, catalog, from, look); err != nil {
			return "", err
		}
	}
	if found == "" {
		if err := c.walk(ctx, catalog, "", look); err != nil {
			return "", err
		}
	}
	if found == "" {
		return "", ErrNoCodes
	}
	c.mu.Lock()
	c.hint[catalog] = found
	c.mu.Unlock()
	return found, nil
}

// reserve takes a free code of one shard for a purchase. It finds again what
// it took before a crash. ErrNoCodes means that this shard has none left.
func (c *Codes) reserve(ctx context.Context, shardID, purchaseID string, try int) (string, error) {
	code, left := "", 0
	err := c.change(ctx, shardID, func(shard *codeShard) error {
		for i := range shard.Codes {
			if entry := &shard.Codes[i]; entry.Purchase == purchaseID && entry.Try == try && entry.State == CodeReserved {
				code = entry.Code
				return errUnchanged
			}
		}
		for i := range shard.Codes {
			if entry := &shard.Codes[i]; entry.State == CodeFree {
				entry.State, entry.Purchase, entry.Try, entry.At = CodeReserved, purchaseID, try, journal.Millis(c.cfg.Now())
				code, left = entry.Code, free(*shard)
				return nil
			}
		}
		return ErrNoCodes
	})
	if err != nil {
		return "", err
	}
	c.watchLevel(ctx, shardID, left)
	return code, nil
}

// watchLevel tells OnLow when a catalog runs low. Only when this shard has few
// left can all of them together have few.
func (c *Codes) watchLevel(ctx context.Context, shardID string, left int) {
	if c.cfg.OnLow == nil || c.cfg.LowWater == 0 || left > c.cfg.LowWater {
		return
	}
	catalog := strings.Split(strings.TrimPrefix(shardID, codesPrefix), "/")[0]
	if stock, err := c.Stock(ctx, catalog); err == nil && stock[CodeFree] <= c.cfg.LowWater {
		c.cfg.OnLow(ctx, catalog, stock[CodeFree])
	}
}

// settle says what became of the code that a purchase had reserved. A code
// that is settled already is left as it is.
func (c *Codes) settle(ctx context.Context, shardID, purchaseID string, try int, state CodeState) error {
	err := c.change(ctx, shardID, func(shard *codeShard) error {
		for i := range shard.Codes {
			entry := &shard.Codes[i]
			if entry.Purchase != purchaseID || entry.Try != try || entry.State != CodeReserved {
				continue
			}
			entry.State, entry.At = state, journal.Millis(c.cfg.Now())
			if state == CodeFree {
				entry.Purchase, entry.Try = "", 0
			}
			return nil
		}
		return errUnchanged
	})
	if err == nil && state == CodeQuarantined {
		c.cfg.Logger.ErrorContext(ctx, "an exchange code is in quarantine", "shard", shardID, "id", purchaseID)
	}
	return err
}

func (c *Codes) change(ctx context.Context, id string, fn func(*codeShard) error) error {
	for range maxTries {
		record, shard, err := c.load(ctx, id)
		if err != nil {
			return err
		}
		if err := fn(&shard); err != nil {
			if errors.Is(err, errUnchanged) {
				return nil
			}
			return err
		}
		if record.Body, err = json.Marshal(shard); err != nil {
			return &core.Error{Op: "purchase.Codes", Code: core.CodeInternal, Err: err}
		}
		_, err = c.cfg.Store.Put(ctx, record)
		// After ErrUnknown too: whether it was applied shows in the record,
		// and each of these changes finds its own trace there.
		if errors.Is(err, journal.ErrConflict) || errors.Is(err, journal.ErrUnknown) && ctx.Err() == nil {
			continue
		}
		return err
	}
	return &core.Error{Op: "purchase.Codes", Code: core.CodeBusy, Safe: true, Err: errors.New("the codes change faster than they can be written")}
}

func (c *Codes) load(ctx context.Context, id string) (journal.Record, codeShard, error) {
	record, err := c.cfg.Store.Get(ctx, id)
	if err != nil {
		return journal.Record{}, codeShard{}, err
	}
	shard, err := decodeShard(record)
	return record, shard, err
}

func decodeShard(record journal.Record) (codeShard, error) {
	var shard codeShard
	if err := json.Unmarshal(record.Body, &shard); err != nil {
		return codeShard{}, &core.Error{Op: "purchase.Codes", Code: core.CodeInternal, Err: fmt.Errorf("the record %s is damaged", record.ID)}
	}
	return shard, nil
}

// walk visits the shards of a catalog after one, in order, while visit says to
// go on.
func (c *Codes) walk(ctx context.Context, catalog, after string, visit func(journal.Record, codeShard) bool) error {
	prefix := codesPrefix + catalog + "/"
	for {
		page, err := c.cfg.Store.List(ctx, prefix, after, 16)
		if err != nil || len(page) == 0 {
			return err
		}
		for _, record := range page {
			shard, err := decodeShard(record)
			if err != nil {
				return err
			}
			if !visit(record, shard) {
				return nil
			}
		}
		after = page[len(page)-1].ID
	}
}

func shardID(catalog string, number int) string {
	return fmt.Sprintf("%s%s/%08d", codesPrefix, catalog, number)
}

func free(shard codeShard) (n int) {
	for _, entry := range shard.Codes {
		if entry.State == CodeFree {
			n++
		}
	}
	return n
}

func checkCatalog(op, catalog string) error {
	if catalog == "" || len(catalog) > 64 || strings.Contains(catalog, "/") || journal.CheckID(catalog) != nil {
		return core.Invalid(op, "catalog_code must be 1 to 64 printable characters without / and space")
	}
	return nil
}
