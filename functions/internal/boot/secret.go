package boot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/imprest-go/imprest/core"
)

// extension asks the AWS Parameters and Secrets Lambda extension, which listens
// on loopback beside a function and keeps what it was asked for.
type extension struct {
	base   string
	token  string
	client *http.Client
}

// secretTimeout bounds one question, and maxSecret one answer: a secret of
// Secrets Manager has 64 KiB at most.
const (
	secretTimeout = 5 * time.Second
	maxSecret     = 128 << 10
)

func newExtension(getenv func(string) string) *extension {
	port := getenv("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT")
	if port == "" {
		port = "2773"
	}
	return &extension{
		base:  "http://" + net.JoinHostPort("localhost", port),
		token: getenv("AWS_SESSION_TOKEN"),
		client: &http.Client{
			Transport:     &http.Transport{DisableKeepAlives: true}, // no proxy: the token is for loopback alone
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// secret returns the text of a secret. The errors hold nothing of what was
// answered.
func (e *extension) secret(ctx context.Context, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base+"/secretsmanager/get?secretId="+url.QueryEscape(id), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("X-Aws-Parameters-Secrets-Token", e.token)
	resp, err := e.client.Do(req)
	if err != nil {
		return "", fmt.Errorf("the AWS Parameters and Secrets extension is not reached: is its layer there? %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the AWS Parameters and Secrets extension answers %d: may the function read the secret?", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxSecret))
	if err != nil {
		return "", errors.New("the answer of the AWS Parameters and Secrets extension breaks off")
	}
	var answer struct{ SecretString string }
	if json.Unmarshal(body, &answer) != nil || strings.TrimSpace(answer.SecretString) == "" {
		return "", errors.New("the answer of the AWS Parameters and Secrets extension has no SecretString: the secret must be a text")
	}
	text := strings.TrimSpace(answer.SecretString)
	if strings.HasPrefix(text, "{") {
		// What the console makes by default. Taken for a key it would make a forgery
		// of every genuine notification.
		return "", errors.New("the secret is a JSON object: it must be the bare text of the key, which the console calls plaintext")
	}
	return text, nil
}

// withSecrets returns cfg with the keys that it has elsewhere.
func (c Config) withSecrets(ask func(variable, id string) (string, error)) (Config, error) {
	for variable, id := range c.Secrets {
		text, err := ask(variable, id)
		if err != nil {
			return c, fmt.Errorf("%s_SECRET: %w", variable, err)
		}
		switch variable {
		case "IMPREST_APP_KEY":
			c.AppKeys = core.Secrets(list(strings.ReplaceAll(text, "\n", ","))...)
		case "IMPREST_DELIVER_KEY":
			c.DeliverKey = core.NewSecret(text)
		case "IMPREST_COOKIE_KEYS":
			c.CookieKeys = core.Secrets(list(strings.ReplaceAll(text, "\n", ","))...)
		}
	}
	return c, nil
}

// later returns a function that is built with its first event: before that the
// extension answers nobody, and a function that asked would only start later.
// What cannot be built then is answered "try later", and is built with the next
// event.
//
// model is the function built with keys that are none: it says what there is.
func later(model Function, build func(ctx context.Context) (Function, error), logger *slog.Logger) Function {
	var built *Function
	turn := make(chan struct{}, 1)
	get := func(ctx context.Context) (Function, error) {
		select {
		case turn <- struct{}{}:
			defer func() { <-turn }()
		case <-ctx.Done():
			return Function{}, ctx.Err()
		}
		if built == nil {
			f, err := build(ctx)
			if err != nil {
				logger.ErrorContext(ctx, "the function cannot be set up, and is tried again with the next event", "reason", err.Error())
				return Function{}, err
			}
			built = &f
		}
		return *built, nil
	}
	f := Function{Every: model.Every}
	if model.HTTP != nil {
		f.HTTP = core.HandlerFunc(func(ctx context.Context, r *core.Request) *core.Response {
			f, err := get(ctx)
			if err != nil {
				return core.TryLater()
			}
			return f.HTTP.Handle(ctx, r)
		})
	}
	if model.Message != nil {
		f.Message = func(ctx context.Context, body []byte) error {
			f, err := get(ctx)
			if err != nil {
				return err
			}
			return f.Message(ctx, body)
		}
	}
	if model.Tick != nil {
		f.Tick = func(ctx context.Context) error {
			f, err := get(ctx)
			if err != nil {
				return err
			}
			return f.Tick(ctx)
		}
	}
	return f
}
