package sandbox

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core/mall"
	"github.com/imprest-go/imprest/core/purchase"
	"github.com/imprest-go/imprest/testkit"
)

func TestDevicesOfTheHousehold(t *testing.T) {
	w := startWorld(t, Config{})
	b := newBrowser(w.base)
	defer b.client.CloseIdleConnections()
	doorbell, camera := testkit.TestDoorbell(), testkit.TestCamera()
	voip := w.base + "/devices/" + doorbell.ID + "/voip"
	post := func(target, contentType, body string) page {
		got, err := b.send(t.Context(), http.MethodPost, target, contentType, body, false)
		require.NoError(t, err)
		return got
	}
	devices := func() map[string]deviceView {
		got, err := b.get(t.Context(), w.base+"/devices")
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, got.status)
		var list []deviceView
		require.NoError(t, json.Unmarshal(got.body, &list))
		byID := map[string]deviceView{}
		for _, d := range list {
			byID[d.ID] = d
		}
		return byID
	}
	got, err := b.get(t.Context(), w.base+"/devices")
	require.NoError(t, err)
	assert.Equal(t, http.StatusUnauthorized, got.status)
	assert.Equal(t, http.StatusUnauthorized, post(voip, "application/json", "{}").status)

	require.NoError(t, w.logIn(t.Context(), b))
	assert.Equal(t, "unknown", devices()[doorbell.ID].Calls)
	assert.Empty(t, devices()[camera.ID].Calls, "it calls nobody")
	assert.Len(t, devices()[camera.ID].Services, 1)
	for _, c := range []struct {
		target, contentType, body string
		status                    int
	}{
		{voip, "text/plain", "{}", http.StatusUnsupportedMediaType},
		{w.base + "/devices/nobodys/voip", "application/json", "{}", http.StatusNotFound},
		{w.base + "/devices/" + camera.ID + "/voip", "application/json", "{}", http.StatusNotFound},
		{voip + "/authorization", "application/json", "{}", http.StatusBadRequest},
		{voip + "/authorization", "application/json", `{"granted":"yes"}`, http.StatusBadRequest},
	} {
		assert.Equal(t, c.status, post(c.target, c.contentType, c.body).status, c.target+" "+c.body)
	}

	// The user says no, then yes, then no: WeChat's box is shown once, and
	// then the settings decide.
	for _, step := range []struct{ button, calls string }{{"refuse", "refused"}, {"allow", "allowed"}, {"refuse", "refused"}, {"allow", "allowed"}} {
		var asked mall.DeviceVoIP
		require.NoError(t, json.Unmarshal(post(voip, "application/json", "{}").body, &asked))
		screen, err := b.get(t.Context(), miniProgramLink(w.cloudBase, asked, w.base+"/?device="+doorbell.ID))
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, screen.status)
		assert.Contains(t, string(screen.body), doorbell.Name)
		said, err := b.press(t.Context(), screen.url, step.button, false)
		require.NoError(t, err)
		require.Equal(t, http.StatusSeeOther, said.status, string(said.body))
		assert.Equal(t, w.base+"/?calls="+step.calls+"&device="+doorbell.ID, said.location)
		answer := `{"granted":` + map[string]string{"allow": "true", "refuse": "false"}[step.button] + `}`
		require.Equal(t, http.StatusOK, post(voip+"/authorization", "application/json", answer).status)
		want := step.calls
		if saved, known := w.cloud.Authorization(doorbell.ID); !known {
			assert.Equal(t, "refuse", step.button)
		} else {
			assert.Equal(t, step.button == "allow", saved.IsAuth)
			assert.Equal(t, want, devices()[doorbell.ID].Calls)
		}
		assert.Equal(t, map[string]int{"allow": 1, "refuse": 0}[step.button], w.cloud.DeviceVoIPStatus(householder().UserID, doorbell.ID))
	}
}

func TestMiniProgramTakesNobodyElsewhere(t *testing.T) {
	w := startWorld(t, Config{})
	good := url.Values{"sn": {"x"}, "snTicket": {"y"}, "modelId": {"z"}, "deviceName": {"bell"}, "redirect_uri": {w.base + "/?device=d"}}
	for name, change := range map[string]func(url.Values){
		"another host":      func(v url.Values) { v.Set("redirect_uri", "https://shop.example/") },
		"a host that looks": func(v url.Values) { v.Set("redirect_uri", w.base+".example/") },
		"a user":            func(v url.Values) { v.Set("redirect_uri", w.base+"@shop.example/") },
		"none":              func(v url.Values) { v.Del("redirect_uri") },
		"no sn":             func(v url.Values) { v.Del("sn") },
		"no ticket":         func(v url.Values) { v.Del("snTicket") },
	} {
		v := url.Values{}
		for key, values := range good {
			v[key] = append([]string(nil), values...)
		}
		change(v)
		status, body := call(t, http.MethodGet, w.cloudBase+"/miniprogram?"+v.Encode(), "")
		assert.Equal(t, http.StatusBadRequest, status, name)
		assert.NotContains(t, body, "shop.example", name)
		status, _ = call(t, http.MethodPost, w.cloudBase+"/miniprogram", v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
		assert.Equal(t, http.StatusBadRequest, status, name)
	}
	status, _ := call(t, http.MethodPost, w.cloudBase+"/miniprogram", good.Encode()+"&action=allow", "Origin", "https://shop.example", "Sec-Fetch-Site", "cross-site")
	assert.Equal(t, http.StatusForbidden, status)
	status, _ = call(t, http.MethodGet, w.cloudBase+"/miniprogram?"+good.Encode(), "", "Host", "rebound.example")
	assert.Equal(t, http.StatusForbidden, status)
	status, _ = call(t, http.MethodGet, w.cloudBase+"/", "")
	assert.Equal(t, http.StatusFound, status)
}

// A ticket that WeChat did not issue, or that is over, asks nobody.
func TestMiniProgramShowsWhyWeChatDoesNotAsk(t *testing.T) {
	w := startWorld(t, Config{})
	doorbell := testkit.TestDoorbell()
	form := url.Values{"sn": {doorbell.UUID}, "snTicket": {"forged"}, "modelId": {"m"}, "deviceName": {"bell"}, "redirect_uri": {w.base + "/"}, "action": {"allow"}}
	status, body := call(t, http.MethodPost, w.cloudBase+"/miniprogram?lang=en", form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
	assert.Equal(t, http.StatusConflict, status)
	assert.Contains(t, body, "snTicket: was not issued")
	assert.Zero(t, w.cloud.DeviceVoIPStatus(householder().UserID, doorbell.ID))
}

// Codes outlive a run, and the cloud does not.
func TestCodesOfAnEarlierRunAreGood(t *testing.T) {
	file := "sqlite:" + t.TempDir() + "/journal.db"
	for run := range 3 {
		faults := []string{codesEmpty}[:run%2]
		_, p := runOnce(t, Config{Journal: file, Faults: faults})
		assert.Equal(t, purchase.Delivered, p.State)
		w, stop := serveWorld(t, Config{Journal: file})
		stock := getJSON[map[string]map[purchase.CodeState]int](t, w.base+"/_sandbox/codes")
		assert.Equal(t, map[purchase.CodeState]int{purchase.CodeFree: batchSize - run - 1, purchase.CodeUsed: run + 1}, stock[testkit.CatalogVoIP])
		stop()
	}
}
