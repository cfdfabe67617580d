// Package check validates what the users of this module hand in, with
// validator, and words its findings in the field names of the protocol. The
// validator is built when it is first used: a program that only receives
// notifications never pays for it.
package check

import (
	"errors"
	"reflect"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/go-playground/validator/v10"

	"github.com/imprest-go/imprest/core"
	"github.com/imprest-go/imprest/core/sign"
)

// ID reports whether s has the default form of an identifier of the platform: 1 to
// 64 of A-Z, a-z, 0-9, _ and -.
func ID(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '_' && c != '-' {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

var build = sync.OnceValue(func() *validator.Validate {
	v := validator.New(validator.WithRequiredStructEnabled())
	v.RegisterTagNameFunc(func(f reflect.StructField) string {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		return name
	})
	for tag, holds := range map[string]func(string) bool{
		"id":    ID,
		"clear": clearText,
		"plain": plainText,
		"text":  lines,
	} {
		if err := v.RegisterValidation(tag, func(f validator.FieldLevel) bool { return holds(f.Field().String()) }); err != nil {
			panic(err) // a tag of this file that validator does not take
		}
	}
	return v
})

// must says what a field must be, by tag.
var must = map[string]string{
	"required": "must be given",
	"id":       "must be 1 to 64 of A-Z, a-z, 0-9, _ and -",
	"clear":    `must be valid UTF-8 without control characters and without "&name=", which the signature could not tell from another field`,
	"plain":    "must be valid UTF-8 without control characters",
	"text":     "must be valid UTF-8 without control characters other than line breaks and tabs",
	"gt":       "must be greater than ",
	"gte":      "must be at least ",
	"lte":      "must be at most ",
	"min":      "must have a length of at least ",
	"max":      "must have a length of at most ",
	"oneof":    "must be one of: ",
}

// Struct checks v, a struct with validate tags, and returns nil or one error
// with core.CodeInvalid that names every field at fault by its json name.
func Struct(op string, v any) error {
	err := build().Struct(v)
	if err == nil {
		return nil
	}
	findings, ok := errors.AsType[validator.ValidationErrors](err)
	if !ok {
		return &core.Error{Op: op, Code: core.CodeInternal, Err: err}
	}
	var text []string
	for _, f := range findings {
		says, ok := must[f.Tag()]
		if !ok {
			says = "does not hold: " + f.Tag() + " "
		}
		if strings.HasSuffix(says, " ") {
			says += f.Param()
		}
		text = append(text, f.Field()+" "+says)
	}
	return core.Invalid(op, strings.Join(text, "; "))
}

func clearText(s string) bool {
	_, err := sign.Data(sign.Fields{{Name: "x", Value: s}}, core.NewSecret("x"))
	return err == nil
}

func plainText(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, unicode.IsControl)
}

func lines(s string) bool {
	return plainText(strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(s))
}
