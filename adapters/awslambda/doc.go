// Package awslambda runs core handlers on AWS Lambda, behind whatever brings the
// request: API Gateway (REST and HTTP APIs), a function URL, an Application Load
// Balancer; and takes SQS batches and schedules, of EventBridge or its Scheduler.
//
// # Where to start
//
// A program of one line:
//
//	func main() { awslambda.Start(awslambda.Wrap(handler)) }
//
// handler is any core.Handler: what callback.Payment or login.Login.Routes return,
// or core.Routes with several of them (template/guide/lambda.md is a whole program
// with its test). [New] takes a [Config] for the rest: messages of a queue, schedules, limits. A
// [Handler] is called by tests as it is by Lambda: [Handler.Invoke] takes the
// event's bytes and returns the answer's. An http.Handler of your own rides along
// through nethttp.FromHTTP.
//
// Build for the runtime provided.al2023, with -tags lambda.norpc, as "bootstrap".
//
// # What it guards
//
// A signature covers exact bytes, and every event has its own way to change them.
// The body is what was sent, base64 or not. Header lines keep their repeats where
// the event does; a value is never split at a comma. The path and the query are
// as they were sent where the event says how they were, and are made again where
// it does not:
//
//	                       path                       query
//	REST API (v1)          as sent                    made again of decoded values, keys sorted
//	HTTP API (v2)          escaped again: "%2F" is    as sent
//	                       "/" by then
//	HTTP API, format 1.0   as of v2                   as of v1
//	function URL           as sent                    as sent
//	ALB                    as sent                    as sent, keys sorted
//
// A request that no HTTP server would take (a path or a header that cannot be,
// base64 that is none) is answered with 400 and one that is too large with 413; a
// panic, no answer, or one that is too large to leave (6 MiB of JSON, 1 MiB by a
// load balancer), is 500. An event that is no HTTP request is never answered
// as one: a batch of messages without a Message to take it fails the invocation,
// so that its messages stay in the queue; so does an event that nobody knows.
//
// An event is read more strictly than encoding/json would: what is no Unicode text
// (bytes that are no UTF-8, half of a character in an escape) fails the invocation,
// and so does a member that is told twice, or brackets that are nested more than 256
// deep; a header or a parameter that is told twice, of the very same spelling, is 400.
// No gateway sends any of these.
package awslambda
