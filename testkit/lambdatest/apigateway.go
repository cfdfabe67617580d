package lambdatest

import (
	"strings"
)

// restAPIEvent is payload format 1.0 as a REST API makes it. Members that are null in an API
// without authorizers and stage variables are always null here.
type restAPIEvent struct {
	Resource                        string              `json:"resource"`
	Path                            string              `json:"path"`
	HTTPMethod                      string              `json:"httpMethod"`
	Headers                         map[string]string   `json:"headers"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders"`
	QueryStringParameters           map[string]string   `json:"queryStringParameters"`
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters"`
	PathParameters                  map[string]string   `json:"pathParameters"`
	StageVariables                  map[string]string   `json:"stageVariables"`
	RequestContext                  restAPIContext      `json:"requestContext"`
	Body                            *string             `json:"body"`
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`
}

type restAPIContext struct {
	ResourceID        string          `json:"resourceId"`
	ResourcePath      string          `json:"resourcePath"`
	HTTPMethod        string          `json:"httpMethod"`
	ExtendedRequestID string          `json:"extendedRequestId"`
	RequestTime       string          `json:"requestTime"`
	Path              string          `json:"path"`
	AccountID         string          `json:"accountId"`
	Protocol          string          `json:"protocol"`
	Stage             string          `json:"stage"`
	DomainPrefix      string          `json:"domainPrefix"`
	RequestTimeEpoch  int64           `json:"requestTimeEpoch"`
	RequestID         string          `json:"requestId"`
	Identity          restAPIIdentity `json:"identity"`
	DomainName        string          `json:"domainName"`
	DeploymentID      string          `json:"deploymentId"`
	APIID             string          `json:"apiId"`
}

type restAPIIdentity struct {
	CognitoIdentityPoolID         *string `json:"cognitoIdentityPoolId"`
	AccountID                     *string `json:"accountId"`
	CognitoIdentityID             *string `json:"cognitoIdentityId"`
	Caller                        *string `json:"caller"`
	SourceIP                      string  `json:"sourceIp"`
	PrincipalOrgID                *string `json:"principalOrgId"`
	AccessKey                     *string `json:"accessKey"`
	CognitoAuthenticationType     *string `json:"cognitoAuthenticationType"`
	CognitoAuthenticationProvider *string `json:"cognitoAuthenticationProvider"`
	UserArn                       *string `json:"userArn"`
	UserAgent                     *string `json:"userAgent"`
	User                          *string `json:"user"`
}

func (r Request) restAPI() restAPIEvent {
	path := r.basePath() + r.path()
	contextPath := path
	if r.ownDomain(RestAPI) {
		contextPath = "/" + r.stage(RestAPI) + path
	}
	return r.format1(RestAPI, path, contextPath)
}

// httpAPI1Event is payload format 1.0 as an HTTP API makes it, which says so.
type httpAPI1Event struct {
	Version string `json:"version"`
	restAPIEvent
}

func (r Request) httpAPI1() httpAPI1Event {
	path, _ := decodedTwice(r.path())
	path = r.basePath() + path
	if stage := r.stage(HTTPAPI1); stage != "$default" && r.ownDomain(HTTPAPI1) {
		path = "/" + stage + path
	}
	e := httpAPI1Event{Version: "1.0", restAPIEvent: r.format1(HTTPAPI1, path, path)}
	e.Resource, e.RequestContext.ResourcePath, e.PathParameters = "$default", "$default", nil
	return e
}

func (r Request) format1(kind Kind, path, contextPath string) restAPIEvent {
	domain, prefix := r.domain(kind)
	e := restAPIEvent{
		Resource: "/", Path: path, HTTPMethod: r.method(),
		Headers: single(r.lines(kind)), MultiValueHeaders: multi(r.lines(kind)),
		RequestContext: restAPIContext{
			ResourceID: "2gxmpl", ResourcePath: "/", HTTPMethod: r.method(),
			ExtendedRequestID: "JJbxmplHYosFVYQ=", RequestTime: r.clock(), Path: contextPath,
			AccountID: accountID, Protocol: "HTTP/1.1", Stage: r.stage(kind), DomainPrefix: prefix,
			RequestTimeEpoch: r.time().UnixMilli(), RequestID: requestID,
			Identity:   restAPIIdentity{SourceIP: r.address()},
			DomainName: domain, DeploymentID: "d1xmpl", APIID: apiID,
		},
	}
	if agents := r.header("User-Agent"); len(agents) > 0 {
		agent := last(agents)
		e.RequestContext.Identity.UserAgent = &agent
	}
	if proxy := strings.TrimPrefix(r.path(), "/"); proxy != "" {
		e.Resource, e.RequestContext.ResourcePath = "/{proxy+}", "/{proxy+}"
		e.PathParameters = map[string]string{"proxy": proxy}
	}
	if parameters := r.parameters(formDecoded); len(parameters) > 0 {
		e.QueryStringParameters = single(parameters)
		e.MultiValueQueryStringParameters = multi(parameters)
	}
	if len(r.Body) > 0 {
		var body string
		body, e.IsBase64Encoded = r.body(kind)
		e.Body = &body
	}
	return e
}

// httpAPIEvent is payload format 2.0, as an HTTP API's $default route makes it.
type httpAPIEvent struct {
	Version               string            `json:"version"`
	RouteKey              string            `json:"routeKey"`
	RawPath               string            `json:"rawPath"`
	RawQueryString        string            `json:"rawQueryString"`
	Cookies               []string          `json:"cookies,omitempty"`
	Headers               map[string]string `json:"headers"`
	QueryStringParameters map[string]string `json:"queryStringParameters,omitempty"`
	RequestContext        httpAPIContext    `json:"requestContext"`
	Body                  string            `json:"body,omitempty"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

type httpAPIContext struct {
	AccountID    string      `json:"accountId"`
	APIID        string      `json:"apiId"`
	DomainName   string      `json:"domainName"`
	DomainPrefix string      `json:"domainPrefix"`
	HTTP         httpContext `json:"http"`
	RequestID    string      `json:"requestId"`
	RouteKey     string      `json:"routeKey"`
	Stage        string      `json:"stage"`
	Time         string      `json:"time"`
	TimeEpoch    int64       `json:"timeEpoch"`
}

type httpContext struct {
	Method    string `json:"method"`
	Path      string `json:"path"`
	Protocol  string `json:"protocol"`
	SourceIP  string `json:"sourceIp"`
	UserAgent string `json:"userAgent"`
}

// functionURLEvent is payload format 2.0 with the members that a function URL
// does not use, which it sets to null.
type functionURLEvent struct {
	httpAPIEvent
	PathParameters map[string]string  `json:"pathParameters"`
	StageVariables map[string]string  `json:"stageVariables"`
	RequestContext functionURLContext `json:"requestContext"`
}

type functionURLContext struct {
	httpAPIContext
	Authentication *struct{} `json:"authentication"`
	Authorizer     *struct{} `json:"authorizer"`
}

func (r Request) httpAPI() httpAPIEvent {
	e := r.format2(HTTPAPI)
	e.RawPath, _ = decodedTwice(r.path())
	if stage := r.stage(HTTPAPI); stage != "$default" {
		e.RawPath = "/" + stage + e.RawPath
	}
	e.RequestContext.HTTP.Path = e.RawPath
	// An HTTP API moves the Cookie lines; a function URL copies them.
	delete(e.Headers, "cookie")
	return e
}

func (r Request) functionURL() functionURLEvent {
	e := r.format2(FunctionURL)
	e.RawPath = r.path()
	e.RequestContext.HTTP.Path = decodedOnce(r.path())
	e.RequestContext.AccountID = "anonymous"
	e.RequestContext.APIID = urlID
	return functionURLEvent{httpAPIEvent: e, RequestContext: functionURLContext{httpAPIContext: e.RequestContext}}
}

func (r Request) format2(kind Kind) httpAPIEvent {
	domain, prefix := r.domain(kind)
	e := httpAPIEvent{
		Version: "2.0", RouteKey: "$default", RawQueryString: r.RawQuery,
		Headers:               joined(lower(r.lines(kind))),
		QueryStringParameters: joined(r.parameters(formDecoded)),
		RequestContext: httpAPIContext{
			AccountID: accountID, APIID: apiID, DomainName: domain, DomainPrefix: prefix,
			HTTP: httpContext{
				Method: r.method(), Protocol: "HTTP/1.1",
				SourceIP: r.address(), UserAgent: last(r.header("User-Agent")),
			},
			RequestID: requestID, RouteKey: "$default", Stage: r.stage(kind),
			Time: r.clock(), TimeEpoch: r.time().UnixMilli(),
		},
	}
	for _, line := range r.header("Cookie") {
		for cookie := range strings.SplitSeq(line, ";") {
			if cookie = strings.TrimSpace(cookie); cookie != "" {
				e.Cookies = append(e.Cookies, cookie)
			}
		}
	}
	e.Body, e.IsBase64Encoded = r.body(kind)
	return e
}
