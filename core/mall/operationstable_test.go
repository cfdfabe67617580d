package mall_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/wechat"
	"github.com/imprest-go/imprest/testkit"
)

// tableRow is one row of OPERATIONS.md.
type tableRow struct{ operation, method, action, openAPI, fake, route, example string }

func operationsTable(t *testing.T) []tableRow {
	t.Helper()
	text, err := os.ReadFile("OPERATIONS.md")
	require.NoError(t, err)
	var rows []tableRow
	for _, line := range regexp.MustCompile("(?m)^\\| `.*\\|$").FindAllString(string(text), -1) {
		cells := strings.Split(strings.ReplaceAll(strings.Trim(line, "| "), "`", ""), " | ")
		require.Len(t, cells, 7, line)
		rows = append(rows, tableRow{cells[0], cells[1], cells[2], cells[3], cells[4], cells[5], cells[6]})
	}
	return rows
}

// worldCall is an operation about the world of testkit.Cloud: by its method, and
// by the body that a front end posts.
type worldCall struct {
	call func(ctx context.Context, c mall.Operations) error
	body map[string]any
}

func worldCalls() map[string]worldCall {
	d, m, who := testkit.TestDoorbell(), testkit.TestCatalogs()[0].Mall, cloudCaller
	device := map[string]any{"device_id": d.ID}
	and := func(more map[string]any) map[string]any {
		more["device_id"] = d.ID
		return more
	}
	inMall := map[string]any{"mallCode": m.MallCode, "siteCode": m.SiteCode, "pageNo": 1, "pageSize": 5}
	code := core.NewSecret(testkit.TestExchangeCodes()[0].Code)
	return map[string]worldCall{
		mall.OpGetCommodityList: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.GetCommodityList(ctx, who, d.ID)
			return err
		}, device},
		mall.OpGetAppMallInfo: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.GetAppMallInfo(ctx, who, d.ID, testkit.CatalogVoIP)
			return err
		}, and(map[string]any{"catalog_code": testkit.CatalogVoIP})},
		mall.OpGetDeviceAddValueType: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.GetDeviceAddValueType(ctx, who, d.ID)
			return err
		}, device},
		mall.OpGetDeviceList: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.GetDeviceList(ctx, who, d.HomeID)
			return err
		}, map[string]any{"owner_id": d.HomeID}},
		mall.OpGetDeviceCapability: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.GetDeviceCapability(ctx, who, d.ID, mall.CapabilityVoIP)
			return err
		}, and(map[string]any{"code": mall.CapabilityVoIP})},
		mall.OpGetOrderList: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.GetOrderList(ctx, who, mall.OrderListParams{MallCode: m.MallCode, SiteCode: m.SiteCode, PageNo: 1, PageSize: 5})
			return err
		}, inMall},
		mall.OpGetSubscriptionOrderList: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.GetSubscriptionOrderList(ctx, who, mall.SubscriptionListParams{MallCode: m.MallCode, SiteCode: m.SiteCode, PageNo: 1, PageSize: 5})
			return err
		}, inMall},
		mall.OpGetServiceIntroduction: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.GetServiceIntroduction(ctx, who, testkit.ServiceVoIP)
			return err
		}, map[string]any{"categoryCode": testkit.ServiceVoIP}},
		mall.OpGetServiceListByDevice: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.GetServiceListByDevice(ctx, who, d.ID)
			return err
		}, device},
		mall.OpGetVoipAuthUser: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.GetVoipAuthUser(ctx, who, d.ID)
			return err
		}, device},
		mall.OpSaveWXVoipAuth: {func(ctx context.Context, c mall.Operations) error {
			return c.SaveWXVoipAuth(ctx, who, d.ID, mall.AuthGranted)
		}, and(map[string]any{"auth_tag": 1})},
		mall.OpSaveVoipAuthUser: {func(ctx context.Context, c mall.Operations) error {
			return c.SaveVoipAuthUser(ctx, who, d.ID, who.UserID)
		}, and(map[string]any{"user_id": who.UserID})},
		mall.OpGetDeviceWXUserInfo: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.GetDeviceWXUserInfo(ctx, who, testkit.TestWeChatApp().AppID)
			return err
		}, map[string]any{"app_id": testkit.TestWeChatApp().AppID}},
		mall.OpBuyIncreaseServiceByWx: {func(ctx context.Context, c mall.Operations) error {
			_, err := c.BuyIncreaseServiceByWx(ctx, who, mall.BuyParams{
				DeviceID: d.ID, Name: d.Name, UUID: d.UUID, HomeID: d.HomeID, MallCode: m.MallCode, SiteCode: m.SiteCode, Currency: m.Currency,
				SKUCode: "imprest-voip-1y", OpenID: testkit.TestCloudUser().OpenID, WXAppID: testkit.TestWeChatApp().AppID,
			})
			return err
		}, map[string]any{}},
		mall.OpExchangeCode: {func(ctx context.Context, c mall.Operations) error {
			return c.ExchangeCode(ctx, who, mall.ExchangeCodeParams{
				DeviceID: d.ID, Name: d.Name, UUID: d.UUID, CatalogCode: testkit.CatalogVoIP, HomeID: d.HomeID, Code: code,
			})
		}, and(map[string]any{"catalog_code": testkit.CatalogVoIP, "homeId": d.HomeID, "code": code.Reveal(), "name": d.Name, "uuid": d.UUID})},
		mall.OpVoipServiceAuthorization: {nil, and(map[string]any{"name": d.Name, "uuid": d.UUID})},
	}
}

