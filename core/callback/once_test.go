package callback_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/callback"
	"github.com/imprest-go/imprest/core/journal"
)

func paid(order, trade string) callback.PaymentNotice {
	return callback.PaymentNotice{AppID: "test", OutTradeNo: order, TradeNo: trade, OpenID: "buyer", Amount: 100, Status: callback.StatusPaid}
}

// sinkScript is a sink whose outcomes are given in advance.
type sinkScript struct {
	mu       sync.Mutex
	script   []error
	attempts []int
	settled  func() (bool, error)
	asked    int
}

func (s *sinkScript) Paid(_ context.Context, n callback.PaymentNotice) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts = append(s.attempts, n.Attempt)
	if len(s.script) == 0 {
		return nil
	}
	err := s.script[0]
	s.script = s.script[1:]
	return err
}

// settlingSink adds the optional question.
type settlingSink struct{ *sinkScript }

func (s settlingSink) Settled(_ context.Context, key string) (bool, error) {
	s.asked++
	if key != "test/o1" {
		return false, errors.New("another key: " + key)
	}
	return s.settled()
}

func TestOnceHandsAPaymentOverOnce(t *testing.T) {
	sink := &sinkScript{}
	once := callback.Once(journal.NewMemory(), sink)
	for range 5 {
		require.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
	}
	assert.Equal(t, []int{1}, sink.attempts)
	require.NoError(t, once.Paid(t.Context(), paid("o2", "t2")))
	assert.Len(t, sink.attempts, 2, "another order is another matter")
}

func TestOnceUnderConcurrency(t *testing.T) {
	var calls atomic.Int32
	store := journal.NewMemory()
	sink := callback.SinkFunc(func(context.Context, callback.PaymentNotice) error { calls.Add(1); return nil })
	var wg sync.WaitGroup
	for range 64 {
		once := callback.Once(store, sink) // as many processes on one journal
		wg.Go(func() { assert.NoError(t, once.Paid(t.Context(), paid("o1", "t1"))) })
	}
	wg.Wait()
	assert.EqualValues(t, 1, calls.Load())
}

func TestOnceTriesAgainAfterAnError(t *testing.T) {
	sink := &sinkScript{script: []error{errors.New("down"), nil}}
	once := callback.Once(journal.NewMemory(), sink)
	require.Error(t, once.Paid(t.Context(), paid("o1", "t1")))
	require.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
	require.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
	assert.Equal(t, []int{1, 2}, sink.attempts)
}

func TestOnceAsksSettledOnlyInDoubt(t *testing.T) {
	for _, tt := range []struct {
		name     string
		settled  bool
		err      error
		attempts []int
		fails    bool
	}{
		{"it was done", true, nil, []int{1}, false},
		{"it was not", false, nil, []int{1, 2}, false},
		{"nobody can tell", false, errors.New("down"), []int{1}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			sink := settlingSink{&sinkScript{script: []error{errors.New("timed out")}, settled: func() (bool, error) { return tt.settled, tt.err }}}
			once := callback.Once(journal.NewMemory(), sink)
			require.Error(t, once.Paid(t.Context(), paid("o1", "t1")))
			assert.Zero(t, sink.asked, "the first attempt is beyond doubt")
			err := once.Paid(t.Context(), paid("o1", "t1"))
			assert.Equal(t, tt.fails, err != nil)
			assert.Equal(t, 1, sink.asked)
			assert.Equal(t, tt.attempts, sink.attempts)
		})
	}
}

func TestOnceIsNotBlockedByAMismatch(t *testing.T) {
	sink := &sinkScript{script: []error{core.Mismatch("shop", "wrong amount")}}
	once := callback.Once(journal.NewMemory(), sink)
	wrong := paid("o1", "t-wrong")
	wrong.Amount = 1
	assert.Equal(t, core.CodeMismatch, core.CodeOf(once.Paid(t.Context(), wrong)))
	assert.NoError(t, once.Paid(t.Context(), paid("o1", "t1")), "the genuine one that follows")
	assert.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
	assert.Len(t, sink.attempts, 2)
}

