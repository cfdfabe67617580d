package mall_test

import (
	"context"
	"errors"
	"fmt"
	"log"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
)

// A mini program asks for what is offered for a device, as it would ask the
// SDK. Serve the routes with adapters/nethttp, or merge them with your own.
func ExampleNewRoutes() {
	relay := exampleRelay()
	defer relay.Close()

	devices := map[string]string{"vdevo1": "alice"} // your database: whose is a device?
	routes, err := mall.NewRoutes(mall.RoutesConfig{
		Operations: exampleClient(relay.URL),
		Authorize: func(_ context.Context, r *core.Request, call mall.Call) (mall.Caller, error) {
			user := r.Header.Get("X-User") // your session: login.FromRequest
			if user == "" {
				return mall.Caller{}, errors.New("nobody is logged in")
			}
			if call.DeviceID != "" && devices[call.DeviceID] != user {
				return mall.Caller{}, mall.ErrForeign
			}
			return mall.Caller{UserID: "ay1" + user}, nil // the Tuya uid of your user
		},
		Writing: []string{mall.OpSaveVoipAuthUser, mall.OpSaveWXVoipAuth},
	})
	if err != nil {
		log.Fatal(err)
	}

	post := func(user, operation, body string) {
		resp := routes.Handle(context.Background(), &core.Request{
			Method: "POST", Path: "/mall/" + operation, Body: []byte(body),
			Header: core.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "X-User", Value: user}},
		})
		fmt.Print(resp.Status, " ", string(resp.Body))
	}
	post("alice", "getDeviceCapability", `{"device_id": "vdevo1", "code": "tyabiwxrn9"}`)
	post("alice", "saveWXVoipAuth", `{"device_id": "vdevo1", "auth_tag": 1}`)
	post("alice", "saveWXVoipAuth", `{"device_id": "vdevo1"}`)
	post("bob", "getDeviceCapability", `{"device_id": "vdevo1", "code": "tyabiwxrn9"}`)
	// Output:
	// 200 {"WechatMPAppid":"wx1234","WechatMPMid":"model1","WechatMPOid":"gh_1"}
	// 200 true
	// 400 {"error":{"code":"invalid","message":"auth_tag must be given"}}
	// 404 {"error":{"code":"not_found","message":"this user has nothing of this name"}}
}
