package vvchat_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// Every command, against the strict fake, over tokens that end.
func TestRobotAgainstThePlatform(t *testing.T) {
	platform := testkit.StartPlatform(t, testkit.PlatformConfig{})
	client, err := vvchat.New(vvchat.Config{
		BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456"), StoreNo: "s1234", AllowWeakKey: true, Now: platform.Clock.Now,
	})
	require.NoError(t, err)
	robot, err := client.Robot(testkit.TestRobot().RobotNo)
	require.NoError(t, err)
	direct := vvchat.RobotTarget{SessionOpenID: testkit.TestUser().OpenID, SessionType: vvchat.SessionDirect}
	group := vvchat.RobotTarget{SessionOpenID: testkit.TestSessions()[1].ID, SessionType: vvchat.SessionGroup}
	for _, to := range []vvchat.RobotTarget{direct, group} {
		for _, command := range []vvchat.RobotCommand{
			vvchat.SendText{Text: "hello"}, vvchat.WebviewGroupOpen{Height: "50%", URL: "http://127.0.0.1:8700/"},
			vvchat.WebviewGroupRefresh{URL: "http://127.0.0.1:8700/"}, vvchat.WebviewGroupClose{},
		} {
			require.NoError(t, robot.Send(t.Context(), to, command))
		}
		platform.Clock.Advance(3 * time.Hour)
	}
	tokens := 0
	count := func() int {
		n := 0
		for _, e := range platform.Requests() {
			if e.Call == testkit.CallRobotToken {
				n++
			}
		}
		return n
	}
	assert.Len(t, platform.RobotCommands(), 8)
	assert.Equal(t, 2, count(), "one token as long as it lasts")
	tokens = count()
	platform.Inject(testkit.Fault{Kind: testkit.FaultTokenExpired, Call: testkit.CallRobotCommand})
	require.NoError(t, robot.Send(t.Context(), group, vvchat.SendText{Text: "again"}))
	assert.Equal(t, tokens+2, count(), "a new one for the time, and another for the refusal")
	platform.RequireMessage(t, group.SessionOpenID, "again")

	other, err := client.Robot("r-of-nobody")
	require.NoError(t, err)
	err = other.Send(t.Context(), group, vvchat.SendText{Text: "x"})
	assert.Equal(t, core.CodeRefused, core.CodeOf(err))
	assert.ErrorContains(t, err, "robot_no")
}

// What a chat's scope and token are good for.
func TestMessagesAgainstThePlatform(t *testing.T) {
	platform := testkit.StartPlatform(t, testkit.PlatformConfig{})
	client, err := vvchat.New(vvchat.Config{
		BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456"), StoreNo: "s1234", AllowWeakKey: true, Now: platform.Clock.Now,
	})
	require.NoError(t, err)
	chat := vvchat.Session{ID: testkit.TestSessions()[1].ID, Type: vvchat.SessionGroup}
	code, err := platform.Consent("test", "", vvchat.SessionScope(chat))
	require.NoError(t, err)
	token, err := client.SendToSession(t.Context(), code, chat, vvchat.Message{Content: "one"})
	require.NoError(t, err)
	platform.RequireMessage(t, chat.ID, "one")
	require.NoError(t, client.SendMessage(t.Context(), token.Token, vvchat.Message{Content: "two"}))

	var refused *vvchat.PlatformError
	_, err = client.SendToSession(t.Context(), code, chat, vvchat.Message{Content: "x"})
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, vvchat.ClassCode, refused.Class, "a code is good once")
	_, err = client.Profile(t.Context(), token.Token)
	require.ErrorAs(t, err, &refused)
	assert.Equal(t, vvchat.ClassScope, refused.Class, "%v", err)
	login, err := platform.Consent("test", "", testkit.ScopeUserInfo)
	require.NoError(t, err)
	_, err = client.SendToSession(t.Context(), login, chat, vvchat.Message{Content: "x"})
	assert.Equal(t, core.CodeMismatch, core.CodeOf(err))
	platform.Clock.Advance(3 * time.Hour)
	require.ErrorAs(t, client.SendMessage(t.Context(), token.Token, vvchat.Message{Content: "x"}), &refused)
	assert.Equal(t, vvchat.ClassToken, refused.Class)
	assert.Len(t, platform.Messages(chat.ID), 2)
}
