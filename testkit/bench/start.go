package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/imprest-go/imprest/testkit/lambdatest"
)

// rounds is how often each function is started.
const rounds = 30

// start measures the artifact of template/aws, made by its own Makefile, beside
// the least function that there is: its size, and the time from the start of the
// process to its first poll of the Runtime API. The two take turns.
func start(ctx context.Context, progress io.Writer) (table, error) {
	dir, err := os.MkdirTemp("", "bench-start")
	if err != nil {
		return table{}, err
	}
	defer os.RemoveAll(dir)
	ours := map[string]string{}
	for _, arch := range []string{"amd64", runtime.GOARCH} {
		artifacts := filepath.Join(dir, arch)
		if err := os.MkdirAll(artifacts, 0o700); err != nil {
			return table{}, err
		}
		// In the module's own folder, so that it is this tree that is built.
		make := exec.CommandContext(ctx, "make", "-s", "-f", "template/aws/Makefile", "build-PayCallback", "ARCH="+arch, "ARTIFACTS_DIR="+artifacts)
		make.Dir, make.Stderr = "../..", progress
		if err := make.Run(); err != nil {
			return table{}, fmt.Errorf("template/aws: %w", err)
		}
		ours[arch] = filepath.Join(artifacts, "bootstrap")
	}
	hello := filepath.Join(dir, "hello")
	build := exec.CommandContext(ctx, "go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags=-s -w", "-o", hello, "./hello")
	build.Env, build.Stderr = append(os.Environ(), "CGO_ENABLED=0"), progress
	if err := build.Run(); err != nil {
		return table{}, fmt.Errorf("hello: %w", err)
	}

	var bare, full []time.Duration
	for round := range rounds {
		if round%10 == 0 {
			fmt.Fprintf(progress, "start: %d of %d rounds\n", round, rounds)
		}
		for _, function := range []struct {
			binary string
			env    []string
			polls  *[]time.Duration
		}{{hello, nil, &bare}, {ours[runtime.GOARCH], environment(), &full}} {
			poll, err := firstPoll(ctx, function.binary, function.env)
			if err != nil {
				return table{}, err
			}
			*function.polls = append(*function.polls, poll)
		}
	}
	size := map[string]float64{} // MB
	for _, file := range []string{hello, ours[runtime.GOARCH], ours["amd64"]} {
		info, err := os.Stat(file)
		if err != nil {
			return table{}, err
		}
		size[file] = float64(info.Size()) / 1e6
	}
	b, f := median(bare), median(full)
	row := func(name, file string, poll time.Duration, all []time.Duration) []string {
		return []string{name, fmt.Sprintf("%.2f", size[file]), fmt.Sprintf("%.2f", milliseconds(poll)), fmt.Sprintf("%.2f", milliseconds(all[len(all)*9/10])), fmt.Sprintf("%.2f", float64(poll)/float64(b))}
	}
	return table{
		title:   "A function on Lambda: size, and start to first poll",
		columns: []string{"function", "MB (10^6)", "median, ms", "p90, ms", "ratio"},
		rows: [][]string{
			row("bare aws-lambda-go hello", hello, b, bare),
			row("paycallback of template/aws", ours[runtime.GOARCH], f, full),
		},
		notes: []string{fmt.Sprintf("%d starts of each, taking turns; stripped, `-tags lambda.norpc`; the artifact as the template's Makefile makes it.", rounds)},
		bars: []bar{
			{what: "artifact, MB, amd64", value: size[ours["amd64"]], limit: 12},
			{what: "start to first poll, × hello", value: float64(f) / float64(b), limit: 1.8},
		},
	}, nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func firstPoll(ctx context.Context, binary string, env []string) (time.Duration, error) {
	runtime, err := lambdatest.Open(ctx, lambdatest.RuntimeConfig{Binary: binary, Env: env})
	if err != nil {
		return 0, err
	}
	defer runtime.Stop()
	return runtime.FirstPoll(), nil
}

// environment is what the template gives the function. Nobody stands behind its
// addresses: nothing is called before the first event.
func environment() []string {
	return strings.Split(`AWS_REGION=eu-west-1
AWS_ACCESS_KEY_ID=test
AWS_SECRET_ACCESS_KEY=test
AWS_SESSION_TOKEN=test
IMPREST_APP_ID=test
IMPREST_STORE_NO=s1234
IMPREST_BASE_URL=https://platform.example
IMPREST_NOTIFY_URL=https://shop.example/callbacks/payment
IMPREST_DELIVER_URL=https://shop.example/deliveries
IMPREST_JOURNAL=dynamodb:journal
IMPREST_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/123456789012/paid
IMPREST_APP_KEY_SECRET=arn:app-key
IMPREST_DELIVER_KEY_SECRET=arn:deliver-key`, "\n")
}
