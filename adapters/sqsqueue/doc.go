// Package sqsqueue hands what was paid over to an SQS queue: its
// [Queue.Enqueue] is the Enqueue of purchase.Config, for a function that takes
// notifications and leaves the delivery to another.
//
// # Where to start
//
// Make the queue with your infrastructure (template/aws has it, with its dead
// letters); then
//
//	queue, err := sqsqueue.New(sqsqueue.Config{URL: os.Getenv("QUEUE_URL"), Credentials: dynamostore.Environment(os.Getenv)})
//	…
//	purchase.New(purchase.Config{…, Enqueue: queue.Enqueue})
//
// A message is {"id": "…"} of a purchase, and whoever takes it calls Advance of
// purchase.Service: adapters/awslambda hands it the messages of a batch one by
// one. New calls nobody, so a queue that is missing keeps no function from
// starting.
//
// # What it guards
//
// A message says which purchase to look at, and nothing else: what is paid, for
// how much and what was delivered is in the journal. So a message that is lost
// costs a minute, until the sweep; one that comes twice, late, out of order or
// from a stranger delivers nothing twice and nothing that is not paid. This is
// why every failure that is not a refusal may be repeated, one with an unknown
// outcome too.
//
// A FIFO queue drops what has the deduplication id of a message of the last five
// minutes. The id is the purchase's, which is safe for the same reason: what is
// dropped is a second wish to look at the same record, and if the first look was
// too early for something, the record is due, and the sweep looks again. Each
// purchase is a message group of its own unless Config.Group says otherwise, so
// one that fails holds up no other.
//
// An answer of SQS is quoted in no error: that to a bad signature holds the
// session's token.
//
// # What it weighs
//
// It makes the one call by itself, in the protocol AWS JSON 1.0, signed by the
// SDK's own signer. The client of the SDK would bring a third of a megabyte into a
// function for the same bytes on the wire.
package sqsqueue
