package testkit_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/vvchat"
	"github.com/imprest-go/imprest/testkit"
)

// newShop is the merchant under test. He knows one order, order-1 of 100 fen,
// and counts what he delivers.
func newShop(delivered *int) core.Handler {
	account := testkit.TestAccount()
	payment, err := callback.Payment(callback.Config{
		Apps:         []callback.App{{ID: account.AppID, Keys: []core.Secret{account.AppKey}}},
		AllowWeakKey: true, // it is the documented test account
		Sink: callback.SinkFunc(func(_ context.Context, n callback.PaymentNotice) error {
			if n.OutTradeNo != "order-1" || n.Amount != 100 {
				return core.Mismatch("shop.Paid", "not the order on record")
			}
			*delivered++
			return nil
		}),
	})
	if err != nil {
		panic(err)
	}
	return core.Routes{"POST /callbacks/payment": payment}
}

// newClient is the merchant's client of the platform.
func newClient(platform *testkit.Platform) *vvchat.Client {
	account := platform.Account()
	client, err := vvchat.New(vvchat.Config{
		BaseURL: platform.URL, AppID: account.AppID, AppKeys: []core.Secret{account.AppKey}, StoreNo: account.StoreNo,
		Now: platform.Clock.Now,
	})
	if err != nil {
		panic(err)
	}
	return client
}

// A purchase from the order to the delivery, without a network on the
// merchant's side.
func Example() {
	ctx := context.Background()
	delivered := 0
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{
		Client: testkit.HandlerClient(newShop(&delivered)),
	})
	if err != nil {
		panic(err)
	}
	defer platform.Close() // in a test, StartPlatform(t, …) does it

	prepay, err := newClient(platform).UnifiedOrder(ctx, vvchat.Order{
		OutTradeNo: "order-1", Amount: 100, Title: "storage, a month", NotifyURL: "http://shop.example/callbacks/payment",
	})
	if err != nil {
		panic(err)
	}
	trade, err := platform.Pay(ctx, prepay.ImprestCode, "") // the user's tap
	if err != nil {
		panic(err)
	}
	fmt.Println(trade.OutTradeNo, trade.Amount.Yuan(), trade.Status == testkit.Paid)
	for _, n := range platform.Notifications() {
		fmt.Println(len(n.Attempts), n.Acknowledged, delivered)
	}
	// Output:
	// order-1 1.00 true
	// 1 true 1
}

// A notification that was lost comes again, when the test says so.
func ExamplePlatform_Inject() {
	delivered := 0
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{
		Client: testkit.HandlerClient(newShop(&delivered)),
	})
	if err != nil {
		panic(err)
	}
	defer platform.Close()
	platform.Inject(testkit.Fault{Kind: testkit.FaultDropCallback, Times: 2})

	pay(platform)
	fmt.Println("delivered", delivered)
	platform.Clock.Advance(15 * time.Second)
	fmt.Println("delivered", delivered)
	platform.Clock.Advance(15 * time.Second)
	fmt.Println("delivered", delivered)
	// Output:
	// delivered 0
	// delivered 0
	// delivered 1
}

// pay orders order-1 and pays it.
func pay(platform *testkit.Platform) {
	prepay, err := newClient(platform).UnifiedOrder(context.Background(), vvchat.Order{
		OutTradeNo: "order-1", Amount: 100, Title: "storage, a month", NotifyURL: "http://shop.example/callbacks/payment",
	})
	if err != nil {
		panic(err)
	}
	if _, err := platform.Pay(context.Background(), prepay.ImprestCode, ""); err != nil {
		panic(err)
	}
}

// A handler is tested without any platform: one genuine notification, and one
// in which a single thing is wrong.
func ExampleSignedPayment() {
	ctx := context.Background()
	delivered := 0
	shop := newShop(&delivered)

	forged := testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: "order-1", Amount: 100}, testkit.MutateWrongKey)
	resp := shop.Handle(ctx, forged.Request("/callbacks/payment"))
	fmt.Printf("%d %s, delivered %d\n", resp.Status, resp.Body, delivered)

	genuine := testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: "order-1", Amount: 100})
	resp = shop.Handle(ctx, genuine.Request("/callbacks/payment"))
	fmt.Printf("%d %s, delivered %d\n", resp.Status, resp.Body, delivered)
	// Output:
	// 400 refused, delivered 0
	// 200 success, delivered 1
}

