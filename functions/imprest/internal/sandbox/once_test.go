package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

// runOnce runs one purchase and returns the steps and the purchase.
func runOnce(t *testing.T, cfg Config) (steps string, p purchase.Purchase) {
	t.Helper()
	var out bytes.Buffer
	cfg.Once, cfg.Out = true, &out
	if cfg.Journal == "" {
		cfg.Journal = "memory"
	}
	require.NoError(t, Run(t.Context(), cfg), out.String())
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	last := lines[len(lines)-1]
	require.NoError(t, json.Unmarshal([]byte(last), &p), "the last line is the purchase: %s", last)
	return out.String(), p
}

func TestOnceShowsEachStepThenThePurchase(t *testing.T) {
	file := filepath.Join(t.TempDir(), "journal.db")
	steps, p := runOnce(t, Config{Journal: "sqlite:" + file})
	order := regexp.MustCompile(`(?m)^ +\d+ ms  ([a-z_]+)`)
	var names []string
	for _, match := range order.FindAllStringSubmatch(steps, -1) {
		names = append(names, match[1])
	}
	assert.Equal(t, []string{"login", "offer", "cloud", "order", "imprest_code", "payment", "notification", "commit",
		"cloud", "cloud", "delivery", "answer", "cloud", "wechat", "wechat", "mini_program", "cloud", "cloud", "authorization", "check"}, names)
	assert.Contains(t, steps, `"state":"delivered"`)
	assert.Contains(t, steps, "sqlite:"+file)
	assert.NotContains(t, steps, "\x1b", "no colours where there is no terminal")
	assert.Equal(t, purchase.ByNotification, p.Payment.By)
	assert.Equal(t, core.Fen(3600), p.Amount)
}

func TestOnceEndsAsEachFaultImplies(t *testing.T) {
	for _, fault := range FaultList() {
		if fault.About == "" {
			continue // of the mall rail alone
		}
		t.Run(fault.Name, func(t *testing.T) {
			began := time.Now()
			_, p := runOnce(t, Config{Faults: []string{fault.Name}, Seed: 3})
			want, by := purchase.Delivered, purchase.ByNotification
			switch fault.Name {
			case surplus:
				want = purchase.Attention
				assert.Len(t, p.Surplus, 1)
			case redeemLost, codeUsed, refundFailed:
				want = purchase.Attention
			case cloudDown, refundUnheard:
				want = purchase.Refunded
			case dropCallback, "delay-callback":
				by = purchase.ByQuery
			}
			assert.Equal(t, want, p.State)
			assert.Equal(t, by, p.Payment.By)
			assert.Less(t, time.Since(began), 5*time.Second)
		})
	}
}

// TestOnceUnderPairsOfFaults runs every pair, on the journal that takes less
// time, and all faults at once.
func TestOnceUnderPairsOfFaults(t *testing.T) {
	list := faults()
	for i, first := range list {
		for j, second := range list[i+1:] {
			if testing.Short() && (i+j)%7 != 0 || clash(first, second) != "" || first.About == "" || second.About == "" {
				continue
			}
			names := []string{second.Name, first.Name}
			t.Run(strings.Join(names, ","), func(t *testing.T) {
				t.Parallel()
				runOnce(t, Config{Faults: names, Seed: uint64(100*i + j + 1)})
			})
		}
	}
	var all []string
	for _, fault := range list {
		if fault.About != "" && !fault.fate && fault.Name != callsRefused || fault.Name == deliverLost {
			all = append(all, fault.Name)
		}
	}
	t.Run("all", func(t *testing.T) {
		t.Parallel()
		_, p := runOnce(t, Config{Faults: all, Seed: 9, Journal: "sqlite:" + filepath.Join(t.TempDir(), "journal.db")})
		assert.Equal(t, purchase.Delivered, p.State)
	})
}