func TestOnceRaisesAnAlarmOverAnotherPayment(t *testing.T) {
	sink := &sinkScript{}
	once := callback.Once(journal.NewMemory(), sink)
	require.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
	other := paid("o1", "t2")
	err := once.Paid(t.Context(), other)
	assert.ErrorIs(t, err, callback.ErrDifferent)
	assert.Equal(t, core.CodeMismatch, core.CodeOf(err))
	for _, change := range []func(*callback.PaymentNotice){
		func(n *callback.PaymentNotice) { n.Amount++ }, func(n *callback.PaymentNotice) { n.OpenID = "thief" },
	} {
		n := paid("o1", "t1")
		change(&n)
		assert.ErrorIs(t, once.Paid(t.Context(), n), callback.ErrDifferent)
	}
	later := paid("o1", "t1")
	later.PayTime = time.Unix(1, 0)
	assert.NoError(t, once.Paid(t.Context(), later), "what the platform may word anew is no other payment")
	assert.Len(t, sink.attempts, 1)
}

func TestADuplicateWaitsForTheFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var calls atomic.Int32
		once := callback.Once(journal.NewMemory(), callback.SinkFunc(func(context.Context, callback.PaymentNotice) error {
			calls.Add(1)
			<-release
			return nil
		}))
		results := make(chan error, 3)
		go func() { results <- once.Paid(context.Background(), paid("o1", "t1")) }()
		synctest.Wait()
		go func() { results <- once.Paid(context.Background(), paid("o1", "t1")) }()
		time.Sleep(2 * time.Second)
		assert.Empty(t, results)
		close(release)
		assert.NoError(t, <-results)
		assert.NoError(t, <-results)
		assert.EqualValues(t, 1, calls.Load())
	})
}

func TestADuplicateDoesNotWaitForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		once := callback.Once(journal.NewMemory(), callback.SinkFunc(func(context.Context, callback.PaymentNotice) error {
			<-release
			return nil
		}))
		first := make(chan error, 1)
		go func() { first <- once.Paid(context.Background(), paid("o1", "t1")) }()
		synctest.Wait()
		begun := time.Now()
		err := once.Paid(context.Background(), paid("o1", "t1"))
		assert.ErrorIs(t, err, callback.ErrInProgress)
		assert.Equal(t, core.CodeBusy, core.CodeOf(err))
		assert.InDelta(t, 5, time.Since(begun).Seconds(), 0.5)

		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		assert.Error(t, once.Paid(short, paid("o1", "t1")))
		close(release)
		assert.NoError(t, <-first)
	})
}

// A worker that died holds its lease until it runs out; then the notice is
// handed over again, with a greater attempt, and in doubt.
func TestALeaseThatRanOutMeansUnknown(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	store := journal.NewMemory()
	died := settlingSink{&sinkScript{settled: func() (bool, error) { return false, nil }}}
	newOnce := func(store journal.Store) callback.Sink {
		once, err := callback.NewOnce(callback.OnceConfig{Store: store, Sink: died, Now: func() time.Time { return now }, Wait: time.Millisecond})
		require.NoError(t, err)
		return once
	}
	assert.Error(t, newOnce(&failing{Store: store, failFrom: 2}).Paid(t.Context(), paid("o1", "t1")), "its outcome was never written")
	assert.ErrorIs(t, newOnce(store).Paid(t.Context(), paid("o1", "t1")), callback.ErrInProgress)
	now = now.Add(31 * time.Second)
	assert.NoError(t, newOnce(store).Paid(t.Context(), paid("o1", "t1")))
	assert.Equal(t, []int{1, 2}, died.attempts)
	assert.Equal(t, 1, died.asked)
}

// failing is a store whose Puts fail from the nth on.
type failing struct {
	journal.Store
	puts, failFrom int
}

func (f *failing) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	f.puts++
	if f.puts >= f.failFrom {
		return journal.Record{}, errors.New("disk full")
	}
	return f.Store.Put(ctx, r)
}

// unsure applies every write, or none, and always says that it does not know.
type unsure struct {
	journal.Store
	apply bool
}

func (u *unsure) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	if u.apply {
		if stored, err := u.Store.Put(ctx, r); err != nil {
			return stored, err
		}
	}
	u.apply = true
	return journal.Record{}, journal.ErrUnknown
}

func TestAStoreThatCannotTell(t *testing.T) {
	for _, first := range []bool{true, false} {
		sink := &sinkScript{}
		once := callback.Once(&unsure{Store: journal.NewMemory(), apply: first}, sink)
		assert.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
		assert.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
		assert.Equal(t, 1, len(sink.attempts), "handed over once, applied at first: %v", first)
	}
}

