package house_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// declared returns what a folder of Go files declares: "Name", "Type.Field",
// "Type.Method"; tests apart.
func declared(t *testing.T, folder string) (names, tests map[string]bool) {
	t.Helper()
	names, tests = map[string]bool{}, map[string]bool{}
	files, err := filepath.Glob(filepath.Join(root(t), folder, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files, folder)
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		into := names
		if strings.HasSuffix(name, "_test.go") {
			into = tests
		}
		for _, decl := range file.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				into[receiver(d)+d.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					declareSpec(into, spec)
				}
			}
		}
	}
	return names, tests
}

func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return ""
	}
	expr := d.Recv.List[0].Type
	if star, ok := expr.(*ast.StarExpr); ok {
		expr = star.X
	}
	if name, ok := expr.(*ast.Ident); ok {
		return name.Name + "."
	}
	return "?."
}

func declareSpec(into map[string]bool, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.ValueSpec:
		for _, name := range s.Names {
			into[name.Name] = true
		}
	case *ast.TypeSpec:
		into[s.Name.Name] = true
		if fields, ok := s.Type.(*ast.StructType); ok {
			for _, field := range fields.Fields.List {
				for _, name := range field.Names {
					into[s.Name.Name+"."+name.Name] = true
				}
			}
		}
	}
}

// documentedByVVChat are the names of seeds 000, 001 and 002 and of the
// platform's API reference.
const documentedByVVChat = `
	app_id store_no nonce_str sign sign_type out_trade_no amount notify_url scene_type APP WEB title remark imprest_code
	open_id trade_no status out_order_no in_open_id out_open_id agentpay_no noncestr timestamp app_key code scope token expire_in
	Authorization nickname avatar sex type text content robot_no session_open_id session_type to_type to cmd content.cmd content.params
	send-text webview-group-open webview-group-close webview-group-refresh height url err_code err_msg
	trade_time pay_time time success event version robot session trigger target session-open join-group-for-invite at
	vvchat.config debug vvchat.ready onReady vvchat.call error complete WebViewJavascriptBridge init callHandler
	WebViewJavascriptBridgeReady window.WVJBCallbacks https://__bridge_loaded__ auth getSession selectSession pay share
	state session_id share_title share_url sub_title thumb_url share_data_url tpl_header tpl_version tpl_type data
	snsapi_userinfo qyx://thirdlogin qyx://qpay qyx://openSessionView qyx://share redirect_uri`

// documentedByTuya are the names of seed 003.
const documentedByTuya = `
	getCommodityList getAppMallInfo getDeviceAddValueType getDeviceList getDeviceCapability getOrderList
	getSubscriptionOrderList getServiceIntroduction getServiceListByDevice getVoipAuthUser saveWXVoipAuth
	saveVoipAuthUser getDeviceWXUserInfo buyIncreaseServiceByWx voipServiceAuthorization exchangeCode device_id
	commodityCode serviceCode title subTitle commodityUrl targetUrlType prices uuid skuCode type price strPrice
	originalPrice strOriginalPrice currency periodUnit periodValue periodType marketingStrategy optionType optionNo
	discount catalog_code mallCode shopCode siteCode icon id name types owner_id locationName code WechatMPAppid
	WechatMPMid WechatMPOid searchKey orderStatusList pageNo pageSize created pending_audit_paid paying paid delivering
	delivered part_delivered finished canceled closed refunded data pageCount pageNum totalRecord orderBaseInfo
	orderCommodityInfos orderLogisticsInfo afterSaleEnabled amOrder amountOrigin amountTrade gmtCreate mallInfo orderId
	orderStatus orderTypeCode tradeType totalQuantity commodityName commodityType iconUrl quantity skuSrvPeriodDTO
	skuValueList unitPriceOrigin unitPriceTrade srvCode srvPeriodUnit srvPeriodValue orderLogisticsTag index gmtNextTime
	orderListModel paidProvider regularInterval regularUnit status subscribeId orderGmtCreate orderItemList skuPic
	categoryCode moduleList serviceProtocol serviceIntro serviceLightSpot serviceName configItem color
	display subtitle subType cfgId lang content seq attachmentJson startTime endTime tags isFree isAY isExit isPermanent
	freeTrial automaticRenewal userId avatarUrl userName isAuth isValid auth_tag user_id app_id openId homeId wxAppId
	success fail empty duration hasPurchasedOrder tyabiwxrn9
	CLOUD_STORAGE`

// folderOf finds the package that a table calls by its name.
func folderOf(name string) string {
	switch name {
	case "testkit":
		return name
	case "phone":
		return "testkit/phone"
	}
	return filepath.Join("core", name)
}

// TestTheTablesAreTrue: every Go name and every test that a table of
// conformance names is there, and every row names both.
func TestTheTablesAreTrue(t *testing.T) {
	var tables []string
	require.NoError(t, filepath.WalkDir(filepath.Join(root(t), "core"), func(path string, d fs.DirEntry, err error) error {
		if d != nil && d.Name() == "CONFORMANCE.md" {
			tables = append(tables, path)
		}
		return err
	}))
	require.NotEmpty(t, tables)
	type found struct{ names, tests map[string]bool }
	packages := map[string]found{}
	name := regexp.MustCompile("`([a-z]+)\\.([A-Za-z.]+)`")
	// What the pages name must all be there: a table that lacks it would still be
	// true of the rest.
	words := map[string][]string{
		"core/vvchat/CONFORMANCE.md": strings.Fields(documentedByVVChat),
		"core/mall/CONFORMANCE.md":   strings.Fields(documentedByTuya),
	}
	for _, table := range tables {
		relative, err := filepath.Rel(root(t), table)
		require.NoError(t, err)
		rows := 0
		for _, row := range regexp.MustCompile(`(?m)^\| .*\|$`).FindAllString(readFile(t, relative), -1) {
			cells := strings.Split(strings.ReplaceAll(row, `\|`, "¦"), "|")
			require.Len(t, cells, 5, row)
			if strings.Contains(row, "---") || strings.TrimSpace(cells[1]) == "documented" {
				continue
			}
			rows++
			for i, what := range map[int]string{2: "Go name", 3: "test"} {
				mentioned := name.FindAllStringSubmatch(cells[i], -1)
				assert.NotEmpty(t, mentioned, "no %s in: %s", what, row)
				for _, m := range mentioned {
					p, ok := packages[m[1]]
					if !ok {
						p.names, p.tests = declared(t, folderOf(m[1]))
						packages[m[1]] = p
					}
					known := p.names
					if i == 3 {
						known = p.tests
					}
					assert.True(t, known[m[2]], "%s: there is no %s %s.%s", relative, what, m[1], m[2])
				}
			}
		}
		assert.Greater(t, rows, 10, relative)
		for _, word := range words[relative] {
			assert.Contains(t, readFile(t, relative), "`"+word+"`", "%s does not speak of it", relative)
		}
	}
}
