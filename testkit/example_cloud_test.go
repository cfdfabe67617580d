package testkit_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/imprest-go/imprest/testkit"
)

// envelope is what the relay answers.
type envelope struct {
	Success bool            `json:"success"`
	Result  json.RawMessage `json:"result"`
	Code    json.RawMessage `json:"code"`
}

// act asks the relay for an operation, in the name of the test user.
func act(cloud *testkit.Cloud, operation string, params map[string]any) (envelope, error) {
	body, err := json.Marshal(map[string]any{
		"action": operation, "params": params, "header": map[string]string{"user_id": testkit.TestCloudUser().ID},
	})
	if err != nil {
		return envelope{}, err
	}
	resp, err := cloud.Client().Post(cloud.ActionURL(), "application/json", bytes.NewReader(body))
	if err != nil {
		return envelope{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return envelope{}, fmt.Errorf("status %d", resp.StatusCode)
	}
	var told envelope
	return told, json.NewDecoder(resp.Body).Decode(&told)
}

// redemption is what exchangeCode needs to know.
func redemption(code string) map[string]any {
	d := testkit.TestDoorbell()
	return map[string]any{
		"device_id": d.ID, "uuid": d.UUID, "name": d.Name, "homeId": d.HomeID, "catalog_code": testkit.CatalogVoIP, "code": code,
	}
}

// A code is redeemed for a doorbell, which can call its users from then on.
func ExampleCloud() {
	cloud, err := testkit.NewCloud(testkit.CloudConfig{Clock: testkit.NewClock(time.Unix(1_700_000_000, 0))})
	if err != nil {
		panic(err)
	}
	defer cloud.Close() // in a test, StartCloud(t, …) does it

	for range 2 {
		told, err := act(cloud, "exchangeCode", redemption("VOIP-TEST-0001"))
		if err != nil {
			panic(err)
		}
		fmt.Printf("redeemed: %v %s%s\n", told.Success, told.Result, told.Code)
	}
	for _, s := range cloud.Services(testkit.TestDoorbell().ID) {
		fmt.Println(s.Name, s.End.Format(time.DateOnly))
	}
	// Output:
	// redeemed: true true
	// redeemed: false "CODE_USED"
	// 3 天滚动存储 0001-01-01
	// 微信视频通话(VoIP) 2024-11-14
}

// The answer to a redemption is lost after its effect: the caller cannot know,
// and has to look.
func ExampleCloud_Inject() {
	cloud, err := testkit.NewCloud(testkit.CloudConfig{})
	if err != nil {
		panic(err)
	}
	defer cloud.Close()
	cloud.Inject(testkit.Fault{Kind: testkit.FaultAnswerLost, Call: testkit.CallExchangeCode})

	_, err = act(cloud, "exchangeCode", redemption("VOIP-TEST-0001"))
	fmt.Println("an answer:", err == nil)
	code, _ := cloud.Code("VOIP-TEST-0001")
	fmt.Println("used:", code.IsUsed())
	// Output:
	// an answer: false
	// used: true
}

// An effect may come long after the caller gave up: the clock brings it.
func ExampleCloud_Inject_lateEffect() {
	cloud, err := testkit.NewCloud(testkit.CloudConfig{})
	if err != nil {
		panic(err)
	}
	defer cloud.Close()
	cloud.Inject(testkit.Fault{Kind: testkit.FaultLateEffect, Delay: 30 * time.Second})

	_, err = act(cloud, "exchangeCode", redemption("VOIP-TEST-0001"))
	fmt.Println(err)
	for range 2 {
		code, _ := cloud.Code("VOIP-TEST-0001")
		fmt.Println("used:", code.IsUsed())
		cloud.Clock.Advance(30 * time.Second)
	}
	// Output:
	// status 504
	// used: false
	// used: true
}

// A world of one's own: a family's home, a device that WeChat knows by a
// serial number of its own, and a batch of codes.
func ExampleCloudConfig() {
	doorbell := testkit.TestDoorbell()
	doorbell.ID, doorbell.HomeID, doorbell.SN = "front-door", "7", "SN-0001"
	cloud, err := testkit.NewCloud(testkit.CloudConfig{
		Users:         []testkit.CloudUser{{ID: "father"}, {ID: "mother"}},
		Homes:         []testkit.Home{{ID: "7", OwnerID: "father", Members: []string{"mother"}}},
		Devices:       []testkit.Device{doorbell},
		ExchangeCodes: []testkit.ExchangeCode{},
		Seed:          1,
	})
	if err != nil {
		panic(err)
	}
	defer cloud.Close()
	codes := cloud.NewCodes(testkit.CatalogVoIP, 3)
	fmt.Println(len(codes), len(codes[0]), len(cloud.Devices()))
	// Output: 3 16 1
}

// The OpenAPI wants a token first. Every call is signed over the project's
// client_id, the time, the method, the hash of the body, and the path.
func ExampleCloud_OpenAPIURL() {
	cloud, err := testkit.NewCloud(testkit.CloudConfig{Clock: testkit.NewClock(time.Unix(1_700_000_000, 0))})
	if err != nil {
		panic(err)
	}
	defer cloud.Close()

	project := testkit.TestProject()
	t := fmt.Sprint(cloud.Clock.Now().UnixMilli())
	mac := hmac.New(sha256.New, []byte(project.Secret.Reveal()))
	fmt.Fprintf(mac, "%s%sGET\n%x\n\n/v1.0/token?grant_type=1", project.ClientID, t, sha256.Sum256(nil))

	req, err := http.NewRequest(http.MethodGet, cloud.OpenAPIURL()+"/v1.0/token?grant_type=1", nil)
	if err != nil {
		panic(err)
	}
	for name, value := range map[string]string{
		"client_id": project.ClientID, "t": t, "sign_method": "HMAC-SHA256", "sign": fmt.Sprintf("%X", mac.Sum(nil)),
	} {
		req.Header.Set(name, value)
	}
	for range 2 {
		resp, err := cloud.Client().Do(req)
		if err != nil {
			panic(err)
		}
		var told struct {
			envelope
			Result struct {
				ExpireTime int `json:"expire_time"`
			} `json:"result"`
			Msg string `json:"msg"`
		}
		err = json.NewDecoder(resp.Body).Decode(&told)
		resp.Body.Close()
		if err != nil {
			panic(err)
		}
		fmt.Printf("%v %d %q\n", told.Success, told.Result.ExpireTime, told.Msg)
		cloud.Clock.Advance(6 * time.Minute) // the t of the request is too old now
	}
	// Output:
	// true 7200 ""
	// false 0 "request time is invalid: t is more than 5m0s from the time of the cloud"
}
