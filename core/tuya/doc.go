// Package tuya is the transport of Tuya's signed OpenAPI: the signature, the
// access token, the envelope of an answer, and what an error code means.
//
// # Where to start
//
// [New] takes the credentials of a cloud project and the address of its data
// center, and returns a [Client]. [Client.Do] signs a [Request], sends it once,
// and returns the result of the envelope, or an error that says what is known
// of its effect:
//
//	client, err := tuya.New(tuya.Config{ClientID: id, Secret: secret, BaseURL: tuya.China})
//	result, err := client.Do(ctx, tuya.Request{Op: "devices", Method: "GET", Path: "/v1.0/homes/1/devices", Reads: true})
//
// core/mall carries the operations of Tuya's mall and VoIP; those of them that
// are published go over this transport.
//
// # What it guards
//
// A signature is made of the very bytes that are sent, and nothing of it is kept
// between calls: any number of goroutines may call at once. Each request has a
// nonce of its own. All calls share one access token, asked for once however many
// wait; a call whose token is refused (1010, 1011, 1012) gets a new one and one
// more attempt, and no more. HTTP 200 is no success here: the envelope decides.
// The secret and the tokens reach no error, no log and no observer.
package tuya
