// Package cloudfunc runs core handlers on Google Cloud Functions (Cloud Run
// functions), behind Google's Functions Framework; and takes Pub/Sub messages and
// Cloud Scheduler's ticks as CloudEvents.
//
// # Where to start
//
// A source function is a package whose init registers it, as the framework asks
// for:
//
//	func init() {
//		functions.HTTP("PayCallback", cloudfunc.HTTP(payments))
//		functions.HTTP("Advance", cloudfunc.Receive(cloudfunc.Events(cloudfunc.EventConfig{Message: advance, Tick: sweep})))
//	}
//
// payments is any core.Handler: what callback.Payment or login.Login.Routes return,
// or core.Routes with several of them (template/guide/cloud-functions.md is a whole
// source with its test). Each deployment names one of them as its entry point. In a container of your own
// there is no init: [StartHTTP] or [StartEvents] is the last line of main.
// [Receive] says when functions.CloudEvent will do.
//
// A Scheduler job reaches [EventConfig.Tick] in one of two ways: through a Pub/Sub
// topic, with a message that has the attribute "tick"; or by HTTP, through [Ticks].
//
// # What it guards
//
// An HTTP function is net/http, and nethttp carries its bytes: the same limits,
// the same answers to what is no request. The framework puts an http.ServeMux in
// front, which redirects a path that holds "//" or "..".
//
// An event is done only when its function says so: what fails, panics, has a type
// that nobody takes, or cannot be read is answered with an error, and Pub/Sub
// sends it again. It does that only where retries are switched on: give the
// trigger a retry policy, and its subscription a dead-letter topic for what never
// succeeds. An event comes at least once, so what takes it must bear repeats.
//
// The framework hands the errors of a function to its standard error and, some of
// them, to the caller. The ones that this package returns are fixed texts; the
// reason is for the Logger.
package cloudfunc
