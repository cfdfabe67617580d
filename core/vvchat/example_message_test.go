package vvchat_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// exampleClient returns a client of a server that answers as the platform
// does, and shows what it is told to send.
func exampleClient() (_ *vvchat.Client, end func()) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/userservices/v2/authorization/token":
			fmt.Fprint(w, `{"open_id":"lJsDBB01","scope":"sessionapi_sendmsg:IqxDpc-s6S:2","token":"eyJhbGci","expire_in":1900000000}`)
		case "/robotapi/v1/token":
			fmt.Fprint(w, `{"token":"eyJhbGci","expire_in":7200}`)
		default:
			body, _ := io.ReadAll(r.Body)
			fmt.Printf("%s %s", r.URL.Path, body)
		}
	}))
	client, err := vvchat.New(vvchat.Config{BaseURL: server.URL, AppID: "test", AppKeys: core.Secrets("123456")})
	if err != nil {
		log.Fatal(err)
	}
	return client, server.Close
}

func ExampleSessionScope() {
	// What getSession or selectSession of the JSSDK told the page.
	session := vvchat.Session{ID: "IqxDpc-s6S_9RaXMmag39YVH7W810Z57", Type: vvchat.SessionGroup}
	fmt.Println(vvchat.SessionScope(session)) // the scope for auth
	// Output: sessionapi_sendmsg:IqxDpc-s6S_9RaXMmag39YVH7W810Z57:2
}

func ExampleClient_SendToSession() {
	client, end := exampleClient()
	defer end()
	// The page hands in the code of auth, and the chat for which it asked.
	code, session := "the-code", vvchat.Session{ID: "IqxDpc-s6S", Type: vvchat.SessionGroup}
	token, err := client.SendToSession(context.Background(), code, session, vvchat.Message{Content: "I bought a doorbell"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.OpenID, token.Token)
	// Output:
	// /messageapi/v1/authorization/sendmsg {"type":"text","content":"I bought a doorbell"}
	// lJsDBB01 ***
}

func ExampleClient_SendMessage() {
	client, end := exampleClient()
	defer end()
	token := core.NewSecret("eyJhbGci") // of ExchangeCode or SendToSession, until it expires
	err := client.SendMessage(context.Background(), token, vvchat.Message{Content: "and it rings"})
	switch {
	case core.CodeOf(err) == core.CodeUnknown:
		fmt.Println("perhaps sent: do not send it again blindly")
	case err != nil:
		log.Fatal(err)
	}
	// Output: /messageapi/v1/authorization/sendmsg {"type":"text","content":"and it rings"}
}

func ExampleClient_Robot() {
	client, end := exampleClient()
	defer end()
	robot, err := client.Robot("R1001")
	if err != nil {
		log.Fatal(err)
	}
	// A robot event names the chat that it comes from.
	chat := vvchat.RobotTarget{SessionOpenID: "8g8ZW-JHWS", SessionType: vvchat.SessionGroup}
	for _, command := range []vvchat.RobotCommand{
		vvchat.SendText{Text: "hello"},
		vvchat.WebviewGroupClose{},
	} {
		if err := robot.Send(context.Background(), chat, command); err != nil {
			log.Fatal(err)
		}
	}
	// Output:
	// /robotapi/v1/message/send {"type":"cmd","session_open_id":"8g8ZW-JHWS","session_type":"2","to_type":"2","to":"8g8ZW-JHWS","content":{"cmd":"send-text","params":"{\"text\":\"hello\"}"}}
	// /robotapi/v1/message/send {"type":"cmd","session_open_id":"8g8ZW-JHWS","session_type":"2","to_type":"2","to":"8g8ZW-JHWS","content":{"cmd":"webview-group-close","params":"{}"}}
}

func ExampleRobot_Send() {
	client, end := exampleClient()
	defer end()
	robot, err := client.Robot("R1001")
	if err != nil {
		log.Fatal(err)
	}
	err = robot.Send(context.Background(),
		vvchat.RobotTarget{SessionOpenID: "8g8ZW-JHWS", SessionType: vvchat.SessionGroup},
		vvchat.WebviewGroupOpen{Height: "50%", URL: "https://shop.example/"})
	fmt.Println(err)
	// Output:
	// /robotapi/v1/message/send {"type":"cmd","session_open_id":"8g8ZW-JHWS","session_type":"2","to_type":"2","to":"8g8ZW-JHWS","content":{"cmd":"webview-group-open","params":"{\"height\":\"50%\",\"url\":\"https://shop.example/\"}"}}
	// <nil>
}

func ExampleClient_RobotToken() {
	client, end := exampleClient()
	defer end()
	token, lifetime, err := client.RobotToken(context.Background())
	fmt.Println(token, lifetime, err)
	// Output: *** 2h0m0s <nil>
}

func ExampleClient_TestImprest() {
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{}) // or vvchat.TestHost
	if err != nil {
		log.Fatal(err)
	}
	defer platform.Close()
	client, err := vvchat.New(vvchat.Config{BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456")})
	if err != nil {
		log.Fatal(err)
	}
	imprestCode, err := client.TestImprest(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	trade, err := client.QueryImprestCode(context.Background(), imprestCode)
	fmt.Println(trade.Amount, trade.Status == vvchat.StatusPaid, err)
	// Output: 1 false <nil>
}

func ExamplePlatformError() {
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer platform.Close()
	client, err := vvchat.New(vvchat.Config{BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456")})
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.ExchangeCode(context.Background(), "a-code-that-was-used")
	if refused, ok := errors.AsType[*vvchat.PlatformError](err); ok {
		fmt.Println(refused.ErrMsg, refused.Class == vvchat.ClassCode)
	}
	// Output: 无效的code true
}
