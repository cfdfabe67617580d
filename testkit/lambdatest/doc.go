// Package lambdatest tests functions for AWS Lambda without AWS: it makes the
// events that AWS makes of HTTP requests, queues and schedules ([Event], [SQS],
// [Schedule]), reads a function's answers as strictly as the gateways do
// ([Answer], [ReadSQSAnswer]), and is the Lambda service for a real bootstrap
// binary on this machine ([Start]).
//
// # Where to start
//
// To test a handler in the test's own process, make an event, hand it over and
// read the answer:
//
//	event := lambdatest.Event(lambdatest.HTTPAPI, lambdatest.Request{
//		Method: "POST", Path: "/callbacks/payment", Body: body,
//		Header: [][2]string{{"Content-Type", "application/json"}},
//	})
//	payload, err := handler.Invoke(ctx, event)
//	resp, err := lambdatest.Answer(lambdatest.HTTPAPI, payload)
//
// and range over [Kinds], so that the same request goes through every gateway,
// and over [Others], which the handler must refuse.
//
// To test the binary that will be deployed, start it:
//
//	function := lambdatest.Start(t, lambdatest.RuntimeConfig{Binary: "bootstrap"})
//	payload, err := function.Invoke(ctx, event)
//
// # How true it is
//
// The gateways differ where it hurts: in who decodes the path and the query,
// in which of two headers survives, in which bodies travel as base64, in where
// the stage stands. Each builder does what its gateway does, lossy or not, by
// AWS's pages and, where these are silent, by what was captured from AWS;
// testdata/README.md names the sources, and testdata holds one golden event for
// each kind. What a gateway answers by itself is told by [Refused].
//
// Answers are read strictly: what passes [Answer] passes the gateway.
//
// The package needs the standard library alone and does not link package
// testing.
package lambdatest
