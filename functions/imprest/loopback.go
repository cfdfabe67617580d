package main

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

const onlyLoopback = "notifications that are forged, repeated or from a fake go to this machine alone (127.0.0.1, ::1, localhost)"

// checkLoopback refuses a URL that is not http or https on this machine; flag
// is where it came from.
func checkLoopback(flag, address string) error {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return usage("--%s: is not an http URL such as http://127.0.0.1:8700/callbacks/payment", flag)
	}
	host := u.Hostname()
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return usage("--%s: the host %q is not on loopback: %s", flag, host, onlyLoopback)
	}
	return nil
}

// loopbackClient connects to this machine alone, whatever localhost resolves
// to, through no proxy, and follows no redirect.
func loopbackClient(connections int) *http.Client {
	dialer := &net.Dialer{
		Timeout: 5 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error {
			host, _, err := net.SplitHostPort(address)
			if err != nil {
				return err
			}
			if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
				return errors.New(onlyLoopback)
			}
			return nil
		},
	}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         dialer.DialContext,
			MaxIdleConnsPerHost: connections,
			MaxConnsPerHost:     connections,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
