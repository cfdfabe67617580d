package sign_test

import (
	"bytes"
	"crypto/md5"
	"fmt"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

func ExampleVerify() {
	key := core.NewSecret("192006250b4c09247ec02edce69f6a2d")
	body := []byte(`{"app_id":"qyxd930ea5d5a258f4f","store_no":"10000100","nonce_str":"ibuaiVcKdpRxkhJA",
		"amount":1,"title":"test","sign":"0E7F5741C9ECF83D54F9715E7C3F32B8"}`)

	fields, err := sign.Verify("application/json", body, key)
	fmt.Println(fields.Get("amount"), err)

	body[len(body)-40] ^= 1 // anything else is no message
	_, err = sign.Verify("application/json", body, key)
	fmt.Println(core.CodeOf(err))
	// Output:
	// 1 <nil>
	// malformed
}

func ExampleData() {
	order := sign.Fields{
		{Name: "app_id", Value: "qyxd930ea5d5a258f4f"},
		{Name: "store_no", Value: "10000100"},
		{Name: "nonce_str", Value: "ibuaiVcKdpRxkhJA"},
		{Name: "amount", Value: "1"},
		{Name: "title", Value: "test"},
	}
	signature, err := sign.Data(order, core.NewSecret("192006250b4c09247ec02edce69f6a2d"))
	fmt.Println(signature, err)
	// Output: 0E7F5741C9ECF83D54F9715E7C3F32B8 <nil>
}

func ExampleExplain() {
	body := []byte(`{"amount":100,"title":"tea","remark":"","sign":"0E7F5741C9ECF83D54F9715E7C3F32B8"}`)
	e := sign.Explain("", body, "amount=100.0&title=tea", core.NewSecret("192006250b4c09247ec02edce69f6a2d"))
	fmt.Println(e.Canonical)
	fmt.Printf("%d: %q is not %q\n", e.Difference.At, e.Difference.Ours, e.Difference.Theirs)
	// Output:
	// amount=100&title=tea&key=***
	// 10: "amount=100&title=tea&key=***" is not "amount=100.0&title=tea&key=***"
}

func ExampleExplain_causes() {
	key := core.NewSecret("192006250b4c09247ec02edce69f6a2d")
	// Signed by a program that took the amount for a float.
	body := []byte(`{"title":"tea","amount":100,"sign":"FLOAT"}`)
	body = bytes.Replace(body, []byte("FLOAT"), fmt.Appendf(nil, "%X", md5.Sum([]byte("amount=100.0&title=tea&key="+key.Reveal()))), 1)

	e := sign.Explain("", body, "", key)
	first := e.Causes[0]
	fmt.Println(first.ID, first.Verdict, first.Evidence)
	fmt.Println(first.Field, first.Detail)
	fmt.Println(first.Advice)
	// Output:
	// number yes sign
	// amount with a decimal point (100.0)
	// Sign a number as its bytes stand in the body; amounts are whole fen, never a float and never yuan.
}
