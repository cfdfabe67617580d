package dynamostore

import (
	"bytes"
	"compress/flate"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/journal"
)

// packed returns the item that a record is written as.
func packed(p *packer, r journal.Record) map[string]types.AttributeValue {
	it := item(r)
	p.pack(it)
	return it
}

func noise(n int) []byte {
	random := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func TestABodyIsPackedWhereThatSavesAUnit(t *testing.T) {
	var p packer
	at := time.UnixMilli(1700000000123).UTC()
	for name, c := range map[string]struct {
		body  []byte
		packs bool
	}{
		"none":                    {nil, false},
		"small":                   {[]byte(strings.Repeat("a", 700)), false},
		"to the brim":             {[]byte(strings.Repeat("a", 1024-60)), false}, // 60 is what else the item weighs
		"a byte over it":          {[]byte(strings.Repeat("a", 1024-59)), true},
		"the greatest":            {[]byte(strings.Repeat("a", journal.MaxBody)), true},
		"what cannot be deflated": {noise(1500), false},
		"what stays in its KiB":   {append(noise(1100), strings.Repeat("a", 300)...), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := journal.Record{ID: "p/ABCDEFGHIJKLMNOPQRSTUVWXYZ", Version: 3, Due: at, Body: append([]byte{}, c.body...)}
			it := packed(&p, r)
			_, packs := it[attrPacked]
			_, plain := it[attrBody]
			assert.Equal(t, c.packs, packs)
			assert.Equal(t, !c.packs && len(c.body) > 0, plain, "a body stands in one place")
			if packs {
				assert.Less(t, units(size(it)), units(size(item(r))))
			}
			got, err := record(it)
			require.NoError(t, err)
			assert.Equal(t, r, got)
		})
	}
}

// A purchase with a title, a remark and data as shops have them is one unit.
func TestAPurchaseIsOneUnit(t *testing.T) {
	var history []string
	for i, state := range []string{"ordering", "unpaid", "paid", "delivering", "delivered"} {
		history = append(history, fmt.Sprintf(`{"at":"2026-11-21T14:11:2%d.564Z","state":%q}`, i, state))
	}
	body := `{"id":"TQYYKCP7FXOXFPRZ7ERGYA7B65","state":"delivered","buyer":"pWq3Zt8vKc1RyNf6BhXu0LmEa5SgTd9J","app_id":"test","store_no":"s1234","offer_id":"voip-1y",` +
		`"title":"可视对讲 VoIP 通话 一年","remark":"绑定后立即生效，到期前七天提醒","amount":3600,"data":{"device":"6c1d2f0a9b8e7f6a5b4c","home":"48213377","sku":"voip_year_1","catalog":"call-duration","gateway":"8e7f6a5b4c6c1d2f0a9b"},` +
		`"imprest_code":"0GnTCcfSektkyZqmAxUN6Xh18kUh85Oo","created_at":"2026-11-21T14:11:23.564Z","pay_until":"2026-11-21T14:41:23.564Z","delivered_at":"2026-11-21T14:11:26.761Z",` +
		`"payment":{"trade_no":"9T1GT3c5L2gcnWsFhpwNZsKmmZQc","open_id":"pWq3Zt8vKc1RyNf6BhXu0LmEa5SgTd9J","pay_time":"2023-11-14T22:13:50Z","by":"notification","at":"2026-11-21T14:11:26.751Z"},` +
		`"history":[` + strings.Join(history, ",") + `]}`
	r := journal.Record{ID: "p/TQYYKCP7FXOXFPRZ7ERGYA7B65", Version: 5, Due: time.UnixMilli(1700000000123), Body: []byte(body)}
	require.Equal(t, 2, units(size(item(r))))
	assert.Equal(t, 1, units(size(packed(new(packer), r))))
}

func TestWhatNobodyPackedIsDamaged(t *testing.T) {
	var bomb bytes.Buffer
	w, err := flate.NewWriter(&bomb, flate.BestSpeed)
	require.NoError(t, err)
	_, err = w.Write(make([]byte, 16<<20))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	whole := new(packer).deflate([]byte(strings.Repeat("abc", 500)))
	for name, packed := range map[string][]byte{"none": {}, "noise": noise(300), "a part": whole[:len(whole)-3], "more than a body": bomb.Bytes()} {
		it := item(journal.Record{ID: "p/1", Version: 1})
		it[attrPacked] = &types.AttributeValueMemberB{Value: packed}
		_, err := record(it)
		assert.ErrorIs(t, err, errDamaged, name)
	}
}

func TestManyPackAtOnce(t *testing.T) {
	var p packer
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for n := range 50 {
				body := []byte(strings.Repeat(fmt.Sprintf("%d-%d ", i, n), 400))
				got, err := unpack(p.deflate(body))
				assert.NoError(t, err)
				assert.Equal(t, body, got)
			}
		})
	}
	all.Wait()
}

func FuzzPackIsUndone(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte(strings.Repeat(`{"state":"paid"}`, 200)))
	f.Add(noise(2000))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) > journal.MaxBody {
			return
		}
		r := journal.Record{ID: "p/1", Version: 1, Body: append([]byte{}, body...)}
		got, err := record(packed(new(packer), r)) // a new one, or the fuzzer sees what others left
		if err != nil || !bytes.Equal(got.Body, r.Body) {
			t.Fatalf("%d bytes came back as %d: %v", len(r.Body), len(got.Body), err)
		}
	})
}
