//go:build unix

package fleet

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Binaries are the programs of a fleet.
type Binaries struct{ PayCallback, Reconcile string }

// Build builds the programs into dir. args go to go build.
func Build(ctx context.Context, dir string, args ...string) (Binaries, error) {
	programs := []string{"paycallback", "reconcile"}
	for _, program := range programs {
		args := append([]string{"build", "-o", filepath.Join(dir, program)}, args...)
		out, err := exec.CommandContext(ctx, "go", append(args, "github.com/imprest-go/imprest/functions/"+program)...).CombinedOutput()
		if err != nil {
			return Binaries{}, fmt.Errorf("%s cannot be built: %w\n%s", program, err, out)
		}
	}
	return Binaries{PayCallback: filepath.Join(dir, programs[0]), Reconcile: filepath.Join(dir, programs[1])}, nil
}

// moment is what an armed process is killed at.
type moment string

const (
	atOnce       moment = "at once"
	onForward    moment = "after a notification was handed to it"
	beforeGrant  moment = "before its delivery was granted"
	afterGrant   moment = "after its delivery was granted"
	beforePayout moment = "before its payout was taken"
	afterPayout  moment = "after its payout was taken"
)

// process is a place in the fleet: a program that is started again whenever it
// was killed.
type process struct {
	name     string
	binary   string
	env      []string
	takes    bool // notifications are handed to it
	told     func(name, what string)
	failed   func(name, what string)
	killedAt func(moment)
	armed    atomic.Pointer[moment]
	asleep   atomic.Bool
	wokenAt  atomic.Int64 // nanoseconds since 1970
	slowTill atomic.Int64

	running sync.Mutex // held while it is started or killed
	life    atomic.Pointer[life]
	kills   atomic.Int64
}

// life is one run of the program.
type life struct {
	cmd    *exec.Cmd
	addr   string
	client *http.Client
	ended  chan struct{}
	meant  atomic.Bool // we ended it

	mu  sync.Mutex
	log []string
}

const keptLines = 30

func (l *life) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.log...)
}

// start runs the program, and returns when it serves.
func (p *process) start() error {
	p.running.Lock()
	defer p.running.Unlock()
	return p.begin()
}

func (p *process) begin() error {
	l := &life{cmd: exec.Command(p.binary), ended: make(chan struct{})}
	l.cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "IMPREST_LISTEN=127.0.0.1:0"}, p.env...)
	l.cmd.SysProcAttr = child(syscall.SIGKILL)
	stderr, err := l.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := l.cmd.Start(); err != nil {
		return err
	}
	serving := make(chan string, 1)
	go p.follow(l, stderr, serving)
	select {
	case l.addr = <-serving:
	case <-l.ended:
	case <-time.After(30 * time.Second):
		l.meant.Store(true)
		_ = l.cmd.Process.Kill()
		<-l.ended
	}
	if l.addr == "" {
		return fmt.Errorf("%s does not serve: %s", p.name, strings.Join(l.lines(), "\n"))
	}
	l.client = &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	p.life.Store(l)
	return nil
}

// follow reads what a process writes, until it ends.
func (p *process) follow(l *life, stderr io.Reader, serving chan<- string) {
	scanner := bufio.NewScanner(stderr)
	for scanner.Scan() {
		line := scanner.Text()
		var told struct{ Msg, Address string }
		if json.Unmarshal([]byte(line), &told) == nil && told.Msg == "serving" {
			serving <- told.Address
		}
		if told.Msg == "sweep" {
			continue
		}
		l.mu.Lock()
		if len(l.log) == keptLines {
			l.log = l.log[1:]
		}
		l.log = append(l.log, line)
		l.mu.Unlock()
	}
	err := l.cmd.Wait()
	if !l.meant.Load() {
		p.failed(p.name, fmt.Sprintf("ended by itself: %v\n%s", err, strings.Join(l.lines(), "\n")))
	}
	close(l.ended)
}

// alive returns the life that is under way; nil if there is none.
func (p *process) alive() *life {
	l := p.life.Load()
	if l == nil {
		return nil
	}
	select {
	case <-l.ended:
		return nil
	default:
		return l
	}
}

// end kills the process for good. It returns when it is gone.
func (p *process) end() {
	p.running.Lock()
	defer p.running.Unlock()
	p.kill()
}

func (p *process) kill() bool {
	l := p.alive()
	if l == nil {
		return false
	}
	l.meant.Store(true)
	_ = l.cmd.Process.Kill() // a process that is stopped dies of it, too
	<-l.ended
	l.client.CloseIdleConnections()
	p.life.Store(nil)
	return true
}

// killAndRestart is what the fleet is there for.
func (p *process) killAndRestart(at moment) {
	p.running.Lock()
	defer p.running.Unlock()
	if !p.kill() {
		return
	}
	p.kills.Add(1)
	p.killedAt(at)
	p.told(p.name, "killed "+string(at))
	time.Sleep(time.Duration(rand.IntN(300)) * time.Millisecond)
	if err := p.begin(); err != nil {
		p.failed(p.name, err.Error())
		return
	}
	p.told(p.name, "started again")
}

// strike kills the process if it is armed for this moment, after a pause, and
// reports whether it did.
func (p *process) strike(now moment, after time.Duration, wait bool) bool {
	armed := p.armed.Load()
	if armed == nil || *armed != now || !p.armed.CompareAndSwap(armed, nil) {
		return false
	}
	struck := make(chan struct{})
	go func() {
		defer close(struck)
		time.Sleep(after)
		p.killAndRestart(now)
	}()
	if wait {
		l := p.life.Load()
		if l != nil {
			select {
			case <-l.ended:
			case <-struck:
			}
		}
	}
	return true
}

// sleep stops the process for a while, as a machine does that is paused, and
// lets it go on.
func (p *process) sleep(ctx context.Context, d time.Duration) error {
	l := p.alive()
	if l == nil {
		return errors.New("it does not run")
	}
	p.asleep.Store(true)
	defer p.asleep.Store(false)
	if err := l.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	p.told(p.name, fmt.Sprintf("stopped for %v", d.Round(time.Millisecond)))
	select {
	case <-ctx.Done():
	case <-l.ended:
	case <-time.After(d):
	}
	p.wokenAt.Store(time.Now().UnixNano())
	_ = l.cmd.Process.Signal(syscall.SIGCONT)
	p.told(p.name, "goes on")
	return nil
}

// drowsy says that it slept through a lease a moment ago, and may still do what
// it was about to do then.
func (p *process) drowsy() bool {
	return p.asleep.Load() || time.Since(time.Unix(0, p.wokenAt.Load())) < 3*time.Second
}
