package main

import (
	"bytes"
	"context"
	"embed"
	"html/template"
	"net/http"
	"net/url"

	"github.com/imprest-go/imprest/core"
)

//go:embed page
var files embed.FS

// pages are the shop's page, its style and its script. They hold nothing of
// whoever looks: that is at /shop.
type pages struct {
	html, css, js []byte
	policy        string
}

func readPages(cfg config) (p pages, err error) {
	index, err := template.ParseFS(files, "page/index.html")
	if err != nil {
		return p, err
	}
	var html bytes.Buffer
	if err := index.Execute(&html, map[string]string{"JSSDK": cfg.jssdk, "AppID": cfg.appID}); err != nil {
		return p, err
	}
	p.html = html.Bytes()
	if p.css, err = files.ReadFile("page/shop.css"); err != nil {
		return p, err
	}
	if p.js, err = files.ReadFile("page/shop.js"); err != nil {
		return p, err
	}
	scripts := "'self'"
	if u, err := url.Parse(cfg.jssdk); err == nil && cfg.jssdk != "" {
		scripts += " " + u.Scheme + "://" + u.Host
	}
	// The frame is how the JSSDK asks for its bridge on iOS.
	p.policy = "default-src 'none'; style-src 'self'; script-src " + scripts + "; connect-src 'self'; img-src data:; " +
		"frame-src https://__bridge_loaded__; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	return p, nil
}

func (p pages) index(context.Context, *core.Request) *core.Response {
	resp := asset(p.html, "text/html; charset=utf-8")
	resp.Header.Set("Content-Security-Policy", p.policy)
	resp.Header.Set("Referrer-Policy", "same-origin")
	return resp
}

func (p pages) style(context.Context, *core.Request) *core.Response {
	return asset(p.css, "text/css; charset=utf-8")
}

func (p pages) script(context.Context, *core.Request) *core.Response {
	return asset(p.js, "text/javascript; charset=utf-8")
}

func asset(body []byte, contentType string) *core.Response {
	return &core.Response{Status: http.StatusOK, Body: body, Header: core.Header{
		{Name: "Content-Type", Value: contentType},
		{Name: "Cache-Control", Value: "no-cache"},
		{Name: "X-Content-Type-Options", Value: "nosniff"},
	}}
}
