package tuya_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/imprest-go/imprest/core/tuya"
)

func TestClassesOfCodes(t *testing.T) {
	for class, codes := range map[tuya.Class]string{
		tuya.ClassBusy:      "1110 1111 1113 1199 429",
		tuya.ClassFault:     "500 502 503",
		tuya.ClassToken:     "1010 1011 1012",
		tuya.ClassQuota:     "28841001 28841002 28841003 28841004 28841101 28841102 28841103 28841104",
		tuya.ClassAccess:    "1001 1002 1003 1004 1005 1008 1013 1106 28841105 28841106 PERMISSION_DENIED",
		tuya.ClassParameter: "1006 1007 1100 1101 1102 1104 1105 1107 1108 1109 2000000 INPUT_INVALID",
		tuya.ClassRefused:   "1000 1103 2001000 2005001 2005002 MALL_NOT_FOUND 50 5000 5x0 CODE_USED",
	} {
		for code := range strings.FieldsSeq(codes) {
			assert.Equal(t, class, tuya.ClassOf(code), code)
		}
	}
}

// A refused token may be a user's or the project's own: the advice has a word
// for either.
func TestAdviceOnAToken(t *testing.T) {
	err := tuya.Refusal("op", "1010", "token invalid", "")
	assert.ErrorContains(t, err, "a user's by a new login")
	assert.ErrorContains(t, err, "a project's own with the next call")
}

func ExampleClassOf() {
	for _, code := range []string{"1111", "500", "1010", "28841004", "MALL_NOT_FOUND"} {
		fmt.Println(code, tuya.ClassOf(code))
	}
	// Output:
	// 1111 busy
	// 500 fault
	// 1010 token
	// 28841004 quota
	// MALL_NOT_FOUND refused
}

func ExampleRefusal() {
	err := tuya.Refusal("mall.GetOrderList", "2001000", "shop does not exist", "7d9c")
	refused, _ := errors.AsType[*tuya.RemoteError](err)
	fmt.Println(refused.Class, err)
	// Output: refused mall.GetOrderList: the cloud answered no: code "2001000", msg "shop does not exist", tid "7d9c": the same request will be refused again
}
