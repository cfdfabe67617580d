package lambdatest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// answerLimit is how many bytes of an answer the Runtime API takes.
const answerLimit = payloadLimit + 100

// api is the Runtime API, 2018-06-01. What a runtime must not do is refused
// as Lambda refuses it: 403 for a poll while an event is open, 400 for an
// answer to another event than the open one, 413 for too large an answer.
func (e *environment) api() http.Handler {
	const base = "/2018-06-01/runtime"
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+base+"/invocation/next", e.next)
	mux.HandleFunc("POST "+base+"/invocation/{id}/response", e.response)
	mux.HandleFunc("POST "+base+"/invocation/{id}/error", e.failure)
	mux.HandleFunc("POST "+base+"/init/error", e.initFailure)
	return mux
}

func (e *environment) next(w http.ResponseWriter, r *http.Request) {
	if e.busy() {
		refuseCall(w, http.StatusForbidden, "InvalidStateTransition", "the last event is not answered yet")
		return
	}
	e.once.Do(func() {
		e.firstPoll = time.Since(e.started)
		close(e.polled)
	})
	poll := make(chan *invocation)
	select {
	case e.polls <- poll:
	case <-r.Context().Done():
		return
	}
	inv := <-poll
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", e.cfg.arn())
	h.Set("Lambda-Runtime-Trace-Id", "Root="+traceRoot+";Parent=53995c3f42cd8ad8;Sampled=0")
	h.Set("Content-Length", strconv.Itoa(len(inv.event)))
	_, _ = w.Write(inv.event) // a process that went away is noticed by its end
}

func (e *environment) response(w http.ResponseWriter, r *http.Request) {
	payload, err := readAnswer(r)
	if err == errTooLarge {
		message := fmt.Sprintf("Response payload size exceeded maximum allowed payload size (%d bytes).", answerLimit)
		e.answer(r.PathValue("id"), outcome{err: &FunctionError{
			Type: typeTooLarge, Message: message, Payload: errorPayload(typeTooLarge, message), ExitCode: -1,
		}})
		refuseCall(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", message)
		return
	}
	if err != nil {
		refuseCall(w, http.StatusBadRequest, "InvalidRequest", "the body broke off")
		return
	}
	// A runtime that streams its answer reports a failure in the trailer.
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		e.finish(w, r, outcome{err: reported(kind, payload)})
		return
	}
	e.finish(w, r, outcome{payload: payload})
}

func (e *environment) failure(w http.ResponseWriter, r *http.Request) {
	payload, err := readAnswer(r)
	if err != nil {
		refuseCall(w, http.StatusBadRequest, "InvalidRequest", "the body broke off or is too large")
		return
	}
	e.finish(w, r, outcome{err: reported(r.Header.Get("Lambda-Runtime-Function-Error-Type"), payload)})
}

func (e *environment) finish(w http.ResponseWriter, r *http.Request, o outcome) {
	if !e.answer(r.PathValue("id"), o) {
		refuseCall(w, http.StatusBadRequest, "InvalidRequestID", "no event with that request id is open")
		return
	}
	accept(w)
}

func (e *environment) initFailure(w http.ResponseWriter, r *http.Request) {
	payload, err := readAnswer(r)
	if err != nil {
		refuseCall(w, http.StatusBadRequest, "InvalidRequest", "the body broke off or is too large")
		return
	}
	select {
	case <-e.polled:
		refuseCall(w, http.StatusForbidden, "InvalidStateTransition", "the function has polled: its start is over")
		return
	default:
	}
	e.mu.Lock()
	e.reported = reported(r.Header.Get("Lambda-Runtime-Function-Error-Type"), payload)
	e.mu.Unlock()
	accept(w)
}

// reported is an error in the words of the function. The header, which is
// optional, names the type for those who do not read the payload.
func reported(kind string, payload []byte) *FunctionError {
	var words struct {
		ErrorType    string `json:"errorType"`
		ErrorMessage string `json:"errorMessage"`
	}
	_ = json.Unmarshal(payload, &words) // Lambda takes any payload
	if words.ErrorType != "" {
		kind = words.ErrorType
	}
	return &FunctionError{Type: kind, Message: words.ErrorMessage, Payload: payload, ExitCode: -1}
}

func readAnswer(r *http.Request) ([]byte, error) {
	payload, err := io.ReadAll(io.LimitReader(r.Body, answerLimit+1))
	if err != nil {
		return nil, err
	}
	if len(payload) > answerLimit {
		return nil, errTooLarge
	}
	return payload, nil
}

func accept(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`+"\n")
}

func refuseCall(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(errorPayload(kind, message))
}
