// Command imprest is the tool at a merchant developer's hand: it runs a whole
// world on the developer's own machine, signs and checks messages, shows what
// was signed, sends notifications, good ones and forged ones, and reads
// journals.
//
// # Where to start
//
//	imprest sandbox          a merchant and a fake VVChat platform on loopback
//	imprest sign             sign a body
//	imprest verify           accept or reject a signed body, and say why
//	imprest explain          show what is signed, where two sides part, and which of
//	                         the usual causes it is
//	imprest send             post notifications to a loopback URL
//	imprest listen           forward a fake platform's notifications to a server of yours
//	imprest resend           send recorded notifications again
//	imprest journal          look after a journal in any store: what is in it, what
//	                         waits, what a person has to decide, its schema
//	imprest reconcile        do what is due, once or every so often
//
// Each has --help with examples. imprest completion prints what makes bash, zsh,
// fish or PowerShell complete commands, flags and their words:
//
//	source <(imprest completion bash)
//
// # For scripts
//
// What a command is asked for goes to standard output, everything else to
// standard error. The exit status is 0 if it was done, 1 if it failed (for
// verify: the message is rejected), and 2 if the command line, a variable or
// a file named there is wrong; then one line says which. With --json every
// command prints lines of JSON alone. Colours and progress are for a terminal;
// NO_COLOR turns colours off there, too.
//
// # Journals
//
// ls, show and stats change nothing, whatever they look at. retry, resolve and purge
// write as the programs do, one versioned record at a time, beside them. migrate
// alone changes a schema. A journal's password comes from IMPREST_JOURNAL, and is
// never printed.
//
// # Keys
//
// A key comes from --app-key, --app-key-file, IMPREST_APP_KEY or
// IMPREST_APP_KEY_FILE; without any the documented test key is used, and a
// note says so. No key is ever printed.
package main