// end returns a purchase without what the wall clock put into it.
func endOf(t *testing.T, p purchase.Purchase) string {
	t.Helper()
	text, err := json.Marshal(p)
	require.NoError(t, err)
	began := p.CreatedAt
	return regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`).ReplaceAllStringFunc(string(text), func(at string) string {
		when, err := time.Parse(time.RFC3339, at)
		require.NoError(t, err)
		return when.Truncate(time.Second).Sub(began.Truncate(time.Second)).String()
	})
}

func TestOnceSameSeedSameEnd(t *testing.T) {
	for _, faults := range [][]string{
		{"duplicate", "reorder", "slow"},
		{"slow", "reorder", "duplicate"},
		{crash, "duplicate", deliverLost},
		{"delay-callback", "forged", surplus, "order-answer-lost"},
	} {
		t.Run(strings.Join(faults, ","), func(t *testing.T) {
			_, first := runOnce(t, Config{Faults: faults, Seed: 7})
			_, second := runOnce(t, Config{Faults: faults, Seed: 7, Journal: "sqlite:" + filepath.Join(t.TempDir(), "journal.db")})
			assert.Equal(t, endOf(t, first), endOf(t, second))
			_, other := runOnce(t, Config{Faults: faults, Seed: 8})
			assert.NotEqual(t, first.ID, other.ID)
		})
	}
}

func TestOnceAgainOnTheSameJournal(t *testing.T) {
	cfg := Config{Journal: "sqlite:" + filepath.Join(t.TempDir(), "journal.db"), Seed: 7, Faults: []string{dropCallback}}
	_, first := runOnce(t, cfg)
	_, second := runOnce(t, cfg)
	assert.NotEqual(t, first.ID, second.ID, "the same seed must not draw an id twice on one journal")
	assert.NotEqual(t, first.Payment.TradeNo, second.Payment.TradeNo)
	assert.True(t, second.CreatedAt.After(first.Payment.At), "the clock does not go back")
}

func TestOnceLeavesNoSecretAndNoQuarrelBehind(t *testing.T) {
	var logged bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	steps, _ := runOnce(t, Config{Logger: logger, Faults: []string{"duplicate", crash}})
	// The documented app_key stands in these two by chance.
	numbers := strings.NewReplacer(testkit.TestWeChatApp().AppID, "", testkit.TestDoorbell().Capabilities[mall.CapabilityVoIP].WechatMPOid, "")
	testkit.RequireNoSecret(t, numbers.Replace(steps+logged.String()), testkit.TestAccount().AppKey, testkit.TestWeChatApp().Secret)
}

func TestOnceEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, Run(ctx, Config{Once: true, Journal: "memory"}), context.Canceled)
}

// TestVerifyFindsWhatIsBroken plants what a run must never leave behind.
func TestVerifyFindsWhatIsBroken(t *testing.T) {
	for name, c := range map[string]struct {
		plant func(t *testing.T, w *world, id string)
		says  string
	}{
		"granted twice": {func(t *testing.T, w *world, id string) {
			p, err := w.purchase(t.Context(), id)
			require.NoError(t, err)
			var what purchase.Redemption
			require.NoError(t, json.Unmarshal(p.Data, &what))
			require.NoError(t, w.current.Load().mall.ExchangeCode(t.Context(), householder(), mall.ExchangeCodeParams{
				DeviceID: what.DeviceID, CatalogCode: what.CatalogCode, HomeID: what.HomeID, Name: what.Name, UUID: what.UUID,
				Code: core.NewSecret(w.cloud.NewCodes(what.CatalogCode, 1)[0]),
			}))
		}, "2 exchange codes are used"},
		"a device that must not call": {func(_ *testing.T, w *world, _ string) {
			w.cloud.SetDeviceVoIP(householder().UserID, testkit.TestDoorbell().ID, false)
		}, "WeChat says that the device may call: false"},
		"acknowledged early": {func(_ *testing.T, w *world, _ string) { w.watch.acknowledged("another") }, "acknowledged too early"},
		"a version is missing": {func(_ *testing.T, w *world, id string) {
			w.watch.mu.Lock()
			defer w.watch.mu.Unlock()
			w.watch.writes[id] = append(w.watch.writes[id][:2], w.watch.writes[id][3:]...)
		}, "version 4 stands where version 3 should"},
		"paid twice": {func(t *testing.T, w *world, _ string) {
			_, err := w.platform.PayAgain(t.Context(), w.platform.Trades()[0].ImprestCode, "")
			require.NoError(t, err)
		}, "2 payments, not 1"},
		"an order that nobody asked for": {func(t *testing.T, w *world, _ string) { buyOne(t, w) }, "has 2 orders"},
		"a claim that is another's": {func(t *testing.T, w *world, id string) {
			p, err := w.purchase(t.Context(), id)
			require.NoError(t, err)
			record, err := w.journal.Get(t.Context(), "trade/"+p.Payment.TradeNo)
			require.NoError(t, err)
			record.Body = []byte("another")
			_, err = w.journal.Put(t.Context(), record)
			require.NoError(t, err)
		}, "claimed for another"},
		"a fault that never struck": {func(_ *testing.T, w *world, _ string) {
			w.plan.active = append(w.plan.active, fault{FaultInfo: FaultInfo{Name: "duplicate"}})
		}, "duplicate never did"},
	} {
		t.Run(name, func(t *testing.T) {
			w := startWorld(t, Config{Once: true})
			b := newBrowser(w.base)
			defer b.client.CloseIdleConnections()
			id, err := w.buy(t.Context(), b)
			require.NoError(t, err)
			require.NoError(t, w.untilSettled(t.Context(), id))
			require.NoError(t, w.authorize(t.Context(), b, id))
			require.NoError(t, w.verify(t.Context(), id))
			c.plant(t, w, id)
			require.ErrorContains(t, w.verify(t.Context(), id), c.says)
		})
	}
}

func TestLegalIsTheTable(t *testing.T) {
	for _, c := range []struct {
		history []write
		says    string
	}{
		{[]write{{1, purchase.Ordering, false}, {2, purchase.Unpaid, false}, {3, purchase.Unpaid, false}, {4, purchase.Paid, true}}, ""},
		{[]write{{1, purchase.Ordering, false}, {2, purchase.Delivered, false}}, "from ordering to delivered"},
		{[]write{{2, purchase.Ordering, false}}, "version 2 stands where version 1 should"},
	} {
		err := legal(c.history)
		if c.says == "" {
			assert.NoError(t, err)
			continue
		}
		assert.ErrorContains(t, err, c.says)
	}
}

func TestFaultListIsTheOnePlace(t *testing.T) {
	seen := map[string]bool{}
	for _, fault := range FaultList() {
		assert.Regexp(t, `^[a-z0-9-]+$`, fault.Name)
		assert.NotEmpty(t, fault.About+fault.OnMall)
		assert.NotContains(t, fault.About+fault.OnMall, "\n")
		assert.False(t, seen[fault.Name], fault.Name)
		seen[fault.Name] = true
	}
	for _, name := range []string{"duplicate", "reorder", "drop-callback", "slow", "token-expired", "crash-after-commit", "cloud-5xx", "cloud-permanent", "price-change"} {
		assert.True(t, seen[name], name)
	}
}

func ExampleRun() {
	var out bytes.Buffer
	err := Run(context.Background(), Config{Once: true, Journal: "memory", Out: &out})
	fmt.Println(err, strings.Contains(out.String(), `"state":"delivered"`))
	// Output: <nil> true
}