func TestReceiptsAreKeptForNinetyDaysAndThenPurged(t *testing.T) {
	store := journal.NewMemory()
	require.NoError(t, callback.Once(store, &sinkScript{}).Paid(t.Context(), paid("o1", "t1")))
	record, err := store.Get(t.Context(), "r/pay/test/o1")
	require.NoError(t, err)
	assert.GreaterOrEqual(t, time.Until(record.Expires), 90*24*time.Hour-time.Minute)
	purged, err := journal.Purge(t.Context(), store, record, time.Now())
	require.NoError(t, err)
	assert.False(t, purged)
	purged, err = journal.Purge(t.Context(), store, record, record.Expires.Add(time.Second))
	require.NoError(t, err)
	assert.True(t, purged)
	_, err = callback.NewOnce(callback.OnceConfig{Store: store, Sink: &sinkScript{}, Keep: time.Hour})
	assert.Equal(t, core.CodeInvalid, core.CodeOf(err))
}

func TestOnceReportsAFailingStore(t *testing.T) {
	sink := &sinkScript{}
	err := callback.Once(&failing{Store: journal.NewMemory(), failFrom: 1}, sink).Paid(t.Context(), paid("o1", "t1"))
	assert.Error(t, err)
	assert.Empty(t, sink.attempts, "nothing is handed over that could not be remembered")
}

func TestOnceTurnsAPanicIntoAnError(t *testing.T) {
	calls := 0
	once := callback.Once(journal.NewMemory(), callback.SinkFunc(func(context.Context, callback.PaymentNotice) error {
		calls++
		if calls == 1 {
			panic("boom")
		}
		return nil
	}))
	assert.Error(t, once.Paid(t.Context(), paid("o1", "t1")))
	assert.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
}

// A wrong notice whose processing failed, or broke off, must not stand in the
// way of the right one: it binds only once it is done.
func TestOnceIsNotBlockedByWhatWasNeverDone(t *testing.T) {
	sink := &sinkScript{script: []error{errors.New("down")}}
	once := callback.Once(journal.NewMemory(), sink)
	wrong := paid("o1", "t-wrong")
	wrong.Amount = 1
	require.Error(t, once.Paid(t.Context(), wrong))
	assert.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
	assert.ErrorIs(t, once.Paid(t.Context(), wrong), callback.ErrDifferent, "now it is an alarm")
}

// The first payment was taken and its reply lost; then a second one of the same
// order comes: what the merchant settled is the first.
func TestOnceDoesNotTakeASecondPaymentForTheOneInDoubt(t *testing.T) {
	sink := settlingSink{&sinkScript{script: []error{errors.New("committed, and the reply was lost")}, settled: func() (bool, error) { return true, nil }}}
	once := callback.Once(journal.NewMemory(), sink)
	require.Error(t, once.Paid(t.Context(), paid("o1", "t1")))
	assert.ErrorIs(t, once.Paid(t.Context(), paid("o1", "t2")), callback.ErrDifferent)
	assert.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
	assert.ErrorIs(t, once.Paid(t.Context(), paid("o1", "t2")), callback.ErrDifferent)
	assert.Equal(t, []int{1}, sink.attempts)
}

// A wrong notice is in doubt, then refused; the right one's outcome is lost. The
// sink settled the right one, and that is what the receipt must say.
func TestOnceDoubtsEachPaymentForItself(t *testing.T) {
	sink := settlingSink{&sinkScript{settled: func() (bool, error) { return false, nil }, script: []error{
		errors.New("down"), core.Mismatch("shop", "wrong amount"), errors.New("committed, and the reply was lost"),
	}}}
	once := callback.Once(journal.NewMemory(), sink)
	wrong := paid("o1", "t1")
	wrong.Amount = 1
	require.Error(t, once.Paid(t.Context(), wrong))
	require.Equal(t, core.CodeMismatch, core.CodeOf(once.Paid(t.Context(), wrong)))
	require.Error(t, once.Paid(t.Context(), paid("o1", "t1")))
	sink.settled = func() (bool, error) { return true, nil }
	assert.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
	assert.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
	assert.ErrorIs(t, once.Paid(t.Context(), wrong), callback.ErrDifferent)
}