// authorized starts a cloud whose doorbell has an authorized user, so that every
// question has an answer.
func authorized(t *testing.T) (cloud *testkit.Cloud, action, openAPI *mall.Client) {
	t.Helper()
	cloud, action, openAPI, _ = cloudClients(t, testkit.CloudConfig{})
	require.NoError(t, action.SaveVoipAuthUser(t.Context(), cloudCaller, testkit.TestDoorbell().ID, cloudCaller.UserID))
	return cloud, action, openAPI
}

func lastRequest(c *testkit.Cloud) testkit.Exchange {
	all := c.Requests()
	return all[len(all)-1]
}

// The table says what is so: each operation is called over each way that it
// names, and over those that it says are not there.
func TestTheTableOfOperations(t *testing.T) {
	calls := worldCalls()
	examples := exampleFunctions(t)
	var listed []string
	for _, row := range operationsTable(t) {
		listed = append(listed, row.operation)
		t.Run(row.operation, func(t *testing.T) {
			world, ok := calls[row.operation]
			require.True(t, ok)
			assert.True(t, examples[row.example], "there is no %s", row.example)
			owner, name, _ := strings.Cut(row.method, ".")
			kind := map[string]reflect.Type{"Client": reflect.TypeFor[*mall.Client](), "VoIP": reflect.TypeFor[*mall.VoIP]()}[owner]
			require.NotNil(t, kind, row.method)
			_, ok = kind.MethodByName(name)
			assert.True(t, ok, "there is no %s", row.method)
			assert.True(t, strings.EqualFold(name, strings.TrimPrefix(row.operation, "voip")), "%s is not called by %s", row.operation, row.method)
			assert.True(t, strings.HasPrefix(row.fake, "testkit.Cloud"))
			if row.operation == mall.OpVoipServiceAuthorization {
				assert.Equal(t, []string{"not one call", "not one call"}, []string{row.action, row.openAPI})
			} else {
				overTransports(t, row, world)
			}
			overRoute(t, row, world)
		})
	}
	assert.Equal(t, mall.AllOperations(), listed)
}

func overTransports(t *testing.T, row tableRow, world worldCall) {
	cloud, action, openAPI := authorized(t)
	require.NoError(t, world.call(t.Context(), action))
	asked := lastRequest(cloud)
	assert.Equal(t, testkit.Call(row.operation), asked.Call)
	assert.Contains(t, asked.Body, `"action":"`+row.action+`"`)

	before := len(cloud.Requests())
	err := world.call(t.Context(), openAPI)
	if row.openAPI == "not published" {
		require.ErrorIs(t, err, mall.ErrNotPublished)
		assert.ErrorContains(t, err, "mall.NewAction", "it says what to use instead")
		assert.Len(t, cloud.Requests(), before, "nothing is sent")
		return
	}
	require.NoError(t, err)
	asked = lastRequest(cloud)
	path := strings.ReplaceAll(asked.Path, testkit.TestHome().ID, "{home_id}")
	assert.Equal(t, row.openAPI, asked.Method+" "+path)
}

func overRoute(t *testing.T, row tableRow, world worldCall) {
	cloud, action, _ := authorized(t)
	app := testkit.TestWeChatApp()
	tickets, err := wechat.New(wechat.Config{AppID: app.AppID, Secret: app.Secret, BaseURL: cloud.WeChatURL(), Now: cloud.Clock.Now})
	require.NoError(t, err)
	voip, err := mall.NewVoIP(mall.VoIPConfig{Mall: action, Tickets: tickets, Now: cloud.Clock.Now})
	require.NoError(t, err)
	body, err := json.Marshal(world.body)
	require.NoError(t, err)
	post := func(writing []string) int {
		routes, err := mall.NewRoutes(mall.RoutesConfig{
			Operations: action, VoIP: voip, Writing: writing,
			Authorize: func(context.Context, *core.Request, mall.Call) (mall.Caller, error) { return cloudCaller, nil },
		})
		require.NoError(t, err)
		resp := routes.Handle(t.Context(), &core.Request{
			Method: "POST", Path: "/mall/" + row.operation, Body: body, Header: core.Header{{Name: "Content-Type", Value: "application/json"}},
		})
		return resp.Status
	}
	switch {
	case strings.HasPrefix(row.route, "none"):
		assert.Equal(t, 403, post(nil))
	case strings.HasSuffix(row.route, "if switched on"):
		assert.Equal(t, 403, post(nil))
		assert.Equal(t, 200, post([]string{row.operation}))
	default:
		assert.True(t, strings.HasPrefix(row.route, "POST /mall/"+row.operation), row.route)
		assert.Equal(t, 200, post(nil))
	}
}

// exampleFunctions are the Examples of this folder.
func exampleFunctions(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("example*_test.go")
	require.NoError(t, err)
	found := map[string]bool{}
	for _, name := range files {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, m := range regexp.MustCompile(`(?m)^func (Example\w*)\(\)`).FindAllStringSubmatch(string(text), -1) {
			found[m[1]] = true
		}
	}
	return found
}
