package lambdatest

// albEvent is the event of a load balancer without multi-value headers.
type albEvent struct {
	RequestContext        albContext        `json:"requestContext"`
	HTTPMethod            string            `json:"httpMethod"`
	Path                  string            `json:"path"`
	QueryStringParameters map[string]string `json:"queryStringParameters"`
	Headers               map[string]string `json:"headers"`
	Body                  string            `json:"body"`
	IsBase64Encoded       bool              `json:"isBase64Encoded"`
}

// albMultiEvent is the event of a load balancer with multi-value headers.
type albMultiEvent struct {
	RequestContext                  albContext          `json:"requestContext"`
	HTTPMethod                      string              `json:"httpMethod"`
	Path                            string              `json:"path"`
	MultiValueQueryStringParameters map[string][]string `json:"multiValueQueryStringParameters"`
	MultiValueHeaders               map[string][]string `json:"multiValueHeaders"`
	Body                            string              `json:"body"`
	IsBase64Encoded                 bool                `json:"isBase64Encoded"`
}

type albContext struct {
	ELB struct {
		TargetGroupArn string `json:"targetGroupArn"`
	} `json:"elb"`
}

func newALBContext() albContext {
	var c albContext
	c.ELB.TargetGroupArn = "arn:aws:elasticloadbalancing:" + region + ":" + accountID + ":targetgroup/imprest/6d0ecf831eec9f09"
	return c
}

// A load balancer passes path and query on as they were sent, and spells names
// of headers in lower case.
func (r Request) alb() albEvent {
	e := albEvent{
		RequestContext: newALBContext(), HTTPMethod: r.method(), Path: r.path(),
		QueryStringParameters: single(r.parameters(asSent)), Headers: single(lower(r.lines(ALB))),
	}
	e.Body, e.IsBase64Encoded = r.body(ALB)
	return e
}

func (r Request) albMulti() albMultiEvent {
	e := albMultiEvent{
		RequestContext: newALBContext(), HTTPMethod: r.method(), Path: r.path(),
		MultiValueQueryStringParameters: multi(r.parameters(asSent)), MultiValueHeaders: multi(lower(r.lines(ALBMulti))),
	}
	e.Body, e.IsBase64Encoded = r.body(ALBMulti)
	return e
}

// HealthCheck returns the event with which a load balancer asks whether the
// function is well: GET path, and a User-Agent line as the only header.
// kind is ALB or ALBMulti.
func HealthCheck(kind Kind, path string) []byte {
	const agent = "ELB-HealthChecker/2.0"
	if kind == ALBMulti {
		return encode(albMultiEvent{
			RequestContext: newALBContext(), HTTPMethod: "GET", Path: path,
			MultiValueQueryStringParameters: map[string][]string{}, MultiValueHeaders: map[string][]string{"user-agent": {agent}},
		})
	}
	return encode(albEvent{
		RequestContext: newALBContext(), HTTPMethod: "GET", Path: path,
		QueryStringParameters: map[string]string{}, Headers: map[string]string{"user-agent": agent},
	})
}