// One payment pays one order; and a notice that the sink refuses claims
// nothing.
func TestOnceTakesAPaymentForOneOrder(t *testing.T) {
	sink := &sinkScript{script: []error{core.Mismatch("shop", "wrong order")}}
	store := journal.NewMemory()
	once := callback.Once(store, sink)
	require.Error(t, once.Paid(t.Context(), paid("o-wrong", "t1")))
	require.NoError(t, once.Paid(t.Context(), paid("o1", "t1")))
	err := once.Paid(t.Context(), paid("o2", "t1"))
	assert.ErrorIs(t, err, callback.ErrClaimed)
	assert.Equal(t, core.CodeMismatch, core.CodeOf(err))
	assert.Len(t, sink.attempts, 2, "the second order's sink was never asked")
	require.NoError(t, once.Paid(t.Context(), paid("o2", "t2")), "and its own payment is taken")

	// A crash between the sink and the receipt: one's own claim is no alarm.
	_, err = store.Put(t.Context(), journal.Record{ID: "trade/t3", Body: []byte("o3")})
	require.NoError(t, err)
	assert.NoError(t, once.Paid(t.Context(), paid("o3", "t3")))
}

// The write of the lease took longer than the lease: the sink is not called,
// since somebody else may be calling it.
func TestOnceDoesNotBeginOnALeaseThatIsOver(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	sink := &sinkScript{}
	once, err := callback.NewOnce(callback.OnceConfig{
		Store: &slowPut{Store: journal.NewMemory(), now: &now}, Sink: sink, Now: func() time.Time { return now }, Wait: time.Millisecond,
	})
	require.NoError(t, err)
	assert.ErrorIs(t, once.Paid(t.Context(), paid("o1", "t1")), callback.ErrInProgress)
	assert.Empty(t, sink.attempts)
}

type slowPut struct {
	journal.Store
	now *time.Time
}

func (s *slowPut) Put(ctx context.Context, r journal.Record) (journal.Record, error) {
	*s.now = s.now.Add(time.Minute)
	return s.Store.Put(ctx, r)
}

// A duplicate looks again while an attempt is in progress, longer each time, for
// Wait in all; a last look follows the last pause.
func TestADuplicateWaitsByItsPause(t *testing.T) {
	store := journal.NewMemory()
	var pauses []time.Duration
	n := paid("order-1", "T1")
	var duplicate callback.Sink
	first, err := callback.NewOnce(callback.OnceConfig{Store: store, Sink: callback.SinkFunc(func(ctx context.Context, n callback.PaymentNotice) error {
		return duplicate.Paid(ctx, n)
	})})
	require.NoError(t, err)
	duplicate, err = callback.NewOnce(callback.OnceConfig{
		Store: store, Sink: callback.SinkFunc(func(context.Context, callback.PaymentNotice) error { return nil }), Wait: 30 * time.Millisecond,
		Pause: func(_ context.Context, d time.Duration) error { pauses = append(pauses, d); return nil },
	})
	require.NoError(t, err)
	require.ErrorIs(t, first.Paid(t.Context(), n), callback.ErrInProgress)
	assert.Equal(t, []time.Duration{5 * time.Millisecond, 10 * time.Millisecond, 15 * time.Millisecond}, pauses)
}

// Two payments of one order are in doubt, and the sink says that the order is
// settled: nobody knows by which, so neither is acknowledged.
func TestTwoPaymentsInDoubtAreAnAlarm(t *testing.T) {
	sink := &sinkScript{script: []error{errors.New("broke off"), errors.New("broke off")}}
	sink.settled = func() (bool, error) { return len(sink.attempts) == 2, nil }
	once := callback.Once(journal.NewMemory(), settlingSink{sink})
	require.Error(t, once.Paid(t.Context(), paid("o1", "t1")))
	require.Error(t, once.Paid(t.Context(), paid("o1", "t2")), "which is the one that was booked")
	for range 2 {
		assert.ErrorIs(t, once.Paid(t.Context(), paid("o1", "t1")), callback.ErrDifferent)
		assert.ErrorIs(t, once.Paid(t.Context(), paid("o1", "t2")), callback.ErrDifferent)
	}
	assert.Len(t, sink.attempts, 2)
}
