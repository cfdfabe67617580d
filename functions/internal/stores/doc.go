// Package stores opens the journals that a program's configuration names: what
// stands behind "sqlite:", "postgres:" and "dynamodb:" is read here, for the
// deployable functions and for the command line alike. No error shows a password.
//
// With the build tag lambda.norpc there is DynamoDB alone: see dynamodb.go.
package stores