// Every mutator knows what a strict merchant makes of it, so a whole suite is
// one loop. In a test, RequireVerdict(t, m.Verdict, resp) does the comparing.
func ExampleMutators() {
	wrong := 0
	for _, m := range testkit.Mutators() {
		delivered := 0
		message := testkit.SignedPayment(testkit.PaymentFields{OutTradeNo: "order-1", Amount: 100}, m.Name)
		resp := newShop(&delivered).Handle(context.Background(), message.Request("/callbacks/payment"))

		acknowledged := strings.EqualFold(string(resp.Body), "success")
		if acknowledged != (m.Verdict != testkit.VerdictRefuse) || (delivered == 1) != (m.Verdict == testkit.VerdictDeliver) {
			wrong++
			fmt.Println(m.Name, m.Verdict, resp.Status, delivered)
		}
	}
	fmt.Println(wrong, "wrong")
	// Output: 0 wrong
}

// Time moves when the test moves it, and takes the timers along.
func ExampleClock() {
	clock := testkit.NewClock(time.Date(2024, 1, 1, 8, 0, 0, 0, time.UTC))
	clock.AfterFunc(time.Hour, func() { fmt.Println("rings at", clock.Now().Format("15:04")) })
	clock.Advance(3 * time.Hour)
	fmt.Println("it is", clock.Now().Format("15:04"))
	// Output:
	// rings at 09:00
	// it is 11:00
}

// The phone in a login: the user consents, and the code is good once.
func ExamplePlatform_Consent() {
	ctx := context.Background()
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{})
	if err != nil {
		panic(err)
	}
	defer platform.Close()
	client := newClient(platform)

	code, err := platform.Consent(client.AppID(), "", testkit.ScopeUserInfo)
	if err != nil {
		panic(err)
	}
	token, err := client.ExchangeCode(ctx, code)
	if err != nil {
		panic(err)
	}
	profile, err := client.Profile(ctx, token.Token)
	if err != nil {
		panic(err)
	}
	fmt.Println(profile.Nickname, profile.Sex)
	_, err = client.ExchangeCode(ctx, code)
	fmt.Println(core.CodeOf(err))
	// Output:
	// 小明 男
	// refused
}

// A payout is accepted first, and told of later: only a notification with
// status 1 means that money moved.
func ExamplePlatform_Payouts() {
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer platform.Close()
	client, err := vvchat.New(vvchat.Config{
		BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456"), StoreNo: "s1234", AllowWeakKey: true, Now: platform.Clock.Now,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.Payout(context.Background(), vvchat.Payout{
		OutOrderNo: "refund-1", InOpenID: testkit.TestUser().OpenID, OutOpenID: testkit.TestAccount().OutOpenID,
		Amount: 100, NotifyURL: "http://127.0.0.1:1/callbacks/payout", Title: "refund",
	})
	fmt.Println(err, platform.Payouts()[0].Status)
	platform.Clock.Advance(time.Second)
	fmt.Println(platform.Payouts()[0].Status)
	// Output:
	// <nil> 0
	// 1
}

// A page hands in the code of a consent to send into a chat, and the server
// sends. What the platform's chats hold by then is for the test to ask.
func ExamplePlatform_Messages() {
	platform, err := testkit.NewPlatform(testkit.PlatformConfig{Seed: 1})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer platform.Close()
	client, err := vvchat.New(vvchat.Config{
		BaseURL: platform.URL, AppID: "test", AppKeys: core.Secrets("123456"), StoreNo: "s1234", AllowWeakKey: true, Now: platform.Clock.Now,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	chat := vvchat.Session{ID: testkit.TestSessions()[1].ID, Type: vvchat.SessionGroup}
	code, err := platform.Consent("test", "", vvchat.SessionScope(chat)) // the user's tap on "allow"
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.SendToSession(context.Background(), code, chat, vvchat.Message{Content: "somebody rings"})
	fmt.Println(err, platform.Messages(chat.ID)[0].Content)
	robot, err := client.Robot(testkit.TestRobot().RobotNo)
	if err != nil {
		fmt.Println(err)
		return
	}
	err = robot.Send(context.Background(), vvchat.RobotTarget{SessionOpenID: chat.ID, SessionType: vvchat.SessionGroup}, vvchat.SendText{Text: "hello"})
	fmt.Println(err, platform.RobotCommands()[0].Cmd)
	// Output:
	// <nil> somebody rings
	// <nil> send-text
}
