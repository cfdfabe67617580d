package main

import (
	"context"
	"crypto/md5"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/imprest-go/imprest/core/sign"
)

// placed is an order in the order of the platform's page, and one field more than
// the page knows: eleven that are signed.
var placed = sign.Fields{
	{Name: "app_id", Value: "qyxd930ea5d5a258f4f"}, {Name: "store_no", Value: "10000100"},
	{Name: "nonce_str", Value: "ibuaiVcKdpRxkhJA"}, {Name: "sign_type", Value: "MD5"},
	{Name: "out_trade_no", Value: "20180206123456789012"}, {Name: "amount", Value: "3600"},
	{Name: "notify_url", Value: "https://shop.example/callbacks/payment"}, {Name: "scene_type", Value: "APP"},
	{Name: "title", Value: "VoIP, one year"}, {Name: "remark", Value: "for ming"}, {Name: "attach", Value: "a-field-of-tomorrow"},
}

// signing measures what it costs to sign an order.
func signing(context.Context, io.Writer) (table, error) {
	want, err := sign.Data(placed, appKey)
	if err != nil {
		return table{}, err
	}
	is := func(got string, err error) error {
		if err == nil && got != want {
			err = errAnswer
		}
		return err
	}
	sorted := slices.SortedFunc(slices.Values(placed), func(a, b sign.Field) int { return strings.Compare(a.Name, b.Name) })
	byName := map[string]string{}
	for _, f := range placed {
		byName[f.Name] = f.Value
	}
	body := []byte(placed.Canonical())
	webhooks, err := standardWebhook(body)
	if err != nil {
		return table{}, err
	}
	found, err := measure(signRounds, []contender{
		{"floor: join of sorted fields, MD5, hex string", func() error { return is(leastSign(sorted, appKey.Reveal()), nil) }},
		{"imprest sign.Data, in the page's order", func() error { return is(sign.Data(placed, appKey)) }},
		{"imprest sign.Data, sorted already", func() error { return is(sign.Data(sorted, appKey)) }},
		{"stand-in: a map, sort, join, MD5", func() error { return is(standInSign(byName, appKey.Reveal()), nil) }},
		{"floor: HMAC-SHA256 of the bytes, ready", func() error { return made(hmacSHA256(body)) }},
		{"standard-webhooks Sign", webhooks.sign},
	})
	if err != nil {
		return table{}, err
	}
	t := table{
		title: fmt.Sprintf("Sign an order: %d fields, %d bytes of canonical text", len(placed), len(body)),
		bars: []bar{
			{what: "sign.Data, × the floor", value: found[1].over(found[0]), limit: 1.6},
			{what: "sign.Data, allocations", value: found[1].allocs, limit: 2},
		},
		notes: []string{taken + " `sign.Data` refuses what a careful receiver would refuse, and sorts; the floor does neither. Standard Webhooks signs the same bytes with HMAC-SHA256."},
	}
	t.besideFloors(found, 4)
	return t, nil
}

// leastSign is the least that signing must do.
func leastSign(sorted sign.Fields, key string) string {
	var space [512]byte
	text := space[:0]
	for _, f := range sorted {
		text = append(text, f.Name...)
		text = append(text, '=')
		text = append(text, f.Value...)
		text = append(text, '&')
	}
	text = append(text, "key="...)
	text = append(text, key...)
	sum := md5.Sum(text)
	return upperHex(sum)
}

func upperHex(sum [md5.Size]byte) string {
	const digits = "0123456789ABCDEF"
	var text [2 * md5.Size]byte
	for i, b := range sum {
		text[2*i], text[2*i+1] = digits[b>>4], digits[b&0xf]
	}
	return string(text[:])
}
