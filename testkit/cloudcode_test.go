package testkit

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
)

func TestACodeIsGoodOnce(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	a := ask(t, c, CallExchangeCode, redeeming())
	assert.Equal(t, "true", string(a.Result), a.body)
	code := c.RequireCodeUsed(t, "VOIP-TEST-0001")
	now := time.Unix(1_700_000_000, 0).UTC()
	assert.Equal(t, []any{TestDoorbell().ID, TestCloudUser().ID, now}, []any{code.UsedBy, code.UsedUser, code.Used})
	s := c.RequireService(t, TestDoorbell().ID, ServiceVoIP)
	assert.Equal(t, now, s.Start)
	assert.Equal(t, now.AddDate(1, 0, 0), s.End)
	assert.Len(t, c.Services(TestDoorbell().ID), 2, "beside the free storage")
	list := ask(t, c, CallGetServiceListByDevice, ofDoorbell())
	assert.Contains(t, string(list.Result), fmt.Sprintf(`"startTime":1700000000000,"endTime":%d`, s.End.UnixMilli()))

	assert.Equal(t, "CODE_USED", ask(t, c, CallExchangeCode, redeeming()).code())
	c.Clock.Advance(time.Hour)
	require.True(t, ask(t, c, CallExchangeCode, redeeming().but(params{"code": "VOIP-TEST-0002"})).Success)
	longer := c.RequireService(t, TestDoorbell().ID, ServiceVoIP)
	assert.Equal(t, s.Start, longer.Start)
	assert.Equal(t, now.AddDate(2, 0, 0), longer.End, "the same service goes on for longer")
	assert.Len(t, c.Services(TestDoorbell().ID), 2)
	c.RequireCodesUsed(t, 2)
}

func TestRedemptionsThatAreRefused(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	_, hers := addNeighbour(t, c)
	second, err := c.AddHome(Home{ID: "3"})
	require.NoError(t, err)
	require.NoError(t, c.AddCodes(
		ExchangeCode{Code: "used-already", CatalogCode: CatalogVoIP, UsedBy: "somebody"},
		ExchangeCode{Code: "expired-by-now", CatalogCode: CatalogVoIP, Expires: c.Clock.Now()},
		ExchangeCode{Code: "used-and-expired", CatalogCode: CatalogVoIP, UsedBy: "somebody", Expires: c.Clock.Now()},
	))
	camera := TestCamera()
	for name, x := range map[string]struct {
		changes params
		code    string
	}{
		"unknown device":         {params{"device_id": "x"}, "DEVICE_NOT_FOUND"},
		"somebody else's":        {params{"device_id": hers.ID, "uuid": hers.UUID, "name": hers.Name, "homeId": hers.HomeID}, "PERMISSION_DENIED"},
		"unknown home":           {params{"homeId": "x"}, "PERMISSION_DENIED"},
		"somebody else's home":   {params{"homeId": hers.HomeID}, "PERMISSION_DENIED"},
		"another home of his":    {params{"homeId": second.ID}, "DEVICE_NOT_FOUND"},
		"another uuid":           {params{"uuid": camera.UUID}, "DEVICE_NOT_FOUND"},
		"another name":           {params{"name": "x"}, "1109"},
		"unknown catalog":        {params{"catalog_code": "AI"}, "CATALOG_MISMATCH"},
		"another catalog":        {params{"catalog_code": CatalogCloudStorage}, "CATALOG_MISMATCH"},
		"a code of another one":  {params{"code": "CLOUD_STORAGE-TEST-0001"}, "CATALOG_MISMATCH"},
		"a device that has none": {params{"device_id": camera.ID, "uuid": camera.UUID, "name": camera.Name}, "CATALOG_MISMATCH"},
		"unknown code":           {params{"code": "x"}, "CODE_NOT_FOUND"},
		"code in small letters":  {params{"code": "voip-test-0001"}, "CODE_NOT_FOUND"},
		"code with a space":      {params{"code": " VOIP-TEST-0001"}, "CODE_NOT_FOUND"},
		"used code":              {params{"code": "used-already"}, "CODE_USED"},
		"expired code":           {params{"code": "expired-by-now"}, "CODE_EXPIRED"},
		"used, then expired":     {params{"code": "used-and-expired"}, "CODE_USED"},
	} {
		a := ask(t, c, CallExchangeCode, redeeming().but(x.changes))
		assert.Equal(t, x.code, a.code(), "%s: %s", name, a.body)
		assert.False(t, a.Success, name)
		assert.Empty(t, a.Result, name)
	}
	c.RequireCodesUsed(t, 2) // the two that were used from the start
	c.RequireNoService(t, TestDoorbell().ID, ServiceVoIP)
	c.RequireNoService(t, camera.ID, ServiceVoIP)
}

