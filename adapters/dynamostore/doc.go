// Package dynamostore keeps a journal in a DynamoDB table: the journal.Store for
// functions on AWS Lambda.
//
// # Where to start
//
// Make the table with your infrastructure (template/aws has it), or with
// [CreateTable]; then
//
//	store, err := dynamostore.New(dynamostore.Config{Table: "imprest", Region: "cn-north-1", Credentials: dynamostore.Environment(os.Getenv)})
//
// New calls nobody, so a table that is missing keeps no function from starting.
//
// # The table
//
// The hash key is part, a number of 0 to 15 that is made of the id; the range
// key is id. So a record is read by one key, and a list, in the order of its ids,
// is sixteen queries. The index due has the records with a due time, by part and
// due: a record without one is not in it. expires is the time, in seconds,
// from which DynamoDB may remove the record by itself: switch TTL on for it, or
// let the sweep remove what has expired.
//
// What a call costs: Put and Delete 1 write unit for each KiB, as much again where
// the record has a due time, since the index is written too, and that twice where
// the due time changes; Get 1 read unit for each 4 KiB; Due and List sixteen queries
// of half a unit and one unit at least. Where it saves a unit the body is kept as
// packed, deflated, and not as body.
//
// # What it guards
//
// A write is one conditional request, sent once: the SDK's own retries are off,
// since a write that is made again would take the first one for somebody else's.
// An answer that got lost, and a fault of the server, is journal.ErrUnknown; what
// DynamoDB refused, a throttle among it, certainly wrote nothing. Reads by key and
// lists are consistent; Due reads an index, which may lag.
//
// A client of the SDK that can be reached from an interface links every operation
// there is. Nothing here can be: the three of a function's size that this saves
// are most of its start.
package dynamostore
