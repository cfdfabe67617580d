package boot

import (
	"fmt"
	"strings"
)

// variable is one environment variable: the whole list is here, and --help
// prints it.
type variable struct {
	name, about string
	// programs are those that read it; "" is all.
	programs string
	// required says whether they cannot do without.
	required bool
}

// variables is every environment variable of the deployable functions.
var variables = []variable{
	{"IMPREST_APP_ID", "the app_id that VVChat issued", "", true},
	{"IMPREST_APP_KEY", "its app_key; while rotating several, comma-separated, the new one first", "", false},
	{"IMPREST_APP_KEY_FILE", "a file with the app_key, one to a line, in the place of IMPREST_APP_KEY", "", false},
	{"IMPREST_APP_KEY_SECRET", "a secret of AWS Secrets Manager with the app_key, in the place of IMPREST_APP_KEY; read through the AWS Parameters and Secrets extension", "", false},
	{"IMPREST_BASE_URL", "the address of the platform, https", "", true},
	{"IMPREST_JOURNAL", "where purchases are kept: sqlite:FILE, postgres://USER:PASSWORD@HOST/DATABASE, dynamodb:TABLE (all that a build for Lambda has), or memory, to try things out", "", true},
	{"IMPREST_STORE_NO", "the store_no", "paycallback checkout reconcile", true},
	{"IMPREST_NOTIFY_URL", "the public address of /callbacks/payment", "paycallback checkout reconcile", true},
	{"IMPREST_DELIVER_URL", "where deliveries are posted: see adapters/webhook", "paycallback checkout reconcile", true},
	{"IMPREST_DELIVER_KEY", "the key that signs them, 32 characters or more", "paycallback checkout reconcile", true},
	{"IMPREST_DELIVER_KEY_SECRET", "the same for IMPREST_DELIVER_KEY", "paycallback checkout reconcile", false},
	{"IMPREST_QUEUE_URL", "the URL of the SQS queue that each purchase is put into when it is paid, for reconcile to deliver; without it paycallback delivers by itself, for 5 seconds at most", "paycallback", false},
	{"IMPREST_OFFERS_FILE", `what is sold: {"voip-1y": {"title": "VoIP, one year", "amount": 3600}}, amounts in fen`, "checkout", true},
	{"IMPREST_OUT_OPEN_ID", "the account that refunds are paid from; without it there are none", "paycallback checkout reconcile", false},
	{"IMPREST_PAYOUT_NOTIFY_URL", "the public address of /callbacks/payout; with IMPREST_OUT_OPEN_ID", "paycallback checkout reconcile", false},
	{"IMPREST_REFUND_DAILY_CAP", "the most that is paid back in a day, in fen; with IMPREST_OUT_OPEN_ID", "paycallback checkout reconcile", false},
	{"IMPREST_COOKIE_KEYS", "what signs sessions: 32 characters or more each, comma-separated, the newest first", "checkout login", true},
	{"IMPREST_COOKIE_KEYS_SECRET", "the same for IMPREST_COOKIE_KEYS", "checkout login", false},
	{"IMPREST_REDIRECT_URI", "the public address of /login/return, as registered", "checkout login", true},
	{"IMPREST_LEASE", "how long one step of a purchase may take, such as a delivery, before another process takes it up: 1m if it is empty", "paycallback checkout reconcile", false},
	{"IMPREST_IN_FLIGHT", "how long a delivery, or a call to the platform, may still take effect when its caller has given up or died; only then its outcome is asked about: 1m if it is empty", "paycallback checkout reconcile", false},
	{"IMPREST_SWEEP_EVERY", "how often what is due is done, where no schedule calls: 1m if it is empty", "reconcile", false},
	{"IMPREST_LISTEN", "HOST:PORT to serve on, where nobody else brings the requests; :8080, or PORT, if it is empty", "", false},
	{"IMPREST_LOG", "debug, info, warn or error; info if it is empty", "", false},
	{"IMPREST_ALLOW_WEAK_KEY", "true lets an app_key be shorter than 16 characters: for a test account", "", false},
}

func (v variable) reads(program string) bool {
	if v.programs == "" {
		return true
	}
	for _, p := range strings.Fields(v.programs) {
		if p == program {
			return true
		}
	}
	return false
}

// surroundings are what a platform sets, or AWS's own tools read, too.
const surroundings = `
Where it runs says the platform, by variables of its own:

  AWS_LAMBDA_RUNTIME_API     on AWS Lambda
  FUNCTION_TARGET            by Google's Functions Framework; FUNCTION_SIGNATURE_TYPE is http, or cloudevent for events
  K_SERVICE                  on Cloud Run: the log is as Cloud Logging reads it
  PORT                       where to serve, without IMPREST_LISTEN

What is on AWS (dynamodb:, IMPREST_QUEUE_URL, …_SECRET) is called as AWS's own tools would:

  AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
  AWS_ENDPOINT_URL_DYNAMODB, AWS_ENDPOINT_URL_SQS    other servers than the region's
  PARAMETERS_SECRETS_EXTENSION_HTTP_PORT             of the extension; 2773 if it is empty
`

// Help returns what a program reads from its environment, a line to a variable.
func Help(program Program) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s takes all of its configuration from the environment (* is required):\n\n", program)
	for _, v := range variables {
		if !v.reads(string(program)) {
			continue
		}
		mark := " "
		if v.required || v.name == "IMPREST_APP_KEY" {
			mark = "*"
		}
		fmt.Fprintf(&b, "%s %-26s %s\n", mark, v.name, v.about)
	}
	b.WriteString(surroundings)
	return b.String()
}