// Whoever comes at the same time, and for whatever device, one of them wins.
func TestOneCodeManyCallers(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	neighbour, hers := addNeighbour(t, c)
	theirs := redeeming().but(params{"device_id": hers.ID, "uuid": hers.UUID, "name": hers.Name, "homeId": hers.HomeID})
	var mu sync.Mutex
	codes := map[string]int{}
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			user, p := TestCloudUser().ID, redeeming()
			if i%2 == 1 {
				user, p = neighbour.ID, theirs
			}
			a := askAs(t, c, user, CallExchangeCode, p)
			mu.Lock()
			codes[a.code()]++
			mu.Unlock()
		})
	}
	wg.Wait()
	assert.Equal(t, map[string]int{"": 1, "CODE_USED": 31}, codes)
	used := c.RequireCodesUsed(t, 1)
	granted := 0
	for _, d := range c.Devices() {
		for _, s := range d.Services {
			if s.Code == ServiceVoIP {
				granted++
				assert.Equal(t, used[0].UsedBy, d.ID)
				assert.Equal(t, c.Clock.Now().AddDate(1, 0, 0).UnixMilli(), s.End.UnixMilli(), "one year, not more")
			}
		}
	}
	assert.Equal(t, 1, granted)
}

func TestReadingsOfARedemption(t *testing.T) {
	c := testCloud(t, CloudConfig{Readings: CloudReadings{
		RepeatRedeemed: true, AnyName: true, GrantApart: true, ExchangeResult: ` {"ok": 1} `,
	}})
	neighbour, hers := addNeighbour(t, c)
	for range 2 {
		a := ask(t, c, CallExchangeCode, redeeming().but(params{"name": "any"}))
		assert.Equal(t, `{"ok":1}`, string(a.Result))
	}
	theirs := params{"device_id": hers.ID, "uuid": hers.UUID, "name": hers.Name, "homeId": hers.HomeID}
	assert.Equal(t, "CODE_USED", askAs(t, c, neighbour.ID, CallExchangeCode, redeeming().but(theirs)).code(), "for him alone")
	first := c.RequireService(t, TestDoorbell().ID, ServiceVoIP)
	require.True(t, ask(t, c, CallExchangeCode, redeeming().but(params{"code": "VOIP-TEST-0002"})).Success)
	all := c.Services(TestDoorbell().ID)
	require.Len(t, all, 3)
	assert.Equal(t, first, all[1], "the first one is as it was")
	assert.Equal(t, first.End, all[2].Start, "the second begins where it ends")
	assert.Equal(t, first.End.AddDate(1, 0, 0), all[2].End)
	require.True(t, ask(t, c, CallExchangeCode, redeeming().but(params{"code": "VOIP-TEST-0003"})).Success)
	assert.Equal(t, first.End.AddDate(2, 0, 0), c.Services(TestDoorbell().ID)[3].End)
}

func TestServicesEndOnTheClock(t *testing.T) {
	for _, hide := range []bool{false, true} {
		c := testCloud(t, CloudConfig{Readings: CloudReadings{HideEnded: hide}})
		require.True(t, ask(t, c, CallExchangeCode, redeeming()).Success)
		end := c.RequireService(t, TestDoorbell().ID, ServiceVoIP).End
		c.Clock.Advance(end.Sub(c.Clock.Now()) - time.Millisecond)
		c.RequireService(t, TestDoorbell().ID, ServiceVoIP)
		c.Clock.Advance(time.Millisecond)
		c.RequireNoService(t, TestDoorbell().ID, ServiceVoIP)
		var list []map[string]any
		require.NoError(t, json.Unmarshal(ask(t, c, CallGetServiceListByDevice, ofDoorbell()).Result, &list))
		assert.Equal(t, hide, len(list) == 1, "%v", list)

		c.Clock.Advance(time.Hour)
		require.True(t, ask(t, c, CallExchangeCode, redeeming().but(params{"code": "VOIP-TEST-0002"})).Success)
		s := c.RequireService(t, TestDoorbell().ID, ServiceVoIP)
		assert.Equal(t, end.Add(time.Hour), s.Start, "it begins anew")
		assert.Equal(t, end.Add(time.Hour).AddDate(1, 0, 0), s.End)
	}
}

