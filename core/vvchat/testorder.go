package vvchat

import (
	"context"
	"errors"
	"net/http"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/internal/check"
)

// TestImprest asks the platform to make an order of its own for a phone to pay,
// and returns its imprest_code: GET /paybusapi/v1/test/imprest. Only the test
// host has this call: a client whose BaseURL is neither [TestHost] nor loopback
// gets core.CodeInvalid, and calls nobody. It may be repeated; each call may
// make another order.
func (c *Client) TestImprest(ctx context.Context) (imprestCode string, err error) {
	const op = "vvchat.TestImprest"
	if !c.local {
		return "", core.Invalid(op, "base_url must be "+TestHost+" or loopback: the production platform has no test orders, use UnifiedOrder")
	}
	req, err := c.newRequest(http.MethodGet, "/paybusapi/v1/test/imprest", nil)
	if err != nil {
		return "", err
	}
	body, err := c.call(ctx, op, "", true, req)
	if err != nil {
		return "", err
	}
	if imprestCode, err = decodeTestImprest(body); err != nil {
		return "", unknown(op, true, err)
	}
	return imprestCode, nil
}

func decodeTestImprest(body []byte) (string, error) {
	answer, err := decodeObject(body)
	if err != nil {
		return "", err
	}
	imprestCode, err := answer.text("imprest_code")
	if err != nil {
		return "", err
	}
	if !check.ID(imprestCode) {
		return "", errors.New("the answer's imprest_code is not 1 to 64 of A-Z, a-z, 0-9, _ and -")
	}
	return imprestCode, nil
}
