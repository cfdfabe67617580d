package awslambda

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
)

type itemFailure struct {
	ItemIdentifier string `json:"itemIdentifier"`
}

// messages hands on the messages of a batch, one after the other, and reports
// those that failed. What there is no time for has failed too: it comes again.
func (h *Handler) messages(i *invocation, e *event) ([]byte, error) {
	if h.cfg.Message == nil {
		return nil, errors.New("awslambda: the event is a batch of SQS messages, and this function takes none: set Config.Message, or take the trigger away; the messages stay in the queue")
	}
	ctx, failures := i.context(), []itemFailure{}
	for _, record := range e.records {
		inOrder := strings.HasSuffix(record.sourceARN, ".fifo")
		err := ctx.Err()
		if err == nil && (!inOrder || len(failures) == 0) {
			body := record.body.bytes() // here: who is late finds the payload gone
			err = h.guard(i, "a message", func(ctx context.Context) error { return h.cfg.Message(ctx, body) })
			if err != nil {
				h.cfg.Logger.WarnContext(ctx, "a message failed, and comes again", "message_id", record.messageID, "reason", err.Error())
			}
		}
		if err != nil || inOrder && len(failures) > 0 {
			failures = append(failures, itemFailure{record.messageID})
		}
	}
	return json.Marshal(struct {
		BatchItemFailures []itemFailure `json:"batchItemFailures"`
	}{failures})
}