func TestGrantOverWhatIsThere(t *testing.T) {
	now := time.Unix(1_700_000_000, 0).UTC()
	for name, x := range map[string]struct{ has, want Service }{
		"for good":     {Service{Code: "voip", IsPermanent: true}, Service{Code: "voip", IsPermanent: true}},
		"never bought": {Service{Code: "voip", IsFree: true}, Service{Code: "voip", IsFree: true, Start: now, End: now.AddDate(1, 0, 0)}},
		"to come":      {Service{Code: "voip", Start: now.AddDate(0, 1, 0), End: now.AddDate(0, 2, 0)}, Service{Code: "voip", Start: now.AddDate(0, 1, 0), End: now.AddDate(1, 2, 0)}},
	} {
		c := testCloud(t, CloudConfig{})
		require.True(t, c.PutService(TestDoorbell().ID, x.has))
		require.True(t, ask(t, c, CallExchangeCode, redeeming()).Success)
		assert.Equal(t, x.want, c.Services(TestDoorbell().ID)[1], name)
	}
	c := testCloud(t, CloudConfig{Readings: CloudReadings{TellPermanent: true}})
	require.True(t, c.PutService(TestDoorbell().ID, Service{Code: ServiceFreeStorage, IsPermanent: true}))
	require.True(t, c.PutService(TestDoorbell().ID, Service{Code: "other"}))
	list := string(ask(t, c, CallGetServiceListByDevice, ofDoorbell()).Result)
	assert.Contains(t, list, `"isPermanent":true`, "it took the place of the one of its code")
	assert.Contains(t, list, `"isPermanent":false`)
	assert.Len(t, c.Services(TestDoorbell().ID), 2)
}

func TestCodesMayGrantWhatTheyLike(t *testing.T) {
	c := testCloud(t, CloudConfig{})
	require.NoError(t, c.AddCodes(ExchangeCode{
		Code: "two-weeks-of-ai", CatalogCode: CatalogVoIP, Period: Period{Unit: PeriodWeek, Value: 2}, Service: Service{Code: "ai", Type: TypeVoIP, Tags: []string{TagAutomaticRenewal}},
	}))
	require.True(t, ask(t, c, CallExchangeCode, redeeming().but(params{"code": "two-weeks-of-ai"})).Success)
	s := c.RequireService(t, TestDoorbell().ID, "ai")
	assert.Equal(t, 14*24*time.Hour, s.End.Sub(s.Start))

	before := len(c.Codes())
	err := c.AddCodes(ExchangeCode{Code: "fresh", CatalogCode: CatalogVoIP}, ExchangeCode{Code: "VOIP-TEST-0001", CatalogCode: CatalogVoIP})
	assert.Equal(t, core.CodeConflict, core.CodeOf(err))
	assert.Len(t, c.Codes(), before, "all of them or none")
	codes := c.NewCodes(CatalogVoIP, 3)
	assert.Len(t, c.Codes(), before+3)
	for _, code := range codes {
		k, ok := c.Code(code)
		assert.True(t, ok)
		assert.False(t, k.IsUsed())
	}
}

func TestPeriods(t *testing.T) {
	day := func(text string) time.Time {
		d, err := time.Parse(time.DateOnly, text)
		require.NoError(t, err)
		return d
	}
	for _, x := range []struct {
		from string
		p    Period
		to   string
	}{
		{"2023-11-14", Period{PeriodYear, 1}, "2024-11-14"},
		{"2024-02-29", Period{PeriodYear, 1}, "2025-02-28"},
		{"2024-01-31", Period{PeriodMonth, 1}, "2024-02-29"},
		{"2023-01-31", Period{PeriodMonth, 1}, "2023-02-28"},
		{"2023-01-31", Period{PeriodMonth, 2}, "2023-03-31"},
		{"2023-10-31", Period{PeriodMonth, 6}, "2024-04-30"},
		{"2023-12-15", Period{PeriodMonth, 1}, "2024-01-15"},
		{"2023-12-31", Period{PeriodDay, 30}, "2024-01-30"},
		{"2023-12-31", Period{PeriodWeek, 1}, "2024-01-07"},
	} {
		assert.Equal(t, x.to, x.p.After(day(x.from)).Format(time.DateOnly), "%s %v", x.from, x.p)
	}
	// The page's example of a bought service lasts seven years to the millisecond.
	assert.Equal(t, int64(1943777539094), Period{PeriodYear, 7}.After(time.UnixMilli(1722939139094)).UnixMilli())
}

func TestMaskCode(t *testing.T) {
	assert.Equal(t, "***5678", maskCode("12345678"))
	assert.Equal(t, "***", maskCode("1234567"), "too short to show half of it")
	assert.Equal(t, "***五六七八", maskCode("一二三四五六七八"))
}
